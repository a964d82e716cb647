"""Fixtures of the agency's tests: ``world`` and what stands in it to issue, ``reader`` to ask."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from agency_cli import common
from agency_cli.services.issuing import Desk, open_desk
from console import hints, i18n
from tests.reader_fixture import fresh_reader, reader, shared_reader
from tests.unit.agency_cli.program import Program
from tests.unit.agency_cli.support import HolderKeys, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Chain and vault, and an agency that is nobody yet."""
    return World(tmp_path)


@pytest.fixture
def desk(world: World) -> Desk:
    """The desk of an issuer of two types."""
    world.issuer("driving-licence", "diploma")
    return open_desk(world.session)


@pytest.fixture
def alice(world: World) -> HolderKeys:
    """A holder with an open dossier."""
    return HolderKeys(world).open()


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """The program, each call a run of its own."""
    monkeypatch.setattr(common, "make_session", lambda _file, _fd: world.again())
    # The program registers its next steps in a table of the process: for this test only.
    monkeypatch.setattr(hints, "_HINTS", dict(hints._HINTS))
    importlib.reload(importlib.import_module("agency_cli.hints"))
    i18n.set_language("en")
    return Program(world, capsys)


__all__ = ["alice", "desk", "fresh_reader", "reader", "run", "shared_reader", "world"]
