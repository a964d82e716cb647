"""The window's page reads codes: from pictures, from the clipboard, from scanners that type, from a camera."""

from __future__ import annotations

import base64
import io
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright

from client import scanner
from client.pack import update_pack
from protocol.credential import present_credential
from protocol.encoding import b64u
from protocol.offline import frames, one_way
from tests.browser.browser import launch
from tests.browser.counter_stage import Desk, desk_of, upload, word
from tests.browser.film import write_film
from tests.reader_fixture import reader, shared_reader
from tests.reader_stage import CLAIMS, ReaderStage, picture_of

__all__ = ["reader", "shared_reader"]

PASTE_PICTURE = """([name, text]) => {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([bytes], name, { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
}"""
PASTE_TEXT = """(text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text", text);
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
}"""
ENDED = """async () => {
  const { Scanner, Unreadable } = await import("/static/scanner.js");
  const scanner = new Scanner({ limit: 0 });
  await scanner.warm();
  const canvas = new OffscreenCanvas(2000, 2000);
  canvas.getContext("2d").fillRect(0, 0, 1500, 1500);
  const file = await canvas.convertToBlob();
  const told = () => scanner.file(file).catch((error) => error instanceof Unreadable && error.message);
  return [await told(), await told()];
}"""
MORE_FRAMES = """async (wanted) => {
  while (performance.getEntriesByName("onefile:frame").length <= wanted) await new Promise(requestAnimationFrame);
}"""
FRAMES = "performance.getEntriesByName('onefile:frame').length"
NO_CAMERA = """() => {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no"));
}"""
SHIFT = 8
KEY_S = 0.002


@pytest.fixture
def desk(reader: ReaderStage) -> Iterator[Desk]:
    with desk_of(reader) as found:
        yield found


def stored(folder: Path, raw: bytes, name: str = "code.png") -> Path:
    path = folder / name
    path.write_bytes(raw)
    return path


def beside(*pictures: bytes, size: tuple[int, int]) -> bytes:
    """Pictures beside each other on a page of ``size``."""
    page, left = Image.new("L", size, 255), 0
    for raw in pictures:
        one = Image.open(io.BytesIO(raw))
        page.paste(one, (left, 0))
        left += one.width
    out = io.BytesIO()
    page.save(out, "PNG")
    return out.getvalue()


def test_a_picture_of_a_code_is_read_in_the_page_and_served(browser: Browser, desk: Desk, tmp_path: Path) -> None:
    photo = stored(tmp_path, picture_of(desk.shown()))
    with desk.opened(browser) as seen:
        assert upload(seen.page, photo) == "accept"
        assert "威海市" in seen.page.inner_text("#licence")
        assert seen.page.inner_text("#served") == "1"


def test_a_picture_as_large_as_a_telephones_is_reduced_and_read(browser: Browser, desk: Desk, tmp_path: Path) -> None:
    small = Image.open(io.BytesIO(picture_of(desk.shown())))
    out = io.BytesIO()
    small.resize((small.width * 3, small.height * 3)).save(out, "PNG")
    with desk.opened(browser) as seen:
        assert upload(seen.page, stored(tmp_path, beside(out.getvalue(), size=(4000, 3000)))) == "accept"


def test_pictures_that_help_nobody_are_told_apart_and_nothing_is_collected(
    browser: Browser, desk: Desk, tmp_path: Path
) -> None:
    one, other = picture_of(desk.shown()), picture_of(desk.shown())
    faults = {
        beside(size=(300, 300)): "no show code",
        beside(one, other, size=(900, 500)): "several show codes",
        b"not a picture": "can't be read",
        beside(size=(5100, 5100)): "can't be read",
    }
    with desk.opened(browser) as seen:
        for raw, told in faults.items():
            assert upload(seen.page, stored(tmp_path, raw)) == "refused"
            assert told in seen.page.inner_text("#why")
            seen.page.keyboard.press("Escape")
    assert desk.reader.posts("/collect") == 0


def test_what_is_pasted_is_read_a_picture_or_a_text(browser: Browser, desk: Desk) -> None:
    with desk.opened(browser) as seen:
        picture = base64.b64encode(picture_of(desk.shown())).decode("ascii")
        seen.page.evaluate(PASTE_PICTURE, ["code.png", picture])
        assert word(seen.page) == "accept"
        seen.page.keyboard.press("Escape")
        assert seen.page.inner_text("#word") == "Ready: scan a code"
        seen.page.evaluate(PASTE_TEXT, desk.shown())
        assert word(seen.page) == "accept"


def typed(page: Page, text: str, *, method: bool) -> None:
    """What a scanner's keys are to a page; an input ``method`` takes their characters for its own."""
    keys = {" ": ("Space", 0), "-": ("Minus", 0), ".": ("Period", 0), "/": ("Slash", 0), ":": ("Semicolon", SHIFT)}
    keys |= {"$": ("Digit4", SHIFT), "%": ("Digit5", SHIFT), "*": ("Digit8", SHIFT), "+": ("Equal", SHIFT)}
    keys |= {str(digit): (f"Digit{digit}", 0) for digit in range(10)}
    devtools = page.context.new_cdp_session(page)
    begun = time.time()
    for number, character in enumerate(text):
        code, shift = keys.get(character, (f"Key{character}", SHIFT))
        at = begun + number * KEY_S  # as the scanner's keys come in, however long this machine takes to play them
        event: dict[str, Any] = {"key": "Process" if method else character, "code": code, "modifiers": shift}
        event["timestamp"] = at
        event |= {"windowsVirtualKeyCode": 229} if method else {}
        devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **event})
        devtools.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "timestamp": begun + len(text) * KEY_S}
    devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    devtools.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    devtools.detach()


