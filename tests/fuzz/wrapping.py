"""Layers that a mutation can't cross by itself, put on around the fuzzer's bytes.

Each function takes a plain form, one that a byte mutator changes well, or the finished object as it travels. Which of
the two it is shows in the first bytes. Nothing here is random: the same bytes give the same object, but for age files
of more than one chunk, whose nonces change neither their form nor their cost.
"""

from __future__ import annotations

import io
from functools import cache, lru_cache

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocol.age_format import Stanza
from protocol.encoding import b64u
from protocol.envelope import header_for
from protocol.hashing import hkdf256, sha256
from protocol.jose import P256Signer
from protocol.recipients import X25519Identity
from protocol.stream import CHUNK_BYTES, NONCE_BYTES, FileKey, encrypt_stream

SIGNER = P256Signer.from_secret(bytes(31) + b"\x01")
KID = SIGNER.public_jwk().kid()
FILE_KEY = b"\x2a" * 16
NONCE = bytes(NONCE_BYTES)
ONLY_CHUNK = bytes(11) + b"\x01"
MOST_HEADERS = 64
MOST_LINES = 1024
_NO_SIGNATURE = b64u(bytes(64))
_MARK = b'"#'


class Reader(X25519Identity):
    """Unwraps the same stanzas once: what is sealed here has one header, and opening it would be most of the time."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self._unwrapped = lru_cache(MOST_HEADERS)(super().unwrap)

    def unwrap(self, stanzas: tuple[Stanza, ...]) -> FileKey | None:
        return self._unwrapped(stanzas)


READER = Reader(b"\x07" * 32)


def as_jws(data: bytes, typ: str, *, kid: bool = True) -> bytes:
    """``data`` as it is, or, where it begins like a JSON object, as the payload of a JWS of this type."""
    if not data.startswith(b"{"):
        return data
    return jws(data, typ, kid=kid).encode("ascii")


def jws(payload: bytes, typ: str, *, kid: bool = True) -> str:
    """A JWS of the right form whose signature is zero."""
    names = f',"kid":"{KID}"' if kid else ""
    header = f'{{"alg":"ES256"{names},"typ":"{typ}"}}'
    return f"{b64u(header.encode())}.{b64u(payload)}.{_NO_SIGNATURE}"


def as_sdjwt(data: bytes) -> bytes:
    """Lines of JSON as an SD-JWT: the issuer's claims, each disclosure, and, behind an empty line, the key binding.

    In a line ``"#2"`` stands for the digest of the second disclosure.
    """
    if not data.startswith(b"{"):
        return data
    body, _, binding = data.partition(b"\n\n")
    lines = body.split(b"\n")
    # A disclosure may name others: those that come after it, so that each digest is known when it is needed.
    digests: dict[bytes, bytes] = {}
    encoded: list[bytes] = []
    for number in range(len(lines) - 1, 0, -1):
        raw, digest = _encoded(_filled(lines[number], digests))
        digests[b'"#%d"' % number] = digest
        encoded.append(raw)
    issuer = jws(_filled(lines[0], digests), "dc+sd-jwt").encode("ascii")
    shown = b"~".join([issuer, *reversed(encoded), b""])
    return shown + (jws(binding, "kb+jwt", kid=False).encode("ascii") if binding else b"")


@lru_cache(MOST_LINES)
def _encoded(line: bytes) -> tuple[bytes, bytes]:
    """A disclosure, and its digest as JSON: of most inputs all lines but one are the lines of the input before."""
    raw = b64u(line).encode("ascii")
    return raw, b'"' + b64u(sha256(raw)).encode("ascii") + b'"'


def as_status_token(data: bytes) -> bytes:
    """JSON whose ``"#"`` stands for what follows the first empty line, in base64url."""
    if not data.startswith(b"{"):
        return data
    body, _, packed = data.partition(b"\n\n")
    return as_jws(body.replace(b'"#"', b'"' + b64u(packed).encode("ascii") + b'"', 1), "statuslist+jwt")


def sealed(data: bytes) -> bytes:
    """``data`` as an age file that ``READER`` opens."""
    if len(data) > CHUNK_BYTES:
        out = io.BytesIO()
        encrypt_stream(FileKey(FILE_KEY), io.BytesIO(data), out)
        return _header() + out.getvalue()
    return _header() + NONCE + _cipher().encrypt(ONLY_CHUNK, data, None)


@cache
def _header() -> bytes:
    return header_for(FileKey(FILE_KEY), [READER.recipient()])


@cache
def _cipher() -> ChaCha20Poly1305:
    """Of a payload of one chunk: to derive its key each time takes longer than to seal with it."""
    return ChaCha20Poly1305(hkdf256(FILE_KEY, salt=NONCE, info=b"payload"))


def _filled(line: bytes, digests: dict[bytes, bytes]) -> bytes:
    if _MARK not in line:
        return line
    for name, digest in digests.items():
        line = line.replace(name, digest)
    return line
