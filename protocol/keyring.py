"""The key ring: what the members of a dossier share (FORMATS "Key ring", docs/adr/0020).

One age file with one ``mlkem768x25519`` stanza for each member (the phrase on paper, officer, guardian, second
device) and one for the newest key card of the dossier; its plaintext is JCS
``{v, dossier, roots:[{seq, root}], tagKey, revokeKey}``. ``seq`` is the first key card that was derived from
``root``. When a member leaves, a new root joins the list, and tag and revoke key stay: they are for life, and the
member who left knows them. Version 2 adds ``n`` (1 and rising: which of two rings is the newer) and
``members:[{name, sealing_key, present_jwk}]``: to whom the next ring is sealed, and whose signed request the vault
answers with the file. Who can seal a file to the members is not a member: a ring counts only if it holds the root of
the dossier's newest key card.

Wire laws: version 1 is read for ever, and is written for a ring without members; ``roots`` grows at its end, and loses
a root at its beginning only when the holder drops it; anything else needs ``"v":3``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from protocol import canonical
from protocol.canonical import Json
from protocol.encoding import b64u, hex0x, unhex0x
from protocol.envelope import open_joined, seal_bytes
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.jose import PublicJwk
from protocol.keys import RevokeKey, Root, TagKey, derive_present, derive_sealing
from protocol.recipients import HYBRID_PUBLIC_BYTES, HybridIdentity, HybridRecipient, Identity

RING_VERSION = 2
MAX_ROOTS = 256
MAX_MEMBERS = 32
MAX_MEMBER_NAME = 64
MAX_RING_BYTES = 128 << 10
MAX_SEQ = 2**32 - 1  # the key derivation counts in four bytes


@dataclass(frozen=True, slots=True)
class RingRoot:
    """A root and the sequence number of the first key card derived from it."""

    seq: int
    root: Root


def check_roots(roots: Sequence[RingRoot]) -> None:
    """Raise ``Malformed`` unless there are 1 to 256 roots in strictly rising order of their first cards."""
    if not 1 <= len(roots) <= MAX_ROOTS:
        raise Malformed("ring_roots", "expected 1 to {limit} roots, got {got}", limit=MAX_ROOTS, got=len(roots))
    seqs = [entry.seq for entry in roots]
    if not 0 <= seqs[0] <= seqs[-1] <= MAX_SEQ or sorted(set(seqs)) != seqs:
        raise Malformed("ring_order", "the roots of a key ring are not in the order of their cards")


def root_for(roots: Sequence[RingRoot], card_seq: int) -> Root:
    """The root that key card ``card_seq`` was derived from: the newest one not after it."""
    for entry in reversed(roots):
        if entry.seq <= card_seq:
            return entry.root
    raise Malformed("ring_card", "the key ring begins after key card {seq}", seq=card_seq)


@dataclass(frozen=True, slots=True)
class RingMember:
    """Who may open the ring: ``sealing_key`` (1,216 bytes) to seal to, ``key`` that signs the request for it."""

    name: str
    sealing_key: bytes
    key: PublicJwk

    def __post_init__(self) -> None:
        HybridRecipient(self.sealing_key)
        if not 1 <= len(self.name) <= MAX_MEMBER_NAME or not self.name.isprintable():
            raise Malformed(
                "member_name", "a member's name has 1 to {limit} printable characters", limit=MAX_MEMBER_NAME
            )

    @classmethod
    def of(cls, name: str, secret: Root) -> RingMember:
        """The member whose secret is ``secret``: sealing and present key at sequence 0, which no key card has."""
        key = derive_present(secret, 0).public_jwk()
        return cls(name, member_identity(secret).recipient().public, key)

    @property
    def recipient(self) -> HybridRecipient:
        return HybridRecipient(self.sealing_key)

    def to_json(self) -> dict[str, Json]:
        return {"name": self.name, "sealing_key": b64u(self.sealing_key), "present_jwk": self.key.to_json()}

    @classmethod
    def from_json(cls, value: Json) -> RingMember:
        """Read ``to_json``'s object strictly; raises ``Malformed`` only."""
        return _member(Fields(value, "member"))


