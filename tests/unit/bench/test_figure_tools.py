"""What the figures look with: needles in files and memory, and the line through a process's memory."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.figures import soak
from bench.figures.figure import FIGURES, Tally, named
from bench.figures.needles import (
    LONGEST,
    Needle,
    in_bytes,
    in_files,
    in_memory,
    of_secret,
    of_value,
    processes_of,
)
from bench.figures.soak import FLAT_MIB_A_MINUTE, LEAST_MINUTES, Memory, Soak, resident_mib, slope_of

VALUE = "金丝雀-CANARY-VALUE-0"


@pytest.mark.parametrize(
    "leak",
    [
        VALUE.encode(),
        VALUE.encode("utf-16-le"),
        VALUE.encode().hex().encode(),
        VALUE.encode("ascii", "backslashreplace"),
    ],
    ids=["utf-8", "utf-16", "hex", "escaped"],
)
def test_a_value_is_found_in_each_spelling(leak: bytes, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.db").write_bytes(b"\1" * 777 + leak + b"\2")
    (tmp_path / "clean").write_bytes(b"\1" * 777)
    assert in_files([tmp_path], of_value(VALUE, "it")) == {tmp_path / "below" / "a.db": {"it"}}


def test_a_secret_is_found_as_it_is_and_as_text() -> None:
    secret = bytes(range(100, 132))
    needles = of_secret(secret, "a key")
    assert in_bytes([b"x" + secret], needles) == {"a key"}
    assert in_bytes([secret.hex().encode()], needles) == {"a key"}
    assert in_bytes([base64.b64encode(b"xx" + secret + b"yyy")], needles) == {"a key"}
    assert in_bytes([secret[:-1]], needles) == set()


@pytest.mark.parametrize("secret", [bytes(32), b"\xfb\xef\xbe" * 10 + b"\xfb\xef", bytes(range(32))])
def test_a_secret_is_found_in_both_alphabets(secret: bytes) -> None:
    needles = of_secret(secret, "a key")
    assert in_bytes([base64.b64encode(secret)], needles) == {"a key"}
    assert in_bytes([base64.urlsafe_b64encode(secret)], needles) == {"a key"}


def test_a_needle_across_two_pieces_is_found() -> None:
    needle = Needle(b"n" * LONGEST, "long")
    assert in_bytes([b"n" * 100, b"n" * (LONGEST - 100)], [needle]) == {"long"}


def test_a_value_is_found_in_the_memory_of_a_process_that_has_it_and_in_no_other() -> None:
    needles = of_value(VALUE, "it")
    reverse = VALUE[::-1]
    script = "import sys; kept = sys.argv[1][::-1] if sys.argv[2] == 'yes' else ''; print('ready', flush=True); input()"
    for has in ("yes", "no"):
        command = [sys.executable, "-c", script, reverse, has]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            assert processes_of(child.pid)[0] == child.pid
            assert in_memory(child.pid, needles) == ({"it"} if has == "yes" else set())
            child.communicate(b"\n")


def test_the_line_through_a_growing_memory_rises() -> None:
    assert slope_of([(0, 100), (1, 101), (2, 102)]) == (1.0, 2)
    assert slope_of([(0, 100), (1, 100.1), (2, 100)])[0] <= FLAT_MIB_A_MINUTE
    assert slope_of([(0, 100)]) == (0.0, 0.0)


@pytest.mark.parametrize(("rise", "good"), [(0.1, True), (1.0, False)])
def test_a_memory_that_is_not_flat_fails_the_soak(rise: float, good: bool) -> None:
    work = object.__new__(Soak)
    work._memory = object.__new__(Memory)
    begin = soak.WARM_UP_MINUTES
    work._memory.samples = [(begin + at, 100 + rise * at) for at in range(int(LEAST_MINUTES) + 2)]
    tally = work.end()
    assert (tally.controls, tally.failed == 0) == (1, good)


def test_the_resident_set_of_a_process_is_read() -> None:
    assert resident_mib(os.getpid()) > 10
    memory = Memory(os.getpid())
    memory.stop()
    assert memory.last() >= 0


def test_a_figure_is_found_by_its_name() -> None:
    assert [named(figure.name) for figure in FIGURES] == list(FIGURES)
    with pytest.raises(KeyError):
        named("nothing")


@pytest.mark.parametrize(
    ("refused", "rate", "done", "broken"), [([], 58.0, 1, 0), ([], 40.0, 0, 0), (["sequencer_late"], 58.0, 1, 1)]
)
def test_a_minute_counts_if_the_rate_was_kept_and_breaks_by_a_refusal(
    refused: list[str], rate: float, done: int, broken: int
) -> None:
    tally = Tally()
    soak._judge(58, refused, rate, tally)
    assert (tally.done, tally.broken) == (done, broken)
    assert tally.outcomes["exchanges"] == 58 - len(refused)
