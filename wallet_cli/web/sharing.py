"""At a window, in both directions: our code on this screen, or theirs read from theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from client import pictures
from client.checks import open_desk
from client.session import Session
from protocol.errors import Denied
from protocol.request_code import PREFIX
from wallet_cli.services import answering, granting, opening, views
from wallet_cli.web import bodies, items
from wallet_cli.web.face import Face
from wallet_cli.web.safe import Unfinished
from wallet_cli.web.turn import Turn


def add(app: FastAPI, face: Face) -> None:
    """The routes of this module."""
    _add_choosing(app, face)
    _add_turn(app, face)
    _add_reading(app, face)
    _add_answering(app, face)
    _add_answer_ends(app, face)


def _begun(unfinished: Unfinished) -> Turn:
    if unfinished.turn is None:
        raise Denied("nothing_begun", "there is nothing to go on with: begin anew")
    return unfinished.turn


def _asked(unfinished: Unfinished) -> answering.Asked:
    if unfinished.asked is None:
        raise Denied("nothing_begun", "there is nothing to go on with: begin anew")
    return unfinished.asked


def _add_choosing(app: FastAPI, face: Face) -> None:
    @app.get("/show")
    def choose(request: Request) -> Response:
        def found(session: Session) -> dict[str, Any]:
            return {"rows": [row for row in items.rows(session) if not (row["own"] or row.get("problem"))]}

        return face.page(request, "show.html", found)

    @app.post("/show")
    def begin(request: Request, body: bodies.Show) -> Response:
        def begun(session: Session) -> dict[str, Any]:
            chosen = tuple(opening.open_item(session, session.store.item(item)) for item in body.items)
            before, face.safe.unfinished.turn = face.safe.unfinished.turn, None
            if before is not None:
                before.end()
            face.safe.unfinished.turn = Turn(session, chosen, optional=body.optional, ask=body.ask)
            return {"go": "/show/now"}

        return face.act(request, begun)


def _add_turn(app: FastAPI, face: Face) -> None:
    @app.get("/show/now")
    def now(request: Request) -> Response:
        def found(_session: Session) -> dict[str, Any]:
            turn = _begun(face.safe.unfinished)
            return {
                "turn": turn,
                "picture": _data_url(turn),
                "titles": [views.title_of(item) for item in turn.items],
                "claims": turn.claims(),
            }

        return face.page(request, "turn.html", found)

    @app.post("/show/state")
    def state(request: Request, _body: bodies.Nothing) -> Response:
        def seen(_session: Session) -> dict[str, Any]:
            turn = _begun(face.safe.unfinished)
            turn.look()
            shown = {"picture": _data_url(turn), "left": turn.left_s()} if turn.stage == "code" else {}
            return {"stage": turn.stage, **shown}

        return face.act(request, seen, quiet=True)

    @app.post("/show/hand")
    def hand(request: Request, _body: bodies.Nothing) -> Response:
        return face.act(request, lambda _session: _ended(_begun(face.safe.unfinished), yes=True))

    @app.post("/show/refuse")
    def refuse(request: Request, _body: bodies.Nothing) -> Response:
        return face.act(request, lambda _session: _ended(_begun(face.safe.unfinished), yes=False))


def _ended(turn: Turn, *, yes: bool) -> dict[str, Any]:
    if yes:
        turn.hand_over()
    else:
        turn.end()
    return {"go": "/show/now", "stage": turn.stage}


def _data_url(turn: Turn) -> str:
    return "data:image/svg+xml," + quote(turn.picture())


def _add_reading(app: FastAPI, face: Face) -> None:
    def read(session: Session, text: str) -> dict[str, Any]:
        mind = face.safe.unfinished
        mind.asked, mind.answered = None, None
        mind.asked = answering.read(session, open_desk(session), text)
        return {"go": "/answer/consent"}

    @app.get("/answer")
    def answer(request: Request) -> Response:
        return face.page(request, "answer.html", lambda _session: {"prefix": PREFIX})

    @app.post("/answer/read")
    def typed(request: Request, body: bodies.Code) -> Response:
        return face.act(request, lambda session: read(session, body.text.strip()))

    @app.post("/answer/picture")
    async def picture(request: Request) -> Response:
        raw = await request.body()

        def done(session: Session) -> dict[str, Any]:
            return read(session, pictures.code_in(raw, PREFIX))

        return await run_in_threadpool(face.act, request, done)


def _add_answering(app: FastAPI, face: Face) -> None:
    @app.get("/answer/consent")
    def consent(request: Request) -> Response:
        def found(_session: Session) -> dict[str, Any]:
            asked = _asked(face.safe.unfinished)
            return {
                "shown": granting.plan_json(asked.plan),
                "desk": asked.request.desk,
                "yes": "/answer/give",
                "no": "/answer/drop",
            }

        return face.page(request, "consent.html", found)

    @app.post("/answer/give")
    def give(request: Request, body: bodies.Consent) -> Response:
        def given(session: Session) -> dict[str, Any]:
            mind = face.safe.unfinished
            asked, mind.asked = _asked(mind), None  # one answer to one yes
            asked = replace(asked, plan=granting.with_also(asked.plan, body.ticked()))
            mind.answered = answering.answer(session, open_desk(session), asked)
            return {"go": "/answer/done"}

        return face.act(request, given)


def _add_answer_ends(app: FastAPI, face: Face) -> None:
    @app.post("/answer/drop")
    def drop(request: Request, _body: bodies.Nothing) -> Response:
        def dropped(_session: Session) -> dict[str, Any]:
            face.safe.unfinished.asked = None
            return {"go": "/"}

        return face.act(request, dropped)

    @app.get("/answer/done")
    def done(request: Request) -> Response:
        answered = face.safe.unfinished.answered
        if answered is None:
            return RedirectResponse("/answer", 303)
        return face.page(request, "answered.html", lambda _session: {"match": answered.match})
