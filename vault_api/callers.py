"""Who sent a signed request: a dossier or an agency, by the present key of its newest key card.

The key's thumbprint leads to a stored card, and the chain says whether that card is still the newest. Who is
known here may still be refused by what is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select

from chain.ledger import AgencyState, DossierState
from protocol.encoding import hex0x
from protocol.errors import Denied
from protocol.identifiers import dossier_urn
from protocol.jose import PublicJwk
from protocol.keycard import KeyCardEnvelope
from vault_api.chain_facts import AGENCY, DOSSIER, ChainFacts, Known
from vault_api.db import tables as t
from vault_api.db.prepared import Prepared
from vault_api.http_auth import Signature

_BY_THUMBPRINT: Prepared[Any] = Prepared(
    select(t.cards.c.kind, t.cards.c.subject, t.cards.c.card_hash, t.cards.c.envelope).where(
        t.cards.c.thumbprint == bindparam("thumbprint")
    )
)
_DOSSIER_ROW: Prepared[Any] = Prepared(select(t.dossiers.c.row).where(t.dossiers.c.dossier == bindparam("dossier")))


@dataclass(frozen=True, slots=True)
class Holder:
    """A dossier that speaks for itself. ``row`` is its number in this database."""

    dossier: bytes
    row: int
    card_hash: bytes
    key: PublicJwk
    signature: Signature
    known: Known[DossierState]

    @property
    def urn(self) -> str:
        """The dossier's urn."""
        return dossier_urn(self.dossier)

    def require_thawed(self, now: int) -> None:
        """``Denied("dossier_frozen")`` while guardians have frozen the dossier: the device may be a thief's."""
        until = self.known.state.frozen_until
        if until > now:
            raise Denied("dossier_frozen", "the dossier is frozen until {until}", until=until)


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency that speaks for itself."""

    account: bytes
    card_hash: bytes
    key: PublicJwk
    signature: Signature
    known: Known[AgencyState]


Caller = Holder | Agency


class Callers:
    """Finds and verifies callers. Asks database and chain: not for the event loop."""

    def __init__(self, engine: Engine, facts: ChainFacts, count: Callable[[bytes], None] = lambda _who: None) -> None:
        self._engine = engine
        self._facts = facts
        self._count = count

    def identify(self, signature: Signature) -> Caller:
        """The party whose newest card has the key that signed; ``Denied`` or ``Untrusted`` otherwise.

        ``Unavailable("too_many_requests")`` if it asks too often.
        """
        with self._engine.connect() as conn:
            self._facts.before_use(conn)
            rows = _BY_THUMBPRINT.all(conn, {"thumbprint": signature.thumbprint})
            if not rows:
                raise Denied("signature_key_unknown", "no key card with this key is known here")
            row = rows[-1]
            dossier_row = _dossier_row(conn, row.subject) if row.kind == DOSSIER else None
        key = parsed_card(row.envelope).present_key
        signature.verify(key)
        self._count(row.subject[12:] if row.kind == AGENCY else row.subject)
        if row.kind == AGENCY:
            return self._agency(row.subject[12:], row.card_hash, key, signature)
        if dossier_row is None:
            raise Denied("dossier_unknown", "this vault does not keep the dossier of this key")
        return self._holder(row.subject, dossier_row, row.card_hash, key, signature)

    def holder(self, signature: Signature) -> Holder:
        """As ``identify``, and it must be a dossier, acting for itself."""
        caller = self.identify(signature)
        if not isinstance(caller, Holder):
            raise Denied("holder_only", "only the holder of a dossier may ask this")
        # Acting for another dossier needs a mandate that the vault keeps; none can be posted in this version.
        if signature.act_for not in (None, caller.urn):
            raise Denied("act_for", "this key may not act for the dossier named in Onefile-Act-For")
        return caller

    def agency(self, signature: Signature) -> Agency:
        """As ``identify``, and it must be an agency."""
        caller = self.identify(signature)
        if not isinstance(caller, Agency):
            raise Denied("agency_only", "only a registered agency may ask this")
        return caller

    def _holder(
        self, dossier: bytes, row: int, card_hash: bytes, key: PublicJwk, signature: Signature
    ) -> Holder:
        known = self._facts.dossier(dossier)
        if known.state.card_hash != card_hash:
            raise _old(known.state.card_hash)
        return Holder(dossier, row, card_hash, key, signature, known)

    def _agency(self, account: bytes, card_hash: bytes, key: PublicJwk, signature: Signature) -> Agency:
        known = self._facts.agency(account)
        card = known.state.card
        if card is None or card.hash != card_hash:
            raise _old(card.hash if card is not None else b"")
        if card.compromised_since is not None:
            raise Denied("agency_compromised", "the agency's key card is reported compromised")
        return Agency(account, card_hash, key, signature, known)


@lru_cache(maxsize=4096)
def parsed_card(raw: bytes) -> KeyCardEnvelope:
    """A stored key card; parsing is remembered, verifying is not."""
    return KeyCardEnvelope.parse(raw)


def _dossier_row(conn: Connection, dossier: bytes) -> int | None:
    found = _DOSSIER_ROW.first(conn, {"dossier": dossier})
    return None if found is None else int(found.row)


def _old(newest: bytes) -> Denied:
    return Denied(
        "signature_key_old",
        "the request is signed with a key that is not of the newest key card {card}",
        card=hex0x(newest),
    )
