"""A real browser on our local pages: launched, watched, examined by axe-core, photographed.

Whoever opens a page here gets it watched: every request that leaves 127.0.0.1, every violation of the page's own
content security policy and every uncaught error is kept, and ``Watched.check`` asserts that there was none.
"""

from __future__ import annotations

import gc
import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, Route
from starlette.types import ASGIApp

from scripts.processes import listening
from tests.strangers import ROOT, need, need_path

ADDRESS = "127.0.0.1"
PICTURES = ROOT / ".cache" / "browser"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
LANGUAGES = {"zh": "zh-CN", "en": "en"}
MODES = ("light", "dark")
PATIENCE_MS = 20_000
START_S = 10.0
_INSIDE = (f"http://{ADDRESS}:", "data:", "blob:", "about:")
_FLAGS = (
    # Whatever is not this machine has no address: a request that slips past every guard still goes nowhere.
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {ADDRESS}",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
)


def launch(playwright: Playwright, *, camera: Path | None = None) -> Browser:
    """Debian's Chromium. ``camera`` is a Y4M or MJPEG film that every page's camera sees."""
    film = [f"--use-file-for-fake-video-capture={camera}"] if camera else []
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", *film]
    return playwright.chromium.launch(executable_path=need("chromium"), args=[*_FLAGS, *fake])


@dataclass
class Watched:
    """One page of a browser, and what it did that it should not have done. No slots: the driver marks our methods."""

    page: Page
    outside: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.context.on("request", self._requested)
        self.page.context.route(lambda url: not url.startswith(_INSIDE), _abort)
        self.page.on("console", self._told)
        self.page.on("worker", lambda worker: worker.on("console", self._told))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def check(self) -> None:
        """No request left this machine, no policy was violated, nothing was thrown."""
        assert (self.outside, self.violations, self.errors) == ([], [], [])

    def _requested(self, request: Request) -> None:
        if not request.url.startswith(_INSIDE):
            self.outside.append(request.url)

    def _told(self, message: ConsoleMessage) -> None:
        if any(word in message.text for word in ("Content Security Policy", "TrustedScript", "Trusted Type")):
            self.violations.append(message.text)


@contextmanager
def watching(
    browser: Browser, *, lang: str = "en", mode: str = "light", width: int = 1280, height: int = 900
) -> Iterator[Watched]:
    """A page in a context of its own (no cookies of others), which ends with ``check``."""
    context = browser.new_context(
        locale=LANGUAGES[lang],
        color_scheme="dark" if mode == "dark" else "light",
        reduced_motion="reduce",
        viewport={"width": width, "height": height},
    )
    try:
        watched = Watched(context.new_page())
        yield watched
        watched.check()
    finally:
        context.close()


def axe(page: Page) -> list[str]:
    """What axe-core holds against the page as it stands: one line for each rule and element, none where all is well.

    It runs by the debugger, since no page of ours lets a strange script in.
    """
    if not _evaluate(page, "'axe' in window"):
        _evaluate(page, need_path(AXE, "axe-core from npm").read_text(encoding="utf-8") + ";0")
    rules = {"runOnly": {"type": "tag", "values": list(RULES)}}
    found = _evaluate(page, f"window.axe.run(document, {json.dumps(rules)})")
    return [
        f"{rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def photograph(page: Page, name: str, *, lang: str, mode: str) -> Path:
    """A picture of the whole page below ``.cache/browser``, for whoever wants to see what the tests saw."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    target = PICTURES / f"{name}-{lang}-{mode}.png"
    page.screenshot(path=target, full_page=True, animations="disabled")
    return target


@contextmanager
def serving(app: ASGIApp, port: int) -> Iterator[str]:
    """The origin of ``app``, served on 127.0.0.1 by a thread of this process."""
    server = uvicorn.Server(uvicorn.Config(app, ADDRESS, port, log_level="warning", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        _until_listening(port)
        yield f"http://{ADDRESS}:{port}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(START_S)
        # A browser keeps connections and streams open; what the server leaves of them is nobody else's warning.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def _until_listening(port: int) -> None:
    waiting = threading.Event()
    for _look in range(int(START_S / 0.05)):
        if listening(port):
            return
        waiting.wait(0.05)
    raise AssertionError(f"nobody listens on {ADDRESS}:{port}")


def _abort(route: Route) -> None:
    route.abort()


def _evaluate(page: Page, expression: str) -> Any:
    session = page.context.new_cdp_session(page)
    try:
        answer = session.send(
            "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
        )
    finally:
        session.detach()
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"]["value"]
