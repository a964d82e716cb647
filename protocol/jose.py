"""Compact JWS with ES256 and nothing else (RFC 7515, RFC 7518 §3.4), and the P-256 keys for it.

A header has exactly the names ``alg, typ, kid``, or ``alg, typ`` where a format has no ``kid``
(key-binding JWTs). ``kid`` is always the RFC 7638 thumbprint of the signing key. Left out on
purpose: ``none``, other algorithms, JSON serialisation, ``crit``, unencoded payloads, and every
header that brings its own key (``jwk``, ``jku``, ``x5c``, ``x5u``): a key comes from a key card on
chain or from ``cnf``, never from the token that it should prove.

High-s signatures are accepted: JOSE does not forbid them and strangers make them. Whoever names a
JWS by its hash names these bytes, so that a second spelling is another object and never a replay of
the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from protocol import canonical
from protocol.canonical import Json
from protocol.encoding import b64u, unb64u
from protocol.errors import Malformed, Untrusted
from protocol.hashing import sha256

MAX_JWS_CHARS = 256 << 10
MAX_HEADER_CHARS = 1024
SIGNATURE_BYTES = 64

_ES256 = ec.ECDSA(hashes.SHA256())
# RFC 6979: a retried signature over the same bytes is the same signature, so that a receipt sent again is
# the same receipt, and no weak random number can give the key away.
_SIGN_ES256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


@dataclass(frozen=True, slots=True)
class PublicJwk:
    """A P-256 public key: two coordinates of 32 bytes each, and a point of the curve."""

    x: bytes
    y: bytes

    def __post_init__(self) -> None:
        if len(self.x) != 32 or len(self.y) != 32:
            raise Malformed("jwk", "a P-256 key has two coordinates of 32 bytes")
        x, y = int.from_bytes(self.x, "big"), int.from_bytes(self.y, "big")
        if x >= _P or y >= _P or (y * y - (x * x * x - 3 * x + _B)) % _P:
            raise Malformed("jwk_point", "the coordinates are not a point of P-256")

    @classmethod
    def from_json(cls, value: Json) -> PublicJwk:
        """From a JWK with exactly ``kty, crv, x, y``; a private member ``d`` is refused with the rest."""
        if not isinstance(value, dict) or set(value) != {"kty", "crv", "x", "y"}:
            raise Malformed("jwk", "expected a JWK with exactly kty, crv, x and y")
        if value["kty"] != "EC" or value["crv"] != "P-256":
            raise Malformed("jwk", "expected a JWK of kty EC and crv P-256")
        return cls(unb64u(value["x"], length=32, what="jwk.x"), unb64u(value["y"], length=32, what="jwk.y"))

    @classmethod
    def of(cls, key: ec.EllipticCurvePublicKey) -> PublicJwk:
        """From a key of ``cryptography``."""
        if not isinstance(key.curve, ec.SECP256R1):
            raise Malformed("jwk", "expected a key on P-256")
        numbers = key.public_numbers()
        return cls(numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))

    def to_json(self) -> dict[str, str]:
        """The JWK with its four required members."""
        return {"kty": "EC", "crv": "P-256", "x": b64u(self.x), "y": b64u(self.y)}

    def thumbprint(self) -> bytes:
        """RFC 7638 SHA-256 thumbprint, 32 bytes."""
        return _thumbprint(self)

    def kid(self) -> str:
        """The thumbprint as it stands in a JWS header."""
        return b64u(self.thumbprint())


class EcSigner(Protocol):
    """Something that signs with one P-256 key; it may live on a device and fail with ``Unavailable``."""

    def public_jwk(self) -> PublicJwk:
        """The public key that verifies what ``sign`` returns."""
        ...

    def sign(self, data: bytes) -> bytes:
        """ES256 over ``data`` (hashed here): 64 bytes, r ‖ s."""
        ...


class P256Signer:
    """An ``EcSigner`` around a private key in memory. Cannot decrypt anything: ES256 only."""

    __slots__ = ("_key",)

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(key.curve, ec.SECP256R1):
            raise Malformed("jwk", "expected a key on P-256")
        self._key = key

    @classmethod
    def from_secret(cls, secret: bytes) -> P256Signer:
        """From a scalar of 32 bytes, big-endian, between 1 and n − 1."""
        scalar = int.from_bytes(secret, "big")
        if len(secret) != 32 or not 0 < scalar < _N:
            raise Malformed("jwk_secret", "expected a P-256 scalar of 32 bytes between 1 and n-1")
        return cls(ec.derive_private_key(scalar, ec.SECP256R1()))

    def public_jwk(self) -> PublicJwk:
        return PublicJwk.of(self._key.public_key())

    def sign(self, data: bytes) -> bytes:
        r, s = decode_dss_signature(self._key.sign(data, _SIGN_ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def __repr__(self) -> str:
        return "P256Signer(****)"


@dataclass(frozen=True, slots=True)
class Jws:
    """One compact JWS, parsed and not yet verified; ``raw`` is what was signed and what is hashed."""

    header: dict[str, Json]
    payload: bytes
    signing_input: bytes
    signature: bytes
    raw: str

    @property
    def kid(self) -> bytes:
        """The thumbprint in the header, 32 bytes; empty if this format has none."""
        return unb64u(self.header["kid"]) if "kid" in self.header else b""

    def claims(self) -> dict[str, Json]:
        """The payload as a JSON object, or ``Malformed``."""
        return canonical.loads_object(self.payload, limit=MAX_JWS_CHARS, what="JWS payload")

    def digest(self) -> bytes:
        """SHA-256 of the JWS bytes: how receipts, slips and scenarios are named."""
        return sha256(self.raw.encode("ascii"))


def sign_jws(header: dict[str, Json], payload: dict[str, Json] | bytes, signer: EcSigner) -> str:
    """A compact ES256 JWS; ``alg`` is added, a dictionary becomes JCS."""
    if "alg" in header:
        raise ValueError("alg is not the caller's choice")
    body = payload if isinstance(payload, bytes) else canonical.dumps(payload)
    signing_input = b64u(canonical.dumps({"alg": "ES256", **header})) + "." + b64u(body)
    return signing_input + "." + b64u(signer.sign(signing_input.encode("ascii")))


def sign_typed(typ: str, payload: dict[str, Json], signer: EcSigner) -> str:
    """``sign_jws`` with the header of all our formats: ``typ``, and ``kid`` = the signer's thumbprint."""
    return sign_jws({"typ": typ, "kid": signer.public_jwk().kid()}, payload, signer)


