"""Finding grants by agency, scenario, item, state and end, for lists and for ending many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from client.checks import Desk
from client.scenarios import listed_scenarios, withdrawn
from client.session import Session
from console.i18n import _
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Denied
from wallet_cli.services import revoking, said, tokens

ENDABLE = frozenset({"live", "not_yet", "used_up"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a grant must be; None: anything. ``item``: the beginning of an id; ``until``: ends before (seconds)."""

    agency: str | None = None
    scenario: str | None = None
    item: str | None = None
    state: str | None = None
    until: int | None = None

    @property
    def anything(self) -> bool:
        """Whether nothing at all was asked for."""
        return not any((self.agency, self.scenario, self.item, self.state)) and self.until is None


def found(session: Session, wanted: Wanted) -> list[dict[str, Any]]:
    """The grants of the dossier that are so, in the order in which they came, with their scenarios' ids."""
    account = None if wanted.agency is None else hex0x(tokens.agency_account(session, wanted.agency))
    rows = [row for row in named(session, revoking.listed(session)) if account in (None, row["agency"])]
    return [row for row in rows if _fits(row, wanted)]


def endable(session: Session, wanted: Wanted) -> list[dict[str, Any]]:
    """Those of them that can still be ended."""
    return [row for row in found(session, wanted) if row["state"] in ENDABLE]


def named(session: Session, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows with the id of each scenario, also of grants that another device gave, and whether it was withdrawn."""
    scenarios, given, now = listed_scenarios(session), said.grants(session), session.clock.now()
    for row in rows:
        scenario = scenarios.get(given[revoking.grant_id(row["grant"])].envelope.grant.scenario)
        name = row["scenario"] if scenario is None else scenario.scenario_id
        yield {**row, "scenario": name, "withdrawn": withdrawn(scenarios, scenario, now)}


def state_of(row: dict[str, Any]) -> str:
    """The state in words: one that nobody can use any more, since its scenario was withdrawn, is told so."""
    if row["withdrawn"] and row["state"] in {"live", "not_yet"}:
        return _("its scenario was withdrawn")
    return _(revoking.STATES[row["state"]])


def agency_names(desk: Desk, rows: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Account → name by the registry, of agencies to which another device, or one that was lost, gave a grant."""
    names = {}
    for account in sorted({row["agency"] for row in rows if row["agency_name"] is None}):
        with suppress(Denied):  # a trust file does not know every agency
            names[account] = desk.facts.agency(unhex0x(account, length=20, what="agency")).name
    return names


def _fits(row: dict[str, Any], wanted: Wanted) -> bool:
    if wanted.scenario is not None and row["scenario"] != wanted.scenario:
        return False
    if wanted.item is not None and not any(part["item"].startswith(wanted.item) for part in row["scope"]):
        return False
    if wanted.state is not None and row["state"] != wanted.state:
        return False
    return wanted.until is None or row["not_after"] < wanted.until
