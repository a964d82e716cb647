"""What every program does with options, help and errors."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from console import exits, frame, hints, i18n, output
from console.i18n import N_
from protocol.errors import Denied, Malformed, OneFileError, Unavailable

Run = Callable[..., int]


def program() -> frame.Group:
    @click.group(cls=frame.Group, help="Language of messages.", epilog="No colours.")
    def cli() -> None:
        pass

    @cli.command(help="Data and errors as JSON.")
    @click.option("--way", help="Which profile to use.", default="ok")
    @click.argument("word", default="", help="No colours.")
    def act(way: str, word: str) -> int | None:
        return ACTS[way](word)

    @cli.group(help="(nothing)")
    def inner() -> None:
        pass

    @inner.command(help="interrupted")
    def deep() -> None:
        output.line(str(frame.current().profile))

    cli.add_completion()
    return cli


def _raise(error: BaseException) -> Callable[[str], int | None]:
    def act(_word: str) -> int | None:
        raise error

    return act


ACTS: dict[str, Callable[[str], int | None]] = {
    "ok": lambda word: output.line(f"did {word}"),
    "seven": lambda _word: 7,
    "profile": lambda _word: output.line(str(frame.current().profile)),
    "color": lambda _word: output.line(str(frame.current().color)),
    "denied": _raise(Denied("grant_expired", "ended at {not_after}", not_after=1_700_000_000)),
    "unreachable": _raise(Unavailable("vault_unreachable", "no answer from {url}", url="http://x")),
    "interrupt": _raise(KeyboardInterrupt()),
    "missing": lambda word: int(Path(word).read_text()),
    "folder": lambda word: int(Path(word).read_text()),
    "nameless": _raise(OSError()),
    "fault": _raise(ZeroDivisionError("the secret is 1234")),
}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ONEFILE_LANG",
        "LC_ALL",
        "LC_MESSAGES",
        "LANG",
        "LANGUAGE",
        "NO_COLOR",
        "ONEFILE_PROFILE",
        "ONEFILE_DEBUG",
    ):
        monkeypatch.setenv(name, "")


def run(*argv: str) -> int:
    return frame.invoke(program(), argv, prog="wallet")


def test_a_command_that_succeeds_exits_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("act", "it") == 0
    assert capsys.readouterr().out == "did it\n"


def test_a_command_may_return_its_exit_code() -> None:
    assert run("act", "--way", "seven") == 7


def test_run_leaves_the_process_with_the_code() -> None:
    with pytest.raises(SystemExit) as left:
        frame.run(program(), ["act", "--way", "seven"], prog="wallet")
    assert left.value.code == 7


def test_an_error_of_ours_is_one_line_with_its_code_and_the_next_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Programs name their own commands in this table; a test of one of them may have run before.
    monkeypatch.setitem(hints._HINTS, "vault_unreachable", "Look at {url}.")
    assert run("act", "--way", "unreachable") == exits.UNREACHABLE
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "error: no answer from http://x [vault_unreachable]",
        "next: Look at http://x.",
    ]


def test_under_json_an_error_is_one_object_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "_HINTS", {})  # what other programs put there is theirs
    assert run("act", "--way", "denied", "--json") == exits.EXPIRED
    told = capsys.readouterr()
    assert told.out == ""
    error = json.loads(told.err)["error"]
    assert error["fault"] == "denied"
    assert error["code"] == "grant_expired"
    assert error["exit"] == 5
    assert error["hint"] is None
    assert error["facts"] == {"not_after": 1_700_000_000}


def test_a_time_in_a_message_is_a_date_and_not_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    run("act", "--way", "denied")
    assert "2023-11-1" in capsys.readouterr().err


def test_an_interrupt_exits_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("act", "--way", "interrupt") == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_missing_file_is_not_found_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("act", "--way", "missing", "/nonexistent/x") == exits.NOT_FOUND
    assert "/nonexistent/x: No such file or directory" in capsys.readouterr().err


def test_another_fault_of_the_system_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("act", "--way", "folder", "/") == exits.FAILURE
    assert run("act", "--way", "nameless") == exits.FAILURE
    assert "OSError" in capsys.readouterr().err


def test_a_fault_of_ours_shows_neither_traceback_nor_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("act", "--way", "fault") == exits.FAILURE
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert "1234" not in told
    assert "Traceback" not in told


@pytest.mark.parametrize("way", ["fault", "nameless"])
def test_the_debug_setting_lets_the_traceback_through(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEFILE_DEBUG", "1")
    with pytest.raises((ZeroDivisionError, OSError)):
        run("act", "--way", way)


def test_wrong_usage_exits_two_and_points_to_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("act", "--nothing") == exits.USAGE
    assert "wallet act --help" in capsys.readouterr().err


def test_wrong_usage_under_json_is_an_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", "act", "--nothing") == exits.USAGE
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "usage"


def test_help_speaks_the_asked_language_and_then_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("act", "--lang", "zh", "--help") == 0
    chinese = capsys.readouterr().out
    assert "用法：" in chinese
    assert "以 JSON 输出数据和错误。" in chinese
    assert "显示本帮助并退出。" in chinese
    assert run("act", "--help") == 0
    english = capsys.readouterr().out
    assert "Data and errors as JSON." in english
    assert "用法" not in english


def test_the_list_of_commands_is_translated_without_loading_them(capsys: pytest.CaptureFixture[str]) -> None:
    sys.modules.pop("console.completion", None)
    assert run("--lang", "zh", "--help") == 0
    told = capsys.readouterr().out
    assert "输出命令行自动补全脚本" in told
    assert "不使用颜色。" in told
    assert "console.completion" not in sys.modules


def test_a_lazy_command_is_loaded_when_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("completion", "fish") == 0
    assert "_WALLET_COMPLETE=fish_complete" in capsys.readouterr().out


def test_a_lazy_name_that_is_no_command_fails_loudly() -> None:
    group = frame.Group("x")
    group.lazy("bad", "console.exits:OK", "bad")
    with pytest.raises(TypeError, match="not a command"):
        group.loaded("bad")
    assert group.loaded("absent") is None
    assert program().loaded("act") is not None


def test_the_profile_comes_from_option_or_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("act", "--way", "profile", "--profile", "bank")
    run("--profile", "alice", "inner", "deep")
    monkeypatch.setenv("ONEFILE_PROFILE", "carol")
    run("act", "--way", "profile")
    assert capsys.readouterr().out.split() == ["bank", "alice", "carol"]


def test_colour_is_off_by_option_and_by_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("act", "--way", "color")
    run("act", "--way", "color", "--no-color")
    monkeypatch.setenv("NO_COLOR", "1")
    run("act", "--way", "color")
    assert capsys.readouterr().out.split() == ["None", "False", "False"]


def test_outside_of_a_command_the_frame_is_the_default() -> None:
    assert frame.current() == frame.Frame()


def test_a_registered_hint_is_filled_from_the_facts() -> None:
    hints.register({"test_only": N_("Which profile to use.")})
    assert hints.hint_for(OneFileError("test_only", "x")) == "Which profile to use."
    assert hints.hint_for(Malformed("nothing_known", "x")) is None


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    code = (
        "import click, sys\nfrom console import frame, output\n"
        "@click.group(cls=frame.Group)\ndef cli(): pass\n"
        "@cli.command()\ndef many():\n    for i in range(100000): output.line('x' * 100)\n"
        "frame.run(cli, ['many'], prog='x')\n"
    )
    talk = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "$CODE" | head -1'],
        env={**os.environ, "CODE": code, "LANG": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert talk.stdout == "x" * 100 + "\n"
    assert talk.stderr == ""


def test_the_process_language_is_found_when_nobody_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_process", None)
    monkeypatch.setattr(sys, "argv", ["wallet", "--lang", "zh"])
    assert i18n.language() == "zh"
    i18n.set_language("en")


def test_an_id_that_begins_with_a_dash_is_no_option() -> None:
    seen: list[tuple[object, ...]] = []

    @click.command(cls=frame.Command)
    @click.argument("items", nargs=-1)
    @click.option("--grant")
    def show(items: tuple[str, ...], grant: str | None) -> None:
        seen.append((items, grant))

    dashed = "-" + "a" * 42
    assert frame.invoke(show, [dashed, "--grant", dashed, "x"]) == 0
    assert seen == [((dashed, "x"), dashed)]
    assert frame.invoke(show, ["-x"]) == 2


def test_a_program_that_goes_on_looks_for_garbage_often_after_its_start() -> None:
    before = gc.get_threshold()
    try:
        with pytest.raises(SystemExit):
            frame.run(program(), ["act"], prog="wallet")
        assert gc.get_threshold()[0] == frame.COLLECT_AFTER
        gc.collect(0)
        assert gc.get_threshold()[0] == frame.COLLECT_LATER
        gc.collect(0)  # nobody is called a second time
    finally:
        gc.set_threshold(*before)
