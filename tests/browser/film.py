"""Films for a camera that does not exist: YUV4MPEG2, grey, as Chromium's fake camera takes them."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

SIZE = (640, 480)
BLANK_FRAMES, CODE_FRAMES = 5, 25


def write_film(path: Path, *pictures: bytes) -> Path:
    """A film: a grey wall, then each of ``pictures`` in its middle for a while. The camera plays it again and again."""
    wall = Image.new("L", SIZE, 170)
    scenes = [(wall, BLANK_FRAMES), *((_held(wall, picture), CODE_FRAMES) for picture in pictures)]
    with path.open("wb") as out:
        out.write(b"YUV4MPEG2 W%d H%d F30:1 Ip A1:1 C420jpeg\n" % SIZE)
        for scene, count in scenes:
            for _ in range(count):
                out.write(b"FRAME\n" + scene.tobytes() + b"\x80" * (SIZE[0] * SIZE[1] // 2))
    return path


def _held(wall: Image.Image, picture: bytes) -> Image.Image:
    scene = wall.copy()
    code = Image.open(io.BytesIO(picture)).convert("L")
    code.thumbnail((SIZE[1] - 20, SIZE[1] - 20))
    scene.paste(code, ((SIZE[0] - code.width) // 2, (SIZE[1] - code.height) // 2))
    return scene
