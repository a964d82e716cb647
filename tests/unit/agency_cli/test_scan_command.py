"""``agency scan`` as a person calls it: pictures, texts, what is told and with which exit code."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agency_cli.commands import scan as scan_command
from tests.reader_stage import ReaderStage, picture_of
from tests.unit.agency_cli import reading
from tests.unit.agency_cli.reading import Run, data
from tests.unit.agency_cli.test_scan import answering

run = reading.run  # the bank's, not that of the folder's other tests


def shown(reader: ReaderStage, **cook: Any) -> str:
    session, code = reader.open_show()
    answering(reader, session, **cook)
    return code


def test_a_picture_of_a_code_is_scanned_and_verified(reader: ReaderStage, run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    picture.write_bytes(picture_of(shown(reader)))

    code, out, _ = run("scan", picture, "--scenario", "small-loan", "--out", reader.out)

    assert code == 0
    assert out.splitlines()[0] == "accepted"
    assert "威海市" in out
    assert str(reader.out) in out


def test_a_picture_comes_by_standard_input_too(
    reader: ReaderStage, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = picture_of(shown(reader))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))

    found = data(run("scan", "-", "--scenario", "small-loan", "--json"))

    assert (found["verdict"], found["folder"]) == ("accept", None)
    assert found["claims"][0]["claims"]["/months_paid"] == 160


def test_the_text_of_a_code_is_scanned(reader: ReaderStage, run: Run) -> None:
    assert run("scan", "--text", shown(reader) + "\n", "--scenario", "small-loan")[0] == 0


def test_what_is_rejected_shows_no_value(reader: ReaderStage, run: Run) -> None:
    code = shown(reader, nonce="AAAAAAAAAAAAAAAAAAAAAA")

    exit_code, out, _ = run("scan", "--text", code, "--scenario", "small-loan")
    assert exit_code == 3
    assert out.splitlines()[0] == "rejected"
    assert "威海市" not in out

    reader.bridge.lies.clear()
    code = shown(reader, nonce="AAAAAAAAAAAAAAAAAAAAAA")
    exit_code, out, _ = run("scan", "--text", code, "--scenario", "small-loan", "--json")
    assert (exit_code, json.loads(out)["claims"]) == (3, [])


def test_a_second_scan_is_told_what_happened(reader: ReaderStage, run: Run) -> None:
    code = shown(reader)
    run("scan", "--text", code, "--scenario", "small-loan")

    exit_code, _, err = run("scan", "--text", code, "--scenario", "small-loan")

    assert exit_code == 4
    assert "show_used" in err
    assert "next:" in err


@pytest.mark.parametrize("argv", [(), ("x.png", "--text", "OF1:")], ids=["nothing", "both"])
def test_a_picture_or_a_text_is_wanted(run: Run, argv: tuple[str, ...]) -> None:
    assert run("scan", *argv, "--scenario", "x")[0] == 2


def test_a_picture_that_is_not_there_is_not_found(run: Run) -> None:
    assert run("scan", "/no/such.png", "--scenario", "x")[0] == 6


def test_the_code_is_read_before_keys_are_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scan_command, "session", None)
    (tmp_path / "p.png").write_bytes(b"no picture")

    assert run("scan", tmp_path / "p.png", "--scenario", "x")[0] == 3
