from __future__ import annotations

from bench.harness import Series, enough, interleave, measure, quartiles, timed


def test_a_ratio_is_taken_within_a_round() -> None:
    ours, floor = Series("ours", (10.0, 20.0, 90.0)), Series("floor", (20.0, 40.0, 100.0))
    assert (ours.median, floor.median) == (20.0, 40.0)
    assert ours.ratios_to(floor) == (0.5, 0.5, 0.9)
    assert ours.ratio_to(floor) == 0.5
    assert ours.spread == (15.0, 55.0)


def test_a_single_value_has_no_spread() -> None:
    assert quartiles([3.0]) == (3.0, 3.0)


def test_the_order_turns_round_with_every_round_and_warm_up_is_dropped() -> None:
    seen: list[str] = []

    def trial(name: str) -> float:
        seen.append(name)
        return float(len(seen))

    found = interleave({name: lambda n=name: trial(n) for name in "ab"}, rounds=2, warm_up=1)
    assert "".join(seen) == "abbaab"
    assert found["a"].rounds == (4.0, 5.0)
    assert found["b"].rounds == (3.0, 6.0)


def test_calls_are_counted_and_a_rate_is_their_work() -> None:
    calls = {"a": 0, "b": 0}

    def call(name: str) -> None:
        calls[name] += 1

    rates = measure({name: timed(lambda n=name: call(n)) for name in calls}, rounds=3, round_s=0.0005, work=1000.0)
    assert [len(found.rounds) for found in rates.values()] == [3, 3]
    assert min(calls.values()) >= 3
    assert min(rates["a"].rounds) > 1000


def test_a_candidate_that_is_twice_as_slow_has_half_the_rate() -> None:
    rates = measure({"one": lambda n: n * 0.001, "two": lambda n: n * 0.002}, rounds=5, round_s=0.01)
    assert round(rates["one"].ratio_to(rates["two"]), 6) == 2.0


def test_a_trial_is_bounded_by_time_and_by_size() -> None:
    assert enough(100.0, 5.0, most=10_000) == 500
    assert enough(100.0, 5.0, most=200) == 200
    assert enough(100.0, 5.0, most=10_000, step=32) == 480
    assert enough(0.1, 5.0, most=10_000, step=32) == 32
