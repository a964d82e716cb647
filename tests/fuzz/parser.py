"""One parser of the project as a fuzzer sees it: bytes in, nothing or one of our errors out.

``call`` hands the bytes to the real parser. Some of our formats hide what is interesting behind a layer that a
mutation can't cross (base64url, a digest, a seal); for these ``tests/fuzz/wrapping.py`` puts the layer on, so that the
bytes of the fuzzer are what lies below it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from protocol.errors import Denied, Malformed, OneFileError, Unavailable, Untrusted

CPU_MS = 200.0
MEMORY_MIB = 64.0
MAX_MESSAGE = 8192
USUAL_BYTES = 4096
OURS: tuple[type[Exception], ...] = (Malformed, Untrusted, Denied, Unavailable)
_PLAIN = frozenset({str, int})  # what JSON can say whatever its value
_CODE = re.compile(r"[a-z][a-z0-9_]*")


class Foreign(Exception):
    """A parser let something out that is not its own error; ``__cause__`` is what it was."""


class Skip(Exception):
    """The bytes are not of the kind that this parser is ever given, such as what is no JSON at all."""


def no_bombs() -> Sequence[bytes]:
    """Nothing is known that costs such a parser more than any input of its size."""
    return ()


@dataclass(frozen=True, slots=True)
class Parser:
    """``reads`` names the functions of the project that get outside bytes by it (tests/house holds them to it).

    ``errors``: what it may raise. ``limit``: the most bytes that it takes at all, and a few more, so that the costliest
    input can be built. ``cpu_ms`` and ``mib`` bound the cost of one input; ``why`` says what another bound rests on.
    """

    name: str
    call: Callable[[bytes], object]
    reads: tuple[str, ...]
    seeds: Callable[[], Sequence[bytes]]
    errors: tuple[type[Exception], ...] = (Malformed,)
    limit: int = 64 << 10
    words: tuple[bytes, ...] = ()
    cpu_ms: float = CPU_MS
    mib: float = MEMORY_MIB
    why: str = ""
    bombs: Callable[[], Sequence[bytes]] = no_bombs


def attempt(parser: Parser, data: bytes) -> str:
    """Give ``data`` to the parser. The outcome in a word: ``ok``, ``skipped``, or the code of its error.

    Raises ``Foreign`` for an exception that it may not raise, and for an error of ours that can't be told.
    """
    try:
        parser.call(data)
    except Skip:
        return "skipped"
    except parser.errors as error:
        return _told(error)
    except Exception as error:
        raise Foreign(f"{parser.name}: {type(error).__name__}: {error!s:.300}") from error
    return "ok"


def _told(error: Exception) -> str:
    """The code of an error whose message can be written to any terminal, log and JSON answer."""
    if not isinstance(error, OneFileError):
        return type(error).__name__
    try:
        message = str(error).encode("utf-8")
        if not _PLAIN.issuperset(map(type, error.facts.values())):
            json.dumps(error.facts)
    except Exception as fault:
        raise Foreign(f"an error {error.code} that can't be told: {type(fault).__name__}") from fault
    if len(message) > MAX_MESSAGE or not _CODE.fullmatch(error.code):
        raise Foreign(f"an error {error.code:.80} with a message of {len(message)} bytes")
    return error.code


def longest(parser: Parser) -> int:
    """How long the inputs of a run may be: what is usual, or as long as the shortest seed that the parser takes.

    A longer seed would be cut, and of some formats nothing that is cut gets beyond the first check.
    """
    seeds = parser.seeds()
    taken = [seed for seed in seeds if attempt(parser, seed) == "ok"]
    return min(max(USUAL_BYTES, min(map(len, taken or seeds))), parser.limit)


def text(data: bytes) -> str:
    """Text as it may reach a parser: what is no UTF-8 becomes lone surrogates, as in the arguments of a program."""
    return data.decode("utf-8", "surrogateescape")


def lax_json(data: bytes) -> Any:
    """JSON as a careless reader gives it: floats, huge integers, NaN and lone surrogates included."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Skip from None
