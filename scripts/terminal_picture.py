"""A picture of what a terminal shows: block characters drawn as a screen would, for a scanner to read.

Knows only what a QR code in a terminal is made of: full, upper and lower half blocks, and spaces, in the two colours
that the program chose. Everything else on the screen is left out of the picture.
"""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

CELL = 12  # pixels of one character's width; a character is twice as high
MARGIN = 4
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][0-9A-Za-z]|\x1b[=>]|\r")
_CLEARS = re.compile(r"\x1b\[(?:[0-3]?J|\d*;?\d*H)")
_HALVES = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0), "\u00a0": (0, 0)}


def last_code(screen: str) -> list[str]:
    """The lines of the newest QR code in the raw output of a terminal."""
    frame = _CLEARS.split(screen)
    for part in reversed(frame):
        lines = [line for line in _ESCAPES.sub("", part).split("\n") if _is_code(line)]
        if len(lines) >= 10:
            width = max(len(line) for line in lines)
            return [line.ljust(width) for line in lines[-(width // 2 + 4) :]]
    return []


def _is_code(line: str) -> bool:
    return len(line) >= 20 and set(line) <= set(_HALVES) and bool(set(line) & set("█▀▄"))


def picture(lines: list[str], *, light_blocks: bool = True) -> Image.Image:
    """The lines as a grey picture; ``light_blocks``: the terminal draws blocks light on a dark ground."""
    width = max(len(line) for line in lines)
    image = Image.new("L", ((width + 2 * MARGIN) * CELL, (2 * len(lines) + 2 * MARGIN) * CELL), 255)
    for row, line in enumerate(lines):
        for column, character in enumerate(line.ljust(width)):
            for half, lit in enumerate(_HALVES[character]):
                dark = bool(lit) != light_blocks
                if dark:
                    x, y = (MARGIN + column) * CELL, (MARGIN + 2 * row + half) * CELL
                    image.paste(0, (x, y, x + CELL, y + CELL))
    return image


def save(screen: str, target: Path) -> bool:
    """Draw the newest code of ``screen`` into ``target`` (PNG); False if there is none yet."""
    lines = last_code(screen)
    if not lines:
        return False
    picture(lines).save(target)
    return True
