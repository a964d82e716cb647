"""What a signed request covers: the part of RFC 9421 and RFC 9530 that both sides must agree on.

``docs/http.md`` "Who signs what". The signature itself is made and checked outside ``protocol`` (PyPI
``http-message-signatures``), since it needs a clock and a message object; here stand the names, the list
of covered components, the parameters, and the checks of both. Left out: algorithms other than ES256,
digests other than SHA-256, response signatures, and the nonce store of the vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from protocol.encoding import b64, b64u, unb64, unb64u
from protocol.errors import Denied, Malformed

LABEL = "onefile"
TAG = "onefile/v1"
ALG = "ecdsa-p256-sha256"
MAX_AGE_S = 60
NONCE_BYTES = 16
IDEMPOTENCY_BYTES = 16

CONTENT_DIGEST = "content-digest"
IDEMPOTENCY_KEY = "idempotency-key"
ACT_FOR = "onefile-act-for"
ALWAYS_COVERED = ("@method", "@target-uri")
COVERED_IF_PRESENT = (CONTENT_DIGEST, IDEMPOTENCY_KEY, ACT_FOR)
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_DIGEST_START, _DIGEST_END = "sha-256=:", ":"


@dataclass(frozen=True, slots=True)
class SignatureParameters:
    """The parameters of one signature: when (seconds since 1970), by which key, and the nonce as spelled."""

    created: int
    keyid: str
    nonce: str


def components(header_names: Iterable[str]) -> tuple[str, ...]:
    """The components that a request with these headers covers, in our order."""
    present = {name.lower() for name in header_names}
    return ALWAYS_COVERED + tuple(name for name in COVERED_IF_PRESENT if name in present)


def check_components(covered: Iterable[str], header_names: Iterable[str], *, method: str, body: bool) -> None:
    """Refuse a signature that leaves uncovered what it must cover.

    ``covered``: component names without quotes. A body needs its digest, a write its idempotency key;
    what is present but not covered could have been added by somebody else on the way.
    """
    names = {name.lower() for name in header_names}
    required = set(components(names))
    if body:
        required.add(CONTENT_DIGEST)
    if method.upper() in WRITES:
        required.add(IDEMPOTENCY_KEY)
    missing = sorted(required - set(covered))
    if missing:
        raise Denied(
            "signature_components",
            "the request signature does not cover {missing}",
            missing=", ".join(missing),
        )


def parameters(raw: Mapping[str, object]) -> SignatureParameters:
    """The parameters of a signature; ``Malformed`` unless they are exactly ours."""
    if set(raw) != {"created", "keyid", "alg", "nonce", "tag"}:
        raise Malformed("signature_parameters", "expected the parameters created, keyid, alg, nonce and tag")
    created, keyid, nonce = raw["created"], raw["keyid"], raw["nonce"]
    if raw["alg"] != ALG or raw["tag"] != TAG:
        raise Malformed("signature_parameters", "expected alg {alg} and tag {tag}", alg=ALG, tag=TAG)
    if not isinstance(created, int) or isinstance(created, bool) or created < 0:
        raise Malformed("signature_parameters", "created: expected seconds since 1970")
    unb64u(keyid, length=32, what="keyid")
    unb64u(nonce, length=NONCE_BYTES, what="nonce")
    return SignatureParameters(created, str(keyid), str(nonce))


def check_age(created: int, now: int) -> None:
    """Refuse a signature made more than a minute before or after ``now`` (both seconds since 1970)."""
    if abs(now - created) > MAX_AGE_S:
        raise Denied(
            "signature_stale",
            "the request was signed {age_s} s away from the vault's clock, at most {limit} s are allowed",
            age_s=abs(now - created),
            limit=MAX_AGE_S,
        )


def token(random16: bytes) -> str:
    """A nonce or an idempotency key as it is spelled in a header; from 16 random bytes."""
    if len(random16) != NONCE_BYTES:
        raise Malformed(
            "length",
            "{what}: expected {want} bytes, got {got}",
            what="nonce",
            want=NONCE_BYTES,
            got=len(random16),
        )
    return b64u(random16)


def check_idempotency_key(value: object) -> str:
    """An ``Idempotency-Key``, or ``Malformed``."""
    unb64u(value, length=IDEMPOTENCY_BYTES, what=IDEMPOTENCY_KEY)
    return str(value)


def content_digest(sha256: bytes) -> str:
    """The ``Content-Digest`` of a body with this SHA-256 (RFC 9530)."""
    return f"{_DIGEST_START}{b64(sha256)}{_DIGEST_END}"


def parse_content_digest(value: object) -> bytes:
    """The SHA-256 that a ``Content-Digest`` names; a list of several digests is refused."""
    if not isinstance(value, str) or not value.startswith(_DIGEST_START) or not value.endswith(_DIGEST_END):
        raise Malformed("content_digest", "Content-Digest: expected sha-256=:…:")
    return unb64(value[len(_DIGEST_START) : -len(_DIGEST_END)], length=32, what="Content-Digest")


def target_uri(origin: str, path: str, query: str = "") -> str:
    """``@target-uri`` of a request, built from the configured public origin and the raw path and query."""
    return f"{origin.rstrip('/')}{path}{'?' + query if query else ''}"
