"""The one spelling of COSE_Sign1 (RFC 9052) that our codes have: a template, and no general CBOR decoder.

Tagged, ES256, protected header ``{1: -7}``, no unprotected header, a payload of deterministic CBOR. What a camera
brings is never handed to a CBOR library: the reader takes what stands in the template and refuses every other
spelling. ``external_aad`` binds a code to what need not stand in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from protocol.encoding import base45, unbase45
from protocol.errors import Malformed
from protocol.jose import EcSigner, PublicJwk, verify_es256

_HEAD = bytes.fromhex("d28443a10126a058")  # tag 18, array of 4, h'a10126' = {1: -7}, {}, a string with …
_SIGNATURE = bytes.fromhex("5840")
_PROTECTED = bytes.fromhex("a10126")
_FRAMING = len(_HEAD) + 1 + len(_SIGNATURE) + 64

Code = TypeVar("Code")


@dataclass(frozen=True, slots=True)
class Sign1:
    """A parsed COSE_Sign1, not verified."""

    payload: bytes
    signature: bytes

    def verify(self, key: PublicJwk, *, code: str, external_aad: bytes = b"") -> None:
        """Raise ``Untrusted(code)`` unless ``key`` signed it."""
        verify_es256(key, signed_structure(self.payload, external_aad), self.signature, code=code)


def sign(prefix: str, payload: bytes, signer: EcSigner, *, external_aad: bytes = b"") -> str:
    """``prefix`` and the Base45 (RFC 9285) of the signed payload: what is drawn in alphanumeric mode."""
    signature = signer.sign(signed_structure(payload, external_aad))
    return prefix + base45(_HEAD + bytes([len(payload)]) + payload + _SIGNATURE + signature)


def signed_structure(payload: bytes, external_aad: bytes = b"") -> bytes:
    """``Sig_structure`` of RFC 9052 §4.4: ["Signature1", protected, external_aad, payload]."""
    import cbor2  # slow to load, and most commands show nothing

    return cbor2.dumps(["Signature1", _PROTECTED, external_aad, payload])


def parse(text: str, prefix: str, *, most_payload: int, malformed: Callable[[], Malformed]) -> Sign1:
    """Parse strictly; nothing is verified. Raises ``Malformed`` only, ``malformed()`` where it is no code of ours."""
    if not text.startswith(prefix) or len(text) > len(prefix) + (_FRAMING + most_payload) * 3 // 2 + 1:
        raise malformed()
    cose = unbase45(text[len(prefix) :], what="code")
    size = cose[len(_HEAD)] if len(cose) > len(_HEAD) else 0
    payload_end = len(_HEAD) + 1 + size
    payload, tail = cose[len(_HEAD) + 1 : payload_end], cose[payload_end:]
    if not cose.startswith(_HEAD) or not tail.startswith(_SIGNATURE) or len(tail) != 66:
        raise malformed()
    return Sign1(payload, tail[2:])


class Reader:
    """Takes the members of a payload from its front; whatever is not there is ``malformed()``."""

    def __init__(self, data: bytes, malformed: Callable[[], Malformed]) -> None:
        self._left = data
        self._malformed = malformed

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        taken, self._left = self._left[:size], self._left[size:]
        if len(taken) != size:
            raise self._malformed()
        return taken

    def expect(self, want: bytes) -> None:
        """Exactly these bytes come next."""
        if self.take(len(want)) != want:
            raise self._malformed()

    def uint(self) -> int:
        """A CBOR unsigned integer of up to eight bytes."""
        first = self.take(1)[0]
        if first < 24:
            return first
        if not 24 <= first <= 27:
            raise self._malformed()
        return int.from_bytes(self.take(1 << first - 24), "big")
