"""Payloads on their way out: whole or one range, in pieces of 256 KiB.

From a folder, what lies in the system's memory is read by the event loop itself, piece by piece: handing a piece from a
thread to the loop costs more than reading it. What would have to wait for a disk or for S3 is read by a thread, several
pieces at a time, and from S3 while the loop still sends those before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated

from fastapi import Depends, Header
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from vault_api.blobs_folder import FolderPieces
from vault_api.services.payloads import Span, etag, parse_range, read_span
from vault_api.vault import Vault

AT_A_TIME = 8  # pieces that are read together: 2 MiB, and as much again is on its way out


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a payload is asked for, as its headers say."""

    range: str | None
    if_range: str | None

    def of(self, digest: bytes, size: int) -> Span:
        """The span of this payload."""
        return parse_range(digest, size, self.range, self.if_range)


async def the_range(
    range_: Annotated[str | None, Header(alias="range")] = None,
    if_range: Annotated[str | None, Header(alias="if-range")] = None,
) -> Wanted:
    """Which bytes are wanted."""
    return Wanted(range_, if_range)


ARange = Annotated[Wanted, Depends(the_range)]


def payload_response(vault: Vault, span: Span) -> Response:
    """The bytes of ``span``: 200 for the whole payload, 206 for a part of it."""
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(span.end - span.start),
        "Cache-Control": "private, no-store",
        "ETag": etag(span.digest),
    }
    if span.partial:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{span.size}"
    status = 206 if span.partial else 200
    return StreamedResponse(read_span(vault, span), status, headers)


class StreamedResponse(Response):
    """Sends what ``pieces`` gives; its length is in ``headers``. Ends early when nobody listens any more."""

    def __init__(self, pieces: Iterator[bytes], status: int, headers: Mapping[str, str]) -> None:
        self._pieces = pieces
        self.status_code = status
        self.media_type = "application/octet-stream"
        self.background = None
        self.init_headers({"Content-Type": self.media_type, **headers})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (as all responses)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if isinstance(self._pieces, FolderPieces):
                await self._from_memory(self._pieces, send, gone)
            else:
                await self._from_afar(send, gone)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()

    async def _from_memory(self, pieces: FolderPieces, send: Send, gone: asyncio.Future[None]) -> None:
        while pieces.tells and not gone.done():
            piece = pieces.ready()
            some = await asyncio.to_thread(self._some) if piece is None else [piece]
            if not any(some):
                return
            for one in some:
                await send({"type": "http.response.body", "body": one, "more_body": True})
            await asyncio.sleep(0)  # others have their turn after each piece, however fast this one is taken
        await self._from_afar(send, gone)

    async def _from_afar(self, send: Send, gone: asyncio.Future[None]) -> None:
        following = asyncio.ensure_future(asyncio.to_thread(self._some))
        try:
            while (some := await following) and not gone.done():
                following = asyncio.ensure_future(asyncio.to_thread(self._some))
                for piece in some:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            following.cancel()

    def _some(self) -> list[bytes]:
        return list(islice(self._pieces, AT_A_TIME))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
