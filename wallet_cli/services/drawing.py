"""Codes as pictures beside the terminal: whoever holds up another screen finds the code of the moment in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

CLEAR = "\x1b[2J\x1b[H"


class Pictures:
    """A PNG and an SVG, each only if a path was given; several codes are numbered: ``code-1.png``, ``code-2.png``."""

    def __init__(self, png: Path | None, svg: Path | None) -> None:
        self._png, self._svg = png, svg
        self._written: set[Path] = set()

    def write(self, texts: Sequence[str]) -> None:
        """Draw these codes in the place of those before."""
        from client import qr

        for number, text in enumerate(texts, 1):
            for path, write in ((self._png, qr.write_png), (self._svg, qr.write_svg)):
                if path is not None:
                    target = path if len(texts) == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
                    write(text, target)
                    self._written.add(target)

    def remove(self) -> None:
        """Take every picture away again."""
        for path in self._written:
            path.unlink(missing_ok=True)
        self._written.clear()
