"""Bars with their spread, as SVG by hand: one bar a series on a logarithmic scale where they differ much."""

from __future__ import annotations

import math
from html import escape

from bench.harness import Series
from bench.results import Outcome
from bench.text import number

WIDTH, LABELS, RIGHT, BAR, GAP, TOP = 760, 280, 110, 22, 10, 46
OURS, THEIRS, INK, FAINT = "#1f6f8b", "#b8b8b8", "#222222", "#767676"
DECADES_APART = 1.2  # beyond this the scale is logarithmic


def chart(title: str, outcome: Outcome) -> str:
    """The picture of one row."""
    scale = Scale(outcome.series)
    height = TOP + len(outcome.series) * (BAR + GAP) + 12
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
            f' font-size="13" role="img" aria-label="{escape(title)}">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(12, 20, title, weight="bold"),
        _text(12, 37, f"{outcome.unit}{', logarithmic scale' if scale.logarithmic else ''}", fill=FAINT),
    ]
    for place, series in enumerate(outcome.series):
        parts += _bar(scale, series, TOP + place * (BAR + GAP), ours=series.name in outcome.ours)
    return "\n".join([*parts, "</svg>", ""])


class Scale:
    """From a figure to a width."""

    def __init__(self, series: tuple[Series, ...]) -> None:
        highs = [max(s.median, s.spread[1]) for s in series]
        lows = [max(min(s.median, s.spread[0]), 1e-12) for s in series]
        self._high, low = max(highs), min(lows)
        self.logarithmic = math.log10(self._high / low) > DECADES_APART
        self._low = 10 ** math.floor(math.log10(low) - 0.3) if self.logarithmic else 0.0

    def x(self, value: float) -> float:
        """Where the bar of ``value`` ends."""
        room = WIDTH - LABELS - RIGHT
        if not self.logarithmic:
            return LABELS + room * value / self._high
        share = math.log(max(value, self._low) / self._low) / math.log(self._high / self._low)
        return LABELS + room * share


def _bar(scale: Scale, series: Series, y: float, *, ours: bool) -> list[str]:
    end, (low, high) = scale.x(series.median), series.spread
    middle = y + BAR / 2
    left, right = scale.x(low), scale.x(high)
    fill = OURS if ours else THEIRS
    whisker = f"M{left:.1f} {middle - 5:.1f}v10M{left:.1f} {middle:.1f}H{right:.1f}M{right:.1f} {middle - 5:.1f}v10"
    return [
        _text(LABELS - 8, y + 16, series.name, anchor="end", weight="bold" if ours else "normal"),
        f'<rect x="{LABELS}" y="{y:.1f}" width="{max(end - LABELS, 1):.1f}" height="{BAR}" fill="{fill}"/>',
        f'<path d="{whisker}" stroke="{INK}" fill="none"/>',
        _text(max(end, right) + 6, y + 16, number(series.median)),
    ]


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", fill: str = INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{fill}">'
        f"{escape(text)}</text>"
    )
