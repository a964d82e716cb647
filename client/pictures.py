"""Find a code of ours in a picture: a photo of a wallet's or a window's screen, or a picture of a terminal.

What a camera or a stranger brings is hostile: what decoding will take is reckoned before anything is decoded, a JPEG
is decoded at a fraction of its size, of a PNG only what draws it is looked at, and what the barcode reader sees has at
most a megapixel whose finest detail is blurred: on corners of codes without end, each nine pixels wide, it spends
three seconds at four. Whatever is wrong with a picture is ``Malformed``; one without a code is ``Denied``.
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

Prefix = str | tuple[str, ...]  # what a code of ours begins with, or one of several such beginnings

MAX_PICTURE_BYTES = 12 << 20
MAX_PIXELS = 25_000_000  # twice what a telephone makes; nothing larger is decoded
MAX_DECODED_BYTES = 44 << 20  # a screen of 3840 × 2160 in colour needs 40 MiB
READ_PIXELS = 1_000_000  # what the barcode reader is given at most: a code that fills a sixth of the width is found
SHARP_PIXELS = 250_000  # up to here nothing is blurred: a code may be drawn with one pixel a module
STRIP_ROWS = 256
FORMATS = ("PNG", "JPEG")
_PNG = b"\x89PNG\r\n\x1a\n"
_DRAWS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_MAX_CHUNKS = 20_000
_BYTES_A_PIXEL = {"L": 1, "1": 2, "P": 2}  # of others 4, and 1 in grey
_FRAMES = frozenset({b"\xc0", b"\xc1"})  # JPEG's SOF0 and SOF1; of a frame of another kind no colours are counted
_SCAN = b"\xda"
_MAX_SEGMENTS = 1000


def code_in_file(path: Path, prefix: Prefix = SHOW) -> str:
    """The code that begins with ``prefix`` in a PNG or JPEG file."""
    with path.open("rb") as stream:
        return code_in_stream(stream, prefix)


def code_in_stream(stream: BinaryIO, prefix: Prefix = SHOW) -> str:
    """The code that begins with ``prefix`` in a PNG or JPEG that ``stream`` gives."""
    raw = stream.read(MAX_PICTURE_BYTES + 1)
    if len(raw) > MAX_PICTURE_BYTES:
        raise Malformed("picture_too_large", "a picture has at most {limit} bytes", limit=MAX_PICTURE_BYTES)
    return code_in(raw, prefix)


def code_in(raw: bytes, prefix: Prefix = SHOW) -> str:
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
            with Image.open(io.BytesIO(_drawing(raw)), formats=FORMATS) as picture:
                return _reduced(picture, in_scans=_in_scans(raw))
    except OneFileError:
        raise
    except Exception:  # noqa: BLE001 (Pillow's decoders raise whatever they meet; none of it is worth telling apart)
        raise Malformed("picture", "the picture can't be read: expected PNG or JPEG") from None


def _drawing(raw: bytes) -> bytes:
    """A PNG without what does not draw it: texts and profiles unpack to many times their size. A JPEG as it is."""
    if not raw.startswith(_PNG):
        return raw
    kept, at = [_PNG], len(_PNG)
    for _ in range(_MAX_CHUNKS):
        end = at + 12 + int.from_bytes(raw[at : at + 4], "big")
        if raw[at + 4 : at + 8] in _DRAWS:
            kept.append(raw[at:end])
        at = end
        if at >= len(raw):
            return raw if sum(map(len, kept)) == len(raw) else b"".join(kept)
    raise Malformed("picture", "the picture can't be read: expected PNG or JPEG")


def _in_scans(raw: bytes) -> bool:
    """Whether a JPEG comes in several scans, as progressive ones do: its decoder keeps all of it until the last."""
    at, colours = 2, 0
    for _ in range(_MAX_SEGMENTS):
        if at >= len(raw):
            break
        marker, size = raw[at + 1 : at + 2], int.from_bytes(raw[at + 2 : at + 4], "big")
        if marker in _FRAMES:
            colours = max(raw[at + 9 : at + 10])
        elif marker == _SCAN:
            return raw[at + 4 : at + 5] != bytes([colours])
        at += 2 + size
    return True


def _reduced(picture: Picture, *, in_scans: bool = False) -> Picture:
    """In grey on white, of at most ``READ_PIXELS``."""
    width, height = picture.size
    needed = _decoded_bytes(picture, in_scans=in_scans)
    if width * height > MAX_PIXELS or needed > MAX_DECODED_BYTES:
        raise Malformed(
            "picture_too_large",
            "a picture has at most {limit} pixels and takes {most} bytes unpacked, got {got} and {needed}",
            limit=MAX_PIXELS,
            most=MAX_DECODED_BYTES,
            got=width * height,
            needed=needed,
        )
    shrink = math.sqrt(max(1.0, width * height / READ_PIXELS))
    # A JPEG decoder can leave out detail while it decodes; for other formats this does nothing.
    picture.draft("L", (round(width / shrink), round(height / shrink)))
    return _blurred(_small(_on_white(picture)))


def _decoded_bytes(picture: Picture, *, in_scans: bool) -> int:
    """What decoding takes at its peak: the picture and its copy in grey, or all of a JPEG's coefficients."""
    pixels = picture.width * picture.height
    if picture.format != "JPEG":
        return pixels * _BYTES_A_PIXEL.get(picture.mode, 5)
    return 2 * pixels * len(picture.getbands()) if in_scans else pixels


def _on_white(picture: Picture) -> Picture:
    """Grey; what is transparent becomes white: a code drawn on nothing would be black on black."""
    from PIL import Image

    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture if picture.mode == "L" else picture.convert("L")
    out = Image.new("L", picture.size, "white")
    # By strips: a copy in colour of the whole would take as much again as the picture, twice.
    for top in range(0, picture.height, STRIP_ROWS):
        strip = picture.crop((0, top, picture.width, min(top + STRIP_ROWS, picture.height))).convert("RGBA")
        out.paste(strip.convert("L"), (0, top), strip.getchannel("A"))
    return out


def _small(whole: Picture) -> Picture:
    factor = math.ceil(math.sqrt(max(1.0, whole.width * whole.height / READ_PIXELS)))
    return whole.reduce(factor) if factor > 1 else whole


def _blurred(picture: Picture) -> Picture:
    from PIL import ImageFilter

    return (
        picture.copy() if picture.width * picture.height <= SHARP_PIXELS else picture.filter(ImageFilter.BoxBlur(0.5))
    )


def _read(picture: Picture) -> list[str]:
    import zxingcpp

    wanted = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
    return [found.text for found in zxingcpp.read_barcodes(picture, wanted)]
