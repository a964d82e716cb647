"""Recovery on a new device with nothing but the guardians (docs/spec/recovery.md §4).

A new phrase and new accounts are made first; the old dossier's id comes from a guardian. ``start`` writes a request,
guardians answer it, ``finish`` brings their consent to the chain and, after the delay, takes the dossier over: old
roots from the shares and the key ring, the next key card from the new root. Every step asks the chain where things
stand, so that whatever breaks off is taken up by calling ``finish`` again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chain.events import CardPublished
from chain.guardians import GuardianState
from client import deployment as deployments
from client.files import read_json, write_json
from client.keystore import Keys
from client.profile import Kind
from client.session import Session
from protocol.dossier_messages import RecoverDossier
from protocol.encoding import b64u, hex0x, unb64u
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.fields import Fields
from protocol.guardians import MAX_GUARDIANS
from protocol.keycard import KeyCardEnvelope, VerifiedKeyCard, next_card, seal_card, verify_key_card
from protocol.keyring import KeyRing, RingMember
from protocol.keys import Mnemonic, Root, derive_present, derive_sealing
from protocol.recipients import HybridIdentity, Passphrase
from protocol.recovery import MAX_REQUEST_BYTES, Answer, RecoveryRequest, open_answer
from protocol.slip39 import combine
from wallet_cli.services import registration, rings, setup
from wallet_cli.services.watching import guardian_state, relay

RECOVERY_FILE = "recovery.json"
POLL_S = 1.0
_ANSWER_CARD = 0  # no key card has this number: its sealing key opens answers and nothing else


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a recovery stands. ``state``: asking, waiting (until ``ready_at``), ready, vetoed, or done."""

    state: str
    dossier: str
    match_number: str
    answers: int
    threshold: int
    ready_at: int
    card_seq: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """What ``recovery.json`` holds: the request, and the sealed answers that were proposed with."""

    request: RecoveryRequest
    answers: tuple[bytes, ...] = ()


def start(
    session: Session,
    phrase: Mnemonic,
    passphrase: Passphrase,
    *,
    dossier: bytes,
    kind: Kind,
    vault_url: str,
    by_all: bool,
    lifetime_s: int,
) -> RecoveryRequest:
    """Make the new profile and the request to the guardians of ``dossier``."""
    record = deployments.local_record(session.settings)
    state = require_guardians(session, dossier)
    # Always as a person's: the root follows from the new phrase, whoever's dossier it is.
    fresh = setup.make(phrase, kind="person", index=0, record=record, vault_url=vault_url)
    party = fresh.party.with_changes(subject=dossier, kind=kind)
    keys = Keys.first(kind, fresh.keys.root, fresh.keys.hot, fresh.keys.member)
    message = RecoverDossier(
        dossier, party.owner, party.controller, by_all, state.recoveries, session.clock.now() + lifetime_s
    )
    reader = _reader(keys.root).recipient()
    request = RecoveryRequest.make(record.chain_id, record.contracts.dossier_registry, message, reader)
    setup.save(session, replace(fresh, keys=keys, party=party), passphrase, record)
    _keep(session, _Kept(request))
    return request


def require_guardians(session: Session, dossier: bytes) -> GuardianState:
    """The guardians of a dossier that is to be recovered; ``Denied("guardians_none")`` if there are none to ask."""
    state = session.ledger_of(deployments.local_record(session.settings)).guardians(dossier)
    if state is None or state.terms.none:
        raise Denied("guardians_none", "the dossier has no guardians: only its phrase brings it back")
    return state


def status(session: Session) -> Standing:
    """Where it stands, by the chain."""
    return _standing(session, _kept(session))


def finish(session: Session, answers: Sequence[bytes], *, revoke_older: bool, wait_s: int) -> Standing:
    """Go on as far as it goes: propose with these answers, wait up to ``wait_s`` for the delay, take over."""
    kept = _kept(session)
    if _state(session, kept)[0] in {"asking", "vetoed"}:
        kept = _propose(session, kept, answers)
    _await_ready(session, kept, wait_s)
    if _state(session, kept)[0] == "ready":
        _relay(session, "execute_recovery", {"dossier": hex0x(session.party.subject)})
    standing = _standing(session, kept)
    if standing.state == "done":
        card = _take_over(session, kept, revoke_older=revoke_older)
        (session.profile.folder / RECOVERY_FILE).unlink()
        return replace(standing, card_seq=card.card.seq)
    return standing


