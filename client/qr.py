"""Drawing a QR code: in a terminal with half blocks, as an SVG, or as a PNG.

Light modules are drawn as blocks, dark ones as spaces, with colours set where the terminal has them: so it scans on a
dark ground and on a light one. Text in alphanumeric mode, at level M, frames at level L
(docs/spec/window.md).
"""

from __future__ import annotations

import io
from pathlib import Path

BORDER = 4
FRAME = "OF2:"
_HALVES = {(1, 1): "█", (1, 0): "▀", (0, 1): "▄", (0, 0): " "}
_WHITE_ON_BLACK, _RESET = "\x1b[97;40m", "\x1b[0m"


def modules(text: str) -> list[list[bool]]:
    """The modules of the code with its quiet zone; True is dark."""
    import qrcode
    from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M

    # A frame is drawn again a second later; a code that stands alone must bear a scratch.
    level = ERROR_CORRECT_L if text.startswith(FRAME) else ERROR_CORRECT_M
    code = qrcode.QRCode(error_correction=level, border=BORDER)
    code.add_data(text)
    code.make(fit=True)
    found: list[list[bool]] = code.get_matrix()
    return found


def blocks(text: str, *, colour: bool) -> str:
    """The code as lines of half blocks."""
    rows = modules(text)
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    lines = []
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        line = "".join(_HALVES[not a, not b] for a, b in zip(upper, lower, strict=True))
        lines.append(f"{_WHITE_ON_BLACK}{line}{_RESET}" if colour else line)
    return "\n".join(lines)


def svg(text: str) -> str:
    """The code as an SVG picture: one path of the dark modules on white, with its quiet zone."""
    rows = modules(text)
    dark = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    size = len(rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path d="{dark}"/></svg>'
    )


def write_svg(text: str, path: Path) -> None:
    """The code as an SVG picture, put in the place of ``path`` whole."""
    from client.files import write_private

    write_private(path, svg(text).encode("ascii"))


def write_png(text: str, path: Path, *, scale: int = 8) -> None:
    """The code as a picture, put in the place of ``path`` whole."""
    from PIL import Image

    from client.files import write_private

    rows = modules(text)
    image = Image.new("1", (len(rows), len(rows)), 1)
    image.putdata([0 if dark else 1 for row in rows for dark in row])
    target = io.BytesIO()
    image.resize((len(rows) * scale, len(rows) * scale)).save(target, "PNG")
    write_private(path, target.getvalue())
