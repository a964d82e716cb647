"""How the page answers: a page drawn in the holder's language and size, or what came of an action as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape

from client.localsite import Entrance
from client.session import Session
from client.titles import spoken
from console.hints import hint_for
from console.i18n import LANGUAGES, _, accept_language, describe, moment, speaking
from protocol.errors import OneFileError
from wallet_cli.web.safe import Safe

FOLDER = Path(__file__).parent
LOCKED = "/locked"
_STATUS = {"malformed": 422, "untrusted": 422, "denied": 409, "unavailable": 503, "conflict": 409}
_PAGES = Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=select_autoescape(default=True))


@dataclass(frozen=True, slots=True)
class Look:
    """What the holder chose, kept in a cookie: ``lang`` (None: as the browser asks), and the elder mode."""

    lang: str | None = None
    elder: bool = False

    @property
    def cookie(self) -> str:
        return f"{self.lang or ''}.{'elder' if self.elder else ''}"

    @classmethod
    def kept(cls, text: str) -> Look:
        """Whatever a cookie says: what is not ours is left out."""
        lang, _dot, size = text.partition(".")
        return cls(lang if lang in LANGUAGES else None, size == "elder")


@dataclass(frozen=True, slots=True)
class Face:
    """The safe behind the page and the door before it."""

    safe: Safe
    entrance: Entrance

    @property
    def look_cookie(self) -> str:
        return f"{self.entrance.cookie_name}-look"

    def look(self, request: Request) -> Look:
        """The holder's choice."""
        return Look.kept(request.cookies.get(self.look_cookie, ""))

    def lang(self, request: Request) -> str:
        """The language of this request."""
        return self.look(request).lang or accept_language(request.headers.get("accept-language"))

    @contextmanager
    def speaking(self, request: Request) -> Iterator[None]:
        with speaking(self.lang(request)):
            yield

    def page(self, request: Request, name: str, work: Callable[[Session], dict[str, Any]]) -> Response:
        """Draw a page with what ``work`` finds; what keeps it from being found is drawn instead."""
        with self.speaking(request):
            try:
                with self.safe.opened() as session:
                    values = work(session)
            except OneFileError as error:
                if error.code == "locked":
                    return RedirectResponse(LOCKED, 303)
                values = {"problem": describe(error), "hint": hint_for(error)}
                return self.draw(request, "error.html", status=status_of(error), **values)
            return self.draw(request, name, **values)

    def draw(self, request: Request, name: str, *, status: int = 200, idle: bool = True, **values: Any) -> HTMLResponse:
        """A page; ``idle`` False: one that is there without the session."""
        look, lang = self.look(request), self.lang(request)
        with speaking(lang):
            text = _PAGES.get_template(name).render(
                _=_,
                lang=lang,
                elder=look.elder,
                moment=moment,
                spoken=spoken,
                here=request.url.path,
                idle=self.safe.idle_s if idle else None,
                pages=_few() if look.elder else [("/", _("First page")), *_all()],
                all_pages=_all(),
                **values,
            )
        return HTMLResponse(text, status)

    def act(self, request: Request, work: Callable[[Session], dict[str, Any]], *, quiet: bool = False) -> JSONResponse:
        """Do something, and say what came of it: ``go`` names the page to draw next."""
        with self.speaking(request):
            try:
                with self.safe.opened(quiet=quiet) as session:
                    return JSONResponse(work(session))
            except OneFileError as error:
                return refused(error)


def status_of(error: OneFileError) -> int:
    """The HTTP status of one of our errors."""
    return 404 if error.code.endswith("_not_found") else _STATUS.get(error.fault, 500)


def refused(error: OneFileError) -> JSONResponse:
    """Why nothing was done, and what to do next."""
    said = {"code": error.code, "detail": describe(error), "hint": hint_for(error)}
    locked = {"go": LOCKED} if error.code == "locked" else {}
    return JSONResponse({**said, **locked}, status_of(error))


def _few() -> list[tuple[str, str]]:
    return [("/", _("First page")), ("/more", _("More"))]


def _all() -> list[tuple[str, str]]:
    return [
        ("/items", _("Items")),
        ("/show", _("Show")),
        ("/answer", _("Answer")),
        ("/grants", _("Grants")),
        ("/uses", _("Who used what")),
        ("/own", _("Own documents")),
        ("/backup", _("Back-up check")),
        ("/sync", _("Sync")),
    ]
