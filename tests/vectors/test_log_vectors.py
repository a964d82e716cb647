"""Golden bytes of the log: what was accepted stays accepted, and each single fault is refused by its name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocol.encoding import unb64u
from protocol.entries import Opening
from protocol.errors import OneFileError
from protocol.history import Logged, verify_history
from protocol.note import Vkey, verify_checkpoint
from protocol.tlog_proof import verify_tlog_proof
from tests.vectors.log import make

VECTORS = json.loads(make.FILE.read_text(encoding="utf-8"))


def logged(step: dict[str, Any]) -> Logged:
    return Logged(
        index=step["index"],
        entry=unb64u(step["entry"]),
        opening=Opening.from_json(step["opening"]) if step["opening"] is not None else None,
        object_bytes=unb64u(step["object"]) if step["object"] is not None else None,
    )


def check(case: dict[str, Any]) -> object:
    if case["kind"] == "history":
        return verify_history(unb64u(case["tag_key"]), [logged(step) for step in case["history"]])
    vkey = Vkey.parse(case["vkey"])
    if case["kind"] == "checkpoint":
        return verify_checkpoint(unb64u(case["note"]), case["origin"], vkey)
    return verify_tlog_proof(unb64u(case["proof"]), unb64u(case["entry"]), case["origin"], vkey)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['kind']}: {case['name']}")
def test_a_golden_case_of_the_log_ends_as_it_says(case: dict[str, Any]) -> None:
    if case["expect"] == "accept":
        assert check(case)
        return
    with pytest.raises(OneFileError) as caught:
        check(case)
    assert (caught.value.fault, caught.value.code) == (case["expect"], case["code"])


def test_the_golden_log_is_made_as_it_always_was() -> None:
    assert make.vectors() == VECTORS
