"""Show codes in pictures: what is found, and what hostile pictures get."""

from __future__ import annotations

import io
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
import qrcode
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from client import pictures
from protocol.errors import Denied, Malformed, OneFileError

CODE = "OF1:" + "6BF5YA-VD2" * 17


def qr(text: str = CODE, cell: int = 6) -> Image.Image:
    drawn = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, box_size=cell)
    drawn.add_data(text)
    drawn.make()
    return drawn.make_image().get_image().convert("L")


def png(picture: Image.Image, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


PNG = png(qr())


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def empty_png(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims to be large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_code_is_read_from_both_formats(form: str) -> None:
    assert pictures.code_in(png(qr(), form)) == CODE


def test_a_code_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(PNG)

    assert pictures.code_in_file(tmp_path / "p.png") == CODE


def test_a_code_light_on_dark_is_read() -> None:
    assert pictures.code_in(png(qr().point(lambda v: 255 - v))) == CODE


def test_a_code_drawn_on_nothing_is_read() -> None:
    grey = qr()
    clear = Image.new("RGBA", grey.size, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=grey.point(lambda v: 255 - v))

    assert pictures.code_in(png(clear)) == CODE


def test_a_code_of_a_palette_with_transparency_is_read() -> None:
    palette = qr().convert("P")
    out = io.BytesIO()
    palette.save(out, "PNG", transparency=255)

    assert pictures.code_in(out.getvalue()) == CODE


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_photo_of_many_megapixels_is_reduced_before_it_is_searched(form: str) -> None:
    photo = Image.new("L", (6000, 4000), 200)
    photo.paste(qr(cell=40), (500, 300))
    raw = png(photo, form)

    began = time.monotonic()
    assert pictures.code_in(raw) == CODE
    assert time.monotonic() - began < 5


def test_what_the_reader_sees_has_a_megapixel_at_most() -> None:
    with Image.open(io.BytesIO(png(Image.new("L", (5000, 4000))))) as picture:
        small = pictures._reduced(picture)

    assert small.width * small.height <= pictures.READ_PIXELS


@pytest.mark.parametrize("cell", [1, 2, 3])
def test_a_small_picture_is_read_to_its_last_pixel(cell: int) -> None:
    assert pictures.code_in(png(qr(cell=cell))) == CODE


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_photo_in_colour_as_a_telephone_makes_it_is_read(form: str) -> None:
    photo = Image.new("RGB", (4000, 3000) if form == "JPEG" else (3840, 2160), (90, 120, 60))
    photo.paste(qr(cell=14).convert("RGB"), (500, 300))
    assert pictures.code_in(png(photo, form)) == CODE


@pytest.mark.parametrize(
    ("size", "mode", "options"),
    [
        ((4000, 3000), "RGB", {"format": "PNG"}),
        ((4000, 3000), "RGBA", {"format": "PNG"}),
        ((5000, 5000), "P", {"format": "PNG"}),
        ((4000, 3000), "RGB", {"format": "JPEG", "progressive": True}),
        ((6000, 5000), "L", {"format": "JPEG"}),
    ],
    ids=str,
)
def test_a_picture_that_takes_too_much_memory_is_not_decoded(
    size: tuple[int, int], mode: str, options: dict[str, Any]
) -> None:
    out = io.BytesIO()
    Image.new(mode, size).save(out, **options)
    with pytest.raises(Malformed) as caught:
        pictures.code_in(out.getvalue())
    assert caught.value.code == "picture_too_large"


def test_a_jpeg_whose_colours_come_one_after_the_other_counts_as_one_in_scans() -> None:
    whole = png(Image.new("RGB", (40, 40)), "JPEG")
    assert pictures._in_scans(whole) is False
    at = whole.index(b"\xff\xda")
    assert pictures._in_scans(whole[: at + 4] + b"\x01" + whole[at + 5 :]) is True
    assert pictures._in_scans(whole[:2] + b"\xff\xe1\x00\x02" * 2000 + whole[2:]) is True


def test_what_does_not_draw_a_png_is_not_unpacked() -> None:
    bomb = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 20), 9))
    head, rest = PNG[:33], PNG[33:]
    assert pictures._drawing(head + bomb * 60 + rest) == PNG
    assert pictures._drawing(PNG) is PNG
    assert pictures.code_in(head + bomb * 60 + rest) == CODE
    with pytest.raises(Malformed):
        pictures.code_in(head + chunk(b"IDAT", b"") * 30_000 + rest)


def test_a_picture_without_a_code_says_so() -> None:
    with pytest.raises(Denied, match="no code of ours") as caught:
        pictures.code_in(png(Image.new("L", (200, 200), 255)))
    assert caught.value.code == "code_not_found"


def test_another_qr_code_is_none_of_ours() -> None:
    with pytest.raises(Denied, match="no code of ours"):
        pictures.code_in(png(qr("https://example.org/")))


def test_two_codes_in_one_picture_are_not_chosen_between() -> None:
    one, other = qr(), qr(CODE + "X")
    both = Image.new("L", (one.width + other.width, max(one.height, other.height)), 255)
    both.paste(one, (0, 0))
    both.paste(other, (one.width, 0))

    with pytest.raises(Denied, match="2 codes of ours"):
        pictures.code_in(png(both))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not a picture",
        PNG[:100],
        PNG[: len(PNG) // 2],
        b"GIF89a" + bytes(100),
        png(qr(), "BMP"),
        b"\xff\xd8\xff\xe0" * 9,
    ],
    ids=["empty", "text", "cut header", "cut in half", "gif", "bmp", "broken jpeg"],
)
def test_what_is_no_png_or_jpeg_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed, match="expected PNG or JPEG"):
        pictures.code_in(raw)


@pytest.mark.parametrize("size", [(8000, 7000), (100_000, 100_000)], ids=["large", "bomb"])
def test_a_picture_that_claims_too_many_pixels_is_not_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(Malformed):
        pictures.code_in(empty_png(*size))


def test_a_file_of_too_many_bytes_is_not_read() -> None:
    with pytest.raises(Malformed, match="at most 12582912 bytes"):
        pictures.code_in_stream(io.BytesIO(bytes(pictures.MAX_PICTURE_BYTES + 1)))


@given(at=st.integers(0, len(PNG) - 1), value=st.integers(0, 255))
def test_a_picture_with_any_byte_changed_gives_our_errors_or_a_text(at: int, value: int) -> None:
    raw = PNG[:at] + bytes([value]) + PNG[at + 1 :]
    try:
        assert pictures.code_in(raw).startswith("OF1:")
    except OneFileError:
        assert value != PNG[at]
