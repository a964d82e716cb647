"""Inputs as large as a parser takes, and as dear for their size: what no mutation of a small seed grows into."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from tests.fuzz.parser import Parser

TOKENS: tuple[bytes, ...] = (
    b"[", b'{"a":', b"[],", b"{},", b'"",', b"0,", b'"\\', b"9", b"~", b".", b"\n", b"\n\n", b"A", b"\xff", b"/", b"- ",
    b" ", b'"a', b"\\ud800", b"-> x\n", b"e", b":", "　".encode(),
)  # fmt: skip
MAX_PLACES = 10
SEEDS = 3


def bombs(parser: Parser) -> Iterator[tuple[str, bytes]]:
    """Named large inputs: the parser's own, then others of at most ``parser.limit`` bytes."""
    for number, data in enumerate(parser.bombs()):
        yield f"own {number}", data
    seeds = sorted(parser.seeds(), key=lambda seed: (b"{" in seed[:8], len(seed)))[-SEEDS:]  # JSON grows best
    for token in TOKENS:
        yield f"only {token!r}", _times(token, parser.limit)
    for which, seed in enumerate(seeds):
        for token in (b"[],", b'"",', b"A", b"\n", b"9", b"\\u0041"):
            room = parser.limit - len(seed)
            middle = len(seed) // 2
            yield f"seed {which} around {token!r}", seed[:middle] + _times(token, room) + seed[middle:]
        yield from ((f"seed {which} {name}", data) for name, data in _grown(seed, parser.limit))


def _times(token: bytes, size: int) -> bytes:
    return token * max(0, size // len(token))


def _grown(seed: bytes, limit: int) -> Iterator[tuple[str, bytes]]:
    """A JSON seed in which one container has as many members, or one string as many characters, as fit."""
    start = seed.find(b"{")
    try:
        value = json.loads(seed[start:])
    except ValueError:
        return
    if not isinstance(value, dict):
        return
    room = limit - len(seed) - 64
    for path in list(_places(value))[:MAX_PLACES]:
        for what, more in (("members", room // 12), ("characters", room)):
            grown = copy.deepcopy(value)
            if _enlarge(grown, path, what, more):
                yield f"{what} at {path}", seed[:start] + json.dumps(grown, separators=(",", ":")).encode()[:limit]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        if not isinstance(name, int) or name == 0:
            yield from _places(member, (*path, name))


def _enlarge(value: Any, path: tuple[Any, ...], what: str, more: int) -> bool:
    *outer, last = path or (None,)
    for name in outer:
        value = value[name]
    if what == "characters":
        if last is None or not isinstance(value[last], str):
            return False
        value[last] = value[last] + "A" * more
        return True
    inside = value if last is None else value[last]
    if isinstance(inside, dict):
        inside.update({f"m{number}": 0 for number in range(more)})
    elif isinstance(inside, list):
        size = max(1, len(json.dumps(inside[0]))) if inside else 12
        inside.extend(copy.deepcopy((inside or [0])[0]) for _ in range(more * 12 // (size + 1)))
    return isinstance(inside, dict | list)
