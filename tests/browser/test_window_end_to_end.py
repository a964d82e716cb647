"""Both directions at a window with nothing left out: a chain, a vault, a wallet and a window as programs, and a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from scripts.demo.cast import PERSON, POLICE
from scripts.processes import free_port
from scripts.stack import Stack
from scripts.window import start_window
from tests.browser.browser import launch, photograph, watching
from tests.browser.counter_stage import word
from tests.browser.film import write_film
from tests.browser.real_stage import real_stack, showing

SHOWN_S = 60


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with real_stack(tmp_path_factory.mktemp("window")) as found:
        yield found


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_both_directions_from_the_code_in_view_to_the_verdict(
    playwright: Playwright, stack: Stack, tmp_path: Path
) -> None:
    link = start_window(stack, free_port())
    wallet = showing(stack, tmp_path / "code.png")
    film = write_film(tmp_path / "film.y4m", (tmp_path / "code.png").read_bytes())
    browser = launch(playwright, camera=film)
    try:
        with watching(browser, lang="zh") as seen:
            page = seen.page
            page.goto(link)
            page.wait_for_selector("#asked:not(:empty)")
            # The wallet shows, the camera reads.
            page.click("#use-camera")
            assert word(page) == "accept"
            assert PERSON["name"] in page.inner_text("#licence")
            assert wallet.process.wait(SHOWN_S) == 0
            photograph(page, "end-to-end-shown", lang="zh", mode="light")
            page.click("#use-camera")
            # The window asks, the wallet answers, the page moves by itself.
            page.click("#ask")
            page.locator("#request[src]").screenshot(path=tmp_path / "request.png")
            command = ["scan", str(tmp_path / "request.png"), "--profile", "alice", "--yes"]
            answered = json.loads(stack.call("wallet", *command))
            assert answered["agency_name"] == POLICE.name
            assert answered["match"] in page.locator("#match:not(:empty)").inner_text()
            assert page.inner_text("#licence") == ""
            page.click("#open")
            assert word(page) == "accept"
            assert PERSON["name"] in page.inner_text("#licence")
            assert page.inner_text("#served") == "2"
    finally:
        browser.close()
