"""Every page of the window, in both languages and both modes: nothing for axe-core to find, and a picture of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from protocol.request_code import answer_id
from tests.browser.browser import LANGUAGES, MODES, axe, photograph
from tests.browser.counter_stage import CLAIMS, Desk, desk_of, upload, word
from tests.reader_fixture import reader, shared_reader
from tests.reader_stage import ReaderStage, picture_of

__all__ = ["reader", "shared_reader"]


@pytest.fixture
def desk(reader: ReaderStage) -> Iterator[Desk]:
    with desk_of(reader) as found:
        yield found


def answer(desk: Desk) -> None:
    """A holder grants what the window asks for."""
    request = desk.counter._request
    assert request is not None
    ident = answer_id(request.code.nonce)
    desk.reader.give(
        desk.reader.item,
        ident=ident,
        scenario=desk.reader.page_scenario,
        claims=CLAIMS[1:],
        max_uses=1,
        retention_days=30,
    )


def states(desk: Desk, page: Page, folder: Path) -> Iterator[str]:
    """The page in each of its states, one after the other; yields the name of each."""
    yield "ready"
    photo = folder / "code.png"
    photo.write_bytes(picture_of(desk.shown()))
    assert upload(page, photo) == "accept"
    page.click("#licence summary")
    yield "accepted"
    page.keyboard.press("Escape")
    assert upload(page, photo) == "refused"
    yield "refused"
    page.click("#ask")
    page.wait_for_selector("#request[src]")
    yield "asking"
    answer(desk)
    page.wait_for_selector("#open", state="visible")
    yield "answered"
    page.click("#open")
    assert word(page) == "accept"
    receipt = page.locator("#licence a").get_attribute("href") or ""
    for path, name in ((receipt, "receipt"), ("/supervisor", "overview"), ("/start", "start")):
        page.goto(page.url.rsplit("/", 1)[0].split("/receipt")[0] + path)
        yield name


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_page_of_the_window_shuts_anybody_out(browser: Browser, desk: Desk, tmp_path: Path, lang: str) -> None:
    with desk.opened(browser, lang=lang) as seen:
        seen_states = []
        for name in states(desk, seen.page, tmp_path):
            for mode in MODES:
                seen.page.emulate_media(color_scheme="dark" if mode == "dark" else "light", reduced_motion="reduce")
                photograph(seen.page, f"window-{name}", lang=lang, mode=mode)
                assert axe(seen.page) == [], (name, mode)
            seen_states.append(name)
    assert len(seen_states) == 8
