"""Signed requests: RFC 9421 with ES256 and RFC 9530 digests, as ``docs/http.md`` says.

What is agreed with the clients (components, parameters, ages) stands in ``protocol/http_sig.py``; the grammar and
the signature base come from PyPI ``http-message-signatures``, whose reading of the clock is replaced by ours.
Nonces are not remembered here: a write stores its nonce in the same transaction as what it writes
(``vault_api/requests.py``), so that a replay can't win a race.

``@target-uri`` is built from the configured public origin, never from the ``Host`` header: behind a proxy the
two differ, and a header is the caller's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)
from http_sf import parse as parse_field

from protocol import http_sig
from protocol.encoding import unb64u
from protocol.errors import Denied, Malformed, OneFileError, Untrusted
from protocol.hashing import same, sha256
from protocol.jose import PublicJwk

MAX_SIGNATURE_CHARS = 2048


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The part of a request that a signature covers. ``headers`` have lower-case names."""

    method: str
    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a request's signature, read and not yet verified."""

    head: RequestHead
    thumbprint: bytes
    nonce: bytes
    created: int
    idempotency_key: bytes | None
    act_for: str | None
    digest: bytes | None

    def verify(self, key: PublicJwk) -> None:
        """Raise ``Untrusted("signature_wrong")`` unless ``key`` made it over this request."""
        if key.thumbprint() != self.thumbprint:
            raise _wrong()
        try:
            _Verifier(key).verify(self.head, expect_tag=http_sig.TAG, max_age=None)
        except InvalidSignature:
            raise _wrong() from None


def read_signature(head: RequestHead, *, now: int, has_body: bool) -> Signature:
    """The signature of a request: its form, its coverage and its age are checked, its key is not.

    ``Denied("signature_missing")`` if there is none; ``signature_parameters``, ``signature_components``,
    ``signature_stale`` as ``protocol.http_sig`` says.
    """
    member = _signature_input(head.headers)
    covered = [item[0] for item in member[0]]
    # A parameter on a component ("…";key=…) changes what is covered; we have none.
    if any(item[1] for item in member[0]) or not all(isinstance(name, str) for name in covered):
        raise Malformed("signature_components", "a covered component has a parameter; ours have none")
    found = http_sig.parameters(dict(member[1]))
    http_sig.check_components(covered, head.headers, method=head.method, body=has_body)
    http_sig.check_age(found.created, now)
    key = head.headers.get(http_sig.IDEMPOTENCY_KEY)
    digest = head.headers.get(http_sig.CONTENT_DIGEST)
    return Signature(
        head=head,
        thumbprint=unb64u(found.keyid, length=32, what="keyid"),
        nonce=unb64u(found.nonce, length=http_sig.NONCE_BYTES, what="nonce"),
        created=found.created,
        idempotency_key=unb64u(http_sig.check_idempotency_key(key)) if key is not None else None,
        act_for=head.headers.get(http_sig.ACT_FOR),
        digest=http_sig.parse_content_digest(digest) if digest is not None else None,
    )


def check_body(signature: Signature, body: bytes) -> None:
    """Raise ``Untrusted("content_digest_wrong")`` unless the signed digest is that of ``body``."""
    if signature.digest is None:
        if body:
            raise Denied(
                "signature_components", "the request signature does not cover {missing}", missing="body"
            )
        return
    if not same(signature.digest, sha256(body)):
        raise Untrusted("content_digest_wrong", "Content-Digest is not the digest of the body")


def _signature_input(headers: Mapping[str, str]) -> tuple[list[tuple[Any, dict[str, Any]]], dict[str, Any]]:
    """Our one member of ``Signature-Input``: a list of components and the parameters."""
    raw = headers.get("signature-input")
    if raw is None or "signature" not in headers:
        raise Denied("signature_missing", "this request must be signed (RFC 9421)")
    if len(raw) > MAX_SIGNATURE_CHARS or len(headers["signature"]) > MAX_SIGNATURE_CHARS:
        raise Malformed("signature_parameters", "the signature headers are too long")
    try:
        parsed: Any = parse_field(raw.encode("ascii"), tltype="dictionary")
    except (ValueError, TypeError):
        raise Malformed("signature_parameters", "Signature-Input is not a structured field") from None
    # Which of several signatures counts would be the sender's choice of order, so there is exactly one.
    if len(parsed) != 1:
        raise Malformed("signature_parameters", "expected exactly one signature, got {got}", got=len(parsed))
    member: tuple[Any, dict[str, Any]] = next(iter(parsed.values()))
    if not isinstance(member[0], list):
        raise Malformed("signature_parameters", "Signature-Input does not list components")
    return member


class _Verifier(HTTPMessageVerifier):
    """One key, and no clock: ages are checked against the vault's own."""

    def __init__(self, key: PublicJwk) -> None:
        super().__init__(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=_OneKey(key))

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Done by ``read_signature`` with the vault's clock."""


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, key: PublicJwk) -> None:
        x, y = int.from_bytes(key.x, "big"), int.from_bytes(key.y, "big")
        self._key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()

    def resolve_public_key(self, key_id: str) -> ec.EllipticCurvePublicKey:  # noqa: ARG002 (checked before)
        return self._key


def _wrong() -> OneFileError:
    return Untrusted("signature_wrong", "the request signature is not by the key that it names")
