"""The key store on disk: one age file under a passphrase, and never the phrase in it.

    keys.age = age v1, scrypt stanza; plaintext JCS {"v":1,"kind":…,"root":…,"hot":…}

``root`` (32 bytes) derives present, sealing, tag and revoke keys; ``hot`` is the secp256k1 key of the
controller, for an agency of its account. The recovery phrase and the cold key are never written: they are
typed when the owner must sign. Any age program opens the file with the passphrase.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client.files import check_private, read_bounded, write_private
from client.profile import KINDS, Kind
from protocol import canonical
from protocol.encoding import b64u, unb64u
from protocol.envelope import open_bytes, seal_bytes, split
from protocol.errors import Denied, Malformed
from protocol.fields import Fields
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
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Keys:
    """The opened secrets of a profile. ``hot`` signs grants and cards (for an agency: its account)."""

    kind: Kind
    root: Root
    hot: AccountKey
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def present(self, seq: int) -> PresentKey:
        """The P-256 key of card ``seq``."""
        found: PresentKey = self._keep(f"present/{seq}", lambda: derive_present(self.root, seq))
        return found

    def sealing(self, seq: int) -> HybridIdentity:
        """The identity that opens what was sealed to card ``seq``."""
        found: HybridIdentity = self._keep(f"sealing/{seq}", lambda: derive_sealing(self.root, seq))
        return found

    def identities(self, newest: int) -> list[HybridIdentity]:
        """The sealing keys of all cards up to ``newest``, newest first."""
        return [self.sealing(seq) for seq in range(newest, 0, -1)]

    @property
    def tag_key(self) -> TagKey:
        """Hides the dossier's entries in the log."""
        found: TagKey = self._keep("tag", lambda: derive_tag_key(self.root))
        return found

    @property
    def revoke_key(self) -> RevokeKey:
        """Makes the secrets behind nullifiers."""
        found: RevokeKey = self._keep("revoke", lambda: derive_revoke_key(self.root))
        return found

    def unsafe_plaintext(self) -> bytes:
        """What is sealed in the file, and what the agent is handed."""
        return canonical.dumps(
            {
                "v": _VERSION,
                "kind": self.kind,
                "root": b64u(self.root.unsafe_bytes),
                "hot": b64u(self.hot.unsafe_bytes),
            }
        )

    @classmethod
    def parse(cls, plaintext: bytes) -> Keys:
        """Read ``unsafe_plaintext``; ``Malformed`` on anything else."""
        fields = Fields(canonical.loads_canonical(plaintext, limit=MAX_KEY_FILE, what="key store"), "key store")
        fields.uint("v", least=_VERSION, most=_VERSION)
        kind, root, hot = fields.text("kind"), fields.take("root"), fields.take("hot")
        fields.done()
        for known in KINDS:
            if known == kind:
                return cls(
                    known,
                    Root(unb64u(root, length=32, what="root")),
                    AccountKey(unb64u(hot, length=32, what="hot")),
                )
        raise Malformed("field_form", "{field}: not of the expected form", field="key store.kind")

    def _keep(self, name: str, make: Any) -> Any:
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]


def write_keys(path: Path, keys: Keys, passphrase: Passphrase, log_n: int, *, new: bool = True) -> None:
    """Seal ``keys`` under ``passphrase`` at ``path``, mode 0600, whole or not at all.

    ``new`` refuses to replace a key store (``Conflict("file_exists")``): a lost root is lost documents.
    """
    sealed = seal_bytes(keys.unsafe_plaintext(), [ScryptRecipient(passphrase, log_n)])
    write_private(path, sealed.file, new=new)


def read_keys(path: Path, passphrase: Passphrase) -> Keys:
    """Open the key store; ``Denied("wrong_passphrase")`` if the passphrase does not open it."""
    if not path.exists():
        raise Denied("profile_not_found", "there is no key store at {path}", path=str(path))
    check_private(path)
    header, payload = split(read_bounded(path, limit=MAX_KEY_FILE))
    try:
        plaintext = open_bytes(header, payload, [ScryptIdentity(passphrase, MAX_LOG_N)])
    except Denied:
        raise Denied("wrong_passphrase", "the passphrase does not open the key store") from None
    return Keys.parse(plaintext)
