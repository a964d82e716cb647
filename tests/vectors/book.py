"""One structure's vectors: what is accepted, and what differs from it in a single thing.

    {"structure": …, "about": …, "cases": [
      {"name": …, "expect": "accepted", "input": {…}, "result": …},
      {"name": …, "expect": "untrusted:jws_kid", "from": "<an accepted case>", "input": {…}},
      {"name": …, "expect": "malformed", "code": "field_unknown", "from": …, "input": {…}}]}

A refused case has the input of the case that ``from`` names, with exactly one member changed. ``result`` is what a
verifier reads out of an accepted input. Bytes are ``{"text": …}`` where they are UTF-8, else ``{"b64u": …}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from protocol.encoding import b64u, unb64u
from protocol.errors import FAULTS, OneFileError

GOLDEN = Path(__file__).with_name("golden")
ACCEPTED = "accepted"
# Of a verdict, which raises nothing: see docs/spec/verdict.md.
CONCLUSIONS = ("rejected", "indeterminate")
CATEGORIES = (ACCEPTED, *FAULTS, *CONCLUSIONS)

Input = dict[str, Any]
Judge = Callable[[Input], Any]


class Concluded(Exception):
    """A verdict that is no acceptance; what raises it is a judge of vectors, never our code."""

    def __init__(self, category: str) -> None:
        super().__init__(category)
        self.category = category


def outcome(judge: Judge, given: Input) -> tuple[str, str, Any]:
    """What ``judge`` comes to: ``expect`` of a vector, the code of what is malformed, the result of what is accepted."""
    try:
        return ACCEPTED, "", judge(given)
    except Concluded as concluded:
        return concluded.category, "", None
    except OneFileError as error:
        if error.fault == "malformed":
            return error.fault, error.code, None
        return f"{error.fault}:{error.code}", "", None


def octets(data: bytes) -> dict[str, str]:
    """Bytes as they stand in a vector."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64u": b64u(data)}
    # A control character would be unreadable in the file, and a test of one is about bytes anyway.
    return {"text": text} if all(c == "\n" or c.isprintable() for c in text) else {"b64u": b64u(data)}


def unoctets(value: dict[str, str]) -> bytes:
    """The bytes of ``octets``."""
    return value["text"].encode("utf-8") if "text" in value else unb64u(value["b64u"])


class Book:
    """The cases of one structure. ``judge`` is our own verifier, which fills the ``result`` of accepted cases."""

    def __init__(self, structure: str, about: str, judge: Judge) -> None:
        self.structure = structure
        self.about = about
        self.judge = judge
        self.cases: list[dict[str, Any]] = []

    def accept(self, name: str, **given: Any) -> None:
        """A case that every verifier accepts, and reads in the same way."""
        self.cases.append({"name": name, "expect": ACCEPTED, "input": given, "result": self.judge(given)})

    def also(self, name: str, *, of: str | None = None, **changes: Any) -> None:
        """An accepted case with some members of another one's input changed."""
        self.accept(name, **{**self.base(of)["input"], **changes})

    def refuse(self, name: str, expect: str, *, of: str | None = None, **change: Any) -> None:
        """A case that differs from the accepted one ``of`` (the first, if not given) in one member of its input.

        ``expect`` is ``fault:code``; of what is malformed, the code is ours and stands apart.
        """
        base = self.base(of)
        if len(change) != 1 or base["input"] == {**base["input"], **change}:
            raise ValueError(f"{self.structure}: {name}: not one change")
        fault, _, code = expect.partition(":")
        said = {"expect": fault, "code": code} if fault == "malformed" else {"expect": expect}
        self.cases.append({"name": name, **said, "from": base["name"], "input": {**base["input"], **change}})

    def base(self, name: str | None = None) -> dict[str, Any]:
        """The accepted case of that name, or the first."""
        return next(c for c in self.cases if c["expect"] == ACCEPTED and name in (None, c["name"]))

    @property
    def file(self) -> Path:
        """Where the vectors are kept."""
        return GOLDEN / f"{self.structure}.json"

    def text(self) -> str:
        """The file's text."""
        body = {"structure": self.structure, "about": self.about, "cases": self.cases}
        return json.dumps(body, ensure_ascii=False, indent=1) + "\n"


def read(structure: str) -> dict[str, Any]:
    """The committed vectors of a structure."""
    value: dict[str, Any] = json.loads((GOLDEN / f"{structure}.json").read_text(encoding="utf-8"))
    return value
