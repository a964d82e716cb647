"""Bodies are bounded before anything reads them: by Content-Length at once, by counting while they come.

Of a JSON body the values are counted too, by the marks before them: a reader makes an object of each, and a model an
error of each that it does not know, of a hundred times its size.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAYLOAD_PATH = "/v1/payloads/"
MAX_BODY_PARTS = 1 << 15  # the largest request, a grant of 64 items with 64 documents each, has 21,000
_PART_MARKS = (b",", b"[", b"{")


class BodyLimit:
    """ASGI middleware: 413 for a body above ``json_bytes`` or of too many values, or ``payload_bytes`` on uploads."""

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
        received = parts = 0

        async def counted() -> Message:
            nonlocal received, parts
            # Asked here and not in __call__, so that the error meets the application's own handlers.
            if _announced(scope) > limit:
                raise HTTPException(413)
            message = await receive()
            body: bytes = message.get("body", b"")
            received += len(body)
            if not upload:
                parts += sum(map(body.count, _PART_MARKS))
            if received > limit or parts > MAX_BODY_PARTS:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:19])
    return 0
