"""Fixtures of the browser tests: ``playwright`` and ``browser`` for a module; pages are opened by ``watching``.

The browser ends with its module: while it runs, its driver keeps an event loop in this thread, which no other test
of the same process should find.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.browser import launch
from tests.strangers import need


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    need("chromium")
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A browser whose camera sees a test picture."""
    found = launch(playwright)
    yield found
    found.close()
