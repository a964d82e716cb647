"""What people type: lengths of time, days, words and classes of officers; and how times are told back."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import click

from console.i18n import _
from protocol import forms

_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_CLASS = re.compile(forms.SLUG)
# What lies outside has no time on some machine or other, or none in a signed message.
FIRST_DAY, LAST_DAY = date(1970, 1, 3), date(9999, 12, 1)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[int]):
    """``15m``, ``7d``, ``90s``: a length of time, as seconds."""

    name = "duration"

    def __init__(self, most_s: int | None = None) -> None:
        self.most_s = most_s

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None or int(match[1]) == 0:
            self.fail(_("{value} is no length of time; write 90s, 15m, 12h or 7d").format(value=value), param, ctx)
        seconds = int(match[1]) * _UNITS[match[2]]
        if self.most_s is not None and seconds > self.most_s:
            self.fail(_("{value} is too long; at most {most}").format(value=value, most=span(self.most_s)), param, ctx)
        return seconds


class Day(click.ParamType[date]):
    """A day written ``YYYY-MM-DD``; ``timed``: one of which this machine's clock can tell the first second."""

    name = "day"

    def __init__(self, *, timed: bool = False) -> None:
        self.timed = timed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            day = date.fromisoformat(str(value))
        except ValueError:
            self.fail(_("{value} is no day; write YYYY-MM-DD").format(value=value), param, ctx)
        if self.timed and not FIRST_DAY <= day <= LAST_DAY:
            text = _("{value}: expected a day from {first} to {last}")
            self.fail(text.format(value=value, first=FIRST_DAY, last=LAST_DAY), param, ctx)
        return day


class OfficerClass(click.ParamType[str]):
    """The class of an officer, as a receipt may name it: no grant is for one that nobody could ever be of."""

    name = "class"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if _CLASS.fullmatch(str(value)) is None:
            text = _("{value} is no class of officers; write up to 64 of a-z, 0-9 and -")
            self.fail(text.format(value=value), param, ctx)
        return str(value)


class Words(click.ParamType[str]):
    """Words for another person: at least one character, ``most`` at most."""

    name = "text"

    def __init__(self, most: int) -> None:
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not 1 <= len(str(value)) <= self.most:
            text = _("expected 1 to {most} characters, got {got}")
            self.fail(text.format(most=self.most, got=len(str(value))), param, ctx)
        return str(value)


def span(seconds: int) -> str:
    """A length of time for people: the largest two units."""
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
