"""Bodies are bounded before anything reads them: by Content-Length at once, by counting while they come."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAYLOAD_PATH = "/v1/payloads/"


class BodyLimit:
    """ASGI middleware: 413 for a body above ``json_bytes``, or ``payload_bytes`` on uploads."""

    def __init__(self, app: ASGIApp, *, json_bytes: int, payload_bytes: int) -> None:
        self._app = app
        self._json_bytes = json_bytes
        self._payload_bytes = payload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = scope["method"] == "PUT" and scope["path"].startswith(PAYLOAD_PATH)
        limit = self._payload_bytes if upload else self._json_bytes
        received = 0

        async def counted() -> Message:
            nonlocal received
            # Asked here and not in __call__, so that the error meets the application's own handlers.
            if _announced(scope) > limit:
                raise HTTPException(413)
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:19])
    return 0
