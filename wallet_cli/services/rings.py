"""The key ring at the vault: kept, fetched, and believed only against the chain and what this device last saw.

A ring is sealed to its members and to the newest key card. Anybody can seal a file to them, the vault too: a ring
counts only if it is of this dossier, has our tag and revoke key, holds the root of the newest card on chain and every
root that we have, and is not older than the one that this device saw last (docs/spec/keys.md §4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from client import deployment as deployments
from client.files import read_json, write_json, write_private
from client.keystore import Keys
from client.session import Session
from protocol import wire_keys
from protocol.encoding import b64u, unb64u
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Untrusted
from protocol.hashing import sha256
from protocol.keycard import KeyCardEnvelope, verify_key_card
from protocol.keyring import KeyRing, RingMember, member_identity, open_ring, seal_ring
from protocol.keys import Root, derive_present, derive_sealing
from protocol.recipients import HybridIdentity

RING_FILE = "keyring.age"
SEEN_FILE = "ring.json"
PAPER_FILE = "paper.json"
PAPER = "paper"
TRIES = 3

Change = Callable[[KeyRing], KeyRing]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A ring that was checked. ``raw`` is the file; ``card_seq`` the newest key card on chain."""

    ring: KeyRing
    raw: bytes
    card_seq: int


def keep_paper(session: Session, member: RingMember) -> None:
    """Keep the public half of the phrase's membership: the phrase itself is never kept."""
    write_json(session.profile.folder / PAPER_FILE, {"v": 1, "member": member.to_json()})


def paper_member(session: Session) -> RingMember:
    """The phrase as a member; ``Denied("paper_member_missing")`` in a profile that is older than key rings."""
    path = session.profile.folder / PAPER_FILE
    if not path.exists():
        raise Denied("paper_member_missing", "this profile does not know the recovery phrase's key ring member yet")
    return RingMember.from_json(read_json(path).get("member"))


def identities(keys: Keys, newest: int) -> list[HybridIdentity]:
    """What opens a ring here: this device's membership, then the sealing keys of the cards."""
    mine = [member_identity(keys.member)] if keys.member is not None else []
    # A root that waits for its card seals the ring already.
    return mine + keys.identities(max(newest, keys.roots[-1].seq))


def open_with_root(raw: bytes, root: Root, newest: int) -> KeyRing:
    """The ring by the newest root alone, as who recovered it has it; ``newest`` is the newest card's number."""
    return open_ring(raw, [derive_sealing(root, seq) for seq in range(newest, 0, -1)])


def fetch(session: Session) -> Fetched | None:
    """The ring at the vault, checked; None if there never was one."""
    answer = _ask(session)
    if answer is None:
        if _seen(session) is not None:
            raise Untrusted("ring_withheld", "the vault has no key ring any more, though it had one")
        return None
    raw = unb64u(answer.ring, what="ring")
    keys, party = session.keys, session.party
    found = _checked(session, raw, answer, identities(keys, max(party.card_seq, _seq(answer))))
    _extends(keys, party.card_seq, found)
    _not_older(session, found)
    remember(session, found)
    return found


def fetch_by_phrase(session: Session, member: Root) -> Fetched:
    """The ring for who has nothing but the phrase; ``Denied("ring_member_unknown")`` if there is none for it."""
    answer = session.public_api.members_ring(derive_present(member, 0))
    raw = unb64u(answer.ring, what="ring")
    return _checked(session, raw, answer, [member_identity(member)], anybodys=True)


def update(session: Session, change: Change) -> KeyRing:
    """Put ``change`` of the newest ring in its place; tried again if another device was quicker."""
    for _ in range(TRIES):
        before = fetch(session)
        ring = change(before.ring if before is not None else first(session))
        try:
            return _put(session, ring, before)
        except Conflict as error:
            if error.code != "ring_changed":
                raise
    raise Conflict("ring_changed", "another key ring was put here since: fetch it first")


def first(session: Session) -> KeyRing:
    """The ring of a dossier that has none: the phrase and this device are its members."""
    keys, name = session.keys, device_name(session)
    if keys.member is None:
        raise Malformed("ring_member", "this device has no membership of its own")
    members = (paper_member(session), RingMember.of(name, keys.member))
    return replace(keys.ring(session.party.subject), n=1, members=members)


def device_name(session: Session) -> str:
    """How this device is called in a ring that it begins."""
    return f"device {session.profile.name}"[:64]


def with_device(ring: KeyRing, session: Session) -> KeyRing:
    """The ring with this device as a member: one that was restored from the phrase is none yet."""
    assert session.keys.member is not None
    mine = RingMember.of(free_name(ring, device_name(session)), session.keys.member)
    if mine.key in {member.key for member in ring.members}:
        return ring
    return replace(ring, members=(*ring.members, mine))


