"""A service window over a vault in this process, served to a browser."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from playwright.sync_api import Browser, Page

from agency_cli.window.app import create_app
from agency_cli.window.counter import Counter
from client.localsite import Entrance
from protocol.dcql import parse_query
from protocol.receipts import Officer
from scripts.processes import free_port
from tests.browser.browser import Watched, serving, watching
from tests.reader_stage import CLAIMS, ReaderStage
from tests.scenario_samples import QUERY

SCENARIO = "window"
_LOG = logging.getLogger(__name__)


@dataclass
class Desk:
    """A window in this process: ``opened`` shows its page, ``shown`` is a code whose wallet answers at once."""

    reader: ReaderStage
    counter: Counter

    @contextmanager
    def opened(self, browser: Browser, **how: str) -> Iterator[Watched]:
        """The page, come in by the start link."""
        port = free_port()
        door = Entrance(port)
        with serving(create_app(self.counter, door), port), watching(browser, **how) as seen:
            seen.page.goto(door.link)
            seen.page.wait_for_selector("#asked:not(:empty)")
            yield seen

    def shown(self) -> str:
        session, code = self.reader.open_show()

        def wallet(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
            if request.url.path.endswith("/collect") and answer.is_success:
                self.reader.present(session, self.reader.item)
            return answer

        self.reader.bridge.lies[:] = [wallet]
        return code


@contextmanager
def desk_of(reader: ReaderStage) -> Iterator[Desk]:
    """One desk, whose journal begins empty."""
    if not hasattr(reader, "page_scenario"):
        query = parse_query({"credentials": QUERY["credentials"][:1]})
        reader.page_scenario = reader.post_scenario(scenario_id=SCENARIO, query=query)
    yield Desk(reader, Counter(reader.session, 3, SCENARIO, Officer("officer", "desk 3")))
    shutil.rmtree(reader.session.profile.folder / "window", ignore_errors=True)


def word(page: Page) -> str:
    """The verdict, once there is one; why is in the log of a test that fails."""
    page.wait_for_selector("#verdict:not(.ready):not(.busy)")
    found = page.locator("#verdict").get_attribute("class") or ""
    _LOG.warning("the window says %s: %s", found, page.inner_text("#why"))
    return found


def upload(page: Page, path: Path) -> str:
    page.set_input_files("#picture", path)
    return word(page)


__all__ = ["CLAIMS", "Desk", "desk_of", "upload", "word"]
