"""Uploads in segments: begin, look, one segment after the other, complete or give up."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from protocol import wire, wire_uploads
from protocol.errors import Malformed, Untrusted
from protocol.hashing import same, sha256
from vault_api.callers import Caller
from vault_api.requests import ASignature, AStreamSignature, Served, id16, rendered
from vault_api.routes.late import late_router
from vault_api.services import payloads, uploads
from vault_api.writes import Answer

router = late_router("/v1/uploads")
SEGMENT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def the_sender(vault: Served, signature: ASignature) -> Caller:
    """A holder or an issuer."""
    caller = vault.callers.identify(signature)
    payloads.may_upload(vault, caller)
    return caller


def the_streamer(vault: Served, signature: AStreamSignature) -> Caller:
    """The same, known before the first byte of the body is read."""
    caller = vault.callers.identify(signature)
    payloads.may_upload(vault, caller)
    return caller


ASender = Annotated[Caller, Depends(the_sender)]


@router.post("", status_code=201, response_model=wire_uploads.Upload, responses={200: {"model": wire_uploads.Upload}})
def begin_upload(vault: Served, caller: ASender, body: wire_uploads.BeginUpload) -> Response:
    """Announce a payload; the same announcement again says how far its upload is."""
    return rendered(uploads.begin(vault, caller, body))


@router.get("/{upload}")
def get_upload(vault: Served, caller: ASender, upload: str) -> wire_uploads.Upload:
    """How far an upload is."""
    return uploads.state(vault, caller, id16(upload, "upload"))


@router.patch("/{upload}", response_model=wire_uploads.Upload, openapi_extra=SEGMENT_BODY)
async def patch_upload(
    vault: Served,
    upload: str,
    request: Request,
    caller: Annotated[Caller, Depends(the_streamer)],
    offset: Annotated[int, Query(ge=0, le=wire.MAX_PAYLOAD_BYTES)],
) -> Response:
    """Take the segment at ``offset``, which stands in the signed address and not in a header."""
    ident = id16(upload, "upload")
    want = await asyncio.to_thread(uploads.expected, vault, caller, ident, offset)
    data = await _segment(request, want)
    answer = await asyncio.to_thread(_keep, vault, caller, ident, offset, data)
    return rendered(answer)


@router.post(
    "/{upload}/complete",
    status_code=201,
    response_model=wire.Payload,
    responses={200: {"model": wire.Payload}},
)
def complete_upload(vault: Served, caller: ASender, upload: str) -> Response:
    """Put the segments together: the payload is stored then."""
    return rendered(uploads.complete(vault, caller, id16(upload, "upload")))


@router.delete("/{upload}", response_model=wire_uploads.Upload)
def delete_upload(vault: Served, caller: ASender, upload: str) -> Response:
    """Give an upload up."""
    return rendered(uploads.give_up(vault, caller, id16(upload, "upload")))


async def _segment(request: Request, want: int) -> bytes:
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > want:
                break
    except ClientDisconnect:
        raise Malformed("upload_truncated", "the upload broke off after {got} bytes", got=len(data)) from None
    uploads.check_segment(len(data), want)
    return bytes(data)


def _keep(vault: Served, caller: Caller, ident: bytes, offset: int, data: bytes) -> Answer:
    digest = caller.signature.digest
    if digest is None or not same(digest, sha256(data)):
        raise Untrusted("content_digest_wrong", "Content-Digest is not the digest of the body")
    return uploads.take_segment(vault, caller, ident, offset, data)
