"""How figures are run in parts, written down and added up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.figures import __main__ as program
from bench.figures import page, records
from bench.figures.figure import FIGURES, Figure, Tally, named
from bench.figures.records import Run, keep, load, table, totals
from bench.figures.running import again, run_part

FLIPPED = replace(named("flipped-ciphertexts"), batch=40)


def a_run(seed: str = "a", n: int = 10, **changes: Any) -> Run:
    tally = Tally(done=n, controls=1)
    given = Run.of(FLIPPED, tally, asked=n, seed=seed, seconds=1.0, processes=1, date="2026-11-22T00:00:00+00:00")
    return replace(given, **changes)


def kinds(run: Run) -> Counter[str]:
    """How often each kind was tried: what it is refused with may depend on how the objects were sealed."""
    found = Counter[str]()
    for what, count in run.outcomes.items():
        found[what.partition(":")[0]] += count
    return found


def total_of(*runs: Run) -> records.Total:
    return totals(runs, [FLIPPED])[0]


def test_a_part_makes_what_was_asked_and_says_what_ran() -> None:
    told: list[int] = []
    run, tally = run_part(FLIPPED, 100, "s", processes=1, tell=lambda made, _seconds: told.append(made.done))
    assert (run.n, run.asked, run.seed, run.broken, run.failed) == (100, 100, "s", 0, 0)
    assert told == [40, 80, 100, 100]
    assert run.outcomes == dict(tally.outcomes)
    assert run.commit
    assert run.python


def test_a_part_stops_by_itself_when_its_time_is_up() -> None:
    run, _ = run_part(FLIPPED, 1_000_000, "s", processes=1, minutes=0)
    assert (run.n, run.asked) == (40, 1_000_000)


def test_the_same_seed_makes_the_same_tries_on_one_process_or_two() -> None:
    one, _ = run_part(FLIPPED, 120, "s", processes=1)
    two, _ = run_part(FLIPPED, 120, "s", processes=2)
    assert kinds(one) == kinds(two)
    assert one.n == two.n == 120
    assert again(FLIPPED, "s", 1, 40).done == 40


class Scripted:
    """A workplace whose third batch ends in an error."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.made = error, 0

    def batch(self, _draw: Random, size: int) -> Tally:
        self.made += 1
        if self.made == 3:
            raise self.error
        return Tally(done=size, controls=1)

    def end(self) -> Tally:
        return Tally(measures={"end": 1.0})

    def close(self) -> None:
        self.made = -1


def test_a_part_that_is_interrupted_tells_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Scripted(KeyboardInterrupt())
    monkeypatch.setattr(Figure, "open", lambda _self: work)
    run, tally = run_part(FLIPPED, 1_000, "s", processes=1)
    assert (run.n, tally.measures, work.made) == (80, {"end": 1.0}, -1)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_batch_that_ends_in_an_error_is_a_failed_control_and_the_others_are_kept(
    processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Figure, "open", lambda _self: Scripted(ValueError("of the figure")))
    run, tally = run_part(FLIPPED, 400, "s", processes=processes)  # processes of a pool are forks of this one
    assert 1 <= run.failed <= processes
    assert run.n == 400 - 40 * run.failed
    assert all("control failed: the batch ended in ValueError: of the figure" in find for find in tally.finds)
    assert not tally.good


def test_runs_add_up_and_the_same_seed_counts_once() -> None:
    total = total_of(a_run("a", 10), a_run("b", 20), a_run("a", 15), a_run("a", 12), a_run("c", 7, name="another"))
    assert (total.n, total.runs, total.broken, total.met) == (35, 2, 0, False)


def test_a_goal_is_met_by_enough_tries() -> None:
    enough = a_run("b", FLIPPED.goal)
    assert total_of(enough).met
    assert not total_of(replace(enough, n=FLIPPED.goal - 1)).met


def test_a_run_that_broke_something_sets_the_count_back_and_stays_on_record() -> None:
    total = total_of(a_run("a", FLIPPED.goal), a_run("b", 50, broken=1), a_run("c", 30))
    assert (total.n, total.broken, total.met) == (30, 1, False)
    total = total_of(a_run("a", FLIPPED.goal), a_run("b", 50, failed=2))
    assert (total.n, total.failed, total.met) == (0, 2, False)


def test_runs_are_kept_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "results" / "figures.jsonl"
    assert load(path) == []
    keep(a_run("a"), path)
    keep(a_run("b", finds=["broken: 一"]), path)
    assert [run.seed for run in load(path)] == ["a", "b"]
    assert load(path)[1] == a_run("b", finds=["broken: 一"])
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_every_figure_has_its_row_in_the_table() -> None:
    lines = table(totals([a_run("a", 12_345)]))
    assert len(lines) == len(FIGURES) + 2
    assert any("| 12,345 | 1,000,000 |" in line and line.endswith("| open |") for line in lines)


def test_the_pages_table_is_that_of_the_recorded_runs() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.drawn(text) == text, "make figures writes it anew"


def test_a_tally_tells_what_broke_where_and_not_without_end() -> None:
    tally, part = Tally(), Tally()
    for number in range(30):
        part.broke(f"try {number}")
    part.control(part.done == 0, "nothing is seen")
    tally.add(part, "seed/7: ")
    assert (tally.done, tally.broken, tally.failed, tally.good) == (30, 30, 1, False)
    assert tally.finds[0] == "seed/7: broken: try 0"
    assert len(tally.finds) == 20


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program, writing somewhere else."""
    made, doc = tmp_path / "figures.jsonl", tmp_path / "figures.md"
    doc.write_text(f"# Figures\n{page.BEGIN}\n{page.END}\nThe end.\n")
    monkeypatch.setattr(program, "keep", lambda run: keep(run, made))
    monkeypatch.setattr(program, "load", lambda: load(made))
    monkeypatch.setattr(program.page, "write", lambda: doc.write_text(page.drawn(doc.read_text(), made)))
    return tmp_path


def test_the_program_runs_records_and_repeats(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["run", "flipped-ciphertexts", "60", "--seed", "s", "--processes", "1"]
    assert program.main(asked) == 0
    said = capsys.readouterr().out
    assert "seed s" in said
    assert "0 of 60 opened; 0 of" in said
    assert program.main([*asked, "--dry"]) == 0
    assert len((here / "figures.jsonl").read_text().splitlines()) == 1
    assert "| `flipped-ciphertexts` | 60 |" in (here / "figures.md").read_text()
    assert program.main(["totals"]) == 0
    assert "| `flipped-ciphertexts` | 60 |" in capsys.readouterr().out
    assert program.main(["again", "flipped-ciphertexts", "s/0"]) == 0


def test_a_figure_that_there_is_not_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["run", "nothing"]) == 2
    assert "there is no figure nothing" in capsys.readouterr().err
