"""The three kinds of age reader that we know: hybrid post-quantum, X25519, passphrase (C2SP age spec).

A *recipient* wraps a file key into a stanza; an *identity* unwraps it. Our own formats use the hybrid
``mlkem768x25519`` for parties and ``scrypt`` for key stores; X25519 is there for strangers' files.
Left out: ssh keys, the tagged hardware types, plugins.

The shape of the stanzas was checked when the header was parsed (``protocol/age_format.py``).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from protocol import bech32
from protocol.age_format import (
    HYBRID_ENC_BYTES,
    HYBRID_TAG,
    MAX_SCRYPT_LOG_N,
    SCRYPT_SALT_BYTES,
    SCRYPT_TAG,
    X25519_BYTES,
    X25519_TAG,
    Stanza,
    raw_b64,
    raw_unb64,
)
from protocol.errors import Malformed, Unavailable
from protocol.hashing import hkdf256, sha256
from protocol.secret import Secret
from protocol.stream import FileKey

HYBRID_PUBLIC_BYTES = 1216  # 1,184 of ML-KEM-768 and 32 of X25519
DEFAULT_SCRYPT_LOG_N = 16  # 64 MiB and about a quarter of a second
MAX_PASSPHRASE_BYTES = 1024

_MLKEM_PUBLIC_BYTES = 1184
_HYBRID_HRP = "age1pq"
_HYBRID_SECRET_HRP = "age-secret-key-pq-"  # noqa: S105 — a public prefix
_X25519_HRP = "age"
_X25519_SECRET_HRP = "age-secret-key-"  # noqa: S105 — a public prefix
_HYBRID_INFO = b"age-encryption.org/mlkem768x25519"
_X25519_INFO = b"age-encryption.org/v1/X25519"
_SCRYPT_INFO = b"age-encryption.org/v1/scrypt"
_NO_NONCE = bytes(12)  # each wrap key is used once

_HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class Recipient(Protocol):
    """Someone a file can be sealed to."""

    @property
    def tag(self) -> str:
        """The tag of the stanzas that ``wrap`` makes."""
        ...

    def wrap(self, file_key: FileKey) -> Stanza:
        """A fresh stanza that carries ``file_key`` to this recipient."""
        ...


class Identity(Protocol):
    """Someone who may be able to open a file."""

    def unwrap(self, stanzas: tuple[Stanza, ...]) -> FileKey | None:
        """The file key, if one of the stanzas is for this identity; it is not proved by the MAC yet."""
        ...


@dataclass(frozen=True, slots=True)
class HybridRecipient:
    """ML-KEM-768 with X25519 (X-Wing): safe against a later quantum computer. ``public`` is 1,216 bytes."""

    public: bytes

    tag: ClassVar[str] = HYBRID_TAG

    def __post_init__(self) -> None:
        if len(self.public) != HYBRID_PUBLIC_BYTES:
            raise Malformed(
                "recipient_length",
                "a sealing key has {want} bytes, got {got}",
                want=HYBRID_PUBLIC_BYTES,
                got=len(self.public),
            )
        _hybrid_public(self.public)

    @classmethod
    def parse(cls, text: str) -> HybridRecipient:
        """From ``age1pq1…``."""
        return cls(bech32.decode(text, hrp=_HYBRID_HRP, length=HYBRID_PUBLIC_BYTES, what="age recipient"))

    def __str__(self) -> str:
        return bech32.encode(_HYBRID_HRP, self.public)

    def sealing_key_hash(self) -> bytes:
        """SHA-256 of the 1,216 bytes: what a key card names."""
        return sha256(self.public)

    def wrap(self, file_key: FileKey) -> Stanza:
        try:
            sealed = _HPKE.encrypt(file_key.unsafe_bytes, _hybrid_public(self.public), _HYBRID_INFO)
        except ValueError:
            raise _bad_point() from None
        return Stanza(HYBRID_TAG, (raw_b64(sealed[:HYBRID_ENC_BYTES]),), sealed[HYBRID_ENC_BYTES:])


class HybridIdentity(Secret):
    """The seed of 32 bytes behind an ``AGE-SECRET-KEY-PQ-1…``."""

    __slots__ = ("_curve", "_key", "_recipient")

    def __init__(self, seed: bytes) -> None:
        super().__init__(seed)
        # draft-ietf-hpke-pq, "MLKEM768-X25519": one seed is stretched into both private keys.
        stretched = hashlib.shake_256(seed).digest(96)
        kem = MLKEM768PrivateKey.from_seed_bytes(stretched[:64])
        curve = X25519PrivateKey.from_private_bytes(stretched[64:])
        self._curve = curve
        self._key = MLKEM768X25519PrivateKey(kem, curve)
        self._recipient = HybridRecipient(kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> HybridIdentity:
        """From ``AGE-SECRET-KEY-PQ-1…``."""
        return cls(bech32.decode(text, hrp=_HYBRID_SECRET_HRP, length=32, what="age identity"))

    def unsafe_text(self) -> str:
        """``AGE-SECRET-KEY-PQ-1…``, which opens everything sealed to this key in any age program."""
        return bech32.encode(_HYBRID_SECRET_HRP, self.unsafe_bytes).upper()

    def recipient(self) -> HybridRecipient:
        """The public half."""
        return self._recipient

    def unwrap(self, stanzas: tuple[Stanza, ...]) -> FileKey | None:
        for stanza in _tagged(stanzas, HYBRID_TAG):
            enc = raw_unb64(stanza.args[0], length=HYBRID_ENC_BYTES, what="age key share")
            try:
                return FileKey(_HPKE.decrypt(enc + stanza.body, self._key, _HYBRID_INFO))
            except InvalidTag:
                # For another reader of the same kind, unless the share is one that no reader may take.
                _x25519_shared(self._curve, enc[-X25519_BYTES:])
        return None


@dataclass(frozen=True, slots=True)
class X25519Recipient:
    """A classic age recipient: not safe against a quantum computer. ``public`` is 32 bytes."""

    public: bytes

    tag: ClassVar[str] = X25519_TAG

    def __post_init__(self) -> None:
        if len(self.public) != X25519_BYTES:
            raise Malformed("recipient_length", "an X25519 key has 32 bytes, got {got}", got=len(self.public))

    @classmethod
    def parse(cls, text: str) -> X25519Recipient:
        """From ``age1…``."""
        return cls(bech32.decode(text, hrp=_X25519_HRP, length=X25519_BYTES, what="age recipient"))

    def __str__(self) -> str:
        return bech32.encode(_X25519_HRP, self.public)

    def wrap(self, file_key: FileKey) -> Stanza:
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        cipher = _x25519_cipher(ephemeral, self.public, salt=share + self.public)
        return Stanza(X25519_TAG, (raw_b64(share),), cipher.encrypt(_NO_NONCE, file_key.unsafe_bytes, None))


class X25519Identity(Secret):
    """The scalar of 32 bytes behind an ``AGE-SECRET-KEY-1…``."""

    __slots__ = ("_key", "_recipient")

    def __init__(self, scalar: bytes) -> None:
        super().__init__(scalar)
        self._key = X25519PrivateKey.from_private_bytes(scalar)
        self._recipient = X25519Recipient(self._key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> X25519Identity:
        """From ``AGE-SECRET-KEY-1…``."""
        return cls(bech32.decode(text, hrp=_X25519_SECRET_HRP, length=32, what="age identity"))

    def unsafe_text(self) -> str:
        """``AGE-SECRET-KEY-1…``, which opens everything sealed to this key in any age program."""
        return bech32.encode(_X25519_SECRET_HRP, self.unsafe_bytes).upper()

    def recipient(self) -> X25519Recipient:
        """The public half."""
        return self._recipient

    def unwrap(self, stanzas: tuple[Stanza, ...]) -> FileKey | None:
        for stanza in _tagged(stanzas, X25519_TAG):
            share = raw_unb64(stanza.args[0], length=X25519_BYTES, what="age key share")
            cipher = _x25519_cipher(self._key, share, salt=share + self._recipient.public)
            try:
                return FileKey(cipher.decrypt(_NO_NONCE, stanza.body, None))
            except InvalidTag:
                continue  # for another reader of the same kind
        return None


class Passphrase:
    """A passphrase as it was typed, in UTF-8; not empty, at most 1,024 bytes, and masked like a ``Secret``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        try:
            encoded = text.encode("utf-8")
        except UnicodeEncodeError:
            raise Malformed("passphrase", "the passphrase is not Unicode text") from None
        if not 1 <= len(encoded) <= MAX_PASSPHRASE_BYTES:
            raise Malformed("passphrase", "expected a passphrase of 1 to {limit} bytes", limit=MAX_PASSPHRASE_BYTES)
        self._text = encoded

    def stretch(self, salt: bytes, log_n: int) -> bytes:
        """The scrypt wrap key of 32 bytes (RFC 7914; r = 8, p = 1); takes 2^log_n KiB of memory."""
        try:
            return Scrypt(_SCRYPT_INFO + salt, 32, 1 << log_n, 8, 1).derive(self._text)
        except MemoryError:
            raise Unavailable(
                "scrypt_memory", "the passphrase needs {mib} MiB of memory", mib=(1 << log_n) >> 10
            ) from None

    def __repr__(self) -> str:
        return "Passphrase(****)"


