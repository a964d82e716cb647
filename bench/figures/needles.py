"""Looking for bytes that must not be there: in every file below a folder, and in the memory of a running process.

Values are looked for in every spelling in which they might lie there (``scripts/search.py``), secrets as they are, in
hex and in base64. Linux only: memory is read from ``/proc``, which takes the same user or root.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.search import files_below, spellings

PIECE = 8 << 20
ENOUGH = 12  # characters of base64: 72 bits
KERNELS = ("[vvar]", "[vvar_vclock]", "[vsyscall]", "[vdso]")
LONGEST = 512  # bytes of a needle: pieces overlap by as much


@dataclass(frozen=True, slots=True)
class Needle:
    """Bytes that are looked for, and what they are: never the bytes themselves are told."""

    raw: bytes
    what: str


def of_value(value: str, what: str) -> list[Needle]:
    """A value in every spelling, also as JSON escapes it."""
    escaped = value.encode("ascii", "backslashreplace")
    found = {*spellings(value), escaped}
    return [Needle(raw, what) for raw in sorted(found)]


def of_secret(secret: bytes, what: str) -> list[Needle]:
    """A key as it is, in hex, and in base64 at all three alignments."""
    found = {secret, secret.hex().encode()}
    for lead in range(3):
        coded = base64.b64encode(b"\0" * lead + secret)[4 if lead else 0 :].rstrip(b"=")[:-2]
        found |= _either(coded)
    return [Needle(raw, what) for raw in sorted(found)]


def _either(coded: bytes) -> set[bytes]:
    """What stands in both alphabets of base64, if that is long enough to be no chance; else both."""
    common = max(re.split(rb"[+/]", coded), key=len)
    return {common} if len(common) >= ENOUGH else {coded, coded.translate(bytes.maketrans(b"+/", b"-_"))}


def in_bytes(pieces: Iterable[bytes], needles: Sequence[Needle]) -> set[str]:
    """What was found in pieces that follow each other."""
    found: set[str] = set()
    tail = b""
    for piece in pieces:
        whole = tail + piece
        found |= {needle.what for needle in needles if needle.what not in found and needle.raw in whole}
        tail = whole[-LONGEST:]
    return found


def in_files(roots: Iterable[Path], needles: Sequence[Needle]) -> dict[Path, set[str]]:
    """What was found in which file. A file that goes away meanwhile is left out."""
    found: dict[Path, set[str]] = {}
    for path in files_below(roots):
        try:
            hits = in_bytes(_file(path), needles)
        except FileNotFoundError:
            continue
        if hits:
            found[path] = hits
    return found


def in_memory(pid: int, needles: Sequence[Needle]) -> set[str]:
    """What was found in the memory of a process: all that it can read, but for what is a library's and read-only."""
    found: set[str] = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in _regions(pid):
            found |= in_bytes(_region(memory.fileno(), start, end), needles)
    return found


def processes_of(pid: int) -> list[int]:
    """A process and all that it has started."""
    try:
        below = [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [pid, *(found for child in below for found in processes_of(child))]


def _file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _regions(pid: int) -> Iterator[tuple[int, int]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        where, rights, _, _, _, *name = line.split(maxsplit=5)
        of = name[0] if name else ""
        if rights.startswith("r") and of not in KERNELS and ("w" in rights or ".so" not in of):
            start, _, end = where.partition("-")
            yield int(start, 16), int(end, 16)


def _region(memory: int, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        try:
            piece = os.pread(memory, min(PIECE, end - start), start)
        except OSError:  # the process has given it back, or it is the kernel's
            return
        if not piece:
            return
        yield piece
        start += len(piece)
