"""From a request to what a service takes: signature, caller, ids in paths, pages. Dependencies of the routes.

``async`` where nothing blocks; what asks database or chain is a plain function, which the framework runs in a
thread.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response

from protocol import wire
from protocol.encoding import unb64u, unhex0x
from protocol.errors import Malformed
from vault_api.callers import Agency, Holder
from vault_api.http_auth import RequestHead, Signature, check_body, read_signature
from vault_api.pages import Page, read_page
from vault_api.vault import Vault
from vault_api.writes import Answer


async def the_vault(request: Request) -> Vault:
    """The vault that this application serves."""
    vault: Vault = request.app.state.vault
    return vault


Served = Annotated[Vault, Depends(the_vault)]


def request_head(request: Request, public_origin: str) -> RequestHead:
    """Method, target and headers as they were signed: the target from the configured origin and the raw path."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    raw_path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    target = raw_path.split(b"?")[0].decode("latin-1")
    if query:
        target += "?" + query.decode("latin-1")
    return RequestHead(request.method, public_origin.rstrip("/") + target, headers)


async def signature_of(request: Request, vault: Served) -> Signature:
    """The signature over this request and its body; whose it is stays to be found."""
    body = await request.body()
    head = request_head(request, vault.settings.public_origin)
    signature = read_signature(head, now=vault.clock.now(), has_body=bool(body))
    check_body(signature, body)
    return signature


async def stream_signature_of(request: Request, vault: Served) -> Signature:
    """As ``signature_of`` for a body that is streamed: its digest is checked by who reads it."""
    head = request_head(request, vault.settings.public_origin)
    return read_signature(head, now=vault.clock.now(), has_body=True)


ASignature = Annotated[Signature, Depends(signature_of)]
AStreamSignature = Annotated[Signature, Depends(stream_signature_of)]


def the_holder(vault: Served, signature: ASignature) -> Holder:
    """The holder who signed."""
    return vault.callers.holder(signature)


def the_agency(vault: Served, signature: ASignature) -> Agency:
    """The agency that signed."""
    return vault.callers.agency(signature)


AHolder = Annotated[Holder, Depends(the_holder)]
AnAgency = Annotated[Agency, Depends(the_agency)]


async def the_page(
    vault: Served,
    page: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int | None, Query()] = None,
) -> Page:
    """Which rows are wanted."""
    return read_page(page, limit, vault.settings.page_rows)


APage = Annotated[Page, Depends(the_page)]
AListNumber = Annotated[int, Path(ge=0, le=999_999_999)]  # nine digits, as in the list's uri


def id32(text: str, what: str) -> bytes:
    """A 32-byte id in a path."""
    return unb64u(text, length=32, what=what)


def id16(text: str, what: str) -> bytes:
    """A 16-byte id in a path."""
    return unb64u(text, length=16, what=what)


def account_of(text: str) -> bytes:
    """An account in a path."""
    return unhex0x(text, length=20, what="account")


def wait_of(wait: float | None) -> float:
    """How long a caller wants to wait for a change, within bounds."""
    if wait is None:
        return 0.0
    if not 0 <= wait <= wire.MAX_WAIT_S:
        raise Malformed("wait", "wait: expected 0 to {most} seconds", most=wire.MAX_WAIT_S)
    return wait


def rendered(answer: Answer) -> Response:
    """An answer of a write as it goes out; the bytes are kept for the same request again."""
    return Response(answer.body, answer.status, media_type="application/json")
