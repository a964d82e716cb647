"""The vault's page for paper copies in Chromium: right, forged, revoked, no network; and what the vault hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from protocol.encoding import hex0x
from protocol.packed import jws_of, jws_parts
from protocol.paper import paper_in_link, paper_link
from protocol.status_list import INVALID
from scripts.processes import free_port
from tests.browser.browser import LANGUAGES, MODES, axe, photograph, serving, watching
from tests.paper_stage import PaperStage, paper_stage
from vault_api.app import create_app


@dataclass(frozen=True)
class Served:
    """The papers' vault at an address, and the paths that it was asked for."""

    papers: PaperStage
    origin: str
    asked: list[str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    asked: list[str] = []
    with paper_stage(tmp_path_factory.mktemp("papers")) as papers:
        app = create_app(papers.stage.vault)

        async def heard(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                asked.append(scope["path"] + "?" + scope["query_string"].decode())
            await app(scope, receive, send)

        with serving(heard, free_port()) as origin:  # type: ignore[arg-type]  # any ASGI application is served
            yield Served(papers, origin, asked)


def opened(page: Page, served: Served, link: str) -> None:
    page.clock.set_fixed_time(served.papers.now)
    page.goto("about:blank")  # else another code is only another fragment of the same page
    page.goto(link)
    expect(page.locator("#verdict")).not_to_have_attribute("data-state", "checking")


def state(page: Page) -> str:
    return str(page.locator("#verdict").get_attribute("data-state"))


def test_a_paper_is_judged_and_the_vault_learns_nothing_of_what_it_says(browser: Browser, served: Served) -> None:
    papers = served.papers
    good, gone = papers.bits.allocate(), papers.bits.allocate()
    papers.bits.set(gone, INVALID)
    papers.publish()
    link = papers.link(served.origin, idx=good)
    header, payload, signature = jws_parts(paper_in_link(link))
    forged = paper_link(served.origin, jws_of((header, payload.replace(b"C1", b"A1"), signature)))
    served.asked.clear()
    with watching(browser, lang="zh", width=360) as watched:
        page = watched.page
        opened(page, served, link)
        assert state(page) == "valid"
        expect(page.locator("#word")).to_have_text("真实有效")
        expect(page.locator("#facts")).to_contain_text("样例甲")
        expect(page.locator("#facts")).to_contain_text("准驾车型")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360

        opened(page, served, forged)
        assert state(page) == "altered"
        expect(page.locator("#facts-section")).to_be_hidden()

        opened(page, served, papers.link(served.origin, idx=gone))
        assert state(page) == "revoked"

        page.context.set_offline(True)
        page.evaluate("hash => { location.hash = hash; }", link.partition("#")[2])
        expect(page.locator("#verdict")).to_have_attribute("data-code", "unreachable")
        assert state(page) == "unknown"
        page.context.set_offline(False)
        page.locator("#again").click()
        expect(page.locator("#verdict")).to_have_attribute("data-state", "valid")
    account = hex0x(papers.issuer.address)
    names = {"/paper?", *(f"/paper/{name}?" for name in ("page.css", "page.js", "check.js", "words.zh.json"))}
    assert set(served.asked) == names | {f"/v1/agencies/{account}?", f"/v1/status-lists/{account}/1?"}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("mode", MODES)
def test_the_page_has_no_barrier(browser: Browser, served: Served, lang: str, mode: str) -> None:
    link = served.papers.link(served.origin, idx=5)
    with watching(browser, lang=lang, mode=mode, width=360) as watched:
        opened(watched.page, served, link)
        assert axe(watched.page) == []
        photograph(watched.page, "paper", lang=lang, mode=mode)
        opened(watched.page, served, f"{served.origin}/paper#0")
        assert state(watched.page) == "malformed"
        assert axe(watched.page) == []
