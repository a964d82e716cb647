"""Scenarios as a holder sees them: what they ask, and whether the dossier meets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from client.checks import Desk
from client.scenarios import find_scenario, good_scenarios, newest_in_effect
from client.session import Session
from client.titles import both
from protocol.encoding import b64u
from protocol.readiness import Candidate, Missing, Readiness, readiness
from protocol.scenario import Scenario
from protocol.signed import Signed
from wallet_cli.services.granting import candidates
from wallet_cli.services.opening import OpenedItem, open_all


def listed(session: Session, desk: Desk, wanted: str | None, *, ready: bool) -> list[dict[str, Any]]:
    """The scenarios in force, or the one that ``wanted`` names; ``ready`` compares them with the items."""
    found = [find_scenario(session, desk, wanted)] if wanted else _current(session, desk)
    held: list[Candidate] = []
    if ready:
        held = candidates(item for item in open_all(session) if isinstance(item, OpenedItem))
    return [_row(session, signed, held if ready else None) for signed in found]


def _current(session: Session, desk: Desk) -> list[Signed[Scenario]]:
    """The newest version of each that has taken effect, where it is in force."""
    now = session.clock.now()
    newest = newest_in_effect(good_scenarios(session, desk), now)
    return [s for s in newest if s.body.withdrawn is None and s.body.effective <= now < s.body.expires]


def _row(session: Session, signed: Signed[Scenario], held: list[Candidate] | None) -> dict[str, Any]:
    body = signed.body
    row: dict[str, Any] = {
        "scenario": body.scenario_id,
        "version": body.version,
        "hash": b64u(signed.hash),
        "title": both(body.title),
        "purpose": both(body.purpose),
        "authority": body.authority,
        "legal_basis": list(body.legal_basis),
        "sensitivity": body.sensitivity,
        "max_uses": body.max_uses,
        "max_validity_days": body.max_validity_days,
        "retention_days": body.retention_days,
        "grantee_classes": list(body.grantee_classes),
    }
    if held is not None:
        best = _best(readiness(body, held, now=session.clock.now()))
        row |= {
            "ready": best.ready,
            "picks": [
                {"query": p.query, "item": b64u(p.item), "claims": list(p.claims), "optional": list(p.optional)}
                for p in best.picks
            ],
            "missing": [_missing(m) for m in best.missing],
        }
    return row


def _best(standing: Sequence[Readiness]) -> Readiness:
    return standing[0]


def _missing(missing: Missing) -> dict[str, Any]:
    return {
        "query": missing.query,
        "reason": missing.reason,
        "detail": list(missing.detail),
        "vct_values": list(missing.vct_values),
        "titles": [both(title) for title in missing.titles],
        "issuers": [both(title) for title in missing.issuers],
    }
