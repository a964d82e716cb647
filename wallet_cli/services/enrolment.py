"""Making or restoring a holder's profile, from the phrase to the open dossier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from chain.deployment import Deployment
from client import deployment as deployments
from client.keystore import Keys, replace_keys
from client.profile import Kind
from client.session import Session
from protocol.errors import Conflict, Denied, OneFileError, Untrusted
from protocol.identifiers import dossier_id
from protocol.keys import Mnemonic, hot_account, member_root
from protocol.recipients import Passphrase
from wallet_cli.services import registration, rings, rotating, setup


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made. ``ring``: an existing enterprise's key ring file; without one, the ring that the vault keeps
    brings it back. ``offline``: keys only."""

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
    kept first. A restore that breaks off leaves nothing.
    """
    record = deployments.local_record(session.settings)
    if order.restoring and order.kind == "enterprise" and order.ring is None:
        return _without_file(session, phrase, passphrase, order, record)
    fresh = setup.make(
        phrase,
        kind=order.kind,
        index=order.index,
        record=record,
        vault_url=order.vault_url,
        ring=order.ring,
    )
    _check_owner(session, fresh, record)
    setup.save(session, fresh, passphrase, record)
    has_ring = fresh.ring is not None
    if order.restoring:
        with _or_nothing(session):
            if _take_up(session, phrase, passphrase):
                return Outcome("restored", has_ring)
    setup.sign_opening(session, fresh)
    if order.offline:
        return Outcome("keys_only", has_ring)
    registration.open_dossier(session)
    return Outcome("opened", has_ring)


def _check_owner(session: Session, fresh: setup.Fresh, record: Deployment) -> None:
    """A key ring of another dossier than the one that this phrase opened counts only if the phrase owns that one."""
    party = fresh.party
    if party.subject == dossier_id(record.chain_id, record.contracts.dossier_registry, party.owner, party.salt):
        return
    state = session.ledger_of(record).dossier(party.subject)
    if state is None or state.owner != party.owner:
        raise Denied("ring_dossier_other", "the key ring is of a dossier that this phrase does not own")


def _without_file(
    session: Session, phrase: Mnemonic, passphrase: Passphrase, order: Order, record: Deployment
) -> Outcome:
    """An enterprise by its phrase and the ring that the vault keeps; nothing is left behind if there is none."""
    fresh = setup.make(phrase, kind="person", index=order.index, record=record, vault_url=order.vault_url)
    # What a person's phrase makes is not this dossier's: it holds the place until the ring is open.
    keys, party = replace(fresh.keys, kind=order.kind), fresh.party.with_changes(kind=order.kind)
    setup.save(session, replace(fresh, keys=keys, party=party), passphrase, record)
    with _or_nothing(session):
        if not _by_ring(session, phrase, passphrase):
            raise Denied("ring_file_needed", "the vault has no key ring for this phrase: give --keyring")
    return Outcome("restored", has_ring=True)


@contextmanager
def _or_nothing(session: Session) -> Iterator[None]:
    """A restore that fails leaves no profile behind: who has the phrase begins again."""
    try:
        yield
    except OneFileError:
        setup.discard(session)
        raise


def _take_up(session: Session, phrase: Mnemonic, passphrase: Passphrase) -> bool:
    """Use the newest key card of a dossier that is open already; False if it never was.

    After a rotation the phrase no longer makes every key, and after a change of the owner not even the dossier's id:
    then the key ring, of which the phrase is a member, has them.
    """
    try:
        registration.adopt_newest_card(session)
    except Denied as error:
        if error.code != "card_unknown":
            raise
        return _by_ring(session, phrase, passphrase)
    except Untrusted as error:
        if error.code not in {"card_foreign_keys", "card_signature"} or not _by_ring(session, phrase, passphrase):
            raise
    _take_controller(session, phrase, passphrase)
    return True


def _by_ring(session: Session, phrase: Mnemonic, passphrase: Passphrase) -> bool:
    """Take roots, tag and revoke key from the ring at the vault; False if this phrase is a member of none."""
    party = session.party
    try:
        found = rings.fetch_by_phrase(session, member_root(phrase.unsafe_phrase, phrase.language, party.index))
    except Denied as error:
        if error.code != "ring_member_unknown":
            raise
        return False
    ring, state = found.ring, session.ledger.dossier(found.ring.dossier)
    if state is None or state.owner != party.owner:
        raise Denied("phrase_replaced", "this recovery phrase does not own the dossier any more: another one does")
    keys = session.keys
    _keep(session, Keys(keys.kind, ring.roots, keys.hot, ring.tag_key, ring.revoke_key, keys.member), passphrase)
    session.save_party(party.with_changes(subject=ring.dossier, controller=state.controller, opened=True))
    registration.adopt_newest_card(session)
    rings.remember(session, found)
    _take_controller(session, phrase, passphrase)
    return True


def _take_controller(session: Session, phrase: Mnemonic, passphrase: Passphrase) -> None:
    """Use the hot account that the chain has, if it is of this phrase; else this device reads and shows only."""
    ledger = session.ledger_if_reachable()
    state = ledger.dossier(session.party.subject) if ledger is not None else None
    if state is None or state.controller == session.keys.hot.address:
        return
    generation = rotating.generation_of(phrase, session.party.index, state.controller)
    if generation is not None:
        hot = hot_account(phrase.unsafe_phrase, phrase.language, session.party.index, generation)
        _keep(session, session.keys.with_hot(hot), passphrase)
    session.save_party(session.party.with_changes(owner=state.owner, controller=state.controller))


def _keep(session: Session, keys: Keys, passphrase: Passphrase) -> None:
    replace_keys(session.profile.key_file, keys, passphrase, session.settings.scrypt_log_n)
    session.forget_keys()
    session.use_keys(keys)
