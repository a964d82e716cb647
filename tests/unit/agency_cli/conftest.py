"""Fixtures of the agency's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reader_fixture import fresh_reader, reader, shared_reader
from tests.unit.agency_cli.support import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Chain and vault, and an agency that is nobody yet."""
    return World(tmp_path)


__all__ = ["fresh_reader", "reader", "shared_reader", "world"]
