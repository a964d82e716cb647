"""The watch over a page notices what it is there to notice."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser

from scripts.processes import free_port
from tests.browser.browser import axe, serving, watching

STRICT = {"content-security-policy": "default-src 'none'; img-src * data:"}
GOOD = '<!doctype html><html lang="en"><title>t</title><main><h1>t</h1></main>'


def app(body: str) -> FastAPI:
    made = FastAPI()

    @made.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(body, headers=STRICT)

    @made.get("/favicon.ico")
    def icon() -> HTMLResponse:
        return HTMLResponse("")

    return made


def opened(browser: Browser, body: str) -> list[str]:
    with serving(app(body), free_port()) as origin, watching(browser) as seen:
        seen.page.goto(origin)
        return axe(seen.page)


def test_a_page_that_keeps_the_rules_passes(browser: Browser) -> None:
    assert opened(browser, GOOD) == []


@pytest.mark.parametrize(
    "fault",
    ['<img alt="" src="http://elsewhere.example/x.png">', "<script>1</script>"],
    ids=["asks another machine", "runs a script of its own"],
)
def test_a_page_that_breaks_a_rule_is_found_out(browser: Browser, fault: str) -> None:
    with pytest.raises(AssertionError):
        opened(browser, GOOD + fault)


def test_what_nobody_can_read_is_found_by_axe(browser: Browser) -> None:
    found = opened(browser, GOOD.replace("</main>", '<img src="data:,"></main>'))
    assert [line.split(":")[0] for line in found] == ["image-alt"]