def cancel(session: Session) -> None:
    """Forget a recovery that guardians did not carry yet, with the profile that was made for it."""
    if _state(session, _kept(session))[0] in {"waiting", "ready", "done"}:
        raise Conflict("recovery_carried", "the guardians have carried this recovery: only the owner's veto ends it")
    setup.discard(session)
    (session.profile.folder / RECOVERY_FILE).unlink(missing_ok=True)


def _propose(session: Session, kept: _Kept, sealed: Sequence[bytes]) -> _Kept:
    """Check the answers, keep them, and bring the guardians' signatures to the chain."""
    found, state = _opened(session, kept.request, sealed), guardian_state(session, session.party.subject)
    if state.recoveries != kept.request.message.nonce:
        raise Denied("request_used", "the request was carried or vetoed already: a new one is needed")
    if any(answer.share.guardians.hash != state.terms.set_hash for answer in found.values()):
        raise Untrusted("share_other_set", "the share is for guardians that the dossier does not have now")
    guardians = next(iter(found.values())).share.guardians
    needed = len(guardians.accounts) if kept.request.message.by_all else state.terms.threshold
    if len(found) < needed:
        raise Denied("answers_few", "{got} guardians have answered; {want} are needed", got=len(found), want=needed)
    _old_root(session, found)  # what can not be read must not be taken over
    proposed = _Kept(kept.request, tuple(sealed))
    _keep(session, proposed)
    told = {**kept.request.message.to_json(), "guardians": guardians.to_json()}
    signatures = [found[a].signature if a in found else b"" for a in guardians.accounts]
    _relay(session, "propose_recovery", told, *signatures)
    return proposed


def _await_ready(session: Session, kept: _Kept, wait_s: int) -> None:
    until = session.clock.now() + wait_s
    while session.clock.now() < until and _state(session, kept)[0] == "waiting":
        session.clock.sleep(POLL_S)


def _relay(session: Session, function: str, message: dict[str, Any], *signatures: bytes) -> None:
    """Bring a message as who has no key at the vault yet: signed with the key of the card to come."""
    card = _card(session, session.keys, _newest(session), revoke_older=False)
    relay(session, function, message, *signatures, card=card, signer=session.keys.present(card.card.seq))


def _take_over(session: Session, kept: _Kept, *, revoke_older: bool) -> VerifiedKeyCard:
    """Old roots into the key store, all roots into the key ring, the next key card to chain and vault."""
    published = registration.finish_kept(session)
    if published is not None:
        return published  # all but the end was done before
    newest = _newest(session)
    old, made = _old_root(session, _opened(session, kept.request, kept.answers))
    seq, new = newest.card.seq + 1, session.keys.root
    before = Keys.first(session.keys.kind, old, session.keys.hot, session.keys.member)
    session.save_party(session.party.with_changes(card_seq=newest.card.seq, opened=True))
    ours = made == newest.card.seq
    if ours:
        before = _with_ring(session, before)
    keys = before.with_root(seq, new)
    session.replace_keys(keys)
    if ours:
        rings.update(session, lambda ring: _our_ring(ring, session))
    return registration.bring_card(session, _card(session, keys, newest, revoke_older=revoke_older))


def _with_ring(session: Session, keys: Keys) -> Keys:
    """The keys with what the key ring holds beside the newest root: older roots, tag and revoke key."""
    # The old root speaks for the dossier until the next card; it is not kept alone, or the new one would be lost.
    session.forget_keys()
    session.use_keys(keys)
    try:
        answer = session.api.my_ring()
    except Denied as error:
        if error.code != "ring_unknown":
            raise
        return keys
    ring = rings.open_with_root(unb64u(answer.ring, what="ring"), keys.root, session.party.card_seq)
    if ring.dossier != session.party.subject:
        raise Untrusted("ring_foreign", "the key ring is of another dossier")
    return Keys(keys.kind, ring.roots, keys.hot, ring.tag_key, ring.revoke_key, keys.member)


def _our_ring(ring: KeyRing, session: Session) -> KeyRing:
    """The ring with all roots, for this device and the new phrase: the old ones are members no more."""
    assert session.keys.member is not None
    device = RingMember.of(rings.device_name(session), session.keys.member)
    return replace(ring, roots=session.keys.roots, members=(rings.paper_member(session), device))


