"""Signed requests of parties about themselves: opening, cards, relay, deposits, payloads, status lists."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from protocol import wire, wire_batch
from protocol.encoding import unb64u
from protocol.errors import Malformed, OneFileError, Untrusted
from vault_api.blobs import Upload
from vault_api.callers import Caller
from vault_api.http_auth import Signature
from vault_api.problems import speaks
from vault_api.requests import (
    AListNumber,
    AnAgency,
    ASignature,
    AStreamSignature,
    Served,
    account_of,
    id32,
    rendered,
)
from vault_api.routes.late import late_router
from vault_api.services import cards, deposits, payloads, statuses
from vault_api.services.relay import relay
from vault_api.vault import Vault

router = late_router("/v1")
WRITE_BYTES = 1 << 20
# The body is streamed and no parameter of the route, so that it is described here.
SEALED_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/relay", response_model=wire.Relayed)
def post_relay(vault: Served, signature: ASignature, body: wire.Relay) -> Response:
    """Bring a signed message to one of our contracts."""
    return rendered(relay(vault, signature, body))


@router.post("/dossiers", status_code=201, response_model=wire.Logged)
def post_dossier(vault: Served, signature: ASignature, body: wire.OpenDossier) -> Response:
    """Begin to keep a dossier that is open on chain."""
    tag_key = unb64u(body.tag_key, length=32, what="tag_key")
    return rendered(cards.open_dossier(vault, signature, body, tag_key))


@router.put("/me/card", response_model=wire.Logged)
def put_my_card(vault: Served, signature: ASignature, body: wire.Card) -> Response:
    """Keep the dossier's next key card."""
    return rendered(cards.put_dossier_card(vault, signature, body.card))


@router.put("/agencies/{account}/card", response_model=wire.AgencyRow)
def put_agency_card(vault: Served, account: str, signature: ASignature, body: wire.Card) -> Response:
    """Keep an agency's newest key card."""
    return rendered(cards.put_agency_card(vault, signature, account_of(account), body.card))


def the_party(vault: Served, signature: ASignature) -> Caller:
    """A holder or an agency, whoever signed."""
    return vault.callers.identify(signature)


@router.post("/deposits", status_code=201, response_model=wire.Deposited)
def post_deposit(vault: Served, caller: Annotated[Caller, Depends(the_party)], body: wire.Deposit) -> Response:
    """Take an item into a dossier."""
    return rendered(deposits.deposit(vault, caller, body))


@router.post("/deposits/batch", response_model=wire_batch.DepositRows)
def post_deposits(
    vault: Served, request: Request, caller: Annotated[Caller, Depends(the_party)], body: wire_batch.DepositBatch
) -> Response:
    """Take several items into dossiers, each by itself."""
    return rendered(deposits.deposit_batch(vault, caller, body, speaks(request)))


@router.put("/status-lists/{account}/{n}", response_model=wire.PublicLogged)
def put_status_list(vault: Served, agency: AnAgency, account: str, n: AListNumber, body: wire.StatusToken) -> Response:
    """Take the newest token of a status list from its issuer."""
    return rendered(statuses.put_status_list(vault, agency, account_of(account), n, body.token))


def the_uploader(vault: Served, signature: AStreamSignature) -> Signature:
    """Whoever uploads, known and allowed before the first byte is read."""
    payloads.may_upload(vault, vault.callers.identify(signature))
    return signature


@router.put(
    "/payloads/{sha256}",
    status_code=201,
    response_model=wire.Payload,
    responses={200: {"model": wire.Payload}},
    openapi_extra=SEALED_BODY,
)
async def put_payload(
    vault: Served, sha256: str, request: Request, signature: Annotated[Signature, Depends(the_uploader)]
) -> Response:
    """Stream a sealed payload in, under its own digest."""
    digest = id32(sha256, "sha256")
    if signature.digest != digest:
        raise Untrusted("content_digest_path", "the Content-Digest is not the digest in the path")
    size = await asyncio.to_thread(payloads.payload_size, vault, digest)
    if size is None:
        size = await _receive(vault, digest, request)
    else:
        await _drain(vault, request)
    return rendered(await asyncio.to_thread(payloads.record_payload, vault, signature, digest, size))


async def _receive(vault: Vault, digest: bytes, request: Request) -> int:
    """Store the body; whatever goes wrong, nothing of it stays."""
    upload = await asyncio.to_thread(vault.blobs.upload, digest)
    try:
        await _copy(vault, upload, request)
        payloads.check_least(upload.received)
    except ClientDisconnect:
        await asyncio.to_thread(upload.abort)
        raise Malformed("upload_truncated", "the upload broke off after {got} bytes", got=upload.received) from None
    except BaseException:
        await asyncio.shield(asyncio.to_thread(upload.abort))
        raise
    await asyncio.to_thread(upload.check)
    try:
        # Noted before the bytes are there: who dies between the two leaves nothing that housekeeping does not find.
        await vault.sequencer.acall(lambda tx: payloads.await_payloads(tx, [digest]))
    except OneFileError:
        await asyncio.to_thread(upload.abort)
        raise
    return await asyncio.to_thread(upload.commit)


async def _copy(vault: Vault, upload: Upload, request: Request) -> None:
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        payloads.check_size(vault, upload.received + len(waiting))
        if len(waiting) >= WRITE_BYTES:
            await asyncio.to_thread(upload.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(upload.write, bytes(waiting))


async def _drain(vault: Vault, request: Request) -> None:
    """Read a body that is here already, so that its sender is not cut off in the middle."""
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            payloads.check_size(vault, received)
    except ClientDisconnect:
        return
