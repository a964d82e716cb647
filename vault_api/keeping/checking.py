"""Archives as they come in: every member is digested, and the manifest at the end must say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any, BinaryIO

from protocol.errors import Untrusted
from vault_api.keeping.archive import Member, damaged, read_members
from vault_api.keeping.manifest import ABSENT, BLOB, MANIFEST, VERSION, Head, Line, lines_of, read_manifest

MAX_BEGIN_BYTES = 1 << 20
MAX_MEMBERS = 100_000_000


@dataclass(frozen=True, slots=True)
class Begin:
    """What ``begin.json`` says."""

    origin: str
    vkey: str | None
    schema: str
    since: str | None
    size: int
    signed_size: int
    signed_note: bytes
    tables: dict[str, Any]


class Incoming:
    """One archive. Iterate to its end: then ``head``, ``name`` and the absent payloads are known, and all holds."""

    def __init__(self, members: Iterator[Member], own: IO[bytes], absent: IO[bytes]) -> None:
        self._members = members
        self._own = own
        self._absent = absent
        self.head: Head | None = None
        self.name = ""

    def __iter__(self) -> Iterator[Member]:
        for count, member in enumerate(self._members):
            if count > MAX_MEMBERS:
                raise damaged("it has too many members")
            if member.name == MANIFEST:
                self._compare(member)
                for _more in self._members:
                    raise damaged("something follows the manifest")
                return
            yield member
            for _rest in member.chunks():  # what nobody wanted counts for the digest all the same
                pass
            self._own.write(Line(member.name, member.size, member.digest.hex()).serialise())
        raise damaged("it has no manifest")

    def _compare(self, member: Member) -> None:
        self._own.seek(0)
        for line in read_manifest(lines_of(member.chunks())):
            if isinstance(line, Head):
                self.head = line
            elif line.state in ABSENT:
                self._absent.write(line.serialise())
            elif self._own.readline() != line.serialise():
                raise _differs(line.name)
        if self._own.readline():
            raise _differs(MANIFEST)
        self.name = member.digest.hex()


def incoming(stream: BinaryIO, own: IO[bytes], absent: IO[bytes]) -> Incoming | None:
    """The next archive of the stream; None at its end."""
    members = read_members(stream)
    first = next(members, None)
    return None if first is None else Incoming(chain([first], members), own, absent)


def parse_begin(raw: bytes) -> Begin:
    """``begin.json``; ``Malformed("backup_format")`` if it is none."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        raise damaged("begin.json is no JSON") from None
    if not isinstance(said, dict) or said.get("v") != VERSION:
        raise damaged("begin.json is of no version that this program knows")
    signed = said.get("signed") or {"size": 0, "note": ""}
    try:
        begin = Begin(
            said["origin"], said["vkey"], said["schema"], said["since"], said["size"],
            signed["size"], signed["note"].encode(), said["tables"],
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError):
        raise damaged("begin.json lacks something") from None
    texts = [begin.origin, begin.schema, *(text for text in (begin.vkey, begin.since) if text is not None)]
    if not all(isinstance(text, str) for text in texts) or not isinstance(begin.tables, dict):
        raise damaged("begin.json holds something of another kind")
    if any(type(size) is not int or not 0 <= size < 1 << 63 for size in (begin.size, begin.signed_size)):
        raise damaged("begin.json holds something of another kind")
    return begin


def payload_named(name: str) -> bytes | None:
    """The payload that a member is."""
    found = BLOB.fullmatch(name)
    return bytes.fromhex(found[1]) if found else None


def _differs(name: str) -> Untrusted:
    return Untrusted("backup_digest", "{name} is not what the backup's manifest says", name=name)