def _old_root(session: Session, found: dict[bytes, Answer]) -> tuple[Root, int]:
    """The root behind the shares, and the last key card whose keys it made; ``Untrusted`` if it made none.

    Later cards may be a thief's, published with the stolen controller's key: what was sealed before them is ours.
    """
    root = combine([answer.share.words for answer in found.values()])
    cards = [x for x in session.ledger.dossier_history(session.party.subject) if isinstance(x, CardPublished)]
    for card in reversed(cards):
        if derive_present(root, card.seq).thumbprint() == card.present_key_thumbprint:
            return root, card.seq
    raise Untrusted("share_root_other", "the shares give a root that made none of the dossier's key cards")


def _opened(session: Session, request: RecoveryRequest, sealed: Sequence[bytes]) -> dict[bytes, Answer]:
    """The answers by guardian; each must be to our request."""
    if not 1 <= len(sealed) <= MAX_GUARDIANS:
        raise Malformed("answer_count", "expected 1 to {most} answers, got {got}", most=MAX_GUARDIANS, got=len(sealed))
    identity = _reader(session.keys.root)
    answers = [open_answer(raw, request, identity) for raw in sealed]
    return {answer.guardian: answer for answer in answers}


def _newest(session: Session) -> VerifiedKeyCard:
    """The dossier's newest key card: the vault has it whole, the chain has its hash."""
    party = session.party
    state = session.ledger.dossier(party.subject)
    if state is None:
        raise Denied("dossier_unknown", "the registry knows no such dossier")
    envelope = KeyCardEnvelope.from_json(session.public_api.card(party.subject).card)
    domain = deployments.dossier_domain(session.deployment)
    return verify_key_card(envelope, domain, subject=party.subject, recorded=[state.card_hash])


def _card(session: Session, keys: Keys, before: VerifiedKeyCard, *, revoke_older: bool) -> KeyCardEnvelope:
    """The card that follows, with keys of the new root, signed by the new controller."""
    seq, domain = before.card.seq + 1, deployments.dossier_domain(session.deployment)
    present, sealing = keys.present(seq), keys.sealing(seq).recipient().public
    below = seq if revoke_older else None
    now = max(session.clock.now(), before.card.valid_from)
    card = next_card(before.card, domain, present.public_jwk(), sealing, valid_from=now, revoked_below=below)
    return seal_card(card, domain, present, sealing, keys.hot.sign_digest(card.digest(domain)))


def _state(session: Session, kept: _Kept) -> tuple[str, int]:
    """The state by its name (``Standing``), and when a pending recovery of ours is ready; else 0."""
    party, state = session.party, guardian_state(session)
    found, pending, ours = session.ledger.dossier(party.subject), state.pending, (party.owner, party.controller)
    if found is not None and (found.owner, found.controller) == ours:
        return "done", 0
    if pending is not None and (pending.new_owner, pending.new_controller) == ours:
        # A chain on which nothing happens makes no blocks, and its head grows old: then our clock says when to try.
        now = max(session.ledger.head().time, session.clock.now())
        return "ready" if now >= pending.ready_at else "waiting", pending.ready_at
    return "vetoed" if state.recoveries > kept.request.message.nonce else "asking", 0


def _standing(session: Session, kept: _Kept) -> Standing:
    name, ready_at = _state(session, kept)
    return Standing(
        state=name,
        dossier=hex0x(session.party.subject),
        match_number=kept.request.match_number,
        answers=len(kept.answers),
        threshold=guardian_state(session).terms.threshold,
        ready_at=ready_at,
        card_seq=session.party.card_seq,
    )


def _reader(root: Root) -> HybridIdentity:
    """What opens the answers: it follows from the new root, and nobody else ever sealed to it."""
    return derive_sealing(root, _ANSWER_CARD)


def _keep(session: Session, kept: _Kept) -> None:
    told = {"v": 1, "request": b64u(kept.request.raw), "answers": [b64u(raw) for raw in kept.answers]}
    write_json(session.profile.folder / RECOVERY_FILE, told)


def _kept(session: Session) -> _Kept:
    path = session.profile.folder / RECOVERY_FILE
    if not path.exists():
        raise Denied("recovery_not_started", "no recovery was started in this profile")
    fields = Fields(read_json(path), "recovery")
    fields.uint("v", least=1, most=1)
    request = RecoveryRequest.parse(unb64u(fields.text("request", limit=2 * MAX_REQUEST_BYTES), what="request"))
    rows = fields.array("answers", most=MAX_GUARDIANS)
    answers = tuple(unb64u(row, what="answer") for row in rows)
    fields.done()
    return _Kept(request, answers)
