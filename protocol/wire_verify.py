"""What ``POST /v1/verify`` takes and answers (see ``protocol/wire.py`` for spellings and the law)."""

from __future__ import annotations

from typing import Literal

from protocol.wire import Binary, Count, Seconds, Signed, Wire


class VerifyRequest(Wire):
    """``POST /v1/verify``: never a presentation or a claim's value (``values_not_accepted``)."""

    kind: Literal["grant", "receipt", "proof", "checkpoint"]
    value: str | Signed
    entry: Binary | None = None


class CheckRow(Wire):
    name: str
    status: Literal["pass", "fail", "unknown", "skipped"]
    code: str
    detail: str
    fact_age_s: Count | None = None


class VerdictAnswer(Wire):
    verdict: Literal["accept", "reject", "indeterminate"]
    at: Seconds
    checks: list[CheckRow]
