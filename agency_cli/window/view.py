"""What a clerk sees of one scan: the licence in words, the verdict, and what may be kept; as JSON for the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agency_cli.render import claim_rows, said, type_name
from agency_cli.services.judging import Judged
from agency_cli.services.release import Released
from agency_cli.services.scan import Scanned
from client.verdicts import CHECK_NAMES, reason
from console.hints import hint_for
from console.i18n import _, describe, moment
from protocol.errors import OneFileError
from protocol.scenario import Scenario


def scanned(done: Scanned, photos: Mapping[bytes, str]) -> dict[str, Any]:
    """What a person showed. What is rejected is not drawn: nobody reads a value off a screen that says no.

    ``photos``: where the page finds the picture of an item.
    """
    return _use(done, kept=done.folder is not None, photos=photos)


def released(done: Released, photos: Mapping[bytes, str]) -> dict[str, Any]:
    """What a person granted in answer to our request."""
    return _use(done, kept=True, photos=photos)


def _use(done: Scanned | Released, *, kept: bool, photos: Mapping[bytes, str]) -> dict[str, Any]:
    receipt, codes = done.use.receipt.body, done.outcome.failed_codes
    return {
        "verdict": done.outcome.verdict,
        "failed": codes[0] if codes else None,
        "items": [_item(judged, photos.get(judged.handed.slip.body.item)) for judged in done.outcome.items],
        "scenario": scenario(done.scenario.body),
        "receipt": done.use.jti,
        "at": moment(done.use.at or receipt.iat),
        "retain_until": moment(receipt.retain_until),
        "kept": kept,
    }


def scenario(found: Scenario) -> dict[str, Any]:
    """What is asked for, why, and on what ground."""
    return {
        "id": found.scenario_id,
        "title": said(found.title),
        "purpose": said(found.purpose),
        "legal_basis": list(found.legal_basis),
        "retention_days": found.retention_days,
    }


def refused(error: OneFileError) -> dict[str, Any]:
    """Why nothing is shown, and what to do next."""
    return {"verdict": "refused", "code": error.code, "detail": describe(error), "hint": hint_for(error)}


def _item(judged: Judged, photo: str | None) -> dict[str, Any]:
    credential, verdict = judged.handed.credential, judged.verdict
    shown = verdict.verdict != "reject"
    drawn: dict[str, Any] = {
        "type": type_name(credential),
        "verdict": verdict.verdict,
        "rows": [[title, str(value)] for title, value in claim_rows(judged)] if shown else [],
        "checks": [
            {"name": _(CHECK_NAMES.get(check.name, check.name)), "status": check.status, "why": reason(check)}
            for check in verdict.checks
            if check.status != "skipped" or check.code != "not_applicable"
        ],
    }
    return drawn if photo is None else {**drawn, "photo": photo}
