"""What people type: lengths of time and days; and how both are told back."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import click

from console.i18n import _

_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
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
    """A day written ``YYYY-MM-DD``."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(_("{value} is no day; write YYYY-MM-DD").format(value=value), param, ctx)


def span(seconds: int) -> str:
    """A length of time for people: the largest two units."""
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
