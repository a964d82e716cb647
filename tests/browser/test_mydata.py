"""My data in a browser: readable and reachable in every language, mode and size, and nothing asked of strangers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, Route

from client import qr, scanner
from client.localsite import Entrance
from protocol.show_code import parse_show_code
from scripts.processes import free_port
from tests.browser.browser import LANGUAGES, MODES, Watched, axe, launch, photograph, serving, watching
from tests.browser.film import write_film
from tests.unit.wallet_cli.conftest import World, make_world
from tests.unit.wallet_cli.receipts import receipt
from tests.unit.wallet_cli.test_scan import request, text_of
from tests.wallet_stage import PDF, Stage
from wallet_cli.web.app import create_app
from wallet_cli.web.safe import Safe

NO_CAMERA = """() => {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no"));
}"""
PHONE = {"width": 360, "height": 740}
LOOKS = list(product(LANGUAGES, (False, True)))
SCROLLS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
SMALL_TEXT = """() => [...document.querySelectorAll("body *")]
  .filter((one) => one.offsetParent && [...one.childNodes].some((text) => text.nodeType === 3 && text.data.trim()))
  .filter((one) => parseFloat(getComputedStyle(one).fontSize) < 18).map((one) => one.outerHTML)"""
SMALL_TARGETS = """() => [...document.querySelectorAll("main a, header a, button, summary, select, textarea, label.file, label.choice," +
    "input:not([type=hidden]):not([type=checkbox]):not([type=file])")]
  .filter((one) => one.offsetParent)
  .map((one) => [one.outerHTML, one.getBoundingClientRect()])
  .filter(([html, box]) => box.width < 60 || box.height < 60).map(([html]) => html)"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    stage = Stage(tmp_path_factory.mktemp("mydata"))
    yield make_world(stage)
    stage.close()


@contextmanager
def opened(
    world: World, browser: Browser, *, lang: str = "en", mode: str = "light", elder: bool = False
) -> Iterator[Watched]:
    """The page on a narrow telephone, come in by the start link."""
    port = free_port()
    door = Entrance(port)
    app = create_app(Safe(world.stage.session("alice")), door)
    with serving(app, port), watching(browser, lang=lang, mode=mode, **PHONE) as seen:
        seen.page.goto(door.link)
        seen.page.wait_for_selector("h1:not(:empty) ~ ul.actions")
        if elder:
            seen.page.get_by_role("button", name="长辈版" if lang == "zh" else "Large and simple").click()
            seen.page.wait_for_selector("html.elder")
        yield seen


def test_a_click_before_the_pages_program_is_there_is_kept_for_it(browser: Browser, world: World) -> None:
    """Without its program the page would have the browser send the form, which its own policy forbids."""
    held: list[Route] = []
    with opened(world, browser) as seen:
        seen.page.route("**/static/mydata.js", lambda route: route.continue_() if held else held.append(route))
        seen.page.goto(seen.page.url, wait_until="commit")
        seen.page.get_by_role("button", name="Large and simple").click(no_wait_after=True)
        assert seen.page.locator("html.elder").count() == 0
        held[0].continue_()
        seen.page.wait_for_selector("html.elder")


def pages(world: World) -> list[str]:
    paths = ["", "more", "items", "show", "answer", "grants", "grants/new", "uses", "own", "backup", "sync", "locked"]
    return [*paths, f"items/{world.item}"]


def examine(page: Page, name: str, *, lang: str, mode: str, elder: bool) -> None:
    assert axe(page) == [], name
    assert page.evaluate(SCROLLS) is False, name
    if elder:
        assert page.evaluate(SMALL_TEXT) == [], name
        assert page.evaluate(SMALL_TARGETS) == [], name
    photograph(page, f"mydata-{name}{'-elder' if elder else ''}", lang=lang, mode=mode)


def in_both_modes(page: Page, name: str, *, lang: str, elder: bool) -> None:
    for mode in MODES:
        page.emulate_media(color_scheme="dark" if mode == "dark" else "light", reduced_motion="reduce")
        examine(page, name, lang=lang, mode=mode, elder=elder)


@pytest.mark.parametrize(("lang", "elder"), LOOKS)
def test_every_page_can_be_read_and_reached(browser: Browser, world: World, lang: str, elder: bool) -> None:
    with opened(world, browser, lang=lang, elder=elder) as seen:
        home = seen.page.url
        for path in pages(world):
            seen.page.goto(home + path)
            name = path.partition("/")[0] + ("-one" if "/" in path else "") or "home"
            in_both_modes(seen.page, name, lang=lang, elder=elder)
        seen.page.goto(home + f"items/{world.item}")
        seen.page.locator("main form button").nth(1).click()
        seen.page.wait_for_selector("#checks")
        in_both_modes(seen.page, "checks", lang=lang, elder=elder)


