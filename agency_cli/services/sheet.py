"""What is drawn on paper: the sheet of a licence copy, and the strip that a stamp puts under a page.

Chinese and English side by side, in fonts that are embedded, so that the file looks the same on any machine. reportlab
draws TrueType outlines only: Noto CJK, which has others, can't be used. Debian's Droid Sans Fallback has no Latin
letters and no digits: those come from the Vera font that reportlab brings.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocol.errors import Denied, Malformed
from protocol.licence_forms import Title
from protocol.packed import too_large

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

FONT = Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf")
MAX_VERSION = 20
STRIP = 116.0  # points: a code of version 20 with its border has modules of a third of a millimetre in it
_CHINESE, _LATIN = "OneFilePaper", "OneFileLatin"
_A4 = (595.28, 841.89)
_MARGIN = 56.0
_GREY = 0.45
_FAINT = 0.12


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a sheet: what it is called in both languages, and its value."""

    zh: str
    en: str
    value: str

    @classmethod
    def of(cls, title: Title, value: str | int) -> Row:
        """A claim by its title; a yes or a no in both languages."""
        said = ("是 yes" if value else "否 no") if isinstance(value, bool) else str(value)
        return cls(title.zh, title.en, said)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page to draw. ``notes`` stand below the code, ``code`` may be empty."""

    title_zh: str
    title_en: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    code: str = ""


def load_font(path: Path | None) -> None:
    """Register the font to draw with; ``Denied("font_missing")`` if it is not there, ``Malformed`` if it is none."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    pdfmetrics.registerFont(TTFont(_LATIN, "Vera.ttf"))
    found = FONT if path is None else path
    if not found.is_file():
        raise Denied("font_missing", "there is no font with Chinese characters at {path}", path=str(found))
    try:
        pdfmetrics.registerFont(TTFont(_CHINESE, str(found)))
    except TTFError:
        raise Malformed("font_unfit", "{path} is no TrueType font that can be embedded", path=str(found)) from None


def code_modules(text: str) -> list[list[bool]]:
    """The modules of a code of version 20 at most, at level M, or L where M has no room; True is dark."""
    found: list[list[bool]] = _code(text).get_matrix()
    return found


def code_version(text: str) -> int:
    """The version of that code: it has 17 + 4 times as many modules a side."""
    found: int = _code(text).version
    return found


def _code(text: str) -> Any:
    import qrcode
    from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M

    for level in (ERROR_CORRECT_M, ERROR_CORRECT_L):
        code = qrcode.QRCode(error_correction=level, border=4)
        code.add_data(text)
        code.make(fit=True)
        if code.version <= MAX_VERSION:
            return code
    raise too_large()


def draw_sheet(sheet: Sheet) -> bytes:
    """The sheet as a PDF of one page of A4, or of more where its rows need them."""
    canvas, out = _canvas(_A4, sheet.title_en)
    page = _Page(canvas)
    page.text(sheet.title_zh, 20)
    page.text(sheet.title_en, 12, grey=True)
    page.space(14)
    for row in sheet.rows:
        page.row(row)
    if sheet.code:
        page.code(code_modules(sheet.code))
    for note in sheet.notes:
        page.text(note, 8.5, grey=True)
    canvas.save()
    return out.getvalue()


def draw_strip(width: float, height: float, lines: Sequence[str], mark: str, code: str) -> bytes:
    """A page of ``width`` × ``height`` and a strip below it with words and code; ``mark`` across the page."""
    canvas, out = _canvas((width, height + STRIP), "stamp")
    canvas.saveState()
    canvas.translate(width / 2, STRIP + height / 2)
    canvas.rotate(35)
    size = min(36.0, 36.0 * 0.8 * (width**2 + height**2) ** 0.5 / _width(mark, 36.0))
    canvas.setFillAlpha(_FAINT)
    _draw(canvas, -_width(mark, size) / 2, 0, mark, size)
    canvas.restoreState()
    canvas.setFillGray(1)
    canvas.rect(0, 0, width, STRIP, stroke=0, fill=1)
    canvas.setFillGray(0)
    canvas.line(0, STRIP, width, STRIP)
    _draw_code(canvas, code_modules(code), 2, 2, STRIP - 4)
    y = STRIP - 14
    for line in lines:
        for part in _wrapped(line, 8, max(40.0, width - STRIP - 12)):
            _draw(canvas, STRIP + 6, y, part, 8)
            y -= 10
    canvas.save()
    return out.getvalue()


