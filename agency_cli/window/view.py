"""What a clerk sees of one scan: the licence in words, the verdict, and what may be kept; as JSON for the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agency_cli.render import claim_rows, credential_rows
from agency_cli.services.judging import Judged
from agency_cli.services.offline import OfflineShown
from agency_cli.services.release import Released
from agency_cli.services.scan import Scanned
from client.titles import spoken, type_title
from client.verdicts import CHECK_NAMES, STATUSES, reason
from console.hints import hint_for
from console.i18n import _, describe, moment
from protocol.credential import Credential
from protocol.errors import OneFileError
from protocol.offline import Assembly
from protocol.scenario import Scenario
from protocol.verdict import Verdict


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


def collecting(frames: Assembly) -> dict[str, Any]:
    """Frames that were seen so far: nothing is judged yet."""
    seen, count = frames.progress()
    return {"verdict": "collecting", "seen": seen, "of": count, "missing": list(frames.missing())}


def offline(done: OfflineShown, now: int) -> dict[str, Any]:
    """What a person showed without a network, and how old the facts are by which it was judged."""
    receipt = None if done.use is None else done.use.receipt.body
    rows = credential_rows(done.credential) if receipt is not None else []
    return {
        "verdict": done.verdict.verdict,
        "failed": next(iter(done.failed_codes), None),
        "items": [_drawn(done.credential, done.verdict, rows)],
        "scenario": scenario(done.scenario.body),
        "receipt": None if done.use is None else done.use.jti,
        "at": moment(now),
        "retain_until": None if receipt is None else moment(receipt.retain_until),
        "kept": False,
        "offline": {
            "way": "one" if done.one_way else "two",
            "facts_at": moment(done.pack.assembled_at),
            "facts_age_s": done.pack.age(now),
            "compare_face": done.one_way,
        },
    }


def scenario(found: Scenario) -> dict[str, Any]:
    """What is asked for, why, and on what ground."""
    return {
        "id": found.scenario_id,
        "title": spoken(found.title),
        "purpose": spoken(found.purpose),
        "legal_basis": list(found.legal_basis),
        "retention_days": found.retention_days,
    }


def refused(error: OneFileError) -> dict[str, Any]:
    """Why nothing is shown, and what to do next."""
    return {"verdict": "refused", "code": error.code, "detail": describe(error), "hint": hint_for(error)}


def _item(judged: Judged, photo: str | None) -> dict[str, Any]:
    shown = judged.verdict.verdict != "reject"
    drawn = _drawn(judged.handed.credential, judged.verdict, claim_rows(judged) if shown else [])
    return drawn if photo is None else {**drawn, "photo": photo}


def _drawn(credential: Credential, verdict: Verdict, rows: list[tuple[str, object]]) -> dict[str, Any]:
    return {
        "type": spoken(type_title(credential)),
        "verdict": verdict.verdict,
        "rows": [[title, str(value)] for title, value in rows],
        "checks": [
            {
                "name": _(CHECK_NAMES.get(check.name, check.name)),
                "status": check.status,
                "said": _(STATUSES[check.status]),
                "why": reason(check),
            }
            for check in verdict.checks
            if check.status != "skipped" or check.code != "not_applicable"
        ],
    }
