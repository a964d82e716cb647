"""The log's key as processes know it that sign nothing: its public half alone (docs/processes.md).

The database names it once the log is open; one of an older program does not, and then the deployment record or the
chain tells. So the secret file is needed where the sequencer is and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from chain.ledger import Ledger
from protocol.entries import origin_hash
from protocol.errors import OneFileError, Unavailable
from protocol.note import NoteSigner, Vkey
from vault_api.log_keys import keys_of
from vault_api.opening import log_origin
from vault_api.settings import Settings


@dataclass(frozen=True, slots=True)
class PublicHalf:
    """A signer that cannot sign."""

    name: str
    vkey: Vkey

    def sign(self, message: bytes) -> bytes:
        """Always ``Unavailable("log_key_missing")``."""
        del message
        raise Unavailable("log_key_missing", "there is no log key at {path}", path="-")


def public_half(settings: Settings, engine: Engine, ledger: Ledger) -> NoteSigner | None:
    """The log's public key by the database, else by the deployment record or the chain; None if none of them tells."""
    origin = log_origin(ledger, settings.log_name)
    with engine.connect() as conn:
        keys = keys_of(conn)
    if keys is not None and (vkey := Vkey.parse(keys.present)).name == origin:
        return PublicHalf(origin, vkey)
    recorded = ledger.deployment.log
    if recorded is not None and recorded.origin == origin:
        return PublicHalf(origin, Vkey.parse(recorded.vkey))
    try:
        state = ledger.log_state(origin_hash(origin))
    except OneFileError:
        return None
    return PublicHalf(origin, Vkey.parse(state.vkey)) if state is not None else None
