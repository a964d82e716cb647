"""The key of an account that sends transactions: relayer, publisher, governor, agency.

A secret key file holds 0x and 64 hex digits, mode 0600; a keystore is the usual encrypted JSON
(Web3 Secret Storage, version 3). Keys are never taken from an argument or the environment.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Any

from chain.sizes import ADDRESS_BYTES, sized
from protocol.canonical import loads_object
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Denied, Malformed, OneFileError, Unavailable
from protocol.hashing import keccak256
from protocol.recursion import keep_limit

SECRET_BYTES = 32
MAX_KEY_FILE = 64 << 10
# What a keystore may ask for: as much as the usual programs write (scrypt with n 2^18, r 8: 256 MiB and a second).
MAX_SCRYPT_WORK = 1 << 21  # n · r · p; a block has 128 bytes
MAX_PBKDF2_ROUNDS = 1_000_000
_MODE = 0o600
_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


class TxSigner:
    """Signs transactions for one account; the secret shows in no `repr` and in no error."""

    def __init__(self, secret: bytes) -> None:
        sized(secret, SECRET_BYTES, "secret key")
        if not 0 < int.from_bytes(secret, "big") < _ORDER:
            raise Malformed("secret_key", "the secret key is not one of secp256k1")
        self._secret = secret
        self.account = address_of(secret)

    def __repr__(self) -> str:
        return f"TxSigner({hex0x(self.account)})"

    def sign(self, transaction: dict[str, Any]) -> tuple[bytes, bytes]:
        """The raw signed transaction and its hash. Imports eth_account (a second)."""
        signed = _accounts().sign_transaction(transaction, self._secret)
        return bytes(signed.raw_transaction), bytes(signed.hash)

    @classmethod
    def create(cls, path: Path) -> TxSigner:
        """Draw a new key into a new file of mode 0600; `FileExistsError` if there is one."""
        secret = secrets.token_bytes(SECRET_BYTES)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with os.fdopen(descriptor, "w") as file:
            file.write(hex0x(secret) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return cls(secret)

    @classmethod
    def from_file(cls, path: Path, *, passphrase: str | None = None) -> TxSigner:
        """The signer of a secret key file or, with a passphrase, of a keystore.

        `Denied` if others may read the file, `Unavailable` if there is none, `Malformed` if it is not one.
        """
        try:
            mode = path.stat().st_mode
            with path.open("rb") as file:
                raw = file.read(MAX_KEY_FILE + 1)
        except OSError:
            raise Unavailable("key_file_missing", "cannot read the key file {path}", path=str(path)) from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Denied("key_file_open", "others may read the key file {path}: expected mode 0600", path=str(path))
        return cls.from_bytes(raw, passphrase=passphrase)

    @classmethod
    def from_bytes(cls, raw: bytes, *, passphrase: str | None = None) -> TxSigner:
        """As `from_file`, for bytes that were read elsewhere (a descriptor)."""
        if len(raw) > MAX_KEY_FILE:
            raise Malformed("key_file", "the key file is too long")
        if raw.lstrip()[:1] == b"{":
            return cls(_unlock(raw, passphrase))
        try:
            text = raw.decode("ascii").strip()
        except UnicodeDecodeError:
            raise _no_keystore() from None
        return cls(unhex0x(text, length=SECRET_BYTES, what="secret key"))


def address_of(secret: bytes) -> bytes:
    """The account (20 bytes) of a secp256k1 secret key."""
    import coincurve

    public = coincurve.PublicKey.from_valid_secret(secret).format(compressed=False)
    return keccak256(public[1:])[-ADDRESS_BYTES:]


def open_or_create(path: Path) -> TxSigner:
    """The signer of `path`; drawn anew where there is no such file."""
    return TxSigner.from_file(path) if path.exists() else TxSigner.create(path)


def _unlock(raw: bytes, passphrase: str | None) -> bytes:
    if passphrase is None:
        raise Denied("passphrase_needed", "the key file is a keystore: its passphrase is needed")
    _check_work(raw)
    try:
        return bytes(_accounts().decrypt(raw.decode("utf-8"), passphrase))
    except Exception as fault:  # noqa: BLE001 (the library raises what it likes on a bad keystore)
        raise _keystore_fault(fault) from None


def _check_work(raw: bytes) -> None:
    """Refuse a keystore whose passphrase would take more memory or time to try than any that is meant to be opened."""
    crypto = _lowered(_lowered(loads_object(raw, limit=MAX_KEY_FILE, what="key file")).get("crypto"))
    work = _lowered(crypto.get("kdfparams"))
    n, r, p, rounds = (_positive(work.get(name, 1)) for name in ("n", "r", "p", "c"))
    if n * r * p > MAX_SCRYPT_WORK or rounds > MAX_PBKDF2_ROUNDS or _positive(work.get("dklen")) != SECRET_BYTES:
        raise Malformed("key_file_work", "the keystore asks for more work than any program writes into one")


def _lowered(value: object) -> dict[str, Any]:
    """The members by their names in lower case, as the library reads them; none may stand twice."""
    if not isinstance(value, dict) or len({name.lower() for name in value}) != len(value):
        raise _no_keystore()
    return {name.lower(): member for name, member in value.items()}


def _positive(value: object) -> int:
    if type(value) is not int or value < 1:
        raise _no_keystore()
    return value


def _no_keystore() -> Malformed:
    return Malformed("key_file", "expected 0x and 64 hex digits, or a keystore")


def _keystore_fault(fault: Exception) -> OneFileError:
    if "MAC" in str(fault):
        return Denied("passphrase_wrong", "the passphrase does not open this keystore")
    return _no_keystore()


def _accounts() -> Any:
    from eth_account import Account

    keep_limit()
    return Account
