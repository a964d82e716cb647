"""Payloads on their way out: streamed from a generator in pieces of 256 KiB, whole or one range."""

from __future__ import annotations

from fastapi.responses import Response, StreamingResponse

from protocol.encoding import b64u
from vault_api.services.payloads import Span, read_span
from vault_api.vault import Vault


def payload_response(vault: Vault, span: Span) -> Response:
    """The bytes of ``span``: 200 for the whole payload, 206 for a part of it."""
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(span.end - span.start),
        "Cache-Control": "private, no-store",
        "ETag": f'"{b64u(span.digest)}"',
    }
    if span.partial:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{span.size}"
    status = 206 if span.partial else 200
    return StreamingResponse(read_span(vault, span), status, headers, "application/octet-stream")
