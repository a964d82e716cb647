"""Hard frames: our codes as a window's camera meets them, drawn anew from a seed.

Each kind of trouble grows in steps, from none to more than any reader bears, so that a rate tells how far one gets. The
last kind has a little of all of them.
"""

from __future__ import annotations

import base64
import io
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter
from playwright.sync_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from client import scanner
from client.qr import modules
from protocol.encoding import base45

SIZE = (1280, 720)
STEPS = 30
CODE_BYTES = 120
BATCH = 12
GREY = 150
Matrix = tuple[float, float, float, float, float, float, float, float]
READ = """async (frames) => {
  const { Scanner } = await import("/static/scanner.js");
  const scanner = new Scanner();
  await scanner.warm();
  const found = [];
  for (const frame of frames) {
    const bytes = Uint8Array.from(atob(frame), (one) => one.charCodeAt(0));
    const began = performance.now();
    const texts = await scanner.file(new Blob([bytes], { type: "image/jpeg" })).catch(() => []);
    found.push({ texts, ms: performance.now() - began });
  }
  return found;
}"""


@dataclass(frozen=True)
class Frame:
    """One JPEG, the text that stands in it, and which trouble it has how much of (0 to 1)."""

    kind: str
    strength: float
    text: str
    jpeg: bytes


def frames(seed: int = 1, steps: int = STEPS) -> Iterator[Frame]:
    """``steps`` frames of each kind, the same ones for the same seed."""
    for kind, trouble in KINDS.items():
        for step in range(steps):
            strength = step / (steps - 1)
            rng = random.Random(f"{seed} {kind} {step}")
            text = "OF1:" + base45(rng.randbytes(CODE_BYTES))
            yield Frame(kind, strength, text, _jpeg(trouble(text, strength, rng)))


def read_in_page(page: Page, found: Sequence[Frame]) -> list[dict[str, Any]]:
    """What the page's own scanner makes of each frame: ``texts``, and ``ms`` from the file to the answer."""
    answers: list[dict[str, Any]] = []
    for at in range(0, len(found), BATCH):
        batch = [base64.b64encode(frame.jpeg).decode("ascii") for frame in found[at : at + BATCH]]
        answers += page.evaluate(READ, batch)
    return answers


def _scene(text: str, rng: random.Random, *, turn: float = 0.0, tilt: float = 0.0, scale: float = 5.0) -> Image.Image:
    """A telephone's screen with a code, before a counter; turned by ``turn`` radians, tilted away by ``tilt``."""
    rows = modules(text)
    side = len(rows)
    code = Image.new("L", (side, side), 255)
    code.putdata([0 if dark else 255 for row in rows for dark in row])
    screen = Image.new("L", (SIZE[0] * 2, SIZE[1] * 2), GREY)
    size = round(side * scale * 2)
    screen.paste(code.resize((size, size), Image.Resampling.NEAREST), (SIZE[0] - size // 2, SIZE[1] - size // 2))
    way = rng.uniform(0, 2 * math.pi)
    view = _view(turn, tilt, way)
    return screen.transform(SIZE, Image.Transform.PERSPECTIVE, view, Image.Resampling.BICUBIC, fillcolor=GREY)


def _view(turn: float, tilt: float, way: float) -> Matrix:
    """From a pixel of the frame to one of the screen at twice its size: turned and tilted about the middle."""
    c, s = 2 * math.cos(turn), 2 * math.sin(turn)
    g, h = tilt * math.cos(way) / SIZE[1], tilt * math.sin(way) / SIZE[1]
    x, y = SIZE[0] / 2, SIZE[1] / 2
    # T(2x, 2y) · [c -s 0; s c 0; g h 1] · T(-x, -y), divided by its last element.
    k = 1 - g * x - h * y
    a, b, d, e = c + 2 * x * g, -s + 2 * x * h, s + 2 * y * g, c + 2 * y * h
    left, top = 2 * x - (a * x + b * y), 2 * y - (d * x + e * y)
    return (a / k, b / k, left / k, d / k, e / k, top / k, g / k, h / k)


def _turned(text: str, strength: float, rng: random.Random) -> Image.Image:
    return _scene(text, rng, turn=strength * math.pi + rng.uniform(-0.05, 0.05), scale=4.0)


def _tilted(text: str, strength: float, rng: random.Random) -> Image.Image:
    return _scene(text, rng, tilt=1.9 * strength, turn=rng.uniform(-0.2, 0.2))


def _blurred(text: str, strength: float, rng: random.Random) -> Image.Image:
    return _scene(text, rng, turn=rng.uniform(-0.2, 0.2)).filter(ImageFilter.GaussianBlur(4.5 * strength))


def _glaring(text: str, strength: float, rng: random.Random) -> Image.Image:
    return _glare(_scene(text, rng, turn=rng.uniform(-0.2, 0.2)), strength, rng)


def _glare(scene: Image.Image, strength: float, rng: random.Random) -> Image.Image:
    """A lamp in the screen: a white spot with soft edges, somewhere on the code."""
    spot = Image.new("L", SIZE, 0)
    x, y = SIZE[0] / 2 + rng.uniform(-90, 90), SIZE[1] / 2 + rng.uniform(-90, 90)
    radius = 10 + 140 * strength
    ImageDraw.Draw(spot).ellipse((x - radius, y - radius * 0.6, x + radius, y + radius * 0.6), fill=255)
    return Image.composite(Image.new("L", SIZE, 255), scene, spot.filter(ImageFilter.GaussianBlur(8 + radius / 6)))


def _noisy(text: str, strength: float, rng: random.Random) -> Image.Image:
    return _noise(_scene(text, rng, turn=rng.uniform(-0.2, 0.2), scale=3.5), strength, rng)


def _noise(scene: Image.Image, strength: float, rng: random.Random) -> Image.Image:
    grain = Image.frombytes("L", SIZE, rng.randbytes(SIZE[0] * SIZE[1]))
    return Image.blend(scene, grain, 0.85 * strength)


def _dim(text: str, strength: float, rng: random.Random) -> Image.Image:
    """A dark screen in a dark room: hardly any contrast left, and the sensor's own noise on it."""
    kept = 1 - 0.97 * strength
    scene = _scene(text, rng, turn=rng.uniform(-0.2, 0.2)).point(lambda value: round(20 + value * 0.8 * kept))
    grain = Image.frombytes("L", SIZE, rng.randbytes(SIZE[0] * SIZE[1])).point(lambda value: value // 32)
    return ImageChops.add(scene, grain)


def _mixed(text: str, strength: float, rng: random.Random) -> Image.Image:
    scene = _scene(text, rng, turn=rng.uniform(-3, 3), tilt=0.8 * strength, scale=4.5)
    scene = _glare(scene.filter(ImageFilter.GaussianBlur(1.8 * strength)), 0.35 * strength, rng)
    return _noise(scene, 0.4 * strength, rng)


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


async def _blank(_request: Request) -> Response:
    return HTMLResponse("<!doctype html><title>frames</title>")


async def _static(request: Request) -> Response:
    raw, kind = scanner.file(request.path_params["name"]) or (b"", "text/plain")
    return Response(raw, media_type=kind)


# A page with the scanner's files and nothing else.
APP = Starlette(routes=[Route("/", _blank), Route("/favicon.ico", _blank), Route("/static/{name}", _static)])


KINDS: dict[str, Callable[[str, float, random.Random], Image.Image]] = {
    "rotation": _turned,
    "perspective": _tilted,
    "blur": _blurred,
    "glare": _glaring,
    "noise": _noisy,
    "dim": _dim,
    "mixed": _mixed,
}
