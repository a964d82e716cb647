"""Mutations of a seed as data, so that Hypothesis can shrink them and a plain loop can draw them.

No coverage is looked at here: this is what runs where atheris can't be installed, and what the property tests use.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_WORD = re.compile(rb"[A-Za-z_@:-]{3,40}|0x[0-9a-f]{40,64}")
COMMON: tuple[bytes, ...] = (
    b"", b"\0", b"\xff", b" ", b"\n", b"\r\n", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"-", b"/", b"=", b"~",
    b".", b"0", b"1", b"-1", b"1.0", b"1e400", b"NaN", b"null", b"true", b"9007199254740992", b"18446744073709551616",
    b"\xc2\xa0", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"\\ud800", b"\\u0000", b"[" * 30, b"9" * 5000,
    b"../", b"%s", b"{0}", b"A" * 300,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One change: ``size`` bytes from ``at`` (both taken modulo what is there) become ``word``.

    ``kind``: ``put`` as said; ``copy`` puts the bytes at ``other`` in their place; ``repeat`` writes them ``other``
    times; ``flip`` changes one bit.
    """

    kind: str
    at: int
    size: int
    other: int
    word: bytes


KINDS = ("put", "copy", "repeat", "flip")


def mutated(seed: bytes, steps: Iterable[Step], limit: int) -> bytes:
    """``seed`` after all steps, cut at ``limit``."""
    data = seed
    for step in steps:
        data = _changed(data, step)[:limit]
    return data


def words_of(seeds: Sequence[bytes], more: Sequence[bytes]) -> list[bytes]:
    """What is worth putting in: the words of the seeds, those that the parser names, and common trouble."""
    found = (word for seed in seeds for word in _WORD.findall(seed[:8192]))
    return list(dict.fromkeys([*COMMON, *more, *found]))[:400]


def drawn(rng: random.Random, words: Sequence[bytes]) -> list[Step]:
    """A few steps at random."""
    count = 1 + min(int(rng.expovariate(0.7)), 8)
    return [
        Step(
            rng.choice(KINDS), rng.getrandbits(20), int(rng.expovariate(0.2)), rng.getrandbits(12), rng.choice(words)
        )
        for _ in range(count)
    ]  # fmt: skip


def _changed(data: bytes, step: Step) -> bytes:
    at = step.at % (len(data) + 1)
    end = min(len(data), at + step.size)
    if step.kind == "flip":
        if at == len(data):
            return data
        return data[:at] + bytes([data[at] ^ 1 << step.other % 8]) + data[at + 1 :]
    if step.kind == "repeat":
        return data[:end] + data[at:end] * (step.other % 100) + data[end:]
    if step.kind == "copy":
        start = step.other % (len(data) + 1)
        return data[:at] + data[start : start + step.size] + data[end:]
    return data[:at] + step.word + data[end:]