@pytest.mark.parametrize("method", [False, True], ids=["none", "chinese"])
def test_a_scanner_that_types_is_understood_under_every_input_method(
    browser: Browser, desk: Desk, method: bool
) -> None:
    code = desk.shown()
    with desk.opened(browser, lang="zh") as seen:
        typed(seen.page, code, method=method)
        assert word(seen.page) == "accept"
        assert seen.page.inner_text("#word") == "核验通过"


def test_a_reader_that_takes_too_long_is_ended_and_the_next_picture_gets_a_new_one(
    browser: Browser, desk: Desk, tmp_path: Path
) -> None:
    with desk.opened(browser) as seen:
        begun: list[str] = []
        ended: list[str] = []
        seen.page.on("worker", lambda worker: begun.append(worker.url))
        seen.page.on("worker", lambda worker: worker.on("close", lambda gone: ended.append(gone.url)))
        assert seen.page.evaluate(ENDED) == ["time", "time"]
        assert upload(seen.page, stored(tmp_path, picture_of(desk.shown()))) == "accept"
        assert (len(begun), len(ended)) == (3, 2)


def test_a_camera_reads_a_code_once_however_long_it_stays_in_view(
    playwright: Playwright, desk: Desk, tmp_path: Path
) -> None:
    film = write_film(tmp_path / "film.y4m", picture_of(desk.shown()))
    browser = launch(playwright, camera=film)
    try:
        with desk.opened(browser) as seen:
            seen.page.click("#use-camera")
            assert word(seen.page) == "accept"
            assert seen.page.evaluate("performance.getEntriesByName('onefile:scan').length") == 1
            seen.page.keyboard.press("Escape")
            looks = seen.page.evaluate(FRAMES)
            seen.page.evaluate(MORE_FRAMES, looks + 3)
            assert seen.page.locator("#verdict").get_attribute("class") == "ready"
            seen.page.click("#use-camera")
            assert seen.page.is_hidden("#camera")
    finally:
        browser.close()
    assert desk.reader.posts("/collect") == 1


def test_a_camera_that_is_not_to_be_had_is_told(browser: Browser, desk: Desk) -> None:
    with desk.opened(browser) as seen:
        seen.page.evaluate(NO_CAMERA)
        seen.page.click("#use-camera")
        assert word(seen.page) == "refused"
        assert "camera can't be used" in seen.page.inner_text("#why")


def test_a_window_without_its_reader_says_so_and_lets_the_scanner_work(
    browser: Browser, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "VENDOR", tmp_path)
    with desk.opened(browser) as seen:
        seen.page.click("#use-camera")
        assert word(seen.page) == "refused"
        assert "camera can't be used" in seen.page.inner_text("#why")
        seen.page.keyboard.press("Escape")
        typed(seen.page, desk.shown(), method=False)
        assert word(seen.page) == "accept"


def test_a_receipt_is_found_and_the_queue_of_the_day_is_listed(browser: Browser, desk: Desk) -> None:
    with desk.opened(browser) as seen:
        typed(seen.page, desk.shown(), method=False)
        assert word(seen.page) == "accept"
        seen.page.click("#day summary")
        jti = seen.page.inner_text("#rows a")
        assert "accepted" in seen.page.inner_text("#rows")
        seen.page.fill("#find input", jti)
        with seen.page.expect_popup() as found:
            seen.page.keyboard.press("Enter")
        assert jti in found.value.inner_text("main")
        assert seen.page.inner_text("#served") == "1"  # what is typed there is never served


def frames_of(desk: Desk) -> list[bytes]:
    """The pictures of a show without a network, which answers nobody."""
    reader = desk.reader
    nonce, now = b64u(secrets.token_bytes(16)), reader.clock.now()
    presentation = present_credential(
        reader.item.credential, CLAIMS[1:], reader.alice.present, aud=reader.vault.origin, nonce=nonce, iat=now
    )
    return [picture_of(frame) for frame in frames(one_way(presentation))]


def test_a_show_without_a_network_is_gathered_by_the_camera_and_asks_for_the_face(
    playwright: Playwright, desk: Desk, tmp_path: Path
) -> None:
    desk.reader.pass_time(1)
    desk.reader.publish_status()
    update_pack(desk.reader.session)
    pictures = frames_of(desk)
    assert len(pictures) > 1
    browser = launch(playwright, camera=write_film(tmp_path / "film.y4m", *pictures))
    try:
        with desk.opened(browser) as seen:
            seen.page.click("#use-camera")
            seen.page.wait_for_selector("#verdict.indeterminate")
            assert "Compare the face" in seen.page.inner_text("#licence")
            assert "without a network" in seen.page.inner_text("#licence")
    finally:
        browser.close()