class _Page:
    """A cursor that goes down an A4 page and on to the next one."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._y = _A4[1] - _MARGIN

    def space(self, points: float) -> None:
        self._y -= points
        if self._y < _MARGIN:
            self._canvas.showPage()
            self._y = _A4[1] - _MARGIN

    def text(self, text: str, size: float, *, grey: bool = False) -> None:
        for line in _wrapped(text, size, _A4[0] - 2 * _MARGIN):
            self.space(size * 1.4)
            self._line(line, size, _MARGIN, grey=grey)

    def row(self, row: Row) -> None:
        self.space(18)
        self._line(row.zh, 10, _MARGIN)
        self._line(row.en, 7, _MARGIN, down=9, grey=True)
        for number, line in enumerate(_wrapped(row.value, 11, _A4[0] - 2 * _MARGIN - 170)):
            if number:
                self.space(14)
            self._line(line, 11, _MARGIN + 170)
        self.space(8)

    def code(self, modules: list[list[bool]]) -> None:
        side = 150.0
        self.space(side + 16)
        _draw_code(self._canvas, modules, _MARGIN, self._y, side)

    def _line(self, text: str, size: float, x: float, *, down: float = 0, grey: bool = False) -> None:
        self._canvas.setFillGray(_GREY if grey else 0)
        _draw(self._canvas, x, self._y - down, text, size)


def _wrapped(text: str, size: float, width: float) -> list[str]:
    """Lines that fit: Chinese breaks anywhere, so every text does."""
    lines, left = [""], width
    for char in text:
        wide = _width(char, size)
        if wide > left:
            lines.append("")
            left = width
        lines[-1] += char
        left -= wide
    return lines


def _draw(canvas: Canvas, x: float, y: float, text: str, size: float) -> None:
    for font, part in _runs(text):
        canvas.setFont(font, size)
        canvas.drawString(x, y, part)
        x += _width(part, size)


def _width(text: str, size: float) -> float:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return float(sum(stringWidth(part, font, size) for font, part in _runs(text)))


def _runs(text: str) -> list[tuple[str, str]]:
    """The text in pieces, each with the font that has its characters."""
    from reportlab.pdfbase.pdfmetrics import getFont

    latin = getFont(_LATIN).face.charToGlyph
    runs = groupby(text, lambda char: _LATIN if ord(char) in latin else _CHINESE)
    return [(font, "".join(part)) for font, part in runs]


def _draw_code(canvas: Canvas, modules: list[list[bool]], x: float, y: float, side: float) -> None:
    step = side / len(modules)
    canvas.setFillGray(1)
    canvas.rect(x, y, side, side, stroke=0, fill=1)
    canvas.setFillGray(0)
    path = canvas.beginPath()
    for i, row in enumerate(modules):
        for j, dark in enumerate(row):
            if dark:
                path.rect(x + j * step, y + side - (i + 1) * step, step, step)
    canvas.drawPath(path, stroke=0, fill=1)


def _canvas(size: tuple[float, float], title: str) -> tuple[Canvas, io.BytesIO]:
    from reportlab.pdfgen.canvas import Canvas as Made

    out = io.BytesIO()
    # The same sheet is the same bytes: no time and no random name in it.
    canvas = Made(out, pagesize=size, invariant=True, initialFontName=_LATIN)
    canvas.setTitle(title)
    canvas.setCreator("OneFile")
    return canvas, out
