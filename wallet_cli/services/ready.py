"""``wallet ready``: which materials for a scenario are here, which are missing, and who issues those."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from client.checks import Desk
from client.session import Session
from client.titles import both
from console.i18n import N_, describe
from protocol.encoding import b64u
from protocol.errors import Denied
from protocol.readiness import Missing, Pick, Readiness
from protocol.scenario import Scenario, check_in_force
from wallet_cli.services.consent import kind_title, terms, told
from wallet_cli.services.granting import stand
from wallet_cli.services.opening import OpenedItem, open_all

REASONS = {
    "no_item": N_("there is none"),
    "claims_missing": N_("it does not say what is asked"),
    "credential_expired": N_("it has ended"),
    "credential_not_yet": N_("it does not hold yet"),
    "credential_too_old": N_("it was issued too long ago"),
    "not_linked": N_("the one at hand is of another case"),
}


def compare(session: Session, desk: Desk, wanted: str) -> dict[str, Any]:
    """Every alternative of the scenario that ``wanted`` names, those that are ready first."""
    scenario, standing = stand(session, desk, wanted)
    ended = _ended(scenario.body, session.clock.now())
    opened = {item.record.item: item for item in open_all(session) if isinstance(item, OpenedItem)}
    return {
        **terms(scenario.body),
        "hash": b64u(scenario.hash),
        "refused": None if ended is None else {"code": ended.code, "detail": describe(ended)},
        "ready": ended is None and standing[0].ready,
        "alternatives": [_alternative(one, opened) for one in standing],
    }


def _ended(scenario: Scenario, now: int) -> Denied | None:
    """Why nothing is granted for the scenario now, whatever the dossier holds."""
    try:
        check_in_force(scenario, now)
    except Denied as error:
        return error
    return None


def _alternative(one: Readiness, opened: dict[bytes, OpenedItem]) -> dict[str, Any]:
    return {
        "ready": one.ready,
        "have": [_have(pick, opened[pick.item]) for pick in one.picks],
        "missing": [_missing(missing) for missing in one.missing],
    }


def _have(pick: Pick, item: OpenedItem) -> dict[str, Any]:
    licence = item.credential.licence if item.credential is not None else None
    return {
        "query": pick.query,
        "item": item.record.id,
        "kind": item.kind,
        "title": both(kind_title(item)),
        "issuer_name": licence.dept_name if licence is not None else None,
        "claims": [
            {"pointer": pointer, "title": both(told(item, pointer)[0]), "optional": pointer in pick.optional}
            for pointer in pick.claims
        ],
    }


def _missing(missing: Missing) -> dict[str, Any]:
    return {
        "query": missing.query,
        "reason": missing.reason,
        "claims": list(missing.detail),
        "vct_values": list(missing.vct_values),
        "titles": _all(missing.titles),
        "issuers": _all(missing.issuers),
    }


def _all(titles: Iterable[Any]) -> list[dict[str, str]]:
    return [both(title) for title in titles]
