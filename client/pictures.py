"""Find a code of ours in a picture: a photo of a wallet's or a window's screen, or a picture of a terminal.

What a camera or a stranger brings is hostile: the size is read before anything is decoded, a JPEG is decoded at a
fraction of its size, and what the barcode reader sees has at most four megapixels (a picture of 64 costs it nine
seconds). Whatever is wrong with a picture is ``Malformed``; one without a code is ``Denied``.
"""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from protocol.errors import Denied, Malformed, OneFileError
from protocol.show_code import PREFIX as SHOW

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_PICTURE_BYTES = 32 << 20
MAX_PIXELS = 50_000_000  # what a telephone makes; nothing larger is decoded
READ_PIXELS = 4_000_000  # what the barcode reader is given at most
FORMATS = ("PNG", "JPEG")


def code_in_file(path: Path, prefix: str = SHOW) -> str:
    """The code that begins with ``prefix`` in a PNG or JPEG file."""
    with path.open("rb") as stream:
        return code_in_stream(stream, prefix)


def code_in_stream(stream: BinaryIO, prefix: str = SHOW) -> str:
    """The code that begins with ``prefix`` in a PNG or JPEG that ``stream`` gives."""
    raw = stream.read(MAX_PICTURE_BYTES + 1)
    if len(raw) > MAX_PICTURE_BYTES:
        raise Malformed("picture_too_large", "a picture has at most {limit} bytes", limit=MAX_PICTURE_BYTES)
    return code_in(raw, prefix)


def code_in(raw: bytes, prefix: str = SHOW) -> str:
    """The text of the one code that begins with ``prefix`` in a picture; not parsed, not verified.

    Raises ``Malformed`` for what is no picture, ``Denied("code_not_found")`` for one without a code of ours, and
    ``Denied("code_ambiguous")`` for one with several.
    """
    texts = {text for text in _read(_grey(raw)) if text.startswith(prefix)}
    if not texts:
        raise Denied("code_not_found", "there is no code of ours in the picture")
    if len(texts) > 1:
        raise Denied(
            "code_ambiguous", "there are {count} codes of ours in the picture: take one of them", count=len(texts)
        )
    return texts.pop()


def _grey(raw: bytes) -> Picture:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw), formats=FORMATS) as picture:
                return _reduced(picture)
    except OneFileError:
        raise
    except Exception:  # noqa: BLE001 (Pillow's decoders raise whatever they meet; none of it is worth telling apart)
        raise Malformed("picture", "the picture can't be read: expected PNG or JPEG") from None


def _reduced(picture: Picture) -> Picture:
    """In grey on white, of at most ``READ_PIXELS``."""
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise Malformed(
            "picture_too_large", "a picture has at most {limit} pixels, got {got}", limit=MAX_PIXELS, got=width * height
        )
    shrink = math.sqrt(max(1.0, width * height / READ_PIXELS))
    # A JPEG decoder can leave out detail while it decodes; for other formats this does nothing.
    picture.draft("L", (round(width / shrink), round(height / shrink)))
    whole = _on_white(picture)
    factor = math.ceil(math.sqrt(max(1.0, whole.width * whole.height / READ_PIXELS)))
    return whole.reduce(factor) if factor > 1 else whole


def _on_white(picture: Picture) -> Picture:
    """Grey; what is transparent becomes white: a code drawn on nothing would be black on black."""
    from PIL import Image

    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("L")
    drawn = picture.convert("RGBA")
    ground = Image.new("RGBA", drawn.size, "white")
    ground.alpha_composite(drawn)
    return ground.convert("L")


def _read(picture: Picture) -> list[str]:
    import zxingcpp

    wanted = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
    return [found.text for found in zxingcpp.read_barcodes(picture, wanted)]
