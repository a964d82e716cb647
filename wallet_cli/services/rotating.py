"""Rotation of each key: root, controller, owner. Dossier, items and grants stay (docs/spec/keys.md §6).

Every step can be repeated, and each order of steps is chosen for what a break in between would cost: a root is kept
in the key store and in the ring before a card is published with it, since a card whose root is lost loses documents;
an account is changed on chain before it is kept here, since who has the phrase can make it again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from chain.ledger import DossierState
from client import deployment as deployments
from client.session import Session
from protocol import wire
from protocol.dossier_messages import RotateDossier
from protocol.encoding import hex0x
from protocol.errors import Denied, Unavailable, Untrusted
from protocol.keycard import VerifiedKeyCard
from protocol.keyring import KeyRing, RingMember
from protocol.keys import AccountKey, Mnemonic, cold_account, hot_account, member_root, random_root
from wallet_cli.services import registration, rings

MAX_GENERATIONS = 16  # how many changes of the controller under one phrase are looked for


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation came to. ``card_seq``: of the newest key card; accounts as they are now."""

    card_seq: int
    owner: bytes
    controller: bytes
    finished: bool = False


def waits_for_card(session: Session) -> bool:
    """Whether a root was made here and no card was published with it: a rotation that broke off."""
    return session.keys.roots[-1].seq > session.party.card_seq


def rotate_root(
    session: Session, *, revoke_older: bool = False, without: Collection[str] = (), phrase: Mnemonic | None = None
) -> VerifiedKeyCard:
    """Publish a card of a new random root, shared with all members but ``without`` (names); headers are not wrapped.

    ``phrase``, in a profile that does not know its ring member yet. A rotation that broke off is finished instead.
    """
    registration.require_controller(session)
    seq = registration.adopt_newest_card(session)
    if phrase is not None:
        _keep_paper(session, phrase)
    _ = rings.fetch(session) or rings.paper_member(session)  # whatever is wrong with it is told before anything is made
    keys = rings.with_membership(session.keys)
    if not waits_for_card(session):
        keys = keys.with_root(seq + 1, random_root())
    if keys != session.keys:
        session.replace_keys(keys)
    rings.update(session, lambda ring: _shared(ring, session, without))
    return registration.renew_card(session, revoke_older=revoke_older)


def rotate_controller(session: Session, phrase: Mnemonic) -> Rotated:
    """Give the dossier the next hot account under ``phrase``, which the owner signs for; grants stay.

    If the chain has an account of this phrase already that this device has not, a change broke off, or was made on
    another device: it is taken up, and nothing is sent.
    """
    cold, state = _owner(session, phrase), _state(session)
    if state.owner != cold.address:
        raise Denied("phrase_other", "this recovery phrase is whole, and belongs to another wallet")
    generation = generation_of(phrase, session.party.index, state.controller)
    if generation is not None and state.controller != session.keys.hot.address:
        return _take_up(session, phrase, _hot(session, phrase, generation), finished=True)
    hot = _hot(session, phrase, 0 if generation is None else generation + 1)
    _send(session, state, cold, (state.owner, hot.address))
    return _take_up(session, phrase, hot)


def rotate_owner(session: Session, old: Mnemonic, new: Mnemonic) -> Rotated:
    """Give the dossier owner, controller and ring membership of a new phrase, and a new root; headers are not wrapped.

    What the old phrase makes is worth nothing afterwards, but for what was sealed before.
    """
    cold, state = _owner(session, old), _state(session)
    if state.owner != cold.address:
        raise Denied("phrase_other", "this recovery phrase is whole, and belongs to another wallet")
    registration.require_controller(session)
    next_cold, hot = _owner(session, new), _hot(session, new, 0)
    _prepare_root(session, new)
    _send(session, state, cold, (next_cold.address, hot.address))
    taken = _take_up(session, new, hot)
    card = registration.renew_card(session, revoke_older=False)
    return replace(taken, card_seq=card.card.seq)


def generation_of(phrase: Mnemonic, index: int, account: bytes) -> int | None:
    """Which of the hot accounts of ``phrase`` this is; None if it is none of the first sixteen."""
    for generation in range(MAX_GENERATIONS):
        if hot_account(phrase.unsafe_phrase, phrase.language, index, generation).address == account:
            return generation
    return None


def _prepare_root(session: Session, phrase: Mnemonic) -> None:
    """A new root, kept and shared with the members, of whom the old phrase is none any more."""
    seq = registration.adopt_newest_card(session)
    before = rings.fetch(session)
    if before is None:
        _keep_paper(session, phrase)
    keys = rings.with_membership(session.keys)
    if not waits_for_card(session):
        keys = keys.with_root(seq + 1, random_root())
    session.replace_keys(keys)
    paper = _paper(phrase, session.party.index)
    rings.update(session, lambda ring: _shared(_with_paper(ring, paper), session, ()))
    rings.keep_paper(session, paper)


def _with_paper(ring: KeyRing, paper: RingMember) -> KeyRing:
    others = tuple(member for member in ring.members if member.name != rings.PAPER)
    return replace(ring, members=(paper, *others))


def _shared(ring: KeyRing, session: Session, without: Collection[str]) -> KeyRing:
    """The ring with our roots, with this device among its members, and without who leaves."""
    members = rings.with_device(ring, session).members
    left = tuple(member for member in members if member.name not in without)
    return replace(ring, roots=session.keys.roots, members=left)


def _keep_paper(session: Session, phrase: Mnemonic) -> None:
    if not (session.profile.folder / rings.PAPER_FILE).exists():
        rings.keep_paper(session, _paper(phrase, session.party.index))


def _paper(phrase: Mnemonic, index: int) -> RingMember:
    return RingMember.of(rings.PAPER, member_root(phrase.unsafe_phrase, phrase.language, index))


def _owner(session: Session, phrase: Mnemonic) -> AccountKey:
    return cold_account(phrase.unsafe_phrase, phrase.language, session.party.index)


def _hot(session: Session, phrase: Mnemonic, generation: int) -> AccountKey:
    return hot_account(phrase.unsafe_phrase, phrase.language, session.party.index, generation)


def _state(session: Session) -> DossierState:
    state = session.ledger.dossier(session.party.subject)
    if state is None:
        raise Denied("dossier_unknown", "the registry knows no such dossier")
    return state


def _send(session: Session, state: DossierState, cold: AccountKey, accounts: tuple[bytes, bytes]) -> None:
    owner, controller = accounts
    deadline = session.clock.now() + registration.MESSAGE_LIFETIME_S
    message = RotateDossier(session.party.subject, owner, controller, state.nonce, deadline)
    signature = cold.sign_digest(message.digest(deployments.dossier_domain(session.deployment)))
    request = wire.Relay(
        contract="dossier_registry", function="rotate", message=message.to_json(), signatures=[hex0x(signature)]
    )
    try:
        session.api.relay(request)
    except Unavailable:
        # It may have been sent: the chain knows, and a second message would carry a number that is used up.
        if (_state(session).owner, _state(session).controller) != accounts:
            raise
    now = _state(session)
    if (now.owner, now.controller) != accounts:
        raise Untrusted(
            "relay_false", "the vault says that it brought the message to the chain, which does not show it"
        )


def _take_up(session: Session, phrase: Mnemonic, hot: AccountKey, *, finished: bool = False) -> Rotated:
    """Keep the account that the chain has, here too."""
    session.replace_keys(session.keys.with_hot(hot))
    state = _state(session)
    party = session.party.with_changes(owner=state.owner, controller=hot.address, language=phrase.language)
    session.save_party(party)
    return Rotated(party.card_seq, state.owner, hot.address, finished)
