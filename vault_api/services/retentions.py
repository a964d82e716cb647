"""Until when uses may be kept, and who has not said that they were deleted (docs/spec/notices.md §6).

Read out of the receipts by housekeeping, so that a use waits for none of it. A report ends the waiting; a day after the
time both sides are told once.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update

from protocol.receipts import parse_receipt
from protocol.wire_notices import RETENTION_GRACE_S, RETENTION_OVERDUE
from vault_api.db import tables as t
from vault_api.db import tables_notices as tn
from vault_api.sequencer import Tx
from vault_api.services.notices import tell
from vault_api.vault import Vault

BATCH = 500  # receipts of one transaction
MOST_BATCHES = 20  # of one round
_CURSOR = "retentions"


def look_after(vault: Vault) -> None:
    """One round: read new receipts, and tell of reports that are late."""
    for _ in range(MOST_BATCHES):
        if vault.sequencer.call(note_receipts) < BATCH:
            break
    vault.sequencer.call(tell_overdue)


def note_receipts(tx: Tx) -> int:
    """Note the time of every use under a grant since the last round; how many there were."""
    after = int(tx.conn.execute(select(t.meta.c.value).where(t.meta.c.name == _CURSOR)).scalar() or 0)
    wanted = (
        select(t.releases, t.grants.c.agency, t.grants.c.dossier_row)
        .join(t.grants, t.grants.c.row == t.releases.c.grant_row)
        .where(t.releases.c.row > after)
    )
    rows = tx.conn.execute(wanted.order_by(t.releases.c.row).limit(BATCH)).all()
    for row in rows:
        keep(tx, row, row.receipt, grant_row=row.grant_row)
    if rows:
        _advance(tx, rows[-1].row)
    return len(rows)


def keep(tx: Tx, use: Any, receipt: str, *, grant_row: int | None = None, show_row: int | None = None) -> None:
    """Note until when one use may go unreported. ``use`` has its receipt's hash, its agency and its dossier."""
    reported = select(tn.said.c.row).where(
        tn.said.c.agency == use.agency, tn.said.c.kind == "retention", tn.said.c.about == use.receipt_sha256
    )
    due_at = None if tx.conn.execute(reported).first() else parse_receipt(receipt).body.retain_until + RETENTION_GRACE_S
    row = {"receipt_sha256": use.receipt_sha256, "agency": use.agency, "dossier_row": use.dossier_row}
    tx.conn.execute(insert(tn.retentions), {**row, "grant_row": grant_row, "show_row": show_row, "due_at": due_at})


def tell_overdue(tx: Tx) -> None:
    """Tell agency and holder, once, of each use whose deletion nobody has reported in time."""
    late = select(tn.retentions).where(tn.retentions.c.due_at < tx.now).order_by(tn.retentions.c.due_at)
    for row in tx.conn.execute(late.limit(BATCH)).all():
        about = {"grant_row": row.grant_row, "show_row": row.show_row, "about": row.receipt_sha256}
        tell(tx, RETENTION_OVERDUE, agency=row.agency, **about)
        tell(tx, RETENTION_OVERDUE, dossier_row=row.dossier_row, **about)
        tx.conn.execute(update(tn.retentions).where(tn.retentions.c.row == row.row), {"due_at": None})


def _advance(tx: Tx, row: int) -> None:
    moved = tx.conn.execute(update(t.meta).where(t.meta.c.name == _CURSOR), {"value": str(row)})
    if not moved.rowcount:
        tx.conn.execute(insert(t.meta), {"name": _CURSOR, "value": str(row)})