class ScryptRecipient:
    """Seals to a passphrase; must be the only recipient. ``log_n``: 16 takes 64 MiB, 18 takes 256."""

    tag: ClassVar[str] = SCRYPT_TAG

    def __init__(self, passphrase: Passphrase, log_n: int = DEFAULT_SCRYPT_LOG_N) -> None:
        if not 1 <= log_n <= MAX_SCRYPT_LOG_N:
            raise Malformed(
                "age_scrypt_work", "the scrypt work factor is not a number from 1 to {limit}", limit=MAX_SCRYPT_LOG_N
            )
        self._passphrase = passphrase
        self._log_n = log_n

    def wrap(self, file_key: FileKey) -> Stanza:
        salt = secrets.token_bytes(SCRYPT_SALT_BYTES)
        cipher = ChaCha20Poly1305(self._passphrase.stretch(salt, self._log_n))
        body = cipher.encrypt(_NO_NONCE, file_key.unsafe_bytes, None)
        return Stanza(SCRYPT_TAG, (raw_b64(salt), str(self._log_n)), body)


class ScryptIdentity:
    """Opens with a passphrase, and refuses to work harder than ``max_log_n``."""

    def __init__(self, passphrase: Passphrase, max_log_n: int = MAX_SCRYPT_LOG_N) -> None:
        self._passphrase = passphrase
        self._max_log_n = max_log_n

    def unwrap(self, stanzas: tuple[Stanza, ...]) -> FileKey | None:
        for stanza in _tagged(stanzas, SCRYPT_TAG):
            log_n = int(stanza.args[1])
            if log_n > self._max_log_n:
                raise Malformed(
                    "age_scrypt_work",
                    "the scrypt work factor is not a number from 1 to {limit}",
                    limit=self._max_log_n,
                )
            salt = raw_unb64(stanza.args[0], length=SCRYPT_SALT_BYTES, what="age scrypt salt")
            cipher = ChaCha20Poly1305(self._passphrase.stretch(salt, log_n))
            try:
                return FileKey(cipher.decrypt(_NO_NONCE, stanza.body, None))
            except InvalidTag:
                return None  # another passphrase; the stanza is the only one
        return None


