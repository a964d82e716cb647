"""`chain agency admit|suspend|compromised|list`: who is an agency, by the governor's transactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from chain.cli_common import (
    Account,
    account_text,
    deployment_option,
    dry_run_option,
    key_options,
    open_reads,
    rpc_option,
)
from chain.cli_moves import Move, carry_out
from chain.cli_times import Moment
from chain.ledger import (
    ROLE_ISSUER,
    ROLE_READER,
    ROLE_SCENARIO,
    ROLES,
    AgencyState,
    Ledger,
    TxRef,
)
from console import frame, output
from console.i18n import N_, _, moment
from console.output import Column
from protocol.encoding import hex0x
from protocol.errors import Conflict, Denied
from protocol.licence_types import CATALOGUE

KNOWN_TYPES = frozenset(known.type for known in CATALOGUE.values())
ROLE_NUMBERS = {name: number for number, name in ROLES.items()}


@click.group(cls=frame.Group, help=N_("Who is an agency, and what it may do."))
def agency() -> None:
    """The commands below."""


@agency.command(help=N_("Admit an agency, or give an admitted one more rights."))
@click.argument("account", type=Account())
@click.option("--name", required=True, help=N_("The agency's public name."))
@click.option("--division", required=True, help=N_("Kind of body, as scenarios name it: public-security, bank, …"))
@click.option("--issues", "types", multiple=True, metavar="TYPE", help=N_("A licence type that it may issue; repeat."))
@click.option("--reader", is_flag=True, help=N_("It may ask holders for grants and scan their codes."))
@click.option("--scenario-authority", is_flag=True, help=N_("It may publish scenarios."))
@rpc_option
@deployment_option
@key_options
@dry_run_option
def admit(
    account: bytes,
    name: str,
    division: str,
    types: tuple[str, ...],
    reader: bool,
    scenario_authority: bool,
    **common: Any,
) -> None:
    for kind in types:
        if kind not in KNOWN_TYPES:
            output.warn(_("{type} is not in the catalogue of licence types").format(type=kind))
    roles = [ROLE_ISSUER] if types else []
    roles += [ROLE_READER] if reader else []
    roles += [ROLE_SCENARIO] if scenario_authority else []

    def plan(now: AgencyState | None) -> list[Move]:
        moves = []
        if now is None:
            moves.append(Move("admit", name, lambda ledger: ledger.admit_agency(account, name, division)))
        elif (now.name, now.division) != (name, division):
            raise Conflict("agency_exists", "{agency} is admitted already", agency=account_text(account))
        held = {span.role for span in now.roles if span.until is None} if now else set()
        moves += [_give_role(account, role) for role in roles if role not in held]
        open_types = {span.licence_type for span in now.issues if span.until is None} if now else set()
        moves += [_give_type(account, kind) for kind in types if kind not in open_types]
        return moves

    _carry_out(account, plan, common)


@agency.command(help=N_("End roles or licence types of an agency from now on; all of its roles unless some are named."))
@click.argument("account", type=Account())
@click.option(
    "--role", "role_names", multiple=True, type=click.Choice(sorted(ROLE_NUMBERS)), help=N_("Only this role.")
)
@click.option("--type", "types", multiple=True, metavar="TYPE", help=N_("Only this licence type."))
@rpc_option
@deployment_option
@key_options
@dry_run_option
def suspend(account: bytes, role_names: tuple[str, ...], types: tuple[str, ...], **common: Any) -> None:
    def plan(now: AgencyState | None) -> list[Move]:
        state = _admitted(account, now)
        held = [span.role for span in state.roles if span.until is None]
        wanted = [ROLE_NUMBERS[name] for name in role_names] if role_names or types else held
        moves = [_end_type(account, kind) for kind in types]
        return moves + [_end_role(account, role) for role in wanted]

    _carry_out(account, plan, common)


@agency.command(help=N_("Say since when a key card of an agency is compromised: at most 90 days back."))
@click.argument("account", type=Account())
@click.option("--card", "seq", type=click.IntRange(1), required=True, help=N_("Number of the key card."))
@click.option(
    "--since", type=Moment(), required=True, help=N_("Time, as 2026-11-30T08:00:00+08:00 or in seconds since 1970.")
)
@rpc_option
@deployment_option
@key_options
@dry_run_option
def compromised(account: bytes, seq: int, since: int, **common: Any) -> None:
    def send(ledger: Ledger) -> TxRef:
        if ledger.account == account:
            return ledger.set_compromised(seq, since)
        return ledger.set_compromised_by_governor(account, seq, since)

    def plan(now: AgencyState | None) -> list[Move]:
        _admitted(account, now)
        return [Move("compromised", f"{seq}@{since}", send)]

    _carry_out(account, plan, common)


@agency.command("list", help=N_("List the agencies, in the order of their admission."))
@rpc_option
@deployment_option
def list_agencies(rpc: str | None, record: Path | None) -> None:
    ledger = open_reads(record, rpc)
    try:
        found = ledger.agencies()
        now = ledger.head().time
    finally:
        ledger.close()
    rows = [agency_row(state, now) for state in found]
    output.emit(rows, lambda: _say_agencies(rows))


def agency_row(state: AgencyState, now: int) -> dict[str, Any]:
    """An agency as `--json` shows it: what it may do at `now`, and its newest card."""
    issuer = state.has_role(ROLE_ISSUER, now)
    return {
        "account": account_text(state.account),
        "name": state.name,
        "division": state.division,
        "admitted_at": state.admitted_at,
        "roles": [name for role, name in ROLES.items() if state.has_role(role, now)],
        "issues": sorted({span.licence_type for span in state.issues if issuer and span.covers(now)}),
        "cards": len(state.cards),
        "card": hex0x(state.card.hash) if state.card else None,
        "compromised": [
            {"card": card.seq, "since": card.compromised_since}
            for card in state.cards
            if card.compromised_since is not None
        ],
    }


def _carry_out(account: bytes, plan: Callable[[AgencyState | None], Sequence[Move]], common: dict[str, Any]) -> None:
    """Look, plan, and send what is missing."""
    carry_out(account_text(account), lambda ledger: plan(ledger.agency(account)), common)


def _say_agencies(rows: Sequence[dict[str, Any]]) -> None:
    shown = [
        {
            **row,
            "admitted": moment(row["admitted_at"]),
            "roles": ", ".join(row["roles"]) or _("none"),
            "issues": ", ".join(row["issues"]),
        }
        for row in rows
    ]
    columns = [
        Column("account", _("account")),
        Column("name", _("name")),
        Column("division", _("division")),
        Column("roles", _("roles")),
        Column("issues", _("issues")),
        Column("cards", _("key cards"), right=True),
        Column("admitted", _("admitted")),
    ]
    output.table(shown, columns, empty=_("No agency has been admitted."))


def _admitted(account: bytes, now: AgencyState | None) -> AgencyState:
    if now is None:
        raise Denied("agency_unknown", "{agency} is no agency of this registry", agency=account_text(account))
    return now


def _give_role(account: bytes, role: int) -> Move:
    return Move("role", ROLES[role], lambda ledger: ledger.set_role(account, role))


def _end_role(account: bytes, role: int) -> Move:
    return Move("end-role", ROLES[role], lambda ledger: ledger.end_role(account, role))


def _give_type(account: bytes, kind: str) -> Move:
    return Move("issue", kind, lambda ledger: ledger.allow_issue(account, kind))


def _end_type(account: bytes, kind: str) -> Move:
    return Move("end-issue", kind, lambda ledger: ledger.end_issue(account, kind))
