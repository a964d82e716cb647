"""The exception tree: whose fault, a stable code, a template and its facts."""

from __future__ import annotations

import pytest

from protocol.errors import FAULTS, Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted, fill


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Malformed, "malformed"),
        (Untrusted, "untrusted"),
        (Denied, "denied"),
        (Unavailable, "unavailable"),
        (Conflict, "conflict"),
    ],
)
def test_each_branch_names_whose_fault_it_is(kind: type[OneFileError], fault: str) -> None:
    error = kind("some_code", "expected {want}, got {got}", want=3, got="four")
    assert (error.fault, error.code, str(error)) == (fault, "some_code", "expected 3, got four")
    assert error.facts == {"want": 3, "got": "four"}
    assert FAULTS[fault] is kind
    assert isinstance(error, OneFileError)


def test_a_field_without_a_fact_stays_as_it_stands() -> None:
    assert fill("expected {want}, got {got}", {"want": 1}) == "expected 1, got {got}"


def test_a_message_can_always_be_written_to_a_terminal_a_log_and_an_answer() -> None:
    error = Denied("addressee_missing", "{text} is no name", text="名\udce1\ud800")
    assert error.facts == {"text": "名??"}
    assert str(error).encode("utf-8").decode("utf-8") == "名?? is no name"


def test_the_root_of_the_tree_is_a_plain_failure() -> None:
    assert OneFileError("internal", "a fault").fault == "failure"
    assert "failure" not in FAULTS
