"""Transactions that a command of `chain` finds missing: shown with `--dry-run`, else sent one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chain.cli_common import load_signer, open_ledger
from chain.ledger import Ledger, TxRef
from console import output
from console.i18n import _
from console.output import Column
from protocol.encoding import hex0x


@dataclass(frozen=True, slots=True)
class Move:
    """One transaction to send: what it does, in stable words for `--json`, and how it is sent."""

    does: str
    subject: str
    send: Callable[[Ledger], TxRef]


def carry_out(subject: str, plan: Callable[[Ledger], Sequence[Move]], common: dict[str, Any]) -> None:
    """Plan, and send what is missing. `common` holds the options of endpoint, record, key and `--dry-run`."""
    signer = load_signer(common["key_file"], common["key_fd"], common["passphrase_file"])
    ledger = open_ledger(common["record"], common["rpc"], signer)
    try:
        done = []
        for move in plan(ledger):
            sent = None if common["dry_run"] else move.send(ledger)
            done.append({"does": move.does, "what": move.subject, "transaction": hex0x(sent.hash) if sent else None})
    finally:
        ledger.close()
    facts = {"account": subject, "dry_run": common["dry_run"], "steps": done}
    output.emit(facts, lambda: _say(facts))


def _say(facts: dict[str, Any]) -> None:
    if not facts["steps"]:
        output.line(_("Nothing to do: {account} is as asked for.").format(account=facts["account"]))
        return
    said = _("Would send for {account}:") if facts["dry_run"] else _("Sent for {account}:")
    output.line(said.format(account=facts["account"]))
    output.table(
        facts["steps"],
        [Column("does", _("does")), Column("what", _("what")), Column("transaction", _("transaction"))],
    )
