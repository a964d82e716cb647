"""Our code and the verifier in Node over accepted vectors with one thing changed at random.

    python -m tests.vectors.mutated [EACH [SEED]]

makes so many cases of each structure, says by our code what becomes of them, and has the verifier in Node judge them:
where the two come to different categories, the specification has a gap. What a verifier knows by itself (keys,
times, places) stays as it is; what comes from outside is changed.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from protocol.encoding import b64u, unb64u
from tests.strangers import ROOT
from tests.vectors import inventory
from tests.vectors.book import ACCEPTED, Input, outcome, read

EACH = 200
OUTSIDE = (
    *("raw", "text", "note", "older", "newer", "proof", "entry", "object", "file", "header", "payload", "path", "root"),
    *(
        "slip",
        "salt",
        "message",
        "jwk",
        "report",
        "opening",
        "signature",
        "receipt",
        "grant",
        "scenario",
        "urn",
        "phrase",
    ),
)
CHARACTERS = 'aAzZ09-_.~/\\"{}[]:, \n+=é中\u202e#%$'
TOKENS = (
    '"a":1',
    "null",
    "true",
    "-1",
    "1.0",
    "9007199254740991",
    '""',
    "[]",
    "{}",
    '"\\u0041"',
    "0x",
    "00",
    "..",
    "\n\n",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    -1,
    "",
    "a",
    [],
    {},
    "é",
    2**53 - 1,
    [1],
    "0x" + "00" * 32,
    b64u(bytes(32)),
)


class Mutator:
    """Changes one thing; the same seed gives the same changes."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def case(self, cases: list[dict[str, Any]]) -> tuple[str, Input]:
        """The name and the changed input of one of these accepted cases."""
        base = self._random.choice(cases)
        names = [name for name in base["input"] if name in OUTSIDE and base["input"][name] is not None]
        name = self._random.choice(names)
        return f"{name} of {base['name']}", {**base["input"], name: self._value(base["input"][name])}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._jws(value) if value.startswith("eyJ") and self._random.random() < 0.7 else self._text(value)
        if set(value) == {"text"}:
            return {"text": self._json_text(value["text"])}
        if set(value) == {"b64u"}:
            return {"b64u": b64u(self._bytes(unb64u(value["b64u"])))}
        return self._json(value)

    def _text(self, text: str) -> str:
        pick = self._random
        start = pick.randrange(len(text) + 1)
        end = start + pick.randrange(1, 6)
        numbers = list(re.finditer(r"[0-9]+", text))
        changes = [
            lambda: text[:start] + pick.choice(CHARACTERS) + text[start + 1 :],
            lambda: text[:start] + pick.choice(CHARACTERS) + text[start:],
            lambda: text[:start] + pick.choice(TOKENS) + text[start:],
            lambda: text[:start] + text[end:],
            lambda: text[:end] + text[start:],
            lambda: text[:start],
            lambda: text[:start] + text[start:end].swapcase() + text[end:],
            lambda: text + pick.choice(CHARACTERS),
            lambda: self._number(text, pick.choice(numbers)) if numbers else text + "0",
        ]
        return pick.choice(changes)()

    def _number(self, text: str, found: re.Match[str]) -> str:
        other = self._random.choice(("0", "1", str(int(found[0]) + 1), f"0{found[0]}", f"-{found[0]}", f"{found[0]}0"))
        return text[: found.start()] + other + text[found.end() :]

    def _bytes(self, data: bytes) -> bytes:
        at = self._random.randrange(len(data) + 1)
        middle = (
            bytes([data[at] ^ 1 << self._random.randrange(8)]) if at < len(data) else b"\x00",
            b"",
            data[at : at + 1] * 2,
        )
        return data[:at] + self._random.choice((*middle, b"\xff")) + data[at + 1 :]

    def _json_text(self, text: str) -> str:
        if not text.startswith("{") or self._random.random() < 0.3:
            return self._text(text)
        value = self._json(json.loads(text))
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def _jws(self, text: str) -> str:
        """One part of a JWS, or of the several that a tilde separates, changed inside."""
        places = [found for found in re.finditer(r"[A-Za-z0-9_-]+", text) if len(found[0]) % 4 != 1]
        found = self._random.choice(places)
        raw = unb64u(found[0])
        part = self._json_text(raw.decode()).encode() if raw.startswith(b"{") else self._bytes(raw)
        return text[: found.start()] + b64u(part) + text[found.end() :]

    def _json(self, value: Any) -> Any:
        """One member somewhere in it taken away, added or replaced."""
        changed = json.loads(json.dumps(value))
        holders = list(_holders(changed))
        holder = self._random.choice(holders)
        names = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        kind = self._random.randrange(4) if names else 0
        if kind == 0 and isinstance(holder, dict):
            holder[self._random.choice(("x", "v", "iat", "_sd", "id"))] = self._random.choice(VALUES)
        elif names:
            name = self._random.choice(names)
            if kind == 1:
                del holder[name]
            elif kind == 2 and isinstance(holder[name], str):
                holder[name] = self._text(holder[name])
            else:
                holder[name] = self._random.choice(VALUES)
        return changed


def _holders(value: Any) -> list[Any]:
    if not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(holder for member in inner for holder in _holders(member))]


def write(folder: Path, each: int, seed: int) -> int:
    """Files of mutated cases for the verifier in Node, with what our code says; how many there are."""
    mutator, total = Mutator(seed), 0
    for one in inventory.STRUCTURES:
        accepted = [case for case in read(one.name)["cases"] if case["expect"] == ACCEPTED]
        accepted = [case for case in accepted if any(case["input"].get(name) is not None for name in OUTSIDE)]
        if not accepted:
            continue
        cases = []
        for number in range(each):
            name, given = mutator.case(accepted)
            expect, _, result = outcome(inventory.judge_of(one.name), given)
            more = {"result": result} if expect == ACCEPTED else {}
            cases.append({"name": f"{number}: {name}", "expect": expect, "input": given, **more})
        body = {"structure": one.name, "about": "mutated", "cases": cases}
        (folder / f"{one.name}.json").write_text(json.dumps(body, ensure_ascii=False), "utf-8")
        total += len(cases)
    return total


def main(argv: list[str]) -> int:
    each, seed = (*map(int, argv), *(EACH, 1)[len(argv) :])
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), each, seed)
        verifier = str(ROOT / "tests" / "vectors" / "verify.mjs")
        return subprocess.run(["node", verifier, folder], check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
