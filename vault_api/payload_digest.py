"""Whether the bytes that came are the payload that was announced: one check for every blob store."""

from __future__ import annotations

from protocol.errors import Untrusted


def wrong_digest(got: bytes, want: bytes) -> Untrusted:
    """The bytes have the SHA-256 ``got``; they were announced as ``want``."""
    return Untrusted(
        "payload_digest", "the payload's SHA-256 is {got}, expected {want}", got=got.hex(), want=want.hex()
    )
