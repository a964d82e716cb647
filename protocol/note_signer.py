"""The signer of notes that holds an Ed25519 seed in memory: what signs a log's checkpoints."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.errors import Malformed
from protocol.note import Vkey


class Ed25519NoteSigner:
    """Signs notes under ``name`` with the key of a 32-byte seed (RFC 8032). Its ``repr`` shows no secret."""

    __slots__ = ("_key", "_vkey")

    def __init__(self, name: str, seed: bytes) -> None:
        if len(seed) != 32:
            raise Malformed(
                "length", "{what}: expected {want} bytes, got {got}", what="note key seed", want=32, got=len(seed)
            )
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._vkey = Vkey(name, self._key.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        """The key's name: the log's origin."""
        return self._vkey.name

    @property
    def vkey(self) -> Vkey:
        """The public half."""
        return self._vkey

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature, 64 bytes; deterministic."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"Ed25519NoteSigner({self._vkey})"
