"""The first page, the items by dimension, one item, its documents, and its checks on demand."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from client.checks import open_desk
from client.session import Session
from console.i18n import describe
from protocol.errors import OneFileError
from wallet_cli.services import claiming, documents, opening, views
from wallet_cli.services.opening import OpenedItem
from wallet_cli.web import bodies, drawn
from wallet_cli.web.bodies import Id
from wallet_cli.web.face import LOCKED, Face, status_of

_CHUNK = 256 << 10


def add(app: FastAPI, face: Face) -> None:
    """The routes of this module."""
    _add_pages(app, face)
    _add_documents(app, face)
    _add_checks(app, face)


def rows(session: Session) -> list[dict[str, Any]]:
    """Every item that is present; those that do not open come with the reason."""
    found: list[dict[str, Any]] = []
    for opened in opening.open_all(session):
        if isinstance(opened, OpenedItem):
            found.append(drawn.item(views.summary(opened), session.clock.now()))
        else:
            record, error = opened
            found.append({"item": record.id, "own": False, "dimension": None, "problem": describe(error)})
    return found


def _add_pages(app: FastAPI, face: Face) -> None:
    @app.get("/")
    def home(request: Request) -> Response:
        def found(session: Session) -> dict[str, Any]:
            present = [record for record in session.store.items() if record.state == "present"]
            fresh = sum(record.claimed_at is None for record in present)
            return {"count": len(present), "fresh": fresh, "synced": session.store.log_head().synced_at}

        return face.page(request, "home.html", found)

    @app.get("/items")
    def items(request: Request) -> Response:
        return face.page(request, "items.html", lambda session: {"groups": drawn.groups(rows(session))})

    @app.get("/items/{item}")
    def one(request: Request, item: Id) -> Response:
        def found(session: Session) -> dict[str, Any]:
            opened = opening.open_item(session, session.store.item(item))
            seen = face.safe.unfinished.seen.get(opened.record.id)
            return {
                "item": drawn.item(views.details(opened), session.clock.now()) | drawn.claims(opened),
                "verdict": drawn.verdict(seen.verdict) if seen else None,
            }

        return face.page(request, "item.html", found)


def _add_documents(app: FastAPI, face: Face) -> None:
    @app.get("/items/{item}/documents/{number}")
    def download(request: Request, item: Id, number: int) -> Response:
        """Whole and checked before the first byte leaves; to be saved, never to be drawn by the browser."""
        with face.speaking(request):
            try:
                with face.safe.opened() as session:
                    opened = opening.open_item(session, session.store.item(item))
                    document = opening.find_document(opened, str(number))
                    plain = tempfile.TemporaryFile()  # noqa: SIM115 (closed by who streams it)
                    opening.save_document(session, opened, document, plain)
            except OneFileError as error:
                if error.code == "locked":
                    return RedirectResponse(LOCKED, 303)
                return face.draw(request, "error.html", status=status_of(error), problem=describe(error))
        saved = f"attachment; filename*=UTF-8''{quote(document.entry.name, safe='')}"
        headers = {"Content-Disposition": saved, "Content-Length": str(document.entry.size)}
        return StreamingResponse(_parts(plain), media_type="application/octet-stream", headers=headers)

    @app.post("/items/{item}/delete")
    def delete(request: Request, item: Id, _body: bodies.Confirmed) -> Response:
        def done(session: Session) -> dict[str, Any]:
            documents.delete(session, session.store.item(item))
            return {"go": "/items"}

        return face.act(request, done)


def _parts(plain: BinaryIO) -> Iterator[bytes]:
    with plain:
        plain.seek(0)
        while part := plain.read(_CHUNK):
            yield part


def _add_checks(app: FastAPI, face: Face) -> None:
    def keep(done: claiming.Claimed) -> dict[str, Any]:
        face.safe.unfinished.seen[done.item] = done
        return {"go": f"/items/{done.item}#checks", "verdict": done.verdict.verdict}

    @app.post("/items/{item}/verify")
    def verify(request: Request, item: Id, _body: bodies.Nothing) -> Response:
        def done(session: Session) -> dict[str, Any]:
            return keep(claiming.look(session, open_desk(session), session.store.item(item)))

        return face.act(request, done)

    @app.post("/items/{item}/claim")
    def claim(request: Request, item: Id, _body: bodies.Nothing) -> Response:
        return face.act(request, lambda session: keep(claiming.claim(session, [item])[0]))
