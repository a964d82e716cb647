"""What the templates draw: rows with their words in the language in use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from client.titles import said, spoken
from client.verdicts import CHECK_NAMES, CONCLUSIONS, STATUSES, reason
from console.i18n import N_, _
from protocol.licence_forms import STANDARD_TITLES
from protocol.licence_types import DIMENSIONS, claim_titles
from protocol.verdict import Verdict
from wallet_cli.services import usage, views
from wallet_cli.services.opening import OpenedItem

SOON = timedelta(days=60)
VALIDITY = {
    "valid": N_("valid"),
    "soon": N_("expires soon"),
    "expired": N_("expired"),
    "damaged": N_("damaged"),
    "unlimited": N_("no end"),
}


def item(row: dict[str, Any], now: int) -> dict[str, Any]:
    """A row of an item with its validity; of its status only a check on demand tells."""
    state = "damaged" if row["damaged"] else _validity(row["expires"], now)
    return {**row, "validity": state, "validity_text": _(VALIDITY[state])}


def _validity(expires: str | None, now: int) -> str:
    if expires is None:
        return "unlimited"
    left = date.fromisoformat(expires) - datetime.fromtimestamp(now, UTC).date()
    if left < timedelta(0):
        return "expired"
    return "soon" if left < SOON else "valid"


def groups(rows: Iterable[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The items by dimension, in the order of the catalogue; own documents apart, at the end."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault("own" if row["own"] else row["dimension"] or "", []).append(row)
    titles = {name: spoken(title) for name, title in DIMENSIONS.items()}
    titles |= {"": _("Others"), "own": _("Own documents")}
    return [(title, found[name]) for name, title in titles.items() if name in found]


def verdict(found: Verdict) -> dict[str, Any]:
    """The word, and every check that was made."""
    return {
        "verdict": found.verdict,
        "word": _(CONCLUSIONS[found.verdict][0]),
        "at": found.at,
        "checks": [
            {
                "name": _(CHECK_NAMES.get(check.name, check.name)),
                "status": check.status,
                "word": _(STATUSES[check.status]),
                "why": reason(check),
            }
            for check in found.checks
            if check.status != "skipped" or check.code != "not_applicable"
        ],
    }


def claims(opened: OpenedItem) -> dict[str, list[dict[str, Any]]]:
    """What the item says, by names that people know; and ``others``, which programs need."""
    found: dict[str, list[dict[str, Any]]] = {"claims": [], "others": []}
    known = claim_titles(opened.credential.vct) if opened.credential is not None else {}
    for claim in views.claims(opened):
        told = claim["pointer"] in known and claim["pointer"] not in STANDARD_TITLES
        found["claims" if told else "others"].append({**claim, "value": said(claim["value"])})
    return found


def use(found: usage.Use, items: dict[str, OpenedItem]) -> dict[str, Any]:
    """One use, with each of its checks in words."""
    return {
        "agency_name": found.agency_name,
        "state": found.state,
        "state_text": _(usage.STATES[found.state]),
        "at": found.at,
        "officer": found.officer,
        "index": found.index,
        "what": list(views.used(found.items, items)),
        "checks": [
            {
                "title": _(usage.CHECKS[check.name]),
                "status": check.status,
                "word": _(usage.STATES[check.status]),
                "detail": check.detail,
            }
            for check in found.checks
        ],
    }