def parse_recipient(text: str) -> HybridRecipient | X25519Recipient:
    """From ``age1pq1…`` or ``age1…``."""
    if text.lower().startswith(_HYBRID_HRP + "1"):
        return HybridRecipient.parse(text)
    return X25519Recipient.parse(text)


def parse_identity(text: str) -> HybridIdentity | X25519Identity:
    """From ``AGE-SECRET-KEY-PQ-1…`` or ``AGE-SECRET-KEY-1…``."""
    if text.lower().startswith(_HYBRID_SECRET_HRP):
        return HybridIdentity.parse(text)
    return X25519Identity.parse(text)


def _tagged(stanzas: tuple[Stanza, ...], tag: str) -> Iterator[Stanza]:
    return (stanza for stanza in stanzas if stanza.tag == tag)


def _x25519_cipher(mine: X25519PrivateKey, theirs: bytes, *, salt: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(hkdf256(_x25519_shared(mine, theirs), salt=salt, info=_X25519_INFO))


def _x25519_shared(mine: X25519PrivateKey, theirs: bytes) -> bytes:
    """X25519; ``Malformed("age_low_order")`` for a share that gives everyone the same secret."""
    try:
        return mine.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        # A point of low order gives the secret zero, which everyone knows (RFC 7748 §6.1).
        raise _bad_point() from None


def _bad_point() -> Malformed:
    return Malformed("age_low_order", "an X25519 key share is a point of low order")


@lru_cache(maxsize=256)
def _hybrid_public(public: bytes) -> MLKEM768X25519PublicKey:
    try:
        kem = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_BYTES])
    except ValueError:
        raise Malformed("recipient_mlkem", "the sealing key holds no valid ML-KEM-768 key") from None
    return MLKEM768X25519PublicKey(kem, X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_BYTES:]))
