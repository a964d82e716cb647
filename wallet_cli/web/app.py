"""The page of one wallet: the entrance, how it looks, and the lock; what it can do stands in the modules beside it."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from client import scanner
from client.localsite import START, START_SCRIPT, Entrance, Guard, start_script
from protocol.errors import OneFileError
from wallet_cli.web import bodies, care, giving, items, sharing
from wallet_cli.web.face import FOLDER, LOCKED, Face, Look, refused
from wallet_cli.web.safe import Safe

LARGE = frozenset({"/own", "/answer/picture"})
LOOK_S = 365 * 86_400
_JS, _PNG = "text/javascript", "image/png"
_FILES = {
    "mydata.css": "text/css",
    "early.js": _JS,
    "mydata.js": _JS,
    "turn.js": _JS,
    "camera.js": _JS,
    "sync.js": _JS,
    "icon.svg": "image/svg+xml",
    "icon-192.png": _PNG,
    "icon-512.png": _PNG,
    "mydata.webmanifest": "application/manifest+json",
}


def create_app(safe: Safe, entrance: Entrance) -> FastAPI:
    """The application of one wallet."""
    app = FastAPI(title="OneFile my data", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, entrance=entrance, large=LARGE)
    found = Face(safe, entrance)
    parts: tuple[Callable[[FastAPI, Face], None], ...] = (
        *(_add_entrance, _add_look, _add_lock),
        *(items.add, sharing.add, giving.add, care.add),
    )
    for add in parts:
        add(app, found)
    return app


def _add_entrance(app: FastAPI, face: Face) -> None:
    @app.get(START)
    def start(request: Request) -> Response:
        return face.draw(request, "start.html", idle=False)

    @app.post(START)
    def enter(body: bodies.Token) -> Response:
        cookie = face.entrance.enter(body.token)
        if cookie is None:
            return PlainTextResponse("the start link was used or is wrong; start the program again\n", 403)
        return Response(status_code=204, headers={"Set-Cookie": cookie})

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name == START_SCRIPT:
            return start_script()
        if name in _FILES:
            return Response((FOLDER / "static" / name).read_bytes(), media_type=_FILES[name])
        found = scanner.file(name)
        if found is None:
            return PlainTextResponse("no such file\n", 404)
        return Response(found[0], media_type=found[1])


def _add_look(app: FastAPI, face: Face) -> None:
    @app.post("/look")
    def look(body: bodies.Look) -> Response:
        chosen = Look(body.lang, body.elder)
        answer = JSONResponse({"go": "/"})
        answer.set_cookie(face.look_cookie, chosen.cookie, max_age=LOOK_S, httponly=True, samesite="strict")
        return answer

    @app.get("/more")
    def more(request: Request) -> Response:
        return face.page(request, "more.html", lambda _session: {})


def _add_lock(app: FastAPI, face: Face) -> None:
    @app.get(LOCKED)
    def locked(request: Request) -> Response:
        face.safe.check()
        return face.draw(request, "locked.html", idle=False)

    @app.post("/lock")
    def lock(_body: bodies.Nothing) -> Response:
        face.safe.lock(agent_too=True)
        return JSONResponse({"go": LOCKED})

    @app.post("/unlock")
    def unlock(request: Request, body: bodies.Passphrase) -> Response:
        with face.speaking(request):
            try:
                face.safe.unlock(body.passphrase)
            except OneFileError as error:
                return refused(error)
        return JSONResponse({"go": "/"})
