"""A time on the command line: RFC 3339 with its zone, or seconds since 1970."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from console.i18n import _

MAX_SECONDS = 253_402_300_799


class Moment(click.ParamType[int]):
    """Seconds since 1970."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if text.isascii() and text.isdigit():
            seconds = int(text[:20])
        else:
            try:
                given = datetime.fromisoformat(text)
            except ValueError:
                self.fail(_("{text} is no time").format(text=text), param, ctx)
            if given.tzinfo is None:
                self.fail(_("{text} lacks its time zone, as +08:00 or Z").format(text=text), param, ctx)
            seconds = int(given.timestamp())
        if not 0 <= seconds <= MAX_SECONDS:
            self.fail(_("{text} is no time").format(text=text), param, ctx)
        return seconds
