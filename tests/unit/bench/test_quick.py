from __future__ import annotations

import pytest

from bench import quick
from bench.harness import Series, measure, timed


def test_rates_are_medians_and_ratios_are_taken_within_a_round() -> None:
    ours, floor = Series("ours", (10.0, 20.0, 90.0)), Series("floor", (20.0, 40.0, 100.0))
    assert (ours.median, floor.median) == (20.0, 40.0)
    assert ours.ratio_to(floor) == 0.5
    assert ours.spread[0] < ours.median < ours.spread[1]


def test_every_candidate_runs_in_every_round() -> None:
    calls = {"a": 0, "b": 0}

    def call(name: str) -> object:
        calls[name] += 1
        return name

    rates = measure({"a": timed(lambda: call("a")), "b": timed(lambda: call("b"))}, rounds=3, round_s=0.0005)
    assert [len(found.rounds) for found in rates.values()] == [3, 3]
    assert min(calls.values()) >= 3


def test_what_is_measured_gives_right_answers_and_the_figures_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    monkeypatch.setattr(quick, "ROUNDS", 2)
    monkeypatch.setattr(quick, "ROUND_S", 0.001)
    assert quick.main() == 0
    *table, last = capsys.readouterr().out.splitlines()
    assert len(table) == 9
    figures = json.loads(last)
    assert set(figures) == {"per_second", "to_recover", "to_eth_account", "goals_met"}
    assert figures["to_eth_account"] > 1
