"""The log's key as processes know it that sign nothing: its public half alone (docs/processes.md).

The deployment record names it once the log is open, and the chain does in any case. So the secret file is needed where
the sequencer is and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.ledger import Ledger
from protocol.entries import origin_hash
from protocol.errors import OneFileError, Unavailable
from protocol.note import NoteSigner, Vkey
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


def public_half(settings: Settings, ledger: Ledger) -> NoteSigner | None:
    """The log's public key by the deployment record, else by the chain; None if neither tells."""
    origin = log_origin(ledger, settings.log_name)
    recorded = ledger.deployment.log
    if recorded is not None and recorded.origin == origin:
        return PublicHalf(origin, Vkey.parse(recorded.vkey))
    try:
        state = ledger.log_state(origin_hash(origin))
    except OneFileError:
        return None
    return PublicHalf(origin, Vkey.parse(state.vkey)) if state is not None else None
