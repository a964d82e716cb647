"""The other direction: a window shows its request, the citizen's wallet answers, the window's page moves by itself."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2
from PIL import Image

from scripts.demo.cast import POLICE
from scripts.demo.teller import StoryError, Teller
from scripts.processes import ROOT, free_port, program

SCALE = 8
DESK = "3"
PATIENCE_S = 30.0
_SIZE = re.compile(r'viewBox="0 0 (\d+) ')
_MODULE = re.compile(r"M(\d+) (\d+)h1v1h-1z")


def ask_at_window(t: Teller, work: Path) -> None:
    with t.step(
        "反方向：窗口出示请求码，公民用钱包应答",
        "The other direction: the window shows its request, the wallet answers",
    ):
        photo = work / "request.png"
        with _window(t) as page:
            asked = page.post("/ask").json()
            photograph(unquote(asked["picture"]), photo)
            answered = t.wallet("alice", "scan", str(photo), "--yes").json
            t.check(answered["agency_name"] == POLICE.name, "the wallet did not say who asks")
            t.proves(f"钱包按登记处说明是谁在请求：{POLICE.name}", f"the registry says who asks: {POLICE.name}")
            match = _match(page)
            t.check(match == answered["match"], f"the digits differ: {match}, {answered['match']}")
            t.proves(f"两边屏幕显示同样的四位数字：{match}", f"both screens show the same four digits: {match}")
            seen = page.post("/open", json={"match": match}).json()
        t.check(seen["verdict"] == "accept", f"the window's verdict is {seen}")
        t.proves("窗口网页自动打开并核验，结论：通过", "the window's page moved by itself, opened and verified: accept")


@contextmanager
def _window(t: Teller) -> Iterator[httpx2.Client]:
    """`agency window` while it runs, and its page as a browser that came in by the start link."""
    port = free_port()
    command = [
        "window",
        "--scenario",
        "window-driving",
        "--desk",
        DESK,
        "--port",
        str(port),
        "--profile",
        POLICE.profile,
    ]
    print(f"     $ agency {' '.join(command)}", flush=True)
    process = subprocess.Popen(
        [program("agency"), *command], env=t.env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        origin, _start, token = process.stdout.readline().strip().partition("/start#")
        transport = httpx2.HTTPTransport(retries=8)  # it answers a moment after it has printed its link
        with httpx2.Client(
            base_url=origin, headers={"origin": origin}, transport=transport, timeout=PATIENCE_S
        ) as page:
            page.post("/start", json={"token": token}).raise_for_status()
            yield page
    except httpx2.HTTPError as error:
        raise StoryError(f"the window does not answer: {error!r}") from None
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _match(page: httpx2.Client) -> str:
    """The digits that the window's page is sent as soon as the answer is there."""
    with page.stream("GET", "/events") as events:
        data = [line for line in events.iter_lines() if line.startswith("data:")]
    found: dict[str, Any] = json.loads(data[0].partition(":")[2])
    return str(found.get("match"))


def photograph(svg: str, target: Path) -> None:
    """A picture of the window's screen, as the wallet's camera takes it."""
    size = _SIZE.search(svg)
    if size is None:
        raise StoryError("the window shows no code")
    edge = int(size[1])
    picture = Image.new("1", (edge, edge), 1)
    for x, y in _MODULE.findall(svg):
        picture.putpixel((int(x), int(y)), 0)
    picture.resize((edge * SCALE, edge * SCALE)).save(target, "PNG")
