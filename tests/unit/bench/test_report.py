from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import __main__ as program
from bench import machine, report
from bench.harness import Series
from bench.limits import LIMITS
from bench.profiling import every_thread, of_call
from bench.registry import ROWS, chosen
from bench.results import Goal, Outcome, ratio_goal, values_goal
from bench.svg import chart
from bench.text import exact, number, verdict

FAST, SLOW = Series("ours, <fast>", (200.0, 210.0, 190.0)), Series("theirs", (2.0, 2.1, 1.9))


def an_outcome(*, target: float = 50, profile: tuple[str, ...] = ()) -> Outcome:
    return Outcome(
        unit="calls a second",
        series=(FAST, SLOW),
        goals=(
            ratio_goal("over theirs", FAST, SLOW, target),
            values_goal("memory", [3.0, 4.0], 10, at_most=True, unit=" MiB"),
        ),
        ours=(FAST.name,),
        facts={"size": 7, "peak": 12.345},
        profile=profile,
    )


def an_entry(outcome: Outcome) -> dict[str, object]:
    return {"day": "2026-11-22", "load": 0.1, "machine": {"cores": 2}, "outcome": outcome.to_json()}


def test_an_outcome_survives_json_and_its_goals_say_whether_they_are_met() -> None:
    outcome = an_outcome(profile=("10% 1 calls  somewhere",))
    written = json.loads(json.dumps(outcome.to_json()))
    assert [goal["met"] for goal in written["goals"]] == [True, True]
    again = Outcome.from_json(written)
    assert again.to_json() == outcome.to_json()
    assert again.named("theirs").median == 2.0
    assert again.goals[0].value == 100.0


@pytest.mark.parametrize(
    ("value", "target", "at_most", "text"),
    [
        (2.0, 1.0, False, "met"),
        (1.0, 1.0, False, "met"),
        (0.5, 1.0, False, "missed by 2.00 ×"),
        (0.01, 1.0, False, "missed by 100 ×"),
        (0.0, 1.0, False, "missed"),
        (0.5, 1.0, True, "met"),
        (1.5, 1.0, True, "missed by 1.50 ×"),
    ],
)
def test_a_missed_goal_says_by_how_much(value: float, target: float, at_most: bool, text: str) -> None:
    assert verdict(Goal("", value, (value, value), target, at_most)) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.01234, "0.0123"), (4.567, "4.57"), (123.4, "123"), (12_345, "12,300")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_what_somebody_has_set_is_shown_as_it_was_set() -> None:
    assert [exact(value) for value in (2048, 1.0, 0.85, 2_000_000)] == ["2,048", "1", "0.85", "2,000,000"]


def test_a_picture_is_xml_with_a_bar_and_a_spread_for_each_series() -> None:
    picture = ET.fromstring(chart("A title", an_outcome()))
    space = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f"{space}rect")) == 1 + 2
    assert len(picture.findall(f"{space}path")) == 2
    texts = [found.text or "" for found in picture.findall(f"{space}text")]
    assert {"A title", "ours, <fast>", "theirs", "200"} <= set(texts)
    assert any("logarithmic" in text for text in texts)


def test_a_run_of_some_rows_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    results = report.load(tmp_path)
    assert results["rows"] == {}
    results["rows"]["f"] = an_entry(an_outcome())
    report.save(tmp_path, results)
    first = (tmp_path / "performance" / "f.svg").read_text()
    results = report.load(tmp_path)
    results["rows"]["c"] = an_entry(an_outcome(target=1_000))
    report.save(tmp_path, results)
    page = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert page.index('id="c"') < page.index('id="f"')
    assert "**missed by 10 ×**" in page
    assert LIMITS["c"] in page
    assert (tmp_path / "performance" / "f.svg").read_text() == first
    assert json.loads((tmp_path / "performance.json").read_text())["rows"]["f"]["outcome"]["facts"]["size"] == 7


def test_every_row_is_told_with_what_limits_it() -> None:
    assert [row.key for row in ROWS] == list(LIMITS)
    assert [row.key for row in chosen(["f", "c"])] == ["c", "f"]
    assert len(chosen([])) == len(ROWS)
    with pytest.raises(KeyError, match="no row z"):
        chosen(["z"])


def test_a_row_of_that_name_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["c,zz"]) == 2
    assert "no row zz" in capsys.readouterr().err


def test_a_row_is_measured_and_its_figures_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.rows import wraps

    monkeypatch.setattr(wraps, "ROUNDS", ((2, 0.001), (2, 0.001)))
    target = tmp_path / "outcome.json"
    assert program.main(["--one", "g", "--to", str(target), "--quick"]) == 0
    outcome = Outcome.from_json(json.loads(target.read_text()))
    lines = list(report.table(chosen(["g"])[0], outcome))
    assert lines[0].startswith("g  ")
    assert [series.name for series in outcome.series] == [
        "hybrid wrap",
        "X25519 wrap",
        "hybrid unwrap",
        "X25519 unwrap",
    ]
    assert len(lines) == 1 + len(outcome.series) + len(outcome.goals)


def test_the_machine_is_told_without_its_name_or_paths() -> None:
    import socket

    told = json.dumps(machine.facts(), ensure_ascii=False)
    assert socket.gethostname() not in told
    assert "/" not in told
    assert machine.load() >= 0


def test_a_profile_names_functions_by_their_place_in_the_project() -> None:
    lines = of_call(lambda: [number(float(i)) for i in range(500)])
    assert any("bench/text.py" in line and "number" in line for line in lines)
    assert not any(str(Path.home()) in line for line in lines)


def test_threads_that_begin_inside_are_profiled_too() -> None:
    import threading

    with every_thread() as lines:
        thread = threading.Thread(target=lambda: [number(float(i)) for i in range(500)])
        thread.start()
        thread.join()
    assert any("bench/text.py" in line for line in lines())