def member_identity(secret: Root) -> HybridIdentity:
    """What opens the ring for the member with this secret."""
    return derive_sealing(secret, 0)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All that a member needs to read for a dossier (id of 32 bytes); ``roots`` is ordered by ``seq``."""

    dossier: bytes
    roots: tuple[RingRoot, ...]
    tag_key: TagKey
    revoke_key: RevokeKey
    n: int = 0
    members: tuple[RingMember, ...] = ()

    def __post_init__(self) -> None:
        if len(self.dossier) != 32:
            raise Malformed("ring_dossier", "a dossier id has 32 bytes, got {got}", got=len(self.dossier))
        check_roots(self.roots)
        # Version 1 has neither; one without the other would not survive being written and read.
        if (self.n == 0) != (not self.members) or len(self.members) > MAX_MEMBERS:
            raise Malformed(
                "ring_members", "expected 1 to {limit} members, got {got}", limit=MAX_MEMBERS, got=len(self.members)
            )
        if len({member.key for member in self.members}) != len(self.members):
            raise Malformed("ring_member_twice", "a member stands twice in the key ring")

    def root_for(self, card_seq: int) -> Root:
        """The root that key card ``card_seq`` was derived from: the newest one not after it."""
        return root_for(self.roots, card_seq)

    def with_root(self, card_seq: int, root: Root) -> KeyRing:
        """The ring after a member left: ``root`` holds from key card ``card_seq`` on."""
        return replace(self, roots=(*self.roots, RingRoot(card_seq, root)))

    def serialise(self) -> bytes:
        """The plaintext, JCS. Secret."""
        body: dict[str, Json] = {
            "v": 1,
            "dossier": hex0x(self.dossier),
            "roots": [{"seq": e.seq, "root": b64u(e.root.unsafe_bytes)} for e in self.roots],
            "tagKey": b64u(self.tag_key.unsafe_bytes),
            "revokeKey": b64u(self.revoke_key.unsafe_bytes),
        }
        if self.members:
            members: list[Json] = [member.to_json() for member in self.members]
            body.update({"v": RING_VERSION, "n": self.n, "members": members})
        return canonical.dumps(body)

    @classmethod
    def parse(cls, raw: bytes) -> KeyRing:
        """Read the plaintext strictly; raises ``Malformed`` only."""
        fields = Fields(canonical.loads_canonical(raw, limit=MAX_RING_BYTES, what="key ring"), "ring")
        version = fields.uint("v", least=1, most=RING_VERSION)
        ring = cls(
            dossier=unhex0x(fields.take("dossier"), length=32, what="ring.dossier"),
            roots=tuple(_root(f) for f in fields.objects("roots", most=MAX_ROOTS)),
            tag_key=TagKey(fields.bytes32("tagKey")),
            revoke_key=RevokeKey(fields.bytes32("revokeKey")),
            n=fields.uint("n", least=1) if version > 1 else 0,
            members=tuple(_member(f) for f in fields.objects("members", most=MAX_MEMBERS)) if version > 1 else (),
        )
        fields.done()
        return ring


def seal_ring(ring: KeyRing, members: Sequence[HybridRecipient]) -> bytes:
    """The ring as an age file that each of ``members`` opens, and nobody who was left out."""
    return seal_bytes(ring.serialise(), members).file


def open_ring(raw: bytes, identities: Sequence[Identity]) -> KeyRing:
    """Open a ring file; raises ``Malformed``, ``Untrusted`` or ``Denied("no_identity")``."""
    return KeyRing.parse(open_joined(raw, identities))


def _root(fields: Fields) -> RingRoot:
    entry = RingRoot(fields.uint("seq", most=MAX_SEQ), Root(fields.bytes32("root")))
    fields.done()
    return entry


def _member(fields: Fields) -> RingMember:
    member = RingMember(
        fields.text("name", limit=MAX_MEMBER_NAME),
        fields.octets("sealing_key", HYBRID_PUBLIC_BYTES),
        PublicJwk.from_json(fields.take("present_jwk")),
    )
    fields.done()
    return member
