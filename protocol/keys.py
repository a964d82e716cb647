"""Keys of a party: one phrase or one root, and everything that is derived from it (FORMATS "Keys").

    phrase (BIP-39) ── seed ─┬─ person root ─┬─ present  P-256, signs presentations, HTTP, receipts
                             │               ├─ sealing  ML-KEM-768 + X25519, opens what is sealed
         random ── enterprise│ or ward root ─┤─ tag      hides a dossier's entries in the log
                             │               └─ revoke   secrets behind the nullifiers
                             ├─ hot account  m/44'/60'/0'/g/i  the controller
                             └─ cold account m/44'/60'/1'/0/i  the owner

A device keeps the root and the hot key, never the phrase or the cold key. A phrase belongs to its word
list: the same entropy in the other language is another seed, so the language is stored beside it.

Left out: BIP-39 passphrases ("25th words"), public derivation, other word lists.
"""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar, NoReturn

from protocol.encoding import u32
from protocol.errors import Malformed
from protocol.hashing import hkdf256, keccak256
from protocol.jose import P256Signer, PublicJwk
from protocol.recipients import HybridIdentity
from protocol.recursion import keep_limit
from protocol.secret import Secret

LANGUAGES: dict[str, str] = {"zh": "chinese_simplified", "en": "english"}
WORD_COUNTS = (12, 15, 18, 21, 24)
DEFAULT_WORDS = 24
MAX_PHRASE_CHARS = 512
MAX_INDEX = 2**31 - 1  # BIP-32: indices from 2^31 on are the hardened ones

_SALT = b"onefile/v1"
_P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HOT_PATH = "m/44'/60'/0'/{1}/{0}"
_COLD_PATH = "m/44'/60'/1'/0/{}"


class Root(Secret):
    """The 32 bytes that every key of one dossier, for one generation of cards, is derived from."""

    __slots__ = ()


class TagKey(Secret):
    """Hides which entries of the log belong to a dossier; the vault has it, readers of the log do not."""

    __slots__ = ()


class RevokeKey(Secret):
    """Makes the secrets whose hashes are nullifiers: who has it can end every grant of the dossier."""

    __slots__ = ()


class Mnemonic:
    """A BIP-39 phrase together with the language of its word list. Masked; cannot be pickled."""

    __slots__ = ("_phrase", "language")

    def __init__(self, phrase: str, language: str) -> None:
        self._phrase = _normal_phrase(phrase, language)
        self.language = language

    @classmethod
    def generate(cls, language: str, words: int = DEFAULT_WORDS) -> Mnemonic:
        """A fresh phrase of 12, 15, 18, 21 or 24 words."""
        if words not in WORD_COUNTS:
            raise Malformed("phrase_words", "a phrase has 12, 15, 18, 21 or 24 words, got {got}", got=words)
        return cls(_wordlist(language).generate(words), language)

    @property
    def unsafe_phrase(self) -> str:
        """The words, separated by single spaces: to be shown once, on paper's behalf."""
        return self._phrase

    def unsafe_seed(self) -> bytes:
        """The 64-byte BIP-39 seed (no passphrase)."""
        seed: bytes = _wordlist(self.language).to_seed(self._phrase)
        return seed

    def __repr__(self) -> str:
        return f"Mnemonic(****, {self.language!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Mnemonic is secret: it is not pickled or copied")


class PresentKey(Secret):
    """The P-256 key of a card: an ``EcSigner`` (``protocol/jose.py``) with a masked scalar of 32 bytes."""

    __slots__ = ("_jwk", "_signer")

    def __init__(self, scalar: bytes) -> None:
        super().__init__(scalar)
        self._signer = P256Signer.from_secret(scalar)
        self._jwk = self._signer.public_jwk()

    def public_jwk(self) -> PublicJwk:
        """The public key."""
        return self._jwk

    def thumbprint(self) -> bytes:
        """RFC 7638 SHA-256 thumbprint, 32 bytes: ``presentKeyThumbprint`` of a key card."""
        return self._jwk.thumbprint()

    def sign(self, data: bytes) -> bytes:
        """ES256 over ``data``: 64 bytes, r ‖ s."""
        return self._signer.sign(data)


