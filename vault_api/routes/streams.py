"""Payloads on their way out: streamed from a generator in pieces of 256 KiB, whole or one range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from fastapi.responses import Response, StreamingResponse

from vault_api.services.payloads import Span, etag, parse_range, read_span
from vault_api.vault import Vault


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
    return StreamingResponse(read_span(vault, span), status, headers, "application/octet-stream")
