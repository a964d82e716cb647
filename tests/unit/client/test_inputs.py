"""Lengths of time, days, words and classes are read strictly, and times told back briefly."""

from __future__ import annotations

from datetime import date

import click
import pytest

from client.inputs import Day, Duration, OfficerClass, Words, span


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


@pytest.mark.parametrize("text", ["0001-01-01", "1969-12-31", "9999-12-31"])
def test_a_day_whose_first_second_no_clock_can_tell_is_refused(text: str) -> None:
    assert Day().convert(text, None, None) == date.fromisoformat(text)
    with pytest.raises(click.BadParameter, match="expected a day from 1970-01-03 to 9999-12-01"):
        Day(timed=True).convert(text, None, None)
    assert Day(timed=True).convert("2026-12-31", None, None) == date(2026, 12, 31)


@pytest.mark.parametrize("text", ["", "Branch Manager", "经办人", "a" * 65])
def test_a_class_that_no_receipt_can_name_is_refused(text: str) -> None:
    assert OfficerClass().convert("branch-manager", None, None) == "branch-manager"
    with pytest.raises(click.BadParameter, match="is no class of officers"):
        OfficerClass().convert(text, None, None)


@pytest.mark.parametrize("text", ["", "12345"])
def test_words_that_are_too_long_or_none_are_refused(text: str) -> None:
    assert Words(4).convert("四个字符", None, None) == "四个字符"
    with pytest.raises(click.BadParameter, match="expected 1 to 4 characters"):
        Words(4).convert(text, None, None)
