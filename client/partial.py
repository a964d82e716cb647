"""Large files that come over the network: what has arrived stays when connection or program end, for the next time.

What stays is ciphertext, or whatever else the sender's digest covers: nobody opens it before its digest was checked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from client.files import PRIVATE_FILE, private_folder, replacing, sync_folder
from protocol.errors import Unavailable


@contextlib.contextmanager
def arriving(path: Path) -> Iterator[BinaryIO]:
    """A file that becomes ``path`` if the block ends well; what an earlier block left of it stands in it already.

    It is kept where the block ends by ``Unavailable`` or by being interrupted, and dropped on every other fault. One
    process has it at a time: another one begins a file of its own, which is not kept.
    """
    part = private_folder(path.parent) / f".{path.name}.arriving"
    with contextlib.ExitStack() as here:
        stream = here.enter_context(
            os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE), "r+b")
        )
        if not _taken(stream, part):
            here.close()
            yield here.enter_context(replacing(path))
            return
        try:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        except (Unavailable, KeyboardInterrupt):
            raise
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        part.replace(path)
        sync_folder(path.parent)


def _taken(stream: BinaryIO, part: Path) -> bool:
    """Whether this process has the file, and it is still the one of that name."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return part.stat().st_ino == os.fstat(stream.fileno()).st_ino
    except OSError:
        return False
