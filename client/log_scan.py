"""Looking for certain tags and links in very many entries, without taking each entry apart.

An entry of version 1 has one spelling (``protocol/entries.py``), so a pattern over its bytes says as much as the
parser: a test holds the two together. What the pattern does not know may be an entry of a later version, and is only
counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from protocol.encoding import b64u
from protocol.entries import MAX_TYPE

_32 = rb"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_ENTRY = re.compile(
    rb'\{"c":"(' + _32 + rb')","pv":"(' + _32 + rb')","t":"([a-z][a-z0-9_-]{0,' + str(MAX_TYPE - 1).encode() + rb'})"'
    rb',"tag":"(' + _32 + rb')","v":1\}'
)


class Spelled(NamedTuple):
    """The members of an entry as they are spelled: base64url, and the kind."""

    c: bytes
    pv: bytes
    t: bytes
    tag: bytes


def spelled(entry: bytes) -> Spelled | None:
    """The members of an entry of version 1; None of anything else."""
    match = _ENTRY.fullmatch(entry)
    return None if match is None else Spelled(match[1], match[2], match[3], match[4])


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that carries a tag or a link that was looked for."""

    index: int
    entry: bytes


@dataclass(slots=True)
class Scan:
    """``wanted``: tags and links as they are spelled. ``hits`` in the order of the log; ``unknown``: no version 1."""

    wanted: frozenset[bytes]
    hits: list[Hit] = field(default_factory=list)
    seen: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, values: Iterable[bytes]) -> Scan:
        return cls(frozenset(b64u(value).encode("ascii") for value in values))

    def visit(self, first: int, entries: list[bytes]) -> None:
        """Look through ``entries``, of which the first has index ``first``."""
        wanted, match = self.wanted, _ENTRY.fullmatch
        for index, entry in enumerate(entries, first):
            found = match(entry)
            if found is None:
                self.unknown += 1
            elif found[4] in wanted or found[2] in wanted:
                self.hits.append(Hit(index, entry))
        self.seen += len(entries)
