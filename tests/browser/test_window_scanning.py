"""The window's page reads codes: from pictures, from what is pasted, from scanners that type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.counter_stage import Desk, desk_of, upload, word
from tests.reader_fixture import reader, shared_reader
from tests.reader_stage import ReaderStage, picture_of

__all__ = ["reader", "shared_reader"]


@pytest.fixture
def desk(reader: ReaderStage) -> Iterator[Desk]:
    with desk_of(reader) as found:
        yield found


def test_a_picture_of_a_code_is_read_in_the_page_and_served(browser: Browser, desk: Desk, tmp_path: Path) -> None:
    photo = tmp_path / "code.png"
    photo.write_bytes(picture_of(desk.shown()))
    with desk.opened(browser) as seen:
        assert upload(seen.page, photo) == "accept"
        assert "威海市" in seen.page.inner_text("#licence")
        assert seen.page.inner_text("#served") == "1"
