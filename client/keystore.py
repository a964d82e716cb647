"""The key store on disk: one age file under a passphrase, and never the phrase in it.

    keys.age = age v1, scrypt stanza; plaintext JCS
               {"v":2,"kind":…,"hot":…,"roots":[{"seq":…,"root":…}],"tagKey":…,"revokeKey":…,"member":…|null}

``roots`` (32 bytes each) derive present and sealing keys: a key card's root is the newest one that begins not
after it. ``tagKey`` and ``revokeKey`` are for life, whatever the roots. ``hot`` is the secp256k1 key of the
controller, for an agency of its account, for a second device of that device. ``member`` is the secret by which
this device is a member of the dossier's key ring. The recovery phrase and the cold key are never written: they
are typed when the owner must sign. Any age program opens the file with the passphrase.

Wire laws: version 1, ``{v, kind, root, hot}``, is read for ever (one root, from card 0 on, and tag and revoke
keys derived from it) and never written; anything else needs version 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from client.files import check_private, read_bounded, write_private
from client.profile import KINDS, Kind
from protocol import canonical
from protocol.encoding import b64u, unb64u
from protocol.envelope import open_joined, seal_bytes
from protocol.errors import Denied, Malformed
from protocol.fields import Fields
from protocol.keyring import MAX_ROOTS, MAX_SEQ, KeyRing, RingRoot, check_roots, root_for
from protocol.keys import (
    AccountKey,
    PresentKey,
    RevokeKey,
    Root,
    TagKey,
    derive_present,
    derive_revoke_key,
    derive_sealing,
    derive_tag_key,
)
from protocol.recipients import HybridIdentity, Passphrase, ScryptIdentity, ScryptRecipient

MAX_KEY_FILE = 64 << 10
MAX_LOG_N = 20  # a key store that wants more memory than 1 GiB is not one of ours
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Keys:
    """The opened secrets of a profile. ``hot`` signs grants and cards (for an agency: its account)."""

    kind: Kind
    roots: tuple[RingRoot, ...]
    hot: AccountKey
    tag_key: TagKey
    revoke_key: RevokeKey
    member: Root | None = None
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_roots(self.roots)

    @classmethod
    def first(cls, kind: Kind, root: Root, hot: AccountKey, member: Root | None = None) -> Keys:
        """The keys of a party whose first root is ``root``: tag and revoke key are derived from it, for life."""
        return cls(kind, (RingRoot(0, root),), hot, derive_tag_key(root), derive_revoke_key(root), member)

    @property
    def root(self) -> Root:
        """The newest root: what recovery shares split, and what opens the key ring with all older ones."""
        return self.roots[-1].root

    @property
    def oldest(self) -> int:
        """The first key card whose keys can still be made here; at least 1."""
        return max(1, self.roots[0].seq)

    def present(self, seq: int) -> PresentKey:
        """The P-256 key of card ``seq``; ``Malformed("ring_card")`` if its root was dropped."""
        found: PresentKey = self._keep(f"present/{seq}", lambda: derive_present(root_for(self.roots, seq), seq))
        return found

    def sealing(self, seq: int) -> HybridIdentity:
        """The identity that opens what was sealed to card ``seq``; ``Malformed`` if its root was dropped."""
        found: HybridIdentity = self._keep(f"sealing/{seq}", lambda: derive_sealing(root_for(self.roots, seq), seq))
        return found

    def identities(self, newest: int) -> list[HybridIdentity]:
        """The sealing keys of all cards up to ``newest`` whose roots are kept, newest first."""
        return [self.sealing(seq) for seq in range(newest, self.oldest - 1, -1)]

    def with_root(self, seq: int, root: Root) -> Keys:
        """These keys with ``root`` from key card ``seq`` on; that card must come after the begin of every root."""
        return replace(self, roots=(*self.roots, RingRoot(seq, root)), _kept={})

    def with_roots(self, roots: tuple[RingRoot, ...]) -> Keys:
        """These keys with other roots; tag and revoke key stay."""
        return replace(self, roots=roots, _kept={})

    def with_hot(self, hot: AccountKey) -> Keys:
        """These keys under another account."""
        return replace(self, hot=hot, _kept={})

    def with_member(self, member: Root) -> Keys:
        """These keys on a device that is the member ``member`` of the key ring."""
        return replace(self, member=member, _kept={})

    def ring(self, dossier: bytes) -> KeyRing:
        """What these keys share with the other members of ``dossier``."""
        return KeyRing(dossier, self.roots, self.tag_key, self.revoke_key)

    def unsafe_plaintext(self) -> bytes:
        """What is sealed in the file, and what the agent is handed."""
        return canonical.dumps(
            {
                "v": _VERSION,
                "kind": self.kind,
                "hot": b64u(self.hot.unsafe_bytes),
                "roots": [{"seq": entry.seq, "root": b64u(entry.root.unsafe_bytes)} for entry in self.roots],
                "tagKey": b64u(self.tag_key.unsafe_bytes),
                "revokeKey": b64u(self.revoke_key.unsafe_bytes),
                "member": None if self.member is None else b64u(self.member.unsafe_bytes),
            }
        )

    @classmethod
    def parse(cls, plaintext: bytes) -> Keys:
        """Read ``unsafe_plaintext`` of version 2 or 1; ``Malformed`` on anything else."""
        fields = Fields(canonical.loads_canonical(plaintext, limit=MAX_KEY_FILE, what="key store"), "key store")
        version = fields.uint("v", least=1, most=_VERSION)
        kind, hot = _kind(fields.text("kind")), AccountKey(fields.bytes32("hot"))
        if version == 1:
            keys = cls.first(kind, Root(fields.bytes32("root")), hot)
        else:
            roots = tuple(_root(entry) for entry in fields.objects("roots", most=MAX_ROOTS))
            tag, revoke = TagKey(fields.bytes32("tagKey")), RevokeKey(fields.bytes32("revokeKey"))
            keys = cls(kind, roots, hot, tag, revoke, _member(fields.take("member")))
        fields.done()
        return keys

    def _keep(self, name: str, make: Any) -> Any:
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]


def _kind(text: str) -> Kind:
    for known in KINDS:
        if known == text:
            return known
    raise Malformed("field_form", "{field}: not of the expected form", field="key store.kind")


def _root(fields: Fields) -> RingRoot:
    entry = RingRoot(fields.uint("seq", most=MAX_SEQ), Root(fields.bytes32("root")))
    fields.done()
    return entry


def _member(value: object) -> Root | None:
    return None if value is None else Root(unb64u(value, length=32, what="key store.member"))


def write_keys(path: Path, keys: Keys, passphrase: Passphrase, log_n: int, *, new: bool = True) -> None:
    """Seal ``keys`` under ``passphrase`` at ``path``, mode 0600, whole or not at all.

    ``new`` refuses to replace a key store (``Conflict("file_exists")``): a lost root is lost documents.
    """
    sealed = seal_bytes(keys.unsafe_plaintext(), [ScryptRecipient(passphrase, log_n)])
    write_private(path, sealed.file, new=new)


def replace_keys(path: Path, keys: Keys, passphrase: Passphrase, log_n: int) -> None:
    """Put ``keys`` in place of the key store at ``path``, under the passphrase that opens it today.

    ``Denied("wrong_passphrase")``, and nothing changed, for another one: a slip of the finger must not become the
    passphrase of all keys. A reader sees the old key store or the new one.
    """
    read_keys(path, passphrase)
    write_keys(path, keys, passphrase, log_n, new=False)


def read_keys(path: Path, passphrase: Passphrase) -> Keys:
    """Open the key store; ``Denied("wrong_passphrase")`` if the passphrase does not open it."""
    if not path.exists():
        raise Denied("profile_not_found", "there is no key store at {path}", path=str(path))
    check_private(path)
    sealed = read_bounded(path, limit=MAX_KEY_FILE)
    try:
        plaintext = open_joined(sealed, [ScryptIdentity(passphrase, MAX_LOG_N)])
    except Denied:
        raise Denied("wrong_passphrase", "the passphrase does not open the key store") from None
    return Keys.parse(plaintext)
