"""Own documents, the check of the back-up, and the sync."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from client.files import private_folder
from client.session import Session
from protocol.errors import Malformed
from wallet_cli.services import backup, documents
from wallet_cli.services.documents import PutOrder
from wallet_cli.web import bodies, items
from wallet_cli.web.face import Face, refused

DOCUMENT = "onefile-document"
MAX_DOCUMENT_BYTES = 32 << 20


def add(app: FastAPI, face: Face) -> None:
    """The routes of this module."""
    _add_own(app, face)
    _add_backup(app, face)
    _add_sync(app, face)


def _add_own(app: FastAPI, face: Face) -> None:
    @app.get("/own")
    def own(request: Request) -> Response:
        return face.page(request, "own.html", lambda session: {"rows": [r for r in items.rows(session) if r["own"]]})

    @app.post("/own")
    async def put(request: Request) -> Response:
        """The bytes as they are, and what they are called in a header: nothing is kept that was not sealed."""
        with face.speaking(request):
            try:
                said = _said(request.headers.get(DOCUMENT, ""))
            except Malformed as error:
                return refused(error)
        raw = await request.body()
        return await run_in_threadpool(face.act, request, lambda session: _put(session, said, raw))


def _said(header: str) -> bodies.OwnDocument:
    try:
        return bodies.OwnDocument.model_validate_json(unquote(header, errors="strict"))
    except (ValidationError, UnicodeDecodeError):
        raise Malformed("own_document_form", "expected a title, a note and the name of one document") from None


def _put(session: Session, said: bodies.OwnDocument, raw: bytes) -> dict[str, Any]:
    if not 0 < len(raw) <= MAX_DOCUMENT_BYTES:
        raise Malformed(
            "own_document_size", "a document has 1 to {limit} bytes, got {got}", limit=MAX_DOCUMENT_BYTES, got=len(raw)
        )
    with tempfile.TemporaryDirectory(dir=private_folder(session.profile.folder)) as folder:
        path = Path(folder) / "document"
        path.touch(mode=0o600)
        path.write_bytes(raw)
        named = path.rename(path.with_name(_safe_name(said.name)))
        documents.put(session, PutOrder((named,), said.title, said.note or None))
    return {"go": "/own"}


def _safe_name(name: str) -> str:
    return "document" if name in {".", ".."} else name


def _add_backup(app: FastAPI, face: Face) -> None:
    @app.get("/backup")
    def page(request: Request) -> Response:
        return face.page(request, "backup.html", lambda session: {"language": session.party.language})

    @app.post("/backup")
    def check(request: Request, body: bodies.Phrase) -> Response:
        def checked(session: Session) -> dict[str, Any]:
            backup.check_phrase(session, body.phrase)
            return {"matches": True}

        return face.act(request, checked)


def _add_sync(app: FastAPI, face: Face) -> None:
    @app.get("/sync")
    def page(request: Request) -> Response:
        if face.safe.syncing.running:  # it has the session: only what needs none is drawn
            return face.draw(request, "sync.html", job=face.safe.syncing)
        return face.page(request, "sync.html", lambda _session: {"job": face.safe.syncing})

    @app.post("/sync")
    def start(request: Request, _body: bodies.Nothing) -> Response:
        def started(_session: Session) -> dict[str, Any]:
            face.safe.syncing.start(face.safe.opened(), face.lang(request))
            return {"go": "/sync"}

        return face.act(request, started)

    @app.get("/sync/state")
    def state() -> Response:
        return JSONResponse(face.safe.syncing.state())