def remember(session: Session, found: Fetched) -> None:
    """Keep a ring that was checked: its file, and which one this device saw last."""
    folder = session.profile.folder
    write_private(folder / RING_FILE, found.raw)
    write_json(folder / SEEN_FILE, {"v": 1, "n": found.ring.n, "sha256": b64u(sha256(found.raw))})


def free_name(ring: KeyRing, wanted: str) -> str:
    """``wanted``, or with a number behind it if a member has that name."""
    taken = {member.name for member in ring.members}
    return next(name for name in (wanted, *(f"{wanted[:60]} {n}" for n in range(2, 99))) if name not in taken)


def with_membership(keys: Keys) -> Keys:
    """The same keys on a device that can be a member of rings."""
    return keys if keys.member is not None else keys.with_member(Root.random())


def _put(session: Session, ring: KeyRing, before: Fetched | None) -> KeyRing:
    if before is not None:
        if (before.ring.roots, before.ring.members) == (ring.roots, ring.members):
            return before.ring
        ring = replace(ring, n=before.ring.n + 1)
    newest = max(session.party.card_seq, ring.roots[-1].seq)
    raw = seal_ring(ring, [*(member.recipient for member in ring.members), session.keys.sealing(newest).recipient()])
    body = wire_keys.PutRing(
        ring=b64u(raw),
        previous=None if before is None else b64u(sha256(before.raw)),
        keys=[member.key.to_json() for member in ring.members],
    )
    kept = session.api.put_ring(body)
    if kept.sha256 != b64u(sha256(raw)):
        raise Untrusted("ring_foreign", "the vault kept another key ring than the one that it was given")
    remember(session, Fetched(ring, raw, session.party.card_seq))
    return ring


def _ask(session: Session) -> wire_keys.Ring | None:
    """By our newest card's key, else, on a device that was left behind by a new root, by its membership."""
    try:
        return session.api.my_ring()
    except Denied as error:
        if error.code == "ring_unknown":
            return None
        if error.code not in {"signature_key_old", "signature_key_unknown"} or session.keys.member is None:
            raise
    return session.public_api.members_ring(derive_present(session.keys.member, 0))


def _seq(answer: wire_keys.Ring) -> int:
    return KeyCardEnvelope.from_json(answer.card).card.seq


def _checked(
    session: Session,
    raw: bytes,
    answer: wire_keys.Ring,
    by: Sequence[HybridIdentity],
    *,
    anybodys: bool = False,
) -> Fetched:
    """Steps 1 to 3 of docs/spec/keys.md §4; ``anybodys``: which dossier it is of is not known yet."""
    if answer.sha256 != b64u(sha256(raw)):
        raise Untrusted("ring_foreign", "the vault names another key ring than the one that it gave")
    ring = open_ring(raw, by)
    if not anybodys and ring.dossier != session.party.subject:
        raise Untrusted("ring_foreign", "the key ring is of another dossier")
    state = session.ledger.dossier(ring.dossier)
    if state is None:
        raise Untrusted("ring_foreign", "the key ring is of a dossier that the registry does not know")
    envelope = KeyCardEnvelope.from_json(answer.card)
    domain = deployments.dossier_domain(session.deployment)
    card = verify_key_card(envelope, domain, subject=ring.dossier, recorded=[state.card_hash])
    seq = card.card.seq
    # Without this, a ring that was made before somebody left, or by the vault itself, would be as good as ours.
    if _present_of(ring, seq) != card.thumbprint:
        raise Untrusted("ring_old", "the key ring does not hold the root of the newest key card")
    return Fetched(ring, raw, seq)


def _present_of(ring: KeyRing, seq: int) -> bytes | None:
    try:
        return derive_present(ring.root_for(seq), seq).thumbprint()
    except OneFileError:
        return None


def _extends(keys: Keys, card_seq: int, found: Fetched) -> None:
    """Every root of ours that a card was published with is in the ring, under the same number."""
    if (found.ring.tag_key, found.ring.revoke_key) != (keys.tag_key, keys.revoke_key):
        raise Untrusted("ring_foreign", "the key ring has another tag or revoke key than this device")
    oldest = found.ring.roots[0].seq
    ours = {entry.seq: entry.root for entry in keys.roots if oldest <= entry.seq <= card_seq}
    theirs = {entry.seq: entry.root for entry in found.ring.roots}
    if any(theirs.get(seq) != root for seq, root in ours.items()):
        raise Untrusted("ring_old", "the key ring lacks a root that this device has")


def _not_older(session: Session, found: Fetched) -> None:
    seen = _seen(session)
    if seen is None or found.ring.n > seen[0] or (found.ring.n, b64u(sha256(found.raw))) == seen:
        return
    raise Untrusted(
        "ring_rolled_back",
        "the vault gave key ring {got}; this device has seen number {want}",
        got=found.ring.n,
        want=seen[0],
    )


def _seen(session: Session) -> tuple[int, str] | None:
    path = session.profile.folder / SEEN_FILE
    if not path.exists():
        return None
    kept = read_json(path)
    return int(kept["n"]), str(kept["sha256"])
