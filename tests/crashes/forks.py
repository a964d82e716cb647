"""A vault in a process of its own that shares this one's chain in memory, and can be killed at any step.

``in_child`` forks: the child has everything that the test has prepared, and nothing that it changes in memory comes
back; what stays is on the disk, and what it reported before its end. A fork and a vault take a tenth of a second, a
program of its own would take twenty times as long: that is what the whole matrix can afford.

The blob store is a folder in plain Python: a store of Rust threads does not survive a fork.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vault_api.fakes import MemoryBlobs

Tell = Callable[[dict[str, Any]], None]


class Files(MutableMapping[str, bytes]):
    """Blobs as files, put in place by rename. ``half`` is called when half of one is written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.half: Callable[[str], None] = lambda _name: None

    def __setitem__(self, name: str, data: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(path.name + "#1")  # as obstore calls what is not whole yet
        middle = len(data) // 2
        with staged.open("wb") as out:
            out.write(data[:middle])
            out.flush()
            self.half(name)
            out.write(data[middle:])
        staged.replace(path)

    def __getitem__(self, name: str) -> bytes:
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            raise KeyError(name) from None

    def __delitem__(self, name: str) -> None:
        try:
            (self.root / name).unlink()
        except FileNotFoundError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        whole = (path for path in self.root.rglob("*") if path.is_file() and "#" not in path.name)
        return (str(path.relative_to(self.root)) for path in whole)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class FolderBlobs(MemoryBlobs):
    """The store that fails on purpose, over a folder."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.files = Files(root)
        self.objects = self.files  # type: ignore[assignment]  # a mapping of the same kind that lies on the disk


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended, and what it had told by then."""

    killed: bool
    told: list[dict[str, Any]]

    def words(self, key: str) -> list[Any]:
        """What it told under this name."""
        return [line[key] for line in self.told if key in line]

    def word(self, key: str) -> Any:
        """The last of it; None if it did not come to it."""
        found = self.words(key)
        return found[-1] if found else None


def die() -> None:
    """Be killed, now."""
    os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[Tell], None]) -> Ended:
    """Do ``work`` in a child; what it raises fails the test here."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _play(work, write)
    os.close(write)
    with os.fdopen(read) as lines:
        told = [json.loads(line) for line in lines]
    _, status = os.waitpid(child, 0)
    ended = Ended(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, told)
    assert ended.word("wrong") is None, ended.word("wrong")
    assert ended.killed or status == 0, f"the child ended with {status}"
    return ended


def _play(work: Callable[[Tell], None], pipe: int) -> None:
    def tell(word: dict[str, Any]) -> None:
        os.write(pipe, json.dumps(word).encode() + b"\n")

    gc.disable()  # it would touch, and so copy, all that the parent has in memory
    code = 0
    try:
        work(tell)
    except BaseException:  # noqa: BLE001 (whatever it was, the parent has to hear of it)
        tell({"wrong": traceback.format_exc()})
        code = 1
    os._exit(code)  # nothing of the test runner is cleared away twice