@pytest.mark.parametrize(("lang", "elder"), [("zh", True), ("en", False)])
def test_a_licence_is_shown_and_handed_over_after_a_yes(browser: Browser, world: World, lang: str, elder: bool) -> None:
    how = {"lang": lang, "mode": "light", "elder": elder}
    with opened(world, browser, lang=lang, elder=elder) as seen:
        page = seen.page
        page.locator("a.action").first.click()
        page.locator("button.main").click()
        page.wait_for_selector("[data-stage=code]")
        code = code_on(page)
        examine(page, "code", **how)
        session = parse_show_code(code).code.session
        world.bank.api.collect(code, receipt(world, world.bank, show=session, nonce=b"n" * 16))
        page.wait_for_selector("[data-stage=asked]")
        examine(page, "asked", **how)
        assert world.bank.api.show(session).presentation is None
        page.locator("button.main").click()
        page.wait_for_selector("[data-stage=delivered]")
        examine(page, "delivered", **how)
        assert world.bank.api.show(session).presentation is not None


def code_on(page: Page) -> str:
    """What a window's scanner reads off the screen."""
    import io

    import zxingcpp
    from PIL import Image

    picture = Image.open(io.BytesIO(page.locator("#code").screenshot()))
    (found,) = zxingcpp.read_barcodes(picture)
    return str(found.text)


@pytest.mark.parametrize("lang", ["zh"])
def test_a_windows_code_is_answered_from_a_picture(browser: Browser, world: World, lang: str, tmp_path: Path) -> None:
    picture = tmp_path / "window.png"
    qr.write_png(text_of(world, request(world)), picture)
    with opened(world, browser, lang=lang, mode="dark", elder=True) as seen:
        page = seen.page
        page.locator("a.action").nth(1).click()
        page.wait_for_url("**/answer")
        page.set_input_files("#picture", picture)
        page.wait_for_url("**/answer/consent")
        examine(page, "consent", lang=lang, mode="dark", elder=True)
        page.locator("button.main").click()
        page.wait_for_selector(".match")
        assert re.fullmatch(r"\d{4}", page.locator(".match").inner_text())
        examine(page, "answered", lang=lang, mode="dark", elder=True)


def test_a_windows_code_is_read_by_the_camera(playwright: Playwright, world: World, tmp_path: Path) -> None:
    picture = tmp_path / "window.png"
    qr.write_png(text_of(world, request(world)), picture)
    browser = launch(playwright, camera=write_film(tmp_path / "film.y4m", picture.read_bytes()))
    try:
        with opened(world, browser) as seen:
            seen.page.goto(seen.page.url + "answer")
            seen.page.click("#use-camera")
            seen.page.wait_for_url("**/answer/consent")
            assert "City Bank" in seen.page.inner_text("main")
    finally:
        browser.close()


def test_without_camera_and_reader_the_program_reads_the_picture(
    browser: Browser, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "window.png"
    qr.write_png(text_of(world, request(world)), picture)
    monkeypatch.setattr(scanner, "VENDOR", tmp_path)
    with opened(world, browser) as seen:
        seen.page.goto(seen.page.url + "answer")
        seen.page.evaluate(NO_CAMERA)
        seen.page.click("#use-camera")
        seen.page.wait_for_selector("#message:not([hidden])")
        assert "camera can't be used" in seen.page.inner_text("#message")
        seen.page.set_input_files("#picture", picture)
        seen.page.wait_for_url("**/answer/consent")


def test_a_document_is_saved_whole_and_the_page_goes_nowhere(browser: Browser, world: World) -> None:
    with opened(world, browser) as seen:
        seen.page.goto(seen.page.url + f"items/{world.item}")
        with seen.page.expect_download() as saving:
            seen.page.locator("a[download]").click()
        assert saving.value.suggested_filename == "证明.pdf"
        assert saving.value.path().read_bytes() == PDF


def test_a_wrong_phrase_is_told_and_leaves_the_field(browser: Browser, world: World) -> None:
    with opened(world, browser) as seen:
        seen.page.goto(seen.page.url + "backup")
        seen.page.fill("#phrase", "abandon " * 12)
        seen.page.get_by_role("button", name="Compare").click()
        seen.page.wait_for_selector("#message:not([hidden])")
        assert seen.page.input_value("#phrase") == ""
        assert seen.page.locator("#good").is_hidden()
        examine(seen.page, "backup-wrong", lang="en", mode="light", elder=False)


def test_a_look_is_remembered_and_the_lock_takes_everything_off_the_screen(browser: Browser, world: World) -> None:
    with opened(world, browser, elder=True) as seen:
        home = seen.page.url
        seen.page.get_by_role("button", name="中文").click()
        seen.page.wait_for_selector("html[lang=zh].elder")
        seen.page.get_by_role("button", name="锁定").click()
        seen.page.wait_for_url("**/locked")
        seen.page.goto(home + "items")
        assert seen.page.url == home + "locked"
        seen.page.fill("#passphrase", "pass")
        seen.page.get_by_role("button", name="打开").click()
        seen.page.wait_for_selector("a.action")


def test_the_page_can_be_installed(browser: Browser, world: World) -> None:
    with opened(world, browser) as seen:
        session = seen.page.context.new_cdp_session(seen.page)
        against = {found["errorId"] for found in session.send("Page.getInstallabilityErrors")["installabilityErrors"]}
        assert against <= {"in-incognito"}  # the window of the test, not the page
        manifest = session.send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert "我的数据" in manifest["data"]
        session.detach()
