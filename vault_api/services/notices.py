"""Notices: what is new for a holder or an agency, to be fetched by whoever asks (docs/spec/notices.md).

A notice is written in the transaction of what it tells of, or not at all. The vault may withhold one, and then lies to
a party that can look elsewhere: statements stand in the dossier's history, ends of grants on chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from protocol.encoding import b64u, u64
from protocol.errors import Denied
from protocol.identifiers import parse_agency_urn
from protocol.statements import Statement
from protocol.wire_notices import BY_THE_VAULT, GRANT_ENDED, GRANT_GIVEN, SCENARIO_WITHDRAWN, Notice, Notices
from vault_api.callers import Agency, Holder, parsed_card
from vault_api.db import tables as t
from vault_api.db import tables_notices as tn
from vault_api.pages import Page
from vault_api.sequencer import Tx
from vault_api.vault import Vault

KEEP_S = 400 * 86_400  # a notice that nobody fetched for so long is forgotten; what it tells of is not
MAX_TOLD = 20  # statements of one holder to one agency about one grant, show or item
_AGENCY = "urn:onefile:agency:"

_FEED = (
    select(
        tn.notices,
        t.grants.c.grant_id,
        t.shows.c.session,
        t.events.c.object.label("statement"),
        t.cards.c.envelope,
    )
    .outerjoin(t.grants, t.grants.c.row == tn.notices.c.grant_row)
    .outerjoin(t.shows, t.shows.c.row == tn.notices.c.show_row)
    .outerjoin(t.events, t.events.c.idx == tn.notices.c.idx)
    .outerjoin(t.cards, t.cards.c.card_hash == tn.notices.c.card_hash)
    .order_by(tn.notices.c.row)
)


def tell(tx: Tx, kind: str, **what: Any) -> None:
    """Write a notice for one party. ``what``: ``agency`` or ``dossier_row``, and what of the other columns fits."""
    tx.conn.execute(insert(tn.notices), {"kind": kind, "at": tx.now, **what})


def tell_given(tx: Tx, agency: bytes, grant_row: int, index: int) -> None:
    """A grant was given to an agency."""
    tell(tx, GRANT_GIVEN, agency=agency, grant_row=grant_row, idx=index)


def tell_ended(tx: Tx, rows: Sequence[int], index: int) -> None:
    """Grants have ended by the entry ``index``: their agencies and their holder are told."""
    wanted = select(t.grants.c.row, t.grants.c.agency, t.grants.c.dossier_row).where(t.grants.c.row.in_(rows))
    for row in tx.conn.execute(wanted).all():
        tell(tx, GRANT_ENDED, agency=row.agency, grant_row=row.row, idx=index)
        tell(tx, GRANT_ENDED, dossier_row=row.dossier_row, grant_row=row.row, idx=index)


def tell_withdrawn(tx: Tx, uri: str, scenario: bytes, index: int) -> None:
    """A version of a scenario withdraws it: whoever gave or was given a grant for it that still holds is told."""
    versions = select(t.scenarios.c.hash).where(t.scenarios.c.uri == uri)
    wanted = select(t.grants.c.agency, t.grants.c.dossier_row).where(
        t.grants.c.scenario.in_(versions), t.grants.c.ended_at.is_(None), t.grants.c.not_after > tx.now
    )
    rows = tx.conn.execute(wanted.distinct()).all()
    for agency in sorted({row.agency for row in rows}):
        tell(tx, SCENARIO_WITHDRAWN, agency=agency, about=scenario, idx=index)
    for dossier_row in sorted({row.dossier_row for row in rows}):
        tell(tx, SCENARIO_WITHDRAWN, dossier_row=dossier_row, about=scenario, idx=index)


def feed(vault: Vault, party: Holder | Agency, page: Page) -> Notices:
    """What is new for the caller after a token of ours, in the order in which it came."""
    to = tn.notices.c.dossier_row == party.row if isinstance(party, Holder) else tn.notices.c.agency == party.account
    told = vault.told()
    with vault.engine.connect() as conn:
        found = conn.execute(_FEED.where(to, tn.notices.c.row > page.after).limit(page.limit + 1)).all()
    # Up to the first that nobody may be told of yet: who came past it would never hear of it.
    rows = list(takewhile(lambda row: row.idx is None or row.idx < told, found))
    shown = rows[: page.limit]
    last = shown[-1].row if shown else page.after
    return Notices(rows=[_notice(row) for row in shown], next=b64u(u64(last)), more=len(rows) > len(shown))


def holder_said(tx: Tx, holder: Holder, said: Statement, digest: bytes, index: int) -> list[bytes]:
    """Tell the agencies that a holder's statement concerns; their accounts.

    A complaint goes to who used or issued what it is about, an end of a grant to its agency, a correction of an item to
    its issuer and to whoever has used a grant over it. Everything else is told to nobody.
    """
    find = _CONCERNED.get(said.kind)
    if find is None:
        return []
    found = list(find(tx.conn, holder.row, said))
    for agency, grant_row, show_row in found:
        _check_room(tx, holder.row, agency, said, grant_row, show_row)
        to = {"agency": agency, "grant_row": grant_row, "show_row": show_row}
        what = {"item": said.item, "about": said.about, "said": digest, "card_hash": holder.card_hash}
        tell(tx, said.kind, **to, **what, idx=index)
    return [agency for agency, _grant_row, _show_row in found]


def readers_of(conn: Connection, dossier_row: int, item: bytes) -> list[tuple[bytes, int]]:
    """Agencies that have used a grant over an item, each with the newest such grant. Shows name no item here."""
    wanted = (
        select(t.grants.c.agency, func.max(t.grants.c.row))
        .join(t.grant_parcels, t.grant_parcels.c.grant_row == t.grants.c.row)
        .where(t.grants.c.dossier_row == dossier_row, t.grants.c.uses > 0, t.grant_parcels.c.item == item)
        .group_by(t.grants.c.agency)
        .order_by(t.grants.c.agency)
    )
    return [(agency, row) for agency, row in conn.execute(wanted)]


def forget_old(tx: Tx) -> None:
    """Housekeeping: notices that were there to be fetched for longer than anybody was away.

    The newest stays, nobody's: SQLite would give its number again, and who has read up to it would miss what comes.
    """
    old = tn.notices.c.at < tx.now - KEEP_S
    newest = select(func.max(tn.notices.c.row)).scalar_subquery()
    tx.conn.execute(delete(tn.notices).where(old, tn.notices.c.row < newest))
    tx.conn.execute(update(tn.notices).where(old), {"agency": None, "dossier_row": None})


# --- whom a holder's statement concerns -----------------------------------------------------------

_Concerned = Iterable[tuple[bytes, int | None, int | None]]


def _of_grant(conn: Connection, dossier_row: int, grant: bytes) -> _Concerned:
    wanted = select(t.grants.c.agency, t.grants.c.row)
    row = conn.execute(wanted.where(t.grants.c.grant_id == grant, t.grants.c.dossier_row == dossier_row)).one()
    return [(row.agency, row.row, None)]


def _of_item(conn: Connection, dossier_row: int, item: bytes) -> _Concerned:
    return [(agency, grant_row, None) for agency, grant_row in readers_of(conn, dossier_row, item)]


def _of_notice(conn: Connection, dossier_row: int, said: Statement) -> _Concerned:
    if said.grant is not None:
        return _of_grant(conn, dossier_row, said.grant)
    return _of_item(conn, dossier_row, said.item) if said.item is not None else []


def _of_correction(conn: Connection, dossier_row: int, said: Statement) -> _Concerned:
    assert said.item is not None  # a correction names one
    issuer = conn.execute(select(t.items.c.issuer).where(t.items.c.item == said.item)).scalar_one()
    readers = list(_of_item(conn, dossier_row, said.item))
    account = _account(issuer)
    return readers if account is None else [*(row for row in readers if row[0] != account), (account, None, None)]


def _of_complaint(conn: Connection, dossier_row: int, said: Statement) -> _Concerned:
    if said.grant is not None:
        return _of_grant(conn, dossier_row, said.grant)
    if said.show is not None:
        shown = select(t.shows.c.agency, t.shows.c.row).where(t.shows.c.session == said.show)
        row = conn.execute(shown).one()
        return [] if row.agency is None else [(row.agency, None, row.row)]
    assert said.about is not None  # a complaint names what it is about
    return [*_of_receipt(conn, dossier_row, said.about), *_of_object(conn, dossier_row, said.about)]


def _of_receipt(conn: Connection, dossier_row: int, receipt: bytes) -> _Concerned:
    granted = (
        select(t.grants.c.agency, t.grants.c.row)
        .join(t.releases, t.releases.c.grant_row == t.grants.c.row)
        .where(t.grants.c.dossier_row == dossier_row, t.releases.c.receipt_sha256 == receipt)
    )
    shown = select(t.shows.c.agency, t.shows.c.row).where(
        t.shows.c.dossier_row == dossier_row, t.shows.c.receipt_sha256 == receipt
    )
    found = [(row.agency, row.row, None) for row in conn.execute(granted)]
    return [*found, *((row.agency, None, row.row) for row in conn.execute(shown))]


def _of_object(conn: Connection, dossier_row: int, digest: bytes) -> _Concerned:
    """Of an item its issuer, by the slip's hash; of a use its reader, by the record's."""
    wanted = (
        select(t.events.c.grant_row, t.events.c.show_row, t.grants.c.agency, t.shows.c.agency, t.items.c.issuer)
        .outerjoin(t.items, t.items.c.idx == t.events.c.idx)
        .outerjoin(t.grants, t.grants.c.row == t.events.c.grant_row)
        .outerjoin(t.shows, t.shows.c.row == t.events.c.show_row)
        .where(t.events.c.dossier_row == dossier_row, t.events.c.object_sha256 == digest)
    )
    for grant_row, show_row, granted, shown, issuer in conn.execute(wanted):
        agency = granted or shown or (_account(issuer) if issuer is not None else None)
        if agency is not None:
            yield agency, grant_row, show_row


_CONCERNED = {"notice": _of_notice, "correction": _of_correction, "complaint": _of_complaint}


def _account(issuer: str) -> bytes | None:
    """The account of an issuer that is an agency; None for an own document."""
    return parse_agency_urn(issuer).account if issuer.startswith(_AGENCY) else None


def _check_room(
    tx: Tx, dossier_row: int, agency: bytes, said: Statement, grant_row: int | None, show_row: int | None
) -> None:
    before = (
        select(tn.notices.c.row)
        .join(t.events, t.events.c.idx == tn.notices.c.idx)
        .where(
            tn.notices.c.agency == agency,
            tn.notices.c.said.is_not(None),
            tn.notices.c.grant_row == grant_row,
            tn.notices.c.show_row == show_row,
            tn.notices.c.item == said.item,
            t.events.c.dossier_row == dossier_row,
        )
    )
    if len(tx.conn.execute(before.limit(MAX_TOLD)).all()) >= MAX_TOLD:
        raise Denied("notices_enough", "this agency was told {most} times about this already", most=MAX_TOLD)


def _notice(row: Any) -> Notice:
    signed = row.kind not in BY_THE_VAULT and row.statement is not None
    return Notice(
        id=b64u(u64(row.row)),
        kind=row.kind,
        at=row.at,
        grant=b64u(row.grant_id) if row.grant_id is not None else None,
        show=b64u(row.session) if row.session is not None else None,
        item=b64u(row.item) if row.item is not None else None,
        about=b64u(row.about) if row.about is not None else None,
        index=row.idx,
        statement=row.statement.decode("ascii") if signed else None,
        card=parsed_card(row.envelope).to_json() if signed and row.envelope is not None else None,
    )
