"""Making or restoring a holder's profile, from the phrase to the open dossier."""

from __future__ import annotations

from dataclasses import dataclass

from client import deployment as deployments
from client.profile import Kind
from client.session import Session
from protocol.errors import Conflict, Denied
from protocol.keys import Mnemonic
from protocol.recipients import Passphrase
from wallet_cli.services import registration, setup


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made. ``ring``: an existing enterprise's key ring. ``offline``: keys only."""

    kind: Kind
    index: int
    vault_url: str
    ring: bytes | None = None
    offline: bool = False
    restoring: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """``state``: opened (by us, now), restored (it was open), or keys_only."""

    state: str
    has_ring: bool


def refuse_existing(session: Session) -> None:
    """Refuse before anything is asked or made."""
    if session.profile.exists() or session.profile.party_file.exists():
        raise Conflict("file_exists", "{path} exists already and is not replaced", path=str(session.profile.folder))


def enrol(session: Session, phrase: Mnemonic, passphrase: Passphrase, order: Order) -> Outcome:
    """Write the profile, then open or take up its dossier.

    What the network breaks off is told and can be taken up again by ``wallet dossier --open``: the keys are
    kept first.
    """
    record = deployments.local_record(session.settings)
    fresh = setup.make(
        phrase,
        kind=order.kind,
        index=order.index,
        record=record,
        vault_url=order.vault_url,
        ring=order.ring,
    )
    setup.save(session, fresh, passphrase, record)
    has_ring = fresh.ring is not None
    if order.restoring and _take_up(session):
        return Outcome("restored", has_ring)
    setup.sign_opening(session, fresh)
    if order.offline:
        return Outcome("keys_only", has_ring)
    registration.open_dossier(session)
    return Outcome("opened", has_ring)


def _take_up(session: Session) -> bool:
    """Use the newest key card of a dossier that is open already; False if it never was."""
    try:
        registration.adopt_newest_card(session)
    except Denied as error:
        if error.code != "card_unknown":
            raise
        return False
    return True
