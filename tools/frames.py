"""Measure how well the window's page reads: ``make frames`` writes docs/window-frames.md.

The hard set of ``tests/browser/frames.py`` goes through the page's reader in Chromium, through ``client.pictures``
(what ``wallet scan`` and ``agency scan`` use), zxing-cpp as it comes, and OpenCV in an environment of its own. Then
the way from a code in view to the verdict, with real programs.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Playwright, sync_playwright

from client import pictures
from protocol.errors import OneFileError
from scripts.processes import free_port
from scripts.stack import Stack
from scripts.window import start_window
from tests.browser.browser import launch, serving, watching
from tests.browser.counter_stage import word
from tests.browser.film import write_film
from tests.browser.frames import APP, KINDS, STEPS, Frame, frames, read_in_page
from tests.browser.real_stage import real_stack, showing
from tools.environments import ensure

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "window-frames.md"
SHOWS = 5
TIMES = """() => {
  const [scan] = performance.getEntriesByName("onefile:scan");
  const looks = performance.getEntriesByName("onefile:frame").filter((look) => look.startTime < scan.startTime);
  return [scan.duration, scan.startTime + scan.duration - (looks.at(-1) ?? scan).startTime];
}"""
Row = tuple[str, list[bool]]


def main() -> None:
    found = list(frames())
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        print("the page …", file=sys.stderr)
        answers = by_page(playwright, found)
        rows = [
            ("this page", [frame.text in answer["texts"] for frame, answer in zip(found, answers, strict=True)]),
            ("`client.pictures`", [by_pictures(frame.jpeg) == frame.text for frame in found]),
            ("zxing-cpp", [frame.text in by_zxing(frame.jpeg) for frame in found]),
            ("OpenCV", by_opencv(found, Path(folder))),
        ]
        print("from the code in view to the verdict …", file=sys.stderr)
        with real_stack(Path(folder) / "home") as stack:
            times = [one_show(playwright, stack, Path(folder)) for _show in range(SHOWS)]
    PAGE.write_text(page(found, rows, [answer["ms"] for answer in answers], times), encoding="utf-8")


def by_page(playwright: Playwright, found: list[Frame]) -> list[dict[str, Any]]:
    """What the page's reader finds in each frame."""
    browser = launch(playwright)
    try:
        with serving(APP, free_port()) as origin, watching(browser) as seen:
            seen.page.goto(origin)
            return read_in_page(seen.page, found)
    finally:
        browser.close()


def by_pictures(jpeg: bytes) -> str:
    try:
        return pictures.code_in(jpeg)
    except OneFileError:
        return ""


def by_zxing(jpeg: bytes) -> list[str]:
    import zxingcpp

    return [code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(jpeg)))]


def by_opencv(found: list[Frame], folder: Path) -> list[bool]:
    paths = [folder / f"{number}.jpg" for number in range(len(found))]
    for path, frame in zip(paths, found, strict=True):
        path.write_bytes(frame.jpeg)
    command = [str(ensure("opencv") / "python"), str(ROOT / "tools" / "opencv_codes.py"), *map(str, paths)]
    texts = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return [texts[str(path)] == frame.text for path, frame in zip(paths, found, strict=True)]


def one_show(playwright: Playwright, stack: Stack, folder: Path) -> tuple[float, float]:
    """Milliseconds to the verdict: from the frame that was read, and from the one before it, which showed no code."""
    code = folder / "code.png"
    code.unlink(missing_ok=True)
    link = start_window(stack, free_port())
    wallet = showing(stack, code)
    browser = launch(playwright, camera=write_film(folder / "film.y4m", code.read_bytes()))
    try:
        with watching(browser) as seen:
            seen.page.goto(link)
            seen.page.wait_for_selector("#asked:not(:empty)")
            seen.page.click("#use-camera")
            if word(seen.page) != "accept":
                raise SystemExit(f"frames: {seen.page.inner_text('#why')}")
            least, most = seen.page.evaluate(TIMES)
            return float(least), float(most)
    finally:
        browser.close()
        wallet.stop()


def page(found: list[Frame], rows: list[Row], ms: list[float], times: list[tuple[float, float]]) -> str:
    """The page as it is committed."""
    head = "| reader | " + " | ".join(KINDS) + " | all |"
    lines = [head, "|---|" + "--:|" * (len(KINDS) + 1), *(line(found, *row) for row in rows)]
    least, most = (statistics.median(column) for column in zip(*times, strict=True))
    return TEXT.format(
        count=len(found),
        steps=STEPS,
        table="\n".join(lines),
        median=round(statistics.median(ms)),
        slowest=round(max(ms)),
        shows=len(times),
        cores=os.cpu_count(),
        load=os.getloadavg()[0],
        least=round(least),
        most=round(most),
        worst=round(max(high for _low, high in times)),
    )


def line(found: list[Frame], name: str, right: list[bool]) -> str:
    def rate(holds: Callable[[Frame], bool]) -> Iterator[bool]:
        return (ok for frame, ok in zip(found, right, strict=True) if holds(frame))

    cells = [str(sum(rate(lambda frame, kind=kind: frame.kind == kind))) for kind in KINDS]  # type: ignore[misc]  # mypy can't infer a lambda's default
    return f"| {name} | " + " | ".join(cells) + f" | {sum(right)} |"


TEXT = """# How well the window reads

Measured by `make frames`; nothing here is written by hand. {count} frames of 1280 × 720, drawn from a fixed seed:
each kind of trouble in {steps} steps, from none to more than any reader bears. A cell is how many of them were read
right; a wrong text counted for nothing in any reader.

{table}

* *this page*: the window's own scanner in Chromium, `barcode-detector` in its worker: {median} ms from the file to
  its text, {slowest} ms at worst.
* *`client.pictures`*: what `wallet scan` and `agency scan` use; it reads at most a megapixel and blurs it, to bound
  what a hostile picture can cost.
* *zxing-cpp* and *OpenCV*: as they come, on the same JPEG files; OpenCV's `QRCodeDetector`.

## From a code in view to the verdict

{shows} shows with real programs: a local chain, a vault, a wallet that hands over a driving licence, `agency window`,
and Chromium whose camera plays a film of the code. Half of them took {least} ms or less from the frame that was read
to the verdict on the screen, and {most} ms from the frame before, which showed no code yet: the code came into view
between the two. The slowest took {worst} ms from there. In it are the receipt, its log entry, the wallet's delivery
and all checks.
While it was measured this machine of {cores} cores had a load of {load:.1f}: what else runs takes its share.
"""


if __name__ == "__main__":
    main()
