"""Fixtures: a shared world with an issued and an own item exported."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.checks import open_desk
from tests.unit.wallet_cli.conftest import Outcome, World, make_world
from tests.wallet_stage import Stage
from wallet_cli.services import syncing

Wallet = Callable[..., Outcome]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A shared world, with an issued and an own item exported."""
    from wallet_cli.services import documents, exporting, opening

    base = tmp_path_factory.mktemp("exports")
    stage = Stage(base)
    world = make_world(stage)
    own = base / "lease.txt"
    own.write_bytes(b"lease " * 100)
    documents.put(world.alice, documents.PutOrder((own,), "lease"))
    stage.tick()
    syncing.sync(world.alice)
    desk = open_desk(world.alice)
    for name, record in zip(("issued", "own"), world.alice.store.items(), strict=True):
        exporting.export(world.alice, desk, opening.open_item(world.alice, record), base / name)
    yield world, base
    stage.close()


@pytest.fixture
def exported(folders: tuple[World, Path], run_on: Any, tmp_path: Path) -> tuple[World, Path, Wallet]:
    """The world, a fresh copy of the exported issued item, and the program."""
    world, base = folders
    shutil.copytree(base / "issued", tmp_path / "x")
    shutil.copytree(base / "own", tmp_path / "own")
    return world, tmp_path, run_on(world.stage)
