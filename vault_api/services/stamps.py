"""A reader's word that it stamped a copy of what a use handed it: logged in the dossier of that use.

The holder finds it in the dossier's history beside the use itself. The statement carries a commitment and no purpose.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from protocol.errors import Denied, Malformed, Untrusted
from protocol.statements import Statement, verify_statement
from vault_api.callers import Agency
from vault_api.db import tables as t
from vault_api.logbook import log_event
from vault_api.sequencer import Tx
from vault_api.vault import Vault
from vault_api.writes import Answer, write

MAX_STAMPS = 100  # of one use: who needs more asks for another use


def add_stamp(vault: Vault, agency: Agency, raw: str) -> Answer:
    """Log a statement of kind ``stamp`` about a receipt that this agency signed and that is in the log.

    Raises ``Malformed`` for a statement of another kind, ``Untrusted`` for another's, and
    ``Denied("receipt_unknown")`` unless a use of this very agency was logged for the receipt.
    """
    signed = verify_statement(raw, agency.key, log=vault.origin, now=vault.clock.now())
    statement = signed.body
    if statement.kind != "stamp" or statement.item is not None:
        raise Malformed("stamp_statement", "expected a statement of kind stamp, about a receipt alone")
    if statement.iss != vault.agency_urn(agency.account):
        raise Untrusted("statement_issuer", "the statement is by {got}", got=statement.iss)

    with vault.engine.connect() as conn:  # a use stays as it was logged: the writer need not look for it
        use = _use_of(conn, agency, statement)

    def work(tx: Tx) -> Answer:
        _check_room(tx, use)
        raw_statement = signed.raw.encode("ascii")
        logged = log_event(
            tx, use.dossier_row, statement.logged_as, raw_statement, grant_row=use.grant_row, show_row=use.show_row
        )
        return Answer.of(logged.wire(), 201, index=logged.index)

    return write(vault.sequencer, agency.signature, work)


@dataclass(frozen=True, slots=True)
class _Use:
    """Rows of a use: its dossier, and its grant or its show."""

    dossier_row: int
    grant_row: int | None = None
    show_row: int | None = None


def _use_of(conn: Connection, agency: Agency, statement: Statement) -> _Use:
    granted = (
        select(t.grants.c.dossier_row, t.grants.c.row)
        .join(t.releases, t.releases.c.grant_row == t.grants.c.row)
        .where(t.grants.c.agency == agency.account, t.releases.c.receipt_sha256 == statement.about)
    )
    found = conn.execute(granted).first()
    if found is not None:
        return _Use(found.dossier_row, grant_row=found.row)
    shown = select(t.shows.c.dossier_row, t.shows.c.row).where(
        t.shows.c.agency == agency.account, t.shows.c.receipt_sha256 == statement.about
    )
    found = conn.execute(shown).first()
    if found is None:
        raise Denied("receipt_unknown", "no use of this agency with this receipt is in the log")
    return _Use(found.dossier_row, show_row=found.row)


def _check_room(tx: Tx, use: _Use) -> None:
    many = select(t.events.c.idx).where(
        t.events.c.dossier_row == use.dossier_row,
        t.events.c.t == "note",
        t.events.c.grant_row == use.grant_row,
        t.events.c.show_row == use.show_row,
    )
    if len(tx.conn.execute(many.limit(MAX_STAMPS)).all()) >= MAX_STAMPS:
        raise Denied("stamps_enough", "this grant or show has {most} stamps already", most=MAX_STAMPS)
