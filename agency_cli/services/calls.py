"""Any request to the vault, signed as an agency signs; for those who do not use our client, and to see how it looks.

``docs/signed-request.md`` shows one byte for byte.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from client.http import Call, Reply
from client.problems import error_of
from client.session import Session
from console import exits
from protocol import http_sig
from protocol.errors import Malformed

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD")
MAX_BODY = 64 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent: line, headers in order, body."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def head(self) -> str:
        """The request line and the headers, as HTTP/1.1 writes them."""
        parts = urlsplit(self.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"{self.method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
        return "\n".join([*lines, *(f"{name}: {value}" for name, value in self.headers)]) + "\n"


def make_call(method: str, path: str, body: bytes | None, media_type: str, key: str | None = None) -> Call:
    """The call; ``path`` as in ``docs/http.md``, with its query. ``key``: an Idempotency-Key to repeat a write with."""
    parts = urlsplit(path)
    if not path.startswith("/") or parts.scheme or parts.netloc or parts.fragment or not path.isascii():
        raise Malformed("call_path", "expected a path that begins with /v1/, percent-encoded")
    headers: dict[str, str] = {"content-type": media_type} if body is not None else {}
    if method in http_sig.WRITES:
        chosen = key or http_sig.token(secrets.token_bytes(http_sig.IDEMPOTENCY_BYTES))
        headers[http_sig.IDEMPOTENCY_KEY] = http_sig.check_idempotency_key(chosen)
    # The path goes out as it was written: encoding it again would sign another target.
    return Call(method, path, body=body, headers=headers)


def prepared(session: Session, call: Call) -> Request:
    """The signed request, not sent."""
    http = session.api.http
    return Request(
        call.method, http.base_url + call.url_path, tuple(http.signed_headers(call).items()), call.body or b""
    )


def send(session: Session, call: Call) -> Reply:
    """Send it once; the answer whatever its status is."""
    return session.api.http.reply(call)


def exit_code(reply: Reply) -> int:
    """The exit code that our programs have for an answer: 0, or by its problem."""
    if 200 <= reply.status < 300:
        return exits.OK
    return exits.exit_code(error_of(reply.status, reply.body))
