"""Data on standard output, talk on standard error, and neither cut nor coloured in a pipe."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable

import click
import pytest

from console import exits, frame, i18n, output, progress
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted

COLUMNS = [output.Column("name", "Name"), output.Column("n", "Count", right=True)]


@pytest.fixture(autouse=True)
def _english() -> None:
    i18n.set_language("en")


def inside(act: Callable[[], object], *argv: str) -> int:
    @click.command(cls=frame.Command)
    def cli() -> None:
        act()

    return frame.invoke(cli, argv, prog="x")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_under_json_data_is_json_and_talk_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    def act() -> None:
        output.say("hello")
        output.warn("careful")
        output.emit({"名": 1}, lambda: output.line("never"))

    assert inside(act, "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {"名": 1}
    assert json.loads(told.err) == {"warning": "careful"}


def test_for_people_data_is_drawn_and_talk_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    def act() -> None:
        output.say("hello")
        output.warn("careful")
        output.emit({}, lambda: output.line("drawn"))

    assert inside(act) == 0
    told = capsys.readouterr()
    assert told.out == "drawn\n"
    assert told.err.splitlines() == ["hello", "warning: careful"]


def test_a_table_in_a_pipe_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 500
    output.table([{"name": long, "n": 3}, {"name": "[bold]", "n": None}], COLUMNS)
    told = capsys.readouterr().out
    assert long in told
    assert "[bold]" in told  # what comes from outside is never markup
    assert "\x1b" not in told


def test_an_empty_table_says_so_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    output.table([], COLUMNS)
    output.table([], COLUMNS, empty="no grants")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == ["(nothing)", "no grants"]


def test_fields_are_aligned_and_wide_characters_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    output.fields([("档案", "a"), ("key", "b")])
    assert capsys.readouterr().out.splitlines() == ["档案  a", "key   b"]


def test_on_a_screen_a_table_fits_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    output.table([{"name": "x" * 100, "n": 1}], COLUMNS)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert max(len(line) for line in plain.splitlines()) <= 40
    assert plain.count("x") == 100


def test_a_question_without_anybody_to_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert output.confirm("sure?") is False
    assert output.confirm("sure?", assume_yes=True) is True


def test_a_question_at_a_terminal_is_asked_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Screen("y\n"))
    assert output.confirm("sure?") is True
    assert capsys.readouterr().err.startswith("sure?")


def test_standard_output_has_two_names() -> None:
    assert output.is_stdout(None)
    assert output.is_stdout("-")
    assert not output.is_stdout("a.pdf")


def test_bytes_go_to_standard_output_untouched(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with open(1, "wb", closefd=False) as raw:
        holder = io.TextIOWrapper(raw)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", holder)
            output.binary_stdout().write(b"\x00\xff")
        holder.flush()
        holder.detach()
    assert capfdbinary.readouterr().out == b"\x00\xff"


def test_no_bar_is_drawn_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress("x", 10) as step:
        step(10)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("unit", ["bytes", "items"])
def test_a_bar_is_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch, unit: str) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with progress.progress("Downloading", 10, unit=unit) as step:
        step(10)
    assert "Downloading" in screen.getvalue()


def test_under_json_no_bar_is_drawn_even_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Screen())
    seen: list[bool] = []
    assert inside(lambda: seen.append(progress.shown()), "--json") == 0
    assert seen == [False]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Malformed("json", "x"), 3),
        (Untrusted("jws_signature", "x"), 3),
        (Untrusted("kid_unknown", "x"), 3),
        (Denied("agency_not_admitted", "x"), 4),
        (Denied("grant_expired", "x"), 5),
        (Denied("grant_revoked", "x"), 5),
        (Denied("grant_used_up", "x"), 4),
        (Conflict("show_used", "x"), 4),
        (Denied("unknown_scenario", "x"), 6),
        (Denied("item_not_found", "x"), 6),
        (Denied("no_identity", "x"), 4),
        (Unavailable("clock_behind", "x"), 7),
        (Conflict("idempotency", "x"), 1),
        (OneFileError("other", "x"), 1),
    ],
)
def test_each_error_has_its_exit_code(error: OneFileError, code: int) -> None:
    assert exits.exit_code(error) == code


def test_a_fault_that_we_do_not_know_is_a_failure() -> None:
    assert exits.code_for("from the future", "x") == exits.FAILURE


@pytest.mark.parametrize(
    ("verdict", "codes", "code"),
    [
        ("accept", [], 0),
        ("reject", ["grant_expired"], 5),
        ("reject", ["grant_expired", "jws_signature"], 3),
        ("reject", [], 3),
        ("indeterminate", [], 7),
    ],
)
def test_each_verdict_has_its_exit_code(verdict: str, codes: list[str], code: int) -> None:
    assert exits.for_verdict(verdict, codes) == code
