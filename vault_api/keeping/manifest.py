"""What a backup holds, line by line: its last member, and the only thing that a later backup needs of it.

The first line is an object, every other an array ``[member, bytes, sha256 in hex]``. In place of the digest stands
``earlier`` for a payload that is in the backup named by ``since`` or in one before it, ``gone`` for one that was
deleted while the backup ran, and ``lost`` for one that the vault should have had and had not. Payloads stand in the
order of their digests, so that two manifests are compared as they are read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from vault_api.keeping.archive import CHUNK_BYTES, MAX_MEMBER_BYTES, damaged

BEGIN, MANIFEST = "begin.json", "manifest.jsonl"
ROWS = re.compile(r"rows/([a-z][a-z0-9_]{0,47})\.([0-9]{6})\.jsonl")
BLOB = re.compile(r"blobs/([0-9a-f]{64})")
EARLIER, GONE, LOST = "earlier", "gone", "lost"
ABSENT = frozenset({EARLIER, GONE, LOST})
MAX_LINE = 512
MAX_HEAD = 4_096
VERSION = 1
_HEX = re.compile(r"[0-9a-f]{64}")
_MEMBER = re.compile(r"[a-z0-9_./-]{1,100}")


@dataclass(frozen=True, slots=True)
class Line:
    """One member, or a payload that is not in this archive."""

    name: str
    size: int
    state: str  # the digest in hex, or one of ABSENT

    def serialise(self) -> bytes:
        """The line, with its end."""
        return json.dumps([self.name, self.size, self.state], separators=(",", ":")).encode() + b"\n"

    @property
    def payload(self) -> bytes | None:
        """The digest of the payload that it is; None for another member."""
        found = BLOB.fullmatch(self.name)
        return bytes.fromhex(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Head:
    """The first line: which log, of when, and after which backup (SHA-256 of its manifest) this one comes."""

    origin: str
    made_at: int
    size: int
    since: str | None

    def serialise(self) -> bytes:
        """The line, with its end."""
        found = {"v": VERSION, "origin": self.origin, "made_at": self.made_at, "size": self.size, "since": self.since}
        return json.dumps(found, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def read_manifest(raw: Iterable[bytes]) -> Iterator[Head | Line]:
    """Head and lines, from the file's own lines; ``Malformed("backup_format")`` for any other spelling."""
    head = True
    for text in raw:
        yield _parse_head(text) if head else parse_line(text)
        head = False
    if head:
        raise damaged("the manifest is empty")


def parse_line(text: bytes) -> Line:
    """One line behind the first."""
    values = _json(text, MAX_LINE)
    if not isinstance(values, list) or len(values) != 3:
        raise damaged("a line of the manifest is none")
    name, size, state = values
    whole = type(size) is int and 0 <= size <= MAX_MEMBER_BYTES
    if not isinstance(name, str) or not _MEMBER.fullmatch(name) or not whole or not isinstance(state, str):
        raise damaged("a line of the manifest is none")
    if state not in ABSENT and not _HEX.fullmatch(state):
        raise damaged("a line of the manifest is none")
    line = Line(name, size, state)
    if line.serialise() != text:
        raise damaged("a line of the manifest has another spelling")
    return line


def _parse_head(text: bytes) -> Head:
    found = _json(text, MAX_HEAD)
    if not isinstance(found, dict) or found.get("v") != VERSION:
        raise damaged("the manifest's first line is none of this version")
    origin, since = found.get("origin"), found.get("since")
    numbers = [found.get("made_at"), found.get("size")]
    if not isinstance(origin, str) or not (since is None or (isinstance(since, str) and _HEX.fullmatch(since))):
        raise damaged("the manifest's first line is none")
    if any(type(number) is not int or not 0 <= number < 1 << 63 for number in numbers):
        raise damaged("the manifest's first line is none")
    head = Head(origin, found["made_at"], found["size"], since)
    if head.serialise() != text:
        raise damaged("the manifest's first line has another spelling")
    return head


def payloads_of(lines: Iterable[Head | Line]) -> Iterator[bytes]:
    """The payloads that a backup and those before it hold, in order."""
    for line in lines:
        if isinstance(line, Line) and line.payload is not None and line.state in {EARLIER, line.payload.hex()}:
            yield line.payload


def file_lines(source: IO[bytes]) -> Iterator[bytes]:
    """The lines of a manifest; of one that is too long only a beginning, which is refused then."""
    while text := source.readline(MAX_HEAD + 1):
        yield text


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a manifest that comes in pieces; ``Malformed`` for a longer one than a line may be."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for text in whole:
            yield text + b"\n"
        if len(rest) > MAX_HEAD:
            raise damaged("a line of the manifest is too long or cut off")
    if rest:
        raise damaged("a line of the manifest is too long or cut off")


def digest_of(source: IO[bytes]) -> str:
    """The name of a backup: SHA-256 of its manifest, in hex."""
    digest = hashlib.sha256()
    source.seek(0)
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
    source.seek(0)
    return digest.hexdigest()


def _json(text: bytes, limit: int) -> object:
    if len(text) > limit or not text.endswith(b"\n"):
        raise damaged("a line of the manifest is too long or cut off")
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        raise damaged("a line of the manifest is no JSON") from None
    return found
