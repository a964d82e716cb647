"""A fresh stage for each test, in memory where the machine has a folder there: commits wait for no disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault_stage import VaultStage, vault_stage

IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[VaultStage]:
    with vault_stage(tmp_path) as made:
        yield made
