"""What a holder sees of the holder's own dossier: items, events, and what may be destroyed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update

from protocol import wire
from protocol.encoding import b64u, hex0x
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.keycard import KeyCardEnvelope
from protocol.signed import Signed
from protocol.statements import Statement, verify_statement
from vault_api.callers import Holder
from vault_api.db import tables as t
from vault_api.db import tables_keys as k
from vault_api.logbook import LOGGED, Logged, erase, log_event, logged_row
from vault_api.pages import Page, page_of
from vault_api.sequencer import Tx
from vault_api.services import notices
from vault_api.services.payloads import doom_unused, forget_headers
from vault_api.vault import Vault
from vault_api.writes import Answer, write

_ITEMS = select(
    t.items.c.row,
    t.items.c.item,
    t.items.c.at,
    t.items.c.slip,
    t.items.c.salt.label("item_salt"),
    t.items.c.deleted_at,
    t.events.c.idx,
    t.events.c.n,
    t.events.c.t.label("kind"),
    t.events.c.salt,
    t.events.c.object_sha256,
    k.rewraps.c.jws.label("rewrap"),
).select_from(
    t.items.join(t.events, t.events.c.idx == t.items.c.idx).outerjoin(
        k.rewraps, k.rewraps.c.item_row == t.items.c.row
    )
)
_EVENTS = (
    select(
        *LOGGED,
        t.grants.c.grant_id,
        t.shows.c.session,
        t.releases.c.receipt.label("grant_receipt"),
        t.shows.c.receipt.label("show_receipt"),
    )
    .join(t.entries, t.entries.c.idx == t.events.c.idx)
    .outerjoin(t.grants, t.grants.c.row == t.events.c.grant_row)
    .outerjoin(t.shows, t.shows.c.row == t.events.c.show_row)
    .outerjoin(t.releases, t.releases.c.idx == t.events.c.idx)
    .order_by(t.events.c.n)
)


def me(vault: Vault, holder: Holder) -> wire.Me:
    """The dossier at a glance."""
    with vault.engine.connect() as conn:
        card = conn.execute(
            select(t.cards.c.envelope).where(t.cards.c.card_hash == holder.card_hash)
        ).scalar_one()
        next_n = conn.execute(select(t.dossiers.c.next_n).where(t.dossiers.c.row == holder.row)).scalar_one()
        present = select(func.count()).select_from(t.items).where(t.items.c.dossier_row == holder.row)
        items = conn.execute(present.where(t.items.c.deleted_at.is_(None))).scalar_one()
    return wire.Me(
        dossier=hex0x(holder.dossier),
        card=KeyCardEnvelope.parse(card).to_json(),
        grant_epoch=holder.known.state.grant_epoch,
        next_n=next_n,
        items=items,
    )


def list_items(vault: Vault, holder: Holder, page: Page) -> wire.Page[wire.Item]:
    """The items in the order in which they came, deleted ones too."""
    wanted = _ITEMS.where(
        t.items.c.dossier_row == holder.row, t.items.c.row > page.after, t.items.c.idx < vault.told()
    )
    with vault.engine.connect() as conn:
        rows = conn.execute(wanted.order_by(t.items.c.row).limit(page.limit + 1)).all()
        headers = {row.row: _headers(conn, row.row) for row in rows}
    return page_of(page, [(row.row, row) for row in rows], lambda row: _item(row, headers[row.row]))


def get_item(vault: Vault, holder: Holder, item: bytes) -> wire.Item:
    """One item; ``Denied("item_unknown")`` if it is not in this dossier."""
    wanted = _ITEMS.where(
        t.items.c.dossier_row == holder.row, t.items.c.item == item, t.items.c.idx < vault.told()
    )
    with vault.engine.connect() as conn:
        row = conn.execute(wanted).one_or_none()
        if row is None:
            raise _item_unknown()
        return _item(row, _headers(conn, row.row))


def delete_item(vault: Vault, holder: Holder, item: bytes, raw: str) -> Answer:
    """Destroy an item's payloads, headers and salts on the holder's signed word; log a ``note``."""
    signed = _holders_word(vault, holder, raw)
    if signed.body.kind != "delete" or signed.body.item != item:
        raise Malformed("delete_statement", "expected a delete statement about this item")

    def work(tx: Tx) -> Answer:
        wanted = select(t.items.c.row, t.items.c.idx, t.items.c.deleted_at)
        row = tx.conn.execute(
            wanted.where(t.items.c.item == item, t.items.c.dossier_row == holder.row)
        ).one_or_none()
        if row is None:
            raise _item_unknown()
        if row.deleted_at is not None:
            raise Conflict("item_deleted", "the item was deleted at {at}", at=row.deleted_at)
        digests = forget_headers(tx, row.row, item)
        gone = {"deleted_at": tx.now, "salt": None, "slip": None}
        tx.conn.execute(update(t.items).where(t.items.c.row == row.row), gone)
        doom_unused(tx, digests)
        erase(tx, row.idx)
        return _logged(log_event(tx, holder.row, "note", signed.raw.encode("ascii")), 200)

    # commit point: deletion (docs/spec/durability.md §2)
    return write(vault.sequencer, holder.signature, work)


def add_statement(vault: Vault, holder: Holder, raw: str) -> Answer:
    """Log what the holder says: a ``note``, or ``correct``; whom it concerns is told.

    A deletion goes by its own route.
    """
    signed = _holders_word(vault, holder, raw)
    if signed.body.kind == "delete":
        raise Malformed("delete_statement", "an item is deleted by its own route, /v1/me/items/…/delete")

    told: list[bytes] = []

    def work(tx: Tx) -> Answer:
        _check_about(tx, holder, signed.body)
        logged = log_event(tx, holder.row, signed.body.logged_as, signed.raw.encode("ascii"))
        told.extend(notices.holder_said(tx, holder, signed.body, signed.hash, logged.index))
        return _logged(logged, 201)

    # commit point: note (docs/spec/durability.md §2)
    answer = write(vault.sequencer, holder.signature, work)
    for agency in told:
        vault.waiters.wake(agency)
    return answer


def list_events(vault: Vault, holder: Holder, page: Page) -> wire.Page[wire.LogRow]:
    """Everything that was logged for the dossier, in the order of n; nothing that is signed is left out."""
    first = page.after  # the token is n + 1, so that n = 0 has a successor
    wanted = _EVENTS.where(
        t.events.c.dossier_row == holder.row, t.events.c.n >= first, t.events.c.idx < vault.told()
    )
    with vault.engine.connect() as conn:
        rows = conn.execute(wanted.limit(page.limit + 1)).all()
    return page_of(page, [(row.n + 1, row) for row in rows], _log_row)


def _log_row(row: Any) -> wire.LogRow:
    logged = logged_row(row)
    receipt = row.grant_receipt or (row.show_receipt if row.kind == "access" else None)
    return wire.LogRow(
        logged=logged.wire(),
        grant=b64u(row.grant_id) if row.grant_id is not None else None,
        show=b64u(row.session) if row.session is not None else None,
        receipt=receipt,
    )


def _item(row: Any, headers: list[str]) -> wire.Item:
    if row.deleted_at is not None:
        return wire.Item(item=b64u(row.item), state="deleted", at=row.at, index=row.idx)
    opening = wire.Opening(
        n=row.n, salt=b64u(row.salt), object_sha256=b64u(row.object_sha256), t=row.kind, index=row.idx
    )
    return wire.Item(
        item=b64u(row.item),
        state="present",
        at=row.at,
        index=row.idx,
        slip=row.slip,
        item_salt=b64u(row.item_salt),
        headers=headers,
        rewrap=row.rewrap,
        opening=opening,
    )


def _headers(conn: Any, item_row: int) -> list[str]:
    wanted = select(t.objects.c.header).where(t.objects.c.item_row == item_row).order_by(t.objects.c.pos)
    return [b64u(header) for header in conn.execute(wanted).scalars() if header is not None]


def _holders_word(vault: Vault, holder: Holder, raw: str) -> Signed[Statement]:
    signed = verify_statement(raw, holder.key, log=vault.origin, now=vault.clock.now())
    if signed.body.iss != holder.urn:
        raise Untrusted("statement_issuer", "the statement is by {got}", got=signed.body.iss)
    return signed


def _check_about(tx: Tx, holder: Holder, statement: Statement) -> None:
    """What a statement names must be of this dossier, or it could be used to ask what is here."""
    for value, table, column, unknown in (
        (statement.item, t.items, t.items.c.item, _item_unknown()),
        (
            statement.grant,
            t.grants,
            t.grants.c.grant_id,
            Denied("grant_unknown", "no such grant is here for you"),
        ),
        (
            statement.show,
            t.shows,
            t.shows.c.session,
            Denied("show_unknown", "no such show session is here for you"),
        ),
    ):
        if value is None:
            continue
        mine = select(table.c.row).where(column == value, table.c.dossier_row == holder.row)
        if tx.conn.execute(mine).first() is None:
            raise unknown


def _logged(logged: Logged, status: int) -> Answer:
    return Answer.of(logged.wire(), status, index=logged.index)


def _item_unknown() -> Denied:
    return Denied("item_unknown", "no such item is in this dossier")
