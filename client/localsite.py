"""Guards of a local web page: this machine's browser, the person who started it, and no other page.

A server on 127.0.0.1 can be reached by every program of the machine, and through DNS rebinding or a form by every web
page that its user visits. So: the `Host` must be our own address; a session begins with a token that was printed once
and travels in the fragment of the start link, which no server, log or referrer sees; whatever changes something must
come from our own origin; and a page may load nothing but our own files.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protocol.hashing import same

ADDRESS = "127.0.0.1"
START = "/start"
OPEN_PREFIX = "/static/"
START_SCRIPT = "start.js"  # of every local page: changes the secret of the start link for a cookie
MAX_BODY_BYTES = 33 << 20  # a picture as a telephone makes it
MAX_FORM_BYTES = 64 << 10  # what people type
MAX_TOKEN_CHARS = 64
_SAFE = frozenset({"GET", "HEAD"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(slots=True)
class Entrance:
    """Who may come in: whoever has the token of the start link, once, and then the cookie that it was changed for."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _used: bool = False

    @property
    def origin(self) -> str:
        return f"http://{ADDRESS}:{self.port}"

    @property
    def link(self) -> str:
        """The start link, to be opened once; its secret is in the fragment."""
        return f"{self.origin}{START}#{self.token}"

    @property
    def cookie_name(self) -> str:
        # Cookies know no ports: two local pages on one machine must not take each other's.
        return f"onefile-{self.port}"

    def enter(self, token: str) -> str | None:
        """The `Set-Cookie` value for the right token, the first time; None otherwise."""
        right = len(token) <= MAX_TOKEN_CHARS and same(token.encode("utf-8"), self.token.encode("ascii"))
        if self._used or not right:
            return None
        self._used = True
        return f"{self.cookie_name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"

    def knows(self, header: str) -> bool:
        """Whether a `Cookie` header carries our cookie."""
        cookies = SimpleCookie()
        try:
            cookies.load(header)
        except CookieError:
            return False
        found = cookies.get(self.cookie_name)
        return found is not None and same(found.value.encode("utf-8"), self._cookie.encode("ascii"))


class Guard:
    """ASGI middleware in front of a local page; `Entrance` says who may come in.

    ``large``: the only paths that take more than ``MAX_FORM_BYTES``; None where every path may.
    """

    def __init__(self, app: ASGIApp, entrance: Entrance, large: frozenset[str] | None = None) -> None:
        self._app = app
        self._entrance = entrance
        self._large = large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope["method"], scope["path"], Headers(scope=scope))
        sending = _hardened(send)
        if refused is not None:
            await refused(scope, receive, sending)
            return
        await self._app(scope, _bounded(receive, self._most(scope["path"])), sending)

    def _most(self, path: str) -> int:
        return MAX_BODY_BYTES if self._large is None or path in self._large else MAX_FORM_BYTES

    def _refusal(self, method: str, path: str, headers: Headers) -> Response | None:
        door = self._entrance
        if headers.get("host") != f"{ADDRESS}:{door.port}":
            return PlainTextResponse("this page answers at its own address only\n", 421)
        if method not in _SAFE and headers.get("origin") != door.origin:
            return PlainTextResponse("another page may not ask this of ours\n", 403)
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"} and path != START:
            return PlainTextResponse("another page may not ask this of ours\n", 403)
        if path == START or path.startswith(OPEN_PREFIX) or door.knows(headers.get("cookie", "")):
            return None
        return PlainTextResponse("open the start link that the program printed\n", 401)


def start_script() -> Response:
    """The script of the page that a start link opens; its place is ``/static/start.js``."""
    return Response(Path(__file__).with_name(START_SCRIPT).read_bytes(), media_type="text/javascript")


def _bounded(receive: Receive, most: int) -> Receive:
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413)
        return message

    return receiving


def _hardened(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
