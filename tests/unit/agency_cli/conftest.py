"""Fixtures of the issuing half's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

import agency_cli.hints
from agency_cli import common
from agency_cli.services.issuing import Desk, open_desk
from console import i18n
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
    assert agency_cli.hints
    i18n.set_language("en")
    return Program(world, capsys)
