"""For whom a credential is: the dossier, and its newest key card as the chain keeps it.

Named by a card token (``wallet card --for AGENCY``), which the first deposit into a dossier needs, or by the
dossier's id. A foreign dossier id is no way in: without a token the vault takes no first deposit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chain.ledger import DossierState
from client import deployment as deployments
from client.files import read_bounded
from client.session import Session
from console.i18n import describe
from protocol import wire
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Untrusted
from protocol.identifiers import parse_dossier_urn
from protocol.keycard import KeyCardEnvelope, VerifiedKeyCard, verify_key_card
from protocol.recipients import HybridRecipient
from protocol.statements import parse_card_token, verify_card_token

MAX_TOKEN_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Addressee:
    """A dossier (32 bytes) and, if the holder handed one over, the card token as it came."""

    dossier: bytes
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """A dossier whose newest key card was verified against the chain."""

    dossier: bytes
    card: VerifiedKeyCard
    token: str | None

    @property
    def recipient(self) -> HybridRecipient:
        """Whom to seal to."""
        return HybridRecipient(self.card.sealing_key)


@dataclass(frozen=True, slots=True)
class Ways:
    """How the chain's state of a dossier and the vault's newest key card of it are asked for."""

    state: Callable[[bytes], DossierState | None]
    card: Callable[[bytes], wire.Card]


def addressee(text: str, *, base: Path | None = None) -> Addressee:
    """Who is meant by a dossier id, a dossier urn, a card token, or the file that holds one (``-``: standard input).

    ``base``: the folder that a relative path starts from.
    """
    if text.startswith("0x"):
        return Addressee(unhex0x(text, length=32, what="dossier"))
    if text.startswith("urn:"):
        return Addressee(parse_dossier_urn(text))
    if text == "-":
        return _named(text, sys.stdin.read(MAX_TOKEN_BYTES))
    if text.startswith("eyJ") and text.count(".") == 2:
        return of_token(text)
    try:
        raw = read_bounded((base or Path()) / text, limit=MAX_TOKEN_BYTES)
    except (OSError, ValueError):  # not there, not to be read, or no name that a file can have
        raise Denied(
            "addressee_missing", "{text} is no dossier id, no card token and no file", text=text[:200]
        ) from None
    return _named(text, raw.decode("ascii", "replace"))


def _named(source: str, text: str) -> Addressee:
    """As ``of_token``; the error names where the token came from."""
    try:
        return of_token(text)
    except Malformed as error:
        raise Malformed(
            "card_token", "{source} holds no card token: {problem}", source=source[:200], problem=describe(error)
        ) from None


def of_token(raw: str) -> Addressee:
    """The dossier that a card token names; the token is verified when the holder is looked up."""
    token = raw.strip()
    return Addressee(parse_dossier_urn(parse_card_token(token).body.iss), token)


def cards_of(session: Session, subjects: Sequence[bytes]) -> list[wire.Card | OneFileError]:
    """The vault's newest key card of each subject, or the error that it would meet alone."""
    unknown = Denied("card_unknown", "no key card of this subject is kept here")
    return [card or unknown for card in session.public_api.cards(subjects)]


def states_of(session: Session, dossiers: Sequence[bytes]) -> list[DossierState | OneFileError]:
    """What the chain says of each dossier, or the error that it would meet alone."""
    return [state or _unknown() for state in session.ledger.dossiers(dossiers)]


def find_holder(session: Session, to: Addressee, *, agency: str, ways: Ways | None = None) -> Holder:
    """The holder's newest key card, and the token if it is for ``agency`` (our urn) and still good.

    ``ways``: how chain and vault are asked, if not with questions of their own.

    Raises ``Denied("dossier_unknown" | "card_unknown" | "card_token_expired")``, ``Untrusted`` for a card that is
    not the chain's or a token that the holder did not sign, ``Conflict("card_token_superseded")``.
    """
    ways = ways or Ways(session.ledger.dossier, session.public_api.card)
    state = ways.state(to.dossier)
    if state is None:
        raise _unknown()
    envelope = KeyCardEnvelope.from_json(ways.card(to.dossier).card)
    domain = deployments.dossier_domain(session.deployment)
    card = verify_key_card(
        envelope, domain, subject=to.dossier, recorded=[state.card_hash], accounts=[state.controller]
    )
    if card.hash != state.card_hash:
        raise Untrusted("card_not_newest", "the key card that the vault shows is not the newest one on chain")
    if to.token is not None:
        _check_token(to.token, card, agency, session.clock.now())
    return Holder(to.dossier, card, to.token)


def _unknown() -> Denied:
    return Denied("dossier_unknown", "the registry knows no such dossier")


def _check_token(token: str, card: VerifiedKeyCard, agency: str, now: int) -> None:
    parsed = parse_card_token(token)
    if parsed.body.card != card.hash:
        raise Conflict(
            "card_token_superseded",
            "the card token is of key card {got}; the dossier's newest is {want}",
            got=hex0x(parsed.body.card),
            want=hex0x(card.hash),
        )
    verify_card_token(token, card.present_key, agency=agency, now=now)


def check_same(to: Addressee, dossier: bytes) -> None:
    """``Malformed`` if a token and a dossier id that stand side by side do not belong together."""
    if to.dossier != dossier:
        raise Malformed("addressee_other", "the card token is of another dossier")
