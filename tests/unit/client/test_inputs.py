"""Lengths of time and days are read strictly, and told back briefly."""

from __future__ import annotations

from datetime import date

import click
import pytest

from client.inputs import Day, Duration, span


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800)])
def test_lengths_of_time_are_read(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == seconds
    assert Duration().convert(seconds, None, None) == seconds


@pytest.mark.parametrize("text", ["", "0m", "5", "m", "1w", "-1h", "1.5h", "1234567s"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write 90s, 15m, 12h or 7d"):
        Duration().convert(text, None, None)


def test_days_are_read() -> None:
    assert Day().convert("2028-02-29", None, None) == date(2028, 2, 29)
    assert Day().convert(date(2026, 1, 1), None, None) == date(2026, 1, 1)


@pytest.mark.parametrize("text", ["", "2027-02-29", "tomorrow", "1/2/2027"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write YYYY-MM-DD"):
        Day().convert(text, None, None)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (61, "1m 1s"), (3600, "1h"), (90_061, "1d 1h"), (86_401, "1d 1s")]
)
def test_lengths_of_time_are_told_by_their_two_largest_units(seconds: int, text: str) -> None:
    assert span(seconds) == text
