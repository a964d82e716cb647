"""Search an operator's disk for plaintext that must not be there.

Two searches over every byte of every file below some folders: planted canaries in the spellings in which text
usually leaks (UTF-8, UTF-16, base64 at all three alignments, hex), and every aligned 32-byte window of each document.
Windows of fewer than eight distinct bytes are left out: runs of zeros stand in every database page.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

WINDOW = 32
MIN_DISTINCT = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """Where something was found; ``what`` names the canary or document, never the bytes."""

    path: Path
    offset: int
    what: str


def spellings(canary: str) -> Iterator[bytes]:
    """Every spelling of ``canary`` that is searched for."""
    raw = canary.encode("utf-8")
    yield raw
    yield canary.encode("utf-16-le")
    yield canary.encode("utf-16-be")
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for lead in range(3):
        # The first and last base64 characters also depend on neighbours: only the inner ones are ours.
        coded = base64.b64encode(b"\0" * lead + raw)[4 if lead else 0 :].rstrip(b"=")[:-2]
        yield coded
        yield coded.translate(bytes.maketrans(b"+/", b"-_"))


def windows(document: bytes) -> Iterator[bytes]:
    """The aligned windows of ``document`` that say anything."""
    for at in range(0, len(document) - WINDOW + 1, WINDOW):
        window = document[at : at + WINDOW]
        if len(set(window)) >= MIN_DISTINCT:
            yield window


def files_below(roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        if root.is_file():
            yield root
        else:
            yield from (path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink())


def search(roots: Iterable[Path], canaries: Iterable[str], documents: dict[str, bytes]) -> list[Hit]:
    """All hits of ``canaries`` and ``documents`` below ``roots``; a document counts once a file."""
    needles = [(spelling, canary) for canary in canaries for spelling in spellings(canary)]
    index = {window: name for name, raw in documents.items() for window in windows(raw)}
    hits: list[Hit] = []
    for path in files_below(roots):
        raw = path.read_bytes()
        hits += [Hit(path, at, f"canary {canary[:6]}…") for needle, canary in needles if (at := raw.find(needle)) >= 0]
        hits += _document_hits(path, raw, index)
    return hits


def _document_hits(path: Path, raw: bytes, index: dict[bytes, str]) -> list[Hit]:
    found: dict[str, Hit] = {}
    for at in range(len(raw) - WINDOW + 1):
        if raw[at : at + WINDOW] in index:
            name = index[raw[at : at + WINDOW]]
            found.setdefault(name, Hit(path, at, f"document {name}"))
    return list(found.values())
