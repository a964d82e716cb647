"""Hashes, MACs and key derivation, each under one name.

SHA-256 everywhere in formats; keccak-256 where the chain computes; SM3 beside SHA-256 in
``files[]`` so that a national suite can be added. Keccak comes from pysha3 (six times the default
back end), SHA-2 from hashlib, SM3 and HKDF from ``cryptography``.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sha3 import keccak_256

ZERO32 = bytes(32)


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the concatenation of ``parts``."""
    h = hashlib.sha256()
    for part in parts:
        h.update(part)
    return h.digest()


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it (not SHA3-256)."""
    digest: bytes = keccak_256(data).digest()
    return digest


def sm3(data: bytes) -> bytes:
    """SM3 (GB/T 32905)."""
    h = hashes.Hash(hashes.SM3())
    h.update(data)
    return h.finalize()


def hmac256(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA-256 of the concatenation of ``parts``."""
    return hmac.digest(key, b"".join(parts), "sha256")


def hkdf256(secret: bytes, *, salt: bytes | None, info: bytes, length: int = 32) -> bytes:
    """HKDF-SHA-256 (RFC 5869)."""
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def same(a: bytes, b: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(a, b)
