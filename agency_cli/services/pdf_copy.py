"""A PDF with a strip under each page, appended: the file begins with every byte of the one that was stamped.

A document comes from its holder and may be hostile. Its size and pages are bounded before anything is drawn, what its
streams unpack to is bounded by pyHanko, and whatever is wrong with it is ``Malformed``.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from agency_cli.services.pdf_signing import unpacking_limits
from agency_cli.services.sheet import STRIP
from protocol.errors import Malformed, OneFileError
from protocol.hashing import sha256
from protocol.stamp import MAX_DOCUMENT_BYTES, MAX_PAGES

if TYPE_CHECKING:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

MAX_SIDE = 14_400.0  # points: what ISO 32000 lets a page have
_MIN_SIDE = 36.0
_MAX_DEPTH = 32
Drawn = Callable[[float, float], bytes]
Result = TypeVar("Result")


def count_pages(raw: bytes) -> int:
    """How many pages a PDF has; ``Malformed`` for what is none, is encrypted, or has too many."""
    return _guarded(lambda: len(_boxes(_writer(raw))))


def with_strips(raw: bytes, drawn: Drawn) -> IncrementalPdfFileWriter:
    """A writer of the PDF whose pages are longer by a strip. ``drawn`` gives the overlay for a width and height."""
    return _guarded(lambda: _with_strips(raw, drawn))


def _guarded(work: Callable[[], Result]) -> Result:
    try:
        return work()
    except OneFileError:
        raise
    except Exception:  # noqa: BLE001 (pyHanko raises whatever a hostile PDF leads it to; none of it is worth telling apart)
        raise _malformed() from None


def _with_strips(raw: bytes, drawn: Drawn) -> IncrementalPdfFileWriter:
    from pyhanko.pdf_utils.reader import PdfFileReader

    writer = _writer(raw)
    name = f"/OneFile{sha256(raw)[:6].hex()}"  # a copy may be stamped again
    overlays: dict[tuple[float, float], Any] = {}
    for number, box in enumerate(_boxes(writer)):
        x0, y0, x1, y1 = box
        size = (x1 - x0, y1 - y0)
        if size not in overlays:
            reader = PdfFileReader(io.BytesIO(drawn(*size)))
            overlays[size] = writer.import_page_as_xobject(reader)
        _lay_over(writer, number, name, overlays[size], (x0, y0 - STRIP, x1, y1))
    return writer


def _lay_over(writer: Any, number: int, name: str, overlay: Any, box: tuple[float, float, float, float]) -> None:
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.generic import pdf_name

    page_ref, _ = writer.find_page_for_modification(number)
    page = page_ref.get_object()
    if "/Contents" not in page:
        page[pdf_name("/Contents")] = writer.add_object(generic.StreamObject(stream_data=b""))
    rectangle = generic.ArrayObject(generic.FloatObject(f"{side:.3f}") for side in box)
    page[pdf_name("/MediaBox")] = rectangle
    page[pdf_name("/CropBox")] = rectangle
    writer.update_container(page)
    # What the page draws is put in brackets, so that nothing that it leaves set moves or hides the stamp.
    before = writer.add_object(generic.StreamObject(stream_data=b"q"))
    paint = f"Q q 1 0 0 1 {box[0]:.3f} {box[1]:.3f} cm {name} Do Q".encode("ascii")
    after = writer.add_object(generic.StreamObject(stream_data=paint))
    names = generic.DictionaryObject({pdf_name(name): overlay})
    writer.add_stream_to_page(number, before, prepend=True)
    writer.add_stream_to_page(number, after, resources=generic.DictionaryObject({pdf_name("/XObject"): names}))


def _writer(raw: bytes) -> IncrementalPdfFileWriter:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    if len(raw) > MAX_DOCUMENT_BYTES or not raw.startswith(b"%PDF-"):
        raise _malformed()
    writer = IncrementalPdfFileWriter(io.BytesIO(raw), decode_limits=unpacking_limits())
    if writer.prev.encrypted:
        raise Malformed("pdf_encrypted", "the PDF is encrypted: it can't be stamped")
    return writer


def _boxes(writer: IncrementalPdfFileWriter) -> list[tuple[float, float, float, float]]:
    """The visible rectangle of each page."""
    count = writer.root["/Pages"]["/Count"]
    if not isinstance(count, int) or not 1 <= count <= MAX_PAGES:
        raise Malformed("pdf_pages", "a PDF to be stamped has 1 to {most} pages", most=MAX_PAGES)
    return [_box(writer.find_page_for_modification(number)[0].get_object()) for number in range(count)]


def _box(page: Any) -> tuple[float, float, float, float]:
    found = _inherited(page, "/CropBox") or _inherited(page, "/MediaBox")
    if found is None or len(found) != 4:
        raise _malformed()
    a, b, c, d = (float(side) for side in found)
    x0, x1, y0, y1 = min(a, c), max(a, c), min(b, d), max(b, d)
    if (
        not all(_MIN_SIDE <= side <= MAX_SIDE for side in (x1 - x0, y1 - y0))
        or max(map(abs, (x0, x1, y0, y1))) > 2 * MAX_SIDE
    ):
        raise _malformed()
    return x0, y0, x1, y1


def _inherited(page: Any, name: str) -> Any:
    for _ in range(_MAX_DEPTH):
        if name in page:
            return page[name]
        if "/Parent" not in page:
            return None
        page = page["/Parent"]
    raise _malformed()


def _malformed() -> Malformed:
    return Malformed("pdf", "the PDF or its signature can't be read")
