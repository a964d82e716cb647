"""secp256k1 signatures of accounts over 32-byte digests: recover and compare, one spelling only.

A signature is 65 bytes r ‖ s ‖ v as Ethereum writes it. Refused although some libraries take them: v of 0 or
1, the compact 64 bytes of EIP-2098, and s in the upper half of the order, since each of these would give the
same grant a second valid envelope. Contract accounts (ERC-1271) are never asked here: their approval is a fact
on chain (docs/spec/grant.md §6). Sources: SEC 1 §4.1.6, EIP-2 (low s), Yellow Paper appendix F.
"""

from __future__ import annotations

from threading import local

from coincurve._libsecp256k1 import ffi, lib  # type: ignore[import-not-found]  # compiled, without stubs
from coincurve.context import GLOBAL_CONTEXT

from protocol.errors import Malformed, Untrusted
from protocol.hashing import keccak256

SIGNATURE_BYTES = 65
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF_ORDER = (ORDER // 2).to_bytes(32, "big")
_RECOVERY = {27: 0, 28: 1}
_UNCOMPRESSED = 2  # SECP256K1_EC_UNCOMPRESSED
_CONTEXT = GLOBAL_CONTEXT.ctx
_parse = lib.secp256k1_ecdsa_recoverable_signature_parse_compact
_recover = lib.secp256k1_ecdsa_recover
_serialize = lib.secp256k1_ec_pubkey_serialize


class _Room(local):
    """Where libsecp256k1 writes: one for each thread, as its calls run without the interpreter's lock."""

    def __init__(self) -> None:
        signature = ffi.new("secp256k1_ecdsa_recoverable_signature *")
        key = ffi.new("secp256k1_pubkey *")
        point = ffi.new("unsigned char[65]")
        size = ffi.new("size_t *", 65)
        # In one tuple, since each look at an attribute of a thread's own costs as much as a small hash.
        self.parts = signature, key, point, size, ffi.buffer(point, 65)


_ROOM = _Room()


def recover(digest: bytes, signature: bytes) -> bytes:
    """The 20-byte address whose key made ``signature`` (65 bytes r ‖ s ‖ v) over ``digest`` (32 bytes).

    Raises ``Malformed`` on a wrong length or v, ``Untrusted`` when s is high or no key could have made it.
    A wrong digest does not raise: it gives another address. Compare it, or use ``verify_account``.
    """
    if len(signature) != SIGNATURE_BYTES or len(digest) != 32:
        raise Malformed("signature_form", "a signature has 65 bytes; got {got}", got=len(signature))
    v = _RECOVERY.get(signature[64])
    if v is None:
        raise Malformed("signature_form", "v of a signature is 27 or 28; got {got}", got=signature[64])
    # Big-endian bytes compare as the numbers do, without making an integer.
    if signature[32:64] > _HALF_ORDER:
        raise Untrusted("signature_malleable", "s of a signature is in the upper half of the order (EIP-2)")
    # coincurve's own objects around these three calls would cost a twentieth of a grant's verification.
    parsed, key, point, size, written = _ROOM.parts
    if not _parse(_CONTEXT, parsed, signature, v) or not _recover(_CONTEXT, key, parsed, digest):
        # r or s is 0 or not below the order, or r is on no point of the curve
        raise Untrusted("signature", "no account could have made this signature")
    _serialize(_CONTEXT, point, size, key, _UNCOMPRESSED)
    return keccak256(written[1:])[12:]


def verify_account(digest: bytes, signature: bytes, account: bytes) -> None:
    """Return if ``account`` (20 bytes) signed ``digest``; else raise ``Untrusted``, or as ``recover``."""
    if recover(digest, signature) != account:
        raise Untrusted(
            "signature",
            "the signature is not by account {account} over this message on this chain and contract",
            account="0x" + account.hex(),
        )
