"""Bodies are bounded before anything reads them: by Content-Length at once, by counting while they come.

They are bounded in time too: so many seconds, and then as many as the bytes are worth at a slow line's pace.
Of a JSON body the values are counted too, by the marks before them: a reader makes an object of each, and a model an
error of each that it does not know, of a hundred times its size.
"""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protocol.wire_uploads import SEGMENT_BYTES
from vault_api import metrics

PAYLOAD_PATH = "/v1/payloads/"
SEGMENT_PATH = "/v1/uploads/"
MAX_BODY_PARTS = 1 << 15  # the largest request, a grant of 64 items with 64 documents each, has 21,000
MIN_PACE = 4 << 10  # bytes a second, on the average, once the first seconds are over
_PART_MARKS = (b",", b"[", b"{")


class BodyLimit:
    """ASGI middleware: 413 for a body above ``json_bytes`` (``payload_bytes`` on uploads) or of too many values.

    And 408 for one that takes longer than ``body_s`` and what its bytes are worth.
    """

    def __init__(self, app: ASGIApp, *, json_bytes: int, payload_bytes: int, body_s: float = 30.0) -> None:
        self._app = app
        self._json_bytes = json_bytes
        self._payload_bytes = payload_bytes
        self._body_s = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        whole = scope["method"] == "PUT" and scope["path"].startswith(PAYLOAD_PATH)
        segment = scope["method"] == "PATCH" and scope["path"].startswith(SEGMENT_PATH)
        limit = self._payload_bytes if whole else SEGMENT_BYTES if segment else self._json_bytes
        parts = None if whole or segment else MAX_BODY_PARTS
        body = _Body(receive, _announced(scope), limit, parts, self._body_s)
        await self._app(scope, body.receive, send)


class _Body:
    """A body on its way in. Asked for by the route, not before: so a refusal meets the application's handlers."""

    def __init__(self, receive: Receive, announced: int, limit: int, parts: int | None, patience_s: float) -> None:
        self._receive = receive
        self._announced = announced
        self._limit = limit
        self._room = parts
        self._patience_s = patience_s
        self._received = self._parts = 0
        self._begun = 0.0
        self._ended = False

    async def receive(self) -> Message:
        """The next piece, if the body is within its bounds still."""
        if self._announced > self._limit:
            raise HTTPException(413)
        if self._ended:  # whoever asks now waits for the end of the connection
            return await self._receive()
        message = await self._in_time()
        self._ended = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        self._received += len(body)
        if self._room is not None:
            self._parts += sum(map(body.count, _PART_MARKS))
        if self._received > self._limit or (self._room is not None and self._parts > self._room):
            raise HTTPException(413)
        return message

    async def _in_time(self) -> Message:
        self._begun = self._begun or asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(self._begun + self._patience_s + self._received / MIN_PACE):
                return await self._receive()
        except TimeoutError:
            metrics.LIMITED.labels("body_late").inc()
            raise HTTPException(408) from None


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:19])
    return 0
