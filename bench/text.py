"""Figures as a person reads them."""

from __future__ import annotations

from bench.results import Goal


def number(value: float) -> str:
    """Three significant digits, thousands apart: 0.0123, 4.56, 78.9, 12,300."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        digits = len(str(int(abs(value))))
        return f"{round(value, -max(0, digits - 3)):,.0f}"
    return f"{value:.3g}"


def exact(value: float) -> str:
    """A figure that somebody has set: as it was set."""
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def spread(low: float, high: float) -> str:
    """From quartile to quartile."""
    return f"{number(low)}–{number(high)}"


def verdict(goal: Goal) -> str:
    """``met``, or by how much it was missed."""
    if goal.met:
        return "met"
    if goal.value <= 0:
        return "missed"
    off = goal.value / goal.target if goal.at_most else goal.target / goal.value
    return f"missed by {off:.2f} ×" if off < 10 else f"missed by {off:.0f} ×"
