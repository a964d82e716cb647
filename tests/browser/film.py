"""Films for a camera that does not exist: YUV4MPEG2, grey, as Chromium's fake camera takes them."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

SIZE = (640, 480)
BLANK_FRAMES, CODE_FRAMES = 5, 25


def write_film(path: Path, picture: bytes) -> Path:
    """A film of a second: first a grey wall, then ``picture`` in its middle. The camera plays it again and again."""
    wall = Image.new("L", SIZE, 170)
    held = wall.copy()
    code = Image.open(io.BytesIO(picture)).convert("L")
    code.thumbnail((SIZE[1] - 20, SIZE[1] - 20))
    held.paste(code, ((SIZE[0] - code.width) // 2, (SIZE[1] - code.height) // 2))
    with path.open("wb") as out:
        out.write(b"YUV4MPEG2 W%d H%d F30:1 Ip A1:1 C420jpeg\n" % SIZE)
        for frame in [wall] * BLANK_FRAMES + [held] * CODE_FRAMES:
            out.write(b"FRAME\n" + frame.tobytes() + b"\x80" * (SIZE[0] * SIZE[1] // 2))
    return path
