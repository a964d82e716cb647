"""What is read from the folder of a job that has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.driver import _read
from tests.fuzz.parser import Parser

HEX = Parser("hex", lambda _data: None, (), lambda: [b""])
LOG = "#2\tINITED cov: 3 ft: 3\n#4096\tpulse  cov: 5 ft: 9\n"


def job(folder: Path, **files: bytes) -> Path:
    (folder / "corpus").mkdir()
    (folder / "log").write_text(LOG, encoding="ascii")
    for name, data in files.items():
        (folder / name.replace("_", "-")).write_bytes(data)
    return folder


@pytest.mark.parametrize("name", ["crash_1", "oom_1", "find_1"])
def test_what_ends_a_process_or_lets_something_out_is_a_find(tmp_path: Path, name: str) -> None:
    found = _read(HEX, job(tmp_path, **{name: b"x"}), 1.0, set(), died=name != "find_1")
    assert ([path.read_bytes() for path in found.finds], found.dear, found.died) == ([b"x"], [], False)
    assert (found.inputs, found.features) == (4096, 6)


def test_what_was_late_by_the_clock_on_the_wall_is_measured_again(tmp_path: Path) -> None:
    found = _read(HEX, job(tmp_path, timeout_1=b"x", dear_1=b"y"), 1.0, set(), died=True)
    assert ([path.name for path in found.dear], found.finds, found.died) == (["timeout-1", "dear-1"], [], False)


def test_a_process_that_died_without_a_word_is_told(tmp_path: Path) -> None:
    found = _read(HEX, job(tmp_path), 1.0, set(), died=True)
    assert (found.finds, found.dear, found.died) == ([], [], True)
