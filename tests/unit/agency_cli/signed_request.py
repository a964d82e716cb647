"""The signed request of ``docs/signed-request.md``, made from fixed key, time and nonce.

``python -m tests.unit.agency_cli.signed_request`` writes the page; a test compares it.
"""

from __future__ import annotations

import json
from pathlib import Path

from client.http import sign_headers
from protocol import http_sig
from protocol.encoding import b64u
from protocol.hashing import sha256
from protocol.jose import P256Signer

PAGE = Path(__file__).resolve().parents[3] / "docs/signed-request.md"
SECRET = bytes(range(1, 33))
KEY = P256Signer.from_secret(SECRET)
CREATED = 1_795_305_600  # 2026-11-22T00:00:00Z
NONCE = b64u(bytes(range(16)))
IDEMPOTENCY = b64u(bytes(range(16, 32)))
ORIGIN = "https://vault.example"
METHOD = "POST"
PATH = "/v1/shows/collect"
BODY = b'{"code":"OF1:EXAMPLE","receipt":"e30.e30.AA"}'

TEXT = """# One signed request, byte for byte

An agency whose own program is not in Python signs its requests itself (RFC 9421, RFC 9530; the rules stand in
[http.md](http.md)). `agency call --show-request METHOD PATH` prints any request as our client signs it, without
sending it. This page walks through one. Key, time and nonces are fixed so that every byte can be compared; tests
make the page anew and verify the signature with OpenSSL and npm's `http-message-signatures`, whose own requests the
vault takes (`tests/interop/test_http_signature_strangers.py`). Never use this key.

## 1. The key
The present key of the agency's key card, P-256. `keyid` is its RFC 7638 SHA-256 thumbprint, base64url.

```json
{jwk}
```
```text
keyid = {keyid}
```

## 2. The body and its digest
{size} bytes, without a line break at the end; `Content-Digest` is their SHA-256 in standard base64 between colons.

```text
{body}
```
```text
{digest}
```

## 3. The signature base
What is signed: one line for each covered component, then the parameters. `@target-uri` is the vault's public origin
(`public_origin` of `GET /v1/info`) with path and query as they are sent. Lines are separated by one line feed; there
is none at the end. A request without a body leaves `content-digest` out, a read leaves `idempotency-key` out too.

```text
{base}
```

## 4. The signature
ES256 over the signature base: SHA-256, P-256, 64 bytes `r ‖ s` (not DER), standard base64 between colons. Ours are
deterministic (RFC 6979); any other good signature is accepted too.

```text
{signature}
```

## 5. The request
`created` must be within 60 seconds of the vault's clock; `nonce` is 16 random bytes and used once;
`Idempotency-Key` is 16 random bytes for each write and stays the same when that write is repeated.

```http
{request}
```
"""


def headers() -> dict[str, str]:
    """The headers of the example before it is signed."""
    return {
        "content-type": "application/json",
        "content-digest": http_sig.content_digest(sha256(BODY)),
        "idempotency-key": IDEMPOTENCY,
    }


def signed() -> dict[str, str]:
    """``Signature-Input`` and ``Signature``."""
    return sign_headers(METHOD, ORIGIN + PATH, headers(), KEY, CREATED, nonce=NONCE)


def base() -> str:
    """The signature base, written out here by the rules of RFC 9421 §2.5 and not by the library that signs."""
    covered = {
        "@method": METHOD,
        "@target-uri": ORIGIN + PATH,
        "content-digest": headers()["content-digest"],
        "idempotency-key": IDEMPOTENCY,
    }
    parameters = signed()["Signature-Input"].removeprefix("onefile=")
    lines = [f'"{name}": {value}' for name, value in covered.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}'])


def request() -> str:
    """The whole request as HTTP/1.1 writes it."""
    names = {"content-type": "Content-Type", "content-digest": "Content-Digest", "idempotency-key": "Idempotency-Key"}
    lines = [f"{METHOD} {PATH} HTTP/1.1", "Host: vault.example", f"Content-Length: {len(BODY)}"]
    lines += [f"{names[name]}: {value}" for name, value in headers().items()]
    lines += [f"{name}: {value}" for name, value in signed().items()]
    return "\n".join([*lines, "", BODY.decode("ascii")])


def page() -> str:
    """The page."""
    jwk = {**KEY.public_jwk().to_json(), "d": b64u(SECRET)}
    return TEXT.format(
        jwk=json.dumps(jwk, indent=2),
        keyid=KEY.public_jwk().kid(),
        size=len(BODY),
        body=BODY.decode("ascii"),
        digest="Content-Digest: " + headers()["content-digest"],
        base=base(),
        signature="Signature: " + signed()["Signature"],
        request=request(),
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
