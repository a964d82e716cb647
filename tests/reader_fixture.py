"""Readers for tests: ``reader`` shares one stage in a module and is reset between tests; ``fresh_reader`` is a new one.

A test folder uses them by a conftest.py of two lines; a test that moves the clock or the chain takes the fresh one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reader_stage import ReaderStage, reader_stage


@pytest.fixture(scope="module")
def shared_reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderStage]:
    with reader_stage(tmp_path_factory.mktemp("reader")) as stage:
        stage.item = stage.issue(b"%PDF a proof", b"a photo")
        stage.anchor()
        yield stage


@pytest.fixture
def reader(shared_reader: ReaderStage, tmp_path: Path) -> Iterator[ReaderStage]:
    """One item is there and anchored; ``out`` is a folder that is not."""
    shared_reader.out = tmp_path / "out"
    yield shared_reader
    shared_reader.bridge.lies.clear()
    shared_reader.bridge.requests.clear()
    shared_reader.bridge.down = False
    shared_reader.clock.on_sleep = lambda: None
    shutil.rmtree(shared_reader.session.profile.folder / "uses", ignore_errors=True)


@pytest.fixture
def fresh_reader(tmp_path: Path) -> Iterator[ReaderStage]:
    """As ``reader``, and nobody else's."""
    with reader_stage(tmp_path) as stage:
        stage.item = stage.issue(b"%PDF a proof", b"a photo")
        stage.anchor()
        stage.out = tmp_path / "out"
        yield stage