def parse_jws(raw: str | bytes, *, typ: str, kid: bool = True, limit: int = MAX_JWS_CHARS) -> Jws:
    """Split and check one compact JWS of exactly this ``typ``; nothing is verified yet.

    ``kid=False`` is for formats whose header is exactly ``alg, typ``. ``limit`` is in characters.
    Raises ``Malformed`` only.
    """
    text = _ascii(raw, limit)
    parts = text.split(".")
    if len(parts) != 3:
        raise Malformed("jws", "expected {typ}, a JWS of three parts, got {parts}", typ=typ, parts=len(parts))
    header = _header(parts[0], typ, kid)
    return Jws(
        header=dict(header),
        payload=unb64u(parts[1], what="JWS payload"),
        signing_input=f"{parts[0]}.{parts[1]}".encode("ascii"),
        signature=unb64u(parts[2], length=SIGNATURE_BYTES, what="JWS signature"),
        raw=text,
    )


def kid_of(raw: bytes, *, typ: str) -> bytes:
    """The thumbprint that a JWS of this ``typ`` names, 32 bytes, before anything behind its header is looked at.

    For objects so large that a stranger's must bounce at once. Raises ``Malformed`` only.
    """
    head, dot, _ = raw[: MAX_HEADER_CHARS + 1].partition(b".")
    if not dot and len(head) <= MAX_HEADER_CHARS:
        raise Malformed("jws", "expected {typ}, a JWS of three parts, got {parts}", typ=typ, parts=1)
    return unb64u(_header(_ascii(head, MAX_HEADER_CHARS + 1), typ, kid=True)["kid"])


def verify_jws(jws: Jws, key: PublicJwk) -> Jws:
    """Return ``jws`` if ``key`` signed it and its ``kid``, if any, names that key; else ``Untrusted``."""
    kid = jws.kid
    if kid and kid != key.thumbprint():
        raise Untrusted(
            "jws_kid", "the JWS names key {got}, expected {want}", got=str(jws.header["kid"]), want=key.kid()
        )
    verify_es256(key, jws.signing_input, jws.signature, code="jws_signature")
    return jws


def verify_es256(key: PublicJwk, data: bytes, signature: bytes, *, code: str = "es256_signature") -> None:
    """Raise ``Untrusted(code)`` unless ``signature`` (r ‖ s, 64 bytes) over ``data`` is by ``key``."""
    if len(signature) != SIGNATURE_BYTES:
        raise Untrusted(code, "an ES256 signature has {want} bytes, got {got}", want=64, got=len(signature))
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        _loaded(key).verify(der, data, _ES256)
    except InvalidSignature:
        raise Untrusted(code, "the ES256 signature is not by key {kid}", kid=key.kid()) from None


def _ascii(raw: str | bytes, limit: int) -> str:
    if len(raw) > limit:
        raise Malformed("too_large", "JWS: at most {limit} characters, got {got}", limit=limit, got=len(raw))
    text = raw if isinstance(raw, str) else raw.decode("latin-1")
    if not text.isascii():
        raise Malformed("jws", "a JWS is ASCII")
    return text


@lru_cache(maxsize=1024)  # a signer's header is always the same; at most a megabyte of them
def _header(part: str, typ: str, kid: bool) -> Mapping[str, Json]:
    if len(part) > MAX_HEADER_CHARS:
        raise Malformed("jws_header", "the JWS header has more than {limit} characters", limit=MAX_HEADER_CHARS)
    header = canonical.loads_object(unb64u(part, what="JWS header"), what="JWS header")
    names = {"alg", "typ", "kid"} if kid else {"alg", "typ"}
    if set(header) != names:
        raise Malformed("jws_header", "expected a JWS header with exactly {names}", names=", ".join(sorted(names)))
    if header["alg"] != "ES256":
        raise Malformed("jws_alg", "expected alg ES256")
    if header["typ"] != typ:
        raise Malformed("jws_typ", "expected a JWS of type {typ}", typ=typ)
    if kid:
        unb64u(header["kid"], length=32, what="kid")
    return header


@lru_cache(maxsize=1024)
def _thumbprint(key: PublicJwk) -> bytes:
    return sha256(canonical.dumps(key.to_json()))


@lru_cache(maxsize=1024)
def _loaded(key: PublicJwk) -> ec.EllipticCurvePublicKey:
    x, y = int.from_bytes(key.x, "big"), int.from_bytes(key.y, "big")
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
