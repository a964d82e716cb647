"""Renewing a grant: a new one over the same items, claims and documents, for the newest version of its scenario.

The new one stands in the log before the old one ends, so that the agency is never without either; then the old one is
ended, so that two never hold side by side. What was broken off between the two is finished by the same command.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from client.checks import Desk
from client.scenarios import find_scenario, scenario_by_hash
from client.session import Session
from protocol.encoding import b64u
from protocol.errors import Denied
from protocol.grant import ANY_OFFICER, AccessGrant, officer_class_hash
from protocol.scenario import DAY_S
from wallet_cli.services import granting, revoking, searching
from wallet_cli.services.granting import GrantOrder, Plan


@dataclass(frozen=True, slots=True)
class Renewal:
    """What will be renewed: the old grant's row and message, and the plan of the new one."""

    old: dict[str, Any]
    message: AccessGrant
    plan: Plan


def plan(
    session: Session,
    desk: Desk,
    wanted: str,
    *,
    seconds: int | None = None,
    uses: int | None = None,
    officer_class: str | None = None,
) -> Renewal:
    """Check that the grant can be renewed, and how; nothing is signed or sent. ``seconds``, ``uses`` None: as before.

    What the newest version of the scenario no longer allows is refused as for a new grant; a shorter time, fewer uses
    and shorter keeping are taken over from it.
    """
    row = revoking.find_grant(session, wanted)
    old = next(one for one in revoking.listed(session) if one["grant"] == row.grant)
    if old["state"] == "revoked":
        raise Denied("renewal_revoked", "grant {grant} was ended: give a new one", grant=row.grant[:12])
    message = revoking.message_of(session, row)
    signed = scenario_by_hash(session, desk, message.scenario)
    newest = find_scenario(session, desk, signed.body.scenario_id).body
    order = GrantOrder(
        agency=message.agency,
        scenario=signed.body.scenario_id,
        seconds=seconds or min(message.not_after - message.not_before, newest.max_validity_days * DAY_S),
        uses=uses or min(message.max_uses, newest.max_uses),
        claims=tuple((b64u(part.item), claim) for part in message.scope for claim in part.claims),
        retention_days=min(message.retention_days, newest.retention_days),
        officer_class=_officer_class(session, row.grant, message, officer_class),
        min_interval_s=message.min_interval_s,
        renews=message.grant_id,
    )
    return Renewal(old, message, granting.plan(session, desk, order))


def renew(session: Session, desk: Desk, renewal: Renewal) -> bytes:
    """Give the new grant, unless it was given before, and end the old one; the new one's id."""
    new = given_before(session, renewal.message.grant_id)
    if new is None:
        new = granting.post(session, renewal.plan, granting.seal_grant(session, desk, renewal.plan))
    if renewal.old["state"] in searching.ENDABLE:
        revoking.revoke(session, renewal.message.grant_id)
    return new


def given_before(session: Session, old: bytes) -> bytes | None:
    """The grant that this device gave in the old one's place and that can still be used."""
    renewed = {kept["grant"] for kept in session.store.grants() if kept.get("renews") == b64u(old)}
    for row in revoking.listed(session):
        if row["grant"] in renewed and row["state"] in searching.ENDABLE:
            return revoking.grant_id(row["grant"])
    return None


def _officer_class(session: Session, grant: str, message: AccessGrant, given: str | None) -> str | None:
    """The name of the class that the old grant demands: the grant itself holds its hash alone."""
    if message.officer_class == ANY_OFFICER:
        return given
    kept = next((one.get("officer_class") for one in session.store.grants() if one["grant"] == grant), None)
    name = given or kept
    if name is None:
        raise Denied("officer_class_name", "the grant is for officers of one class: name it with --officer-class")
    if officer_class_hash(name) != message.officer_class and given is None:
        raise Denied("officer_class_name", "the grant is for officers of one class: name it with --officer-class")
    return name
