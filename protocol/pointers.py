"""RFC 6901 pointers as names of claims, and DCQL claims paths beside them.

A pointer names one place in the issuer's full claims, also where a presentation leaves array elements
out: an index counts the elements as the issuer wrote them. A DCQL path may hold ``None`` for every
element of an array; a pointer may not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce

from protocol.errors import Malformed

MAX_POINTER_CHARS = 512
_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]*")
Step = str | int | None
Path = tuple[Step, ...]


def parse_pointer(text: object) -> tuple[str, ...]:
    """The reference tokens of a pointer with at least one token; ``Malformed`` if it is none."""
    if not isinstance(text, str) or not text.startswith("/") or len(text) > MAX_POINTER_CHARS:
        raise Malformed("pointer", "expected an RFC 6901 pointer of at most {limit} characters", limit=512)
    if _BAD_ESCAPE.search(text):
        raise Malformed("pointer", "a pointer has a ~ that is neither ~0 nor ~1")
    return _tokens(text)


def format_pointer(tokens: Iterable[str | int]) -> str:
    """The pointer with these reference tokens."""
    return reduce(child, tokens, "")


def child(pointer: str, token: str | int) -> str:
    """The pointer to a member or an element of what ``pointer`` names; ``""`` names the whole."""
    return pointer + "/" + str(token).replace("~", "~0").replace("/", "~1")


def within(pointer: str, ancestor: str) -> bool:
    """Whether ``pointer`` is ``ancestor`` or lies below it."""
    return pointer == ancestor or pointer.startswith(ancestor + "/")


def leaves(pointers: Iterable[str]) -> tuple[str, ...]:
    """Those pointers, sorted, that no other of them lies below."""
    every = sorted(set(pointers))
    return tuple(p for p in every if not any(q.startswith(p + "/") for q in every))


def covers(path: Path, pointer: str) -> bool:
    """Whether a DCQL path names ``pointer`` or something that holds it."""
    tokens = _tokens(pointer)
    return len(tokens) >= len(path) and all(map(_same, path, tokens))


def selects(path: Path, pointer: str) -> bool:
    """Whether a DCQL path names exactly ``pointer`` (OpenID4VP 1.0 §7.1)."""
    return pointer.count("/") == len(path) and covers(path, pointer)


def _same(step: Step, token: str) -> bool:
    return _INDEX.fullmatch(token) is not None if step is None else str(step) == token


def _tokens(pointer: str) -> tuple[str, ...]:
    tokens = pointer[1:].split("/")
    return tuple(t.replace("~1", "/").replace("~0", "~") for t in tokens) if "~" in pointer else tuple(tokens)
