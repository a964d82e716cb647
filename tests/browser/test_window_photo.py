"""The holder's photo on the window's page: drawn from memory, and gone with the next person."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import httpx2
from PIL import Image
from playwright.sync_api import Browser

from agency_cli.window.counter import Counter
from protocol.dcql import parse_query
from protocol.receipts import Officer
from tests import credential_samples as samples
from tests.browser.browser import axe, photograph
from tests.browser.counter_stage import CLAIMS, Desk, upload
from tests.reader_fixture import reader, shared_reader
from tests.reader_stage import PDF, ReaderStage, picture_of
from tests.scenario_samples import QUERY

__all__ = ["reader", "shared_reader"]

SIZE = (240, 320)
DRAWN = "(image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"


def face() -> bytes:
    """A grey oval on a blue ground: sample data, nobody's face."""
    from PIL import ImageDraw

    picture = Image.new("RGB", SIZE, (96, 128, 192))
    ImageDraw.Draw(picture).ellipse((60, 60, 180, 260), fill=(180, 180, 180))
    raw = io.BytesIO()
    picture.save(raw, "JPEG")
    return raw.getvalue()


def test_the_photo_is_drawn_beside_the_licence_and_gone_with_the_next_person(
    browser: Browser, reader: ReaderStage, tmp_path: Path
) -> None:
    photo = face()
    query = parse_query({"credentials": QUERY["credentials"][:1]})
    reader.post_scenario(scenario_id="window-photo", query=query)
    files = (samples.file_entry("证明.pdf", PDF), samples.file_entry("photo.jpg", photo, "image/jpeg"))
    issued = reader.issue(PDF, photo, files=files)
    reader.anchor()
    session, code = reader.open_show()

    def wallet(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if request.url.path.endswith("/collect") and answer.is_success:
            reader.present(session, issued, claims=tuple(sorted((*CLAIMS, "/files/1"))))
        return answer

    reader.bridge.lies[:] = [wallet]
    picture = tmp_path / "code.png"
    picture.write_bytes(picture_of(code))
    desk = Desk(reader, Counter(reader.session, 3, "window-photo", Officer("officer", "desk 3")))
    try:
        with desk.opened(browser) as seen:
            assert upload(seen.page, picture) == "accept"
            image = seen.page.locator("#licence img.photo")
            assert image.evaluate(DRAWN) == list(SIZE)
            assert image.get_attribute("alt") == "Photo of the holder"
            assert axe(seen.page) == []
            photograph(seen.page, "window-photo", lang="en", mode="light")
            address = image.get_attribute("src")
            seen.page.keyboard.press("Escape")
            assert seen.page.locator("img.photo").count() == 0
            seen.page.wait_for_function("(path) => fetch(path).then((answer) => answer.status === 404)", arg=address)
    finally:
        shutil.rmtree(reader.session.profile.folder / "window", ignore_errors=True)
