"""Scenarios: signed by a registered authority, served to anybody, logged (entry ``scenario``)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, select

from chain.ledger import ROLE_SCENARIO
from protocol import wire
from protocol.encoding import b64u
from protocol.errors import Conflict, Denied, Untrusted
from protocol.grant_evidence import KnownScenario
from protocol.receipts import Receipt
from protocol.scenario import (
    Scenario,
    check_current,
    check_grantee,
    check_in_force,
    check_retention,
    parse_scenario,
    verify_scenario,
)
from vault_api.callers import Agency
from vault_api.db import tables as t
from vault_api.db.engine import insert_row
from vault_api.db.prepared import Prepared
from vault_api.logbook import log_public
from vault_api.pages import Page, page_of
from vault_api.sequencer import Tx
from vault_api.services.notices import tell_withdrawn
from vault_api.vault import Vault
from vault_api.writes import Answer, write

MAX_KNOWN = 1024
_LATER: Prepared[Any] = Prepared(
    select(t.scenarios.c.jws)
    .where(t.scenarios.c.uri == bindparam("of"), t.scenarios.c.version > bindparam("above"))
    .order_by(t.scenarios.c.version)
)
_ROWS = select(t.scenarios.c.row, t.scenarios.c.hash, t.scenarios.c.jws, t.scenarios.c.idx)


def post_scenario(vault: Vault, agency: Agency, raw: str) -> Answer:
    """Take a version of a scenario from its authority; the next version must name the last."""
    signed = verify_scenario(raw, agency.key)
    scenario = signed.body
    if scenario.authority != vault.agency_urn(agency.account):
        raise Untrusted("scenario_authority", "the scenario is of {got}", got=scenario.authority)
    if not agency.known.state.has_role(ROLE_SCENARIO, vault.moment()):
        raise Denied("not_a_scenario_authority", "the agency is not registered as a scenario authority")

    def work(tx: Tx) -> Answer:
        known = tx.conn.execute(_ROWS.where(t.scenarios.c.hash == signed.hash)).one_or_none()
        if known is not None:
            tx.require(known.idx)
            return Answer.of(_row(known), index=known.idx)
        _check_version(tx, scenario)
        index = log_public(tx, "scenario", scenario.uri, signed.raw.encode("ascii"))
        row = {
            "hash": signed.hash,
            "uri": scenario.uri,
            "version": scenario.version,
            "jws": signed.raw,
            "idx": index,
            "at": tx.now,
        }
        insert_row(tx.conn, t.scenarios, row)
        if scenario.withdrawn:
            tell_withdrawn(tx, scenario.uri, signed.hash, index)
        body = wire.ScenarioRow(hash=b64u(signed.hash), scenario=signed.raw, index=index)
        return Answer.of(body, 201, index=index)

    # commit point: scenario (docs/spec/durability.md §2)
    return write(vault.sequencer, agency.signature, work)


def list_scenarios(vault: Vault, page: Page) -> wire.Page[wire.ScenarioRow]:
    """All versions of all scenarios, in the order in which they came."""
    wanted = _ROWS.where(t.scenarios.c.row > page.after, t.scenarios.c.idx < vault.told())
    with vault.engine.connect() as conn:
        rows = conn.execute(wanted.order_by(t.scenarios.c.row).limit(page.limit + 1)).all()
    return page_of(page, [(row.row, row) for row in rows], _row)


def get_scenario(vault: Vault, scenario: bytes) -> wire.ScenarioRow:
    """One scenario by its hash; ``Denied("scenario_unknown")`` if it is not here."""
    wanted = _ROWS.where(t.scenarios.c.hash == scenario, t.scenarios.c.idx < vault.told())
    with vault.engine.connect() as conn:
        row = conn.execute(wanted).one_or_none()
    if row is None:
        raise _unknown()
    return _row(row)


def scenario_of(vault: Vault, conn: Connection, scenario: bytes) -> KnownScenario:
    """A stored scenario, parsed, with the versions that came after it; all were verified when they came."""
    known = vault.scenarios.get(scenario)
    if known is None:
        raw = conn.execute(select(t.scenarios.c.jws).where(t.scenarios.c.hash == scenario)).scalar()
        if raw is None:
            raise _unknown()
        if len(vault.scenarios) >= MAX_KNOWN:
            vault.scenarios.clear()
        known = vault.scenarios[scenario] = KnownScenario.of(parse_scenario(raw))
    later = tuple(
        parse_scenario(row.jws).body
        for row in _LATER.all(conn, {"of": known.scenario.uri, "above": known.scenario.version})
    )
    return replace(known, later=later) if later else known


def check_current_scenario(vault: Vault, conn: Connection, receipt: Receipt, division: str, now: int) -> None:
    """Raise ``Denied`` unless a show may be collected by its scenario now, by this class, and be kept for so long."""
    known = scenario_of(vault, conn, receipt.scenario)
    check_in_force(known.scenario, now)
    check_current(known.scenario, known.later, now, given=False)
    check_grantee(known.scenario, division)
    check_retention(known.scenario, receipt.retain_until, now)


def _check_version(tx: Tx, scenario: Scenario) -> None:
    versions = t.scenarios.c
    newest = tx.conn.execute(
        select(versions.version, versions.hash)
        .where(versions.uri == scenario.uri)
        .order_by(versions.version.desc())
        .limit(1)
    ).one_or_none()
    if newest is None:
        return
    if scenario.version <= newest.version or scenario.supersedes != newest.hash:
        raise Conflict(
            "scenario_version",
            "version {newest} is here: the next one has a higher number and supersedes that one",
            newest=newest.version,
        )


def _row(row: Any) -> wire.ScenarioRow:
    return wire.ScenarioRow(hash=b64u(row.hash), scenario=row.jws, index=row.idx)


def _unknown() -> Denied:
    return Denied("scenario_unknown", "no scenario of this hash is here")
