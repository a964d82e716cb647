"""The window's page over one ``Counter``: parse, call, draw. Everything behind ``client.localsite.Guard``."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from pydantic import BaseModel, ConfigDict, Field

from agency_cli.services.uses import Uses
from agency_cli.window import view
from agency_cli.window.counter import PHOTO, Counter
from agency_cli.window.journal import Line, counts
from agency_cli.window.reasons import REASONS
from client import qr, scanner
from client.localsite import MAX_TOKEN_CHARS, START, START_SCRIPT, Entrance, Guard, start_script
from console.i18n import N_, _, accept_language, moment, speaking
from protocol.errors import OneFileError
from protocol.offline import MAX_FRAMES, PIECE_BYTES

_HERE = Path(__file__).parent
_JS = "text/javascript"
_FILES = {"window.css": "text/css", "window.js": _JS, "sound.js": _JS, "day.js": _JS}
MAX_CODE_CHARS = MAX_FRAMES * PIECE_BYTES * 2
SHOWN_LINES = 50
EVENTS_S = 90  # looks, one a second: a request lives a minute
LOOK_S = 1.0
# What stands in the journal, as a clerk reads it.
RESULTS = {
    "accept": N_("accepted"),
    "reject": N_("rejected"),
    "indeterminate": N_("indeterminate"),
    "refused": N_("refused"),
}
_PAGES = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=select_autoescape(default=True))


class Token(BaseModel):
    """The secret of the start link."""

    model_config = ConfigDict(extra="forbid")
    token: str = Field(max_length=MAX_TOKEN_CHARS)


class Match(BaseModel):
    """The digits that the clerk has compared."""

    model_config = ConfigDict(extra="forbid")
    match: str = Field(pattern="^[0-9]{4}$")


class Code(BaseModel):
    """What a scanner read."""

    model_config = ConfigDict(extra="forbid")
    code: str = Field(max_length=MAX_CODE_CHARS)


def create_app(counter: Counter, entrance: Entrance) -> FastAPI:
    """The application of one window."""
    app = FastAPI(title="OneFile window", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, entrance=entrance)
    _add_entrance(app, entrance)
    _add_counter(app, counter)
    _add_asking(app, counter)
    _add_records(app, counter)
    return app


def _add_entrance(app: FastAPI, entrance: Entrance) -> None:
    @app.get(START)
    def start(request: Request) -> Response:
        return _page(request, "start.html")

    @app.post(START)
    def enter(body: Token) -> Response:
        cookie = entrance.enter(body.token)
        if cookie is None:
            return PlainTextResponse("the start link was used or is wrong; start the program again\n", 403)
        return Response(status_code=204, headers={"Set-Cookie": cookie})

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name == START_SCRIPT:
            return start_script()
        found = _file(name)
        if found is None:
            return PlainTextResponse("no such file\n", 404)
        return Response(found[0], media_type=found[1])


def _add_counter(app: FastAPI, counter: Counter) -> None:
    @app.get("/")
    def window(request: Request) -> Response:
        return _page(request, "window.html", desk=counter.desk)

    @app.get("/asked")
    def asked(request: Request) -> Response:
        with speaking(_language(request)):
            try:
                return JSONResponse(counter.asked())
            except OneFileError as error:
                return JSONResponse(view.refused(error), 502)

    @app.post("/scan")
    def scan(request: Request, body: Code) -> Response:
        with speaking(_language(request)):
            return JSONResponse(counter.serve(body.code.strip()))

    @app.get(PHOTO + "{name}")
    def photo(name: str) -> Response:
        picture = counter.photo(name)
        if picture is None:
            return PlainTextResponse("no such picture\n", 404)
        return Response(picture.raw, media_type=picture.media_type)


def _add_asking(app: FastAPI, counter: Counter) -> None:
    @app.post("/ask")
    def ask(request: Request) -> Response:
        with speaking(_language(request)):
            try:
                return JSONResponse({"picture": "data:image/svg+xml," + quote(qr.svg(counter.ask().text))})
            except OneFileError as error:
                return JSONResponse(view.refused(error), 502)

    @app.get("/events")
    def events() -> Response:
        return StreamingResponse(_until_answered(counter), media_type="text/event-stream")

    @app.post("/open")
    def open_answer(request: Request, body: Match) -> Response:
        with speaking(_language(request)):
            return JSONResponse(counter.open_answer(body.match))


def _until_answered(counter: Counter) -> Iterator[str]:
    """Server-sent events until the request on the screen is answered or over; the page begins anew by itself."""
    for _look in range(EVENTS_S):
        found = counter.answered()
        if found is not None:
            yield f'event: answered\ndata: {{"match": "{found.match}"}}\n\n'
            return
        yield ": still waiting\n\n"
        time.sleep(LOOK_S)
    yield "event: over\ndata: {}\n\n"


def _add_records(app: FastAPI, counter: Counter) -> None:
    @app.get("/today")
    def today() -> Response:
        lines = counter.journal.day(counter.session.clock.now())
        mine = [line for line in lines if line.desk == counter.desk]
        rows = [[line.at, line.result, line.code, line.receipt] for line in mine[-SHOWN_LINES:]]
        return JSONResponse({"served": len(mine), "rows": rows})

    @app.get("/today.csv")
    def export() -> Response:
        out = io.StringIO()
        rows = csv.DictWriter(out, [field.name for field in fields(Line)], lineterminator="\r\n")
        rows.writeheader()
        rows.writerows(map(asdict, counter.journal.day(counter.session.clock.now())))
        saved = {"Content-Disposition": 'attachment; filename="window.csv"'}
        return Response(out.getvalue(), media_type="text/csv", headers=saved)

    @app.get("/supervisor")
    def supervisor(request: Request) -> Response:
        return _page(
            request,
            "supervisor.html",
            words=RESULTS | REASONS,
            seen=counts(counter.journal.day(counter.session.clock.now())),
        )

    @app.get("/receipt/{jti}")
    def receipt(request: Request, jti: str) -> Response:
        use = next((use for use in Uses(counter.session.profile.folder) if use.jti == jti), None)
        if use is None:
            return PlainTextResponse("no such receipt\n", 404)
        return _page(request, "receipt.html", use=use, body=use.receipt.body, desk=counter.desk)


def _file(name: str) -> tuple[bytes, str] | None:
    if name in _FILES:
        return (_HERE / "static" / name).read_bytes(), _FILES[name]
    return scanner.file(name)


def _language(request: Request) -> str:
    return accept_language(request.headers.get("accept-language"))


def _page(request: Request, name: str, **values: Any) -> HTMLResponse:
    lang = _language(request)
    with speaking(lang):
        return HTMLResponse(_PAGES.get_template(name).render(_=_, lang=lang, moment=moment, **values))
