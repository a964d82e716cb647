"""Sample people, companies and papers: none of them exists, every check digit is valid.

Documents come from ``../shared/samples`` where that folder exists; else they are made here with reportlab and Pillow,
and ``Papers.origin`` says which. Every sample value that a person would call private carries a canary, so that the
operator's disk can be searched for it.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "samples"
SCAN_BYTES = 2_800_000

# GB 11643 prints this number as its own example.
SAMPLE_CITIZEN_NUMBER = "11010519491231002X"
SAMPLE_USCC = "91110000MA0000000H"
CANARIES = (
    "CANARY-SAMPLE-NAME-7Q2X",
    "CANARY-SAMPLE-ADDRESS-9K4D",
    "CANARY-SAMPLE-EMPLOYER-3W8N",
    "样例金丝雀住址甲乙丙丁",
)


@dataclass(frozen=True, slots=True)
class Papers:
    """The documents of the story, as bytes by file name, and where they come from, in both languages."""

    origin: str
    origin_zh: str
    scan_pdf: bytes
    photo_jpg: bytes
    own_pdf: bytes

    def as_documents(self) -> dict[str, bytes]:
        return {"scan.pdf": self.scan_pdf, "photo.jpg": self.photo_jpg, "lease.pdf": self.own_pdf}


def papers() -> Papers:
    """The documents of the story."""
    if SHARED.is_dir():
        return Papers(
            origin="../shared/samples",
            origin_zh="../shared/samples",
            scan_pdf=(SHARED / "scan-2.8MB.pdf").read_bytes(),
            photo_jpg=(SHARED / "photo.jpg").read_bytes(),
            own_pdf=(SHARED / "four-pages.pdf").read_bytes(),
        )
    return Papers(
        origin="made here with reportlab and Pillow",
        origin_zh="当场用 reportlab 和 Pillow 制作",
        scan_pdf=made_scan(),
        photo_jpg=made_photo(),
        own_pdf=made_pdf("SAMPLE lease 样例", pages=2),
    )


def made_photo(size: tuple[int, int] = (358, 441), seed: int = 1) -> bytes:
    """A JPEG of noise in the size of a licence photo."""
    from PIL import Image

    noise = random.Random(seed).randbytes(size[0] * size[1] * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", size, noise).save(out, "JPEG", quality=80)
    return out.getvalue()


def made_pdf(title: str, pages: int) -> bytes:
    """A small text PDF."""
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    for page in range(1, pages + 1):
        canvas.drawString(72, 760, f"{title.encode('ascii', 'ignore').decode()} {page}/{pages}")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def made_scan() -> bytes:
    """A PDF with a noisy page picture, about 2.8 MB, as a scanner would make it."""
    from PIL import Image
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    side = 866
    noise = random.Random(2).randbytes(side * side * 3)
    picture = ImageReader(Image.frombytes("RGB", (side, side), noise))
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    canvas.drawString(72, 800, "SAMPLE driving licence scan")
    canvas.drawImage(picture, 40, 100, 500, 500)
    canvas.save()
    return out.getvalue()
