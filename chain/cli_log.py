"""`chain log show|publisher|rotate|offer|accept`: who owns the log, who anchors it, and which key signs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from chain.cli_common import (
    Account,
    VerifierKey,
    account_text,
    deployment_option,
    dry_run_option,
    key_options,
    log_on_chain,
    open_reads,
    recorded,
    rpc_option,
)
from chain.cli_moves import Move, carry_out
from chain.deployment import Deployment
from chain.ledger import LedgerReads, LogState
from chain.reverts import refusal
from console import frame, output
from console.i18n import N_, _
from protocol.encoding import hex0x
from protocol.entries import origin_hash
from protocol.errors import Unavailable
from protocol.note import Vkey


def _sending(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that sends."""
    return rpc_option(deployment_option(key_options(dry_run_option(command))))


@click.group(cls=frame.Group, help=N_("Who owns the log, and who anchors it."))
def log() -> None:
    """The commands below."""


@log.command(help=N_("Show who owns the log, who anchors it, and how far it is anchored."))
@rpc_option
@deployment_option
def show(rpc: str | None, record: Path | None) -> None:
    deployment = recorded(record)
    ledger = open_reads(record, rpc)
    try:
        state = _state(ledger, deployment)
    finally:
        ledger.close()
    facts = {
        "origin": _origin(deployment),
        "owner": account_text(state.owner),
        "offered_to": None if state.pending_owner is None else account_text(state.pending_owner),
        "publisher": account_text(state.publisher),
        "vkey": state.vkey,
        "size": state.size,
        "root": hex0x(state.root),
        "frozen": state.frozen,
        "successor": None if state.successor is None else hex0x(state.successor),
    }
    output.emit(facts, lambda: _say(facts))


@log.command(help=N_("Let ACCOUNT anchor from now on, and the present publisher no longer. Sent by the log's owner."))
@click.argument("account", type=Account())
@_sending
def publisher(account: bytes, **common: Any) -> None:
    def plan(state: LogState, log: bytes) -> list[Move]:
        if state.publisher == account:
            return []
        return [Move("publisher", account_text(account), lambda ledger: ledger.rotate_log_publisher(log, account))]

    _as_owner(plan, common)


@log.command(
    help=N_(
        "Let the log's heads be signed by the key VKEY from now on. What the present key has signed counts as far as "
        "it is anchored: stop the vault first, and start it with the new key. Sent by the log's owner."
    )
)
@click.argument("vkey", type=VerifierKey())
@_sending
def rotate(vkey: Vkey, **common: Any) -> None:
    def plan(state: LogState, log: bytes) -> list[Move]:
        if origin_hash(vkey.name) != log:
            raise refusal("LogVkeyInvalid", log_vkey=str(vkey))
        if state.vkey == str(vkey):
            return []
        return [Move("rotate", str(vkey), lambda ledger: ledger.rotate_log_vkey(log, str(vkey)))]

    _as_owner(plan, common)


@log.command(help=N_("Offer the log to ACCOUNT, which must accept. Sent by the log's owner."))
@click.argument("account", type=Account(), required=False)
@click.option("--withdraw", is_flag=True, help=N_("Take the offer back."))
@_sending
def offer(account: bytes | None, withdraw: bool, **common: Any) -> None:
    if (account is None) != withdraw:
        raise click.UsageError(_("Name an account, or --withdraw."))

    def plan(state: LogState, log: bytes) -> list[Move]:
        if state.pending_owner == account:
            return []
        what = "" if account is None else account_text(account)
        return [Move("withdraw" if withdraw else "offer", what, lambda ledger: ledger.propose_log_owner(log, account))]

    _as_owner(plan, common)


@log.command(help=N_("Take over the log. Sent by the account that it was offered to."))
@_sending
def accept(**common: Any) -> None:
    def plan(state: LogState, log: bytes, sender: bytes) -> list[Move]:
        if state.owner == sender:
            return []
        if state.pending_owner != sender:
            raise refusal("NotPendingOwner", origin=log, caller=sender)
        return [Move("accept", account_text(sender), lambda ledger: ledger.accept_log_owner(log))]

    _carry_out(plan, common)


def _as_owner(plan: Callable[[LogState, bytes], list[Move]], common: dict[str, Any]) -> None:
    """Carry out what the log's owner alone may do; told before anything is sent, also with `--dry-run`."""

    def owned(state: LogState, log: bytes, sender: bytes) -> list[Move]:
        if state.owner != sender:
            raise refusal("NotLogOwner", origin=log, caller=sender)
        return plan(state, log)

    _carry_out(owned, common)


def _carry_out(plan: Callable[[LogState, bytes, bytes], list[Move]], common: dict[str, Any]) -> None:
    deployment = recorded(common["record"])
    log = origin_hash(_origin(deployment))
    carry_out(_origin(deployment), lambda ledger: plan(_state(ledger, deployment), log, ledger.account), common)


def _origin(deployment: Deployment) -> str:
    if deployment.log is None:
        raise Unavailable("log_not_open", "the log is not open yet: run vault-api serve once")
    return deployment.log.origin


def _state(ledger: LedgerReads, deployment: Deployment) -> LogState:
    return log_on_chain(ledger, _origin(deployment))


def _say(facts: dict[str, Any]) -> None:
    output.fields(
        [
            (_("log"), facts["origin"]),
            (_("owner"), facts["owner"]),
            *([(_("offered to"), facts["offered_to"])] if facts["offered_to"] else []),
            (_("publisher"), facts["publisher"]),
            (_("verifier key"), facts["vkey"]),
            (_("anchored entries"), facts["size"]),
            (_("anchored root"), facts["root"]),
            *([(_("frozen"), _("yes"))] if facts["frozen"] else []),
            *([(_("successor"), facts["successor"])] if facts["successor"] else []),
        ]
    )
