"""The key ring: what the members of an enterprise's or ward's dossier share (FORMATS "Key ring").

One age file with one ``mlkem768x25519`` stanza for each member (officer, guardian, second device); its
plaintext is JCS ``{v, dossier, roots:[{seq, root}], tagKey, revokeKey}``. ``seq`` is the first key card
that was derived from ``root``. When a member leaves, a new root joins the list, and tag and revoke key
stay: they are for life, and the member who left knows them.

Wire laws: the five members are all there is in version 1; ``roots`` grows at its end and never shrinks
(old objects need old roots); anything else needs ``"v":2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from protocol import canonical
from protocol.encoding import b64u, hex0x, unhex0x
from protocol.envelope import open_bytes, seal_bytes, split
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.keys import RevokeKey, Root, TagKey
from protocol.recipients import HybridRecipient, Identity

RING_VERSION = 1
MAX_ROOTS = 256
MAX_RING_BYTES = 64 << 10
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
class KeyRing:
    """All that a member needs to read for a dossier (id of 32 bytes); ``roots`` is ordered by ``seq``."""

    dossier: bytes
    roots: tuple[RingRoot, ...]
    tag_key: TagKey
    revoke_key: RevokeKey

    def __post_init__(self) -> None:
        if len(self.dossier) != 32:
            raise Malformed("ring_dossier", "a dossier id has 32 bytes, got {got}", got=len(self.dossier))
        check_roots(self.roots)

    def root_for(self, card_seq: int) -> Root:
        """The root that key card ``card_seq`` was derived from: the newest one not after it."""
        return root_for(self.roots, card_seq)

    def with_root(self, card_seq: int, root: Root) -> KeyRing:
        """The ring after a member left: ``root`` holds from key card ``card_seq`` on."""
        return replace(self, roots=(*self.roots, RingRoot(card_seq, root)))

    def serialise(self) -> bytes:
        """The plaintext, JCS. Secret."""
        return canonical.dumps(
            {
                "v": RING_VERSION,
                "dossier": hex0x(self.dossier),
                "roots": [{"seq": e.seq, "root": b64u(e.root.unsafe_bytes)} for e in self.roots],
                "tagKey": b64u(self.tag_key.unsafe_bytes),
                "revokeKey": b64u(self.revoke_key.unsafe_bytes),
            }
        )

    @classmethod
    def parse(cls, raw: bytes) -> KeyRing:
        """Read the plaintext strictly; raises ``Malformed`` only."""
        fields = Fields(canonical.loads_canonical(raw, limit=MAX_RING_BYTES, what="key ring"), "ring")
        fields.uint("v", least=RING_VERSION, most=RING_VERSION)
        ring = cls(
            dossier=unhex0x(fields.take("dossier"), length=32, what="ring.dossier"),
            roots=tuple(_root(f) for f in fields.objects("roots", most=MAX_ROOTS)),
            tag_key=TagKey(fields.bytes32("tagKey")),
            revoke_key=RevokeKey(fields.bytes32("revokeKey")),
        )
        fields.done()
        return ring


def seal_ring(ring: KeyRing, members: Sequence[HybridRecipient]) -> bytes:
    """The ring as an age file that each of ``members`` opens, and nobody who was left out."""
    return seal_bytes(ring.serialise(), members).file


def open_ring(raw: bytes, identities: Sequence[Identity]) -> KeyRing:
    """Open a ring file; raises ``Malformed``, ``Untrusted`` or ``Denied("no_identity")``."""
    header, payload = split(raw)
    return KeyRing.parse(open_bytes(header, payload, identities))


def _root(fields: Fields) -> RingRoot:
    entry = RingRoot(fields.uint("seq", most=MAX_SEQ), Root(fields.bytes32("root")))
    fields.done()
    return entry
