"""A disk of a few megabytes of its own, which can be filled for real."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.strangers import need

MIB = 1 << 20


class SmallDisk:
    """A mounted folder of ``size`` bytes; ``fill`` leaves so much free, ``free`` gives the space back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, left: int = 0) -> None:
        """Write until only ``left`` bytes are free."""
        with self._ballast.open("wb") as target:
            state = os.statvfs(self.folder)
            os.posix_fallocate(target.fileno(), 0, max(1, state.f_bavail * state.f_frsize - left))

    def free(self) -> None:
        """The ballast goes."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Mount one; the test is skipped where it may not."""
    folder.mkdir()
    made = subprocess.run(
        [need("mount"), "-t", "tmpfs", "-o", f"size={size}", "small-disk", str(folder)],
        capture_output=True,
        check=False,
    )
    if made.returncode:  # a container may be root and yet not mount: nothing installs that right
        pytest.skip("no disk may be mounted here: it takes the right to mount a tmpfs")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run([need("umount"), "-l", str(folder)], check=True)
