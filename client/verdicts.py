"""Verdicts for programs and people: the same JSON everywhere, its details in the language in use."""

from __future__ import annotations

from typing import Any

from console.i18n import describe
from protocol.errors import OneFileError
from protocol.verdict import Check, Verdict


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON, its details in the language in use."""
    return {"verdict": verdict.verdict, "at": verdict.at, "checks": [_check_json(check) for check in verdict.checks]}


def failed_codes(verdict: Verdict) -> list[str]:
    """The codes of the checks that failed: they decide the exit code."""
    return [check.code for check in verdict.checks if check.status == "fail"]


def _check_json(check: Check) -> dict[str, Any]:
    told = describe(OneFileError(check.code, check.template, **dict(check.facts))) if check.template else ""
    return {**check.to_json(), "detail": told}