class AccountKey(Secret):
    """A secp256k1 key with an Ethereum account; the 32 bytes are the private key."""

    __slots__ = ("_key", "address")
    LENGTH: ClassVar[int] = 32

    def __init__(self, private: bytes) -> None:
        import coincurve

        super().__init__(private)
        try:
            self._key = coincurve.PrivateKey(private)
        except ValueError:
            raise Malformed("account_key", "an account key is not a secp256k1 scalar") from None
        public = self._key.public_key.format(compressed=False)
        self.address: bytes = keccak256(public[1:])[12:]

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a 32-byte digest: 65 bytes, r ‖ s ‖ v with v 27 or 28 and s in the lower half."""
        if len(digest) != 32:
            raise Malformed("digest_length", "a digest has 32 bytes, got {got}", got=len(digest))
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])


def person_root(phrase: str, language: str, index: int = 0) -> Root:
    """The root of the ``index``-th dossier of the person behind ``phrase``."""
    seed = Mnemonic(phrase, language).unsafe_seed()
    return Root(hkdf256(seed, salt=_SALT, info=b"root" + _u32(index)))


def member_root(phrase: str, language: str, index: int = 0) -> Root:
    """The secret by which the phrase itself is a member of key rings: never on a device, so that one that is lost
    gives nobody what comes after it."""
    seed = Mnemonic(phrase, language).unsafe_seed()
    return Root(hkdf256(seed, salt=_SALT, info=b"member" + _u32(index)))


def random_root() -> Root:
    """A new root for an enterprise or a ward: it is kept in key rings and belongs to no phrase."""
    return Root.random()


def derive_present(root: Root, seq: int) -> PresentKey:
    """The present key of card ``seq``: 48 bytes mod (n−1) + 1, whose bias is below 2^-128 (FIPS 186-5 A.2.1)."""
    wide = int.from_bytes(_derive(root, b"present", seq, 48), "big")
    return PresentKey((wide % (_P256_N - 1) + 1).to_bytes(32, "big"))


def derive_sealing(root: Root, seq: int) -> HybridIdentity:
    """The sealing key of card ``seq``: its 32 bytes are the seed of an ``AGE-SECRET-KEY-PQ-1…``."""
    return HybridIdentity(_derive(root, b"sealing", seq))


def derive_tag_key(root: Root) -> TagKey:
    """The tag key, for life: sequence 0 whatever the card."""
    return TagKey(_derive(root, b"tag", 0))


def derive_revoke_key(root: Root) -> RevokeKey:
    """The revoke key, for life: sequence 0 whatever the card."""
    return RevokeKey(_derive(root, b"revoke", 0))


def hot_account(phrase: str, language: str, index: int = 0, generation: int = 0) -> AccountKey:
    """The controller's account, ``m/44'/60'/0'/generation/index``: lives on the device.

    ``generation`` counts how often the controller was changed under this phrase, from 0.
    """
    return _account(phrase, language, _HOT_PATH, index, generation)


def cold_account(phrase: str, language: str, index: int = 0) -> AccountKey:
    """The owner's account, ``m/44'/60'/1'/0/index``: made from the phrase when needed, never kept."""
    return _account(phrase, language, _COLD_PATH, index, 0)


def _derive(root: Root, label: bytes, seq: int, length: int = 32) -> bytes:
    return hkdf256(root.unsafe_bytes, salt=_SALT, info=label + _u32(seq), length=length)


def _u32(value: int) -> bytes:
    if not 0 <= value < 2**32:
        raise Malformed("key_index", "expected a key index from 0 to 4294967295, got {got}", got=value)
    return u32(value)


def _account(phrase: str, language: str, path: str, index: int, generation: int) -> AccountKey:
    for number in (index, generation):
        if not 0 <= number <= MAX_INDEX:
            raise Malformed(
                "key_index", "expected an account index from 0 to {most}, got {got}", most=MAX_INDEX, got=number
            )
    from eth_account.hdaccount.deterministic import HDPath

    keep_limit()
    seed = Mnemonic(phrase, language).unsafe_seed()
    return AccountKey(HDPath(path.format(index, generation)).derive(seed))


def _normal_phrase(phrase: str, language: str) -> str:
    """Words separated by single spaces, checked against the word list and its checksum.

    A typist's liberties are allowed where they cannot change the meaning: case, runs of white space, and,
    in Chinese, where each word is one character, no spaces at all.
    """
    if len(phrase) > MAX_PHRASE_CHARS:
        raise Malformed("too_large", "{what}: at most {limit} characters", what="phrase", limit=MAX_PHRASE_CHARS)
    words = unicodedata.normalize("NFKD", phrase).lower().split()
    if language == "zh":
        words = list("".join(words))
    if len(words) not in WORD_COUNTS:
        raise Malformed("phrase_words", "a phrase has 12, 15, 18, 21 or 24 words, got {got}", got=len(words))
    normal = " ".join(words)
    if not _wordlist(language).is_mnemonic_valid(normal):
        raise Malformed("phrase", "not a phrase of the {language} word list, or a word is wrong", language=language)
    return normal


def _wordlist(language: str) -> Any:
    if language not in LANGUAGES:
        raise Malformed("phrase_language", "expected a phrase in zh or en")
    # eth_account takes a second to import: only who types a phrase waits for it.
    from eth_account.hdaccount.mnemonic import Mnemonic as Bip39
    from eth_account.types import Language

    keep_limit()
    return Bip39(Language(LANGUAGES[language]))
