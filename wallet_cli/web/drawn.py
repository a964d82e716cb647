"""What the templates draw: rows with their words in the language in use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from client.verdicts import CHECK_NAMES, CONCLUSIONS, STATUSES, reason
from console.i18n import N_, _
from protocol.licence_types import DIMENSIONS
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
    titles = {name: views.spoken(title) for name, title in DIMENSIONS.items()}
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
    known = views.claim_titles(opened)
    found: dict[str, list[dict[str, Any]]] = {"claims": [], "others": []}
    for claim in views.claims(opened):
        value = claim["value"]
        said = (_("yes") if value else _("no")) if isinstance(value, bool) else value
        found["claims" if claim["pointer"] in known else "others"].append({**claim, "value": said})
    return found


def titles(opened: OpenedItem, pointers: Iterable[str]) -> list[str]:
    """Claims by their names; those of documents are told as documents."""
    known = views.claim_titles(opened)
    return [known.get(pointer, pointer[1:]) for pointer in pointers if not pointer.startswith("/files")]


def use(found: usage.Use, items: dict[str, OpenedItem]) -> dict[str, Any]:
    """One use, with each of its checks in words."""
    return {
        "agency_name": found.agency_name,
        "state": found.state,
        "state_text": _(usage.STATES[found.state]),
        "at": found.at,
        "officer": found.officer,
        "index": found.index,
        "what": list(_what(found, items)),
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


def _what(found: usage.Use, items: dict[str, OpenedItem]) -> Iterable[str]:
    for row in found.items:
        opened = items.get(row["item"])
        if opened is None:
            yield ", ".join(claim[1:] for claim in row["claims"])
            continue
        names = ", ".join(titles(opened, row["claims"]))
        count = len(row["documents"])
        more = [_("{count} documents").format(count=count)] if count else []
        yield f"{views.title_of(opened)}: {', '.join([names, *more])}"
