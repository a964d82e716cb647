"""Documents that are shown at a window: their headers for who collected, and the payloads that those open.

The vault learns which payloads were shown, as it does of a grant; it never opens one. Headers go when the
presentation goes, and with the item that they are of (docs/spec/show.md §5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, insert, select

from protocol import wire
from protocol.age_format import parse_whole_header
from protocol.encoding import b64u, unb64u
from protocol.errors import Denied, Malformed
from vault_api.callers import Agency
from vault_api.db import tables as t
from vault_api.sequencer import Tx
from vault_api.services.payloads import payload_unknown
from vault_api.vault import Vault

Header = tuple[bytes, bytes, bytes]  # item, payload, header


def checked_headers(given: Sequence[wire.ExtraHeader]) -> tuple[Header, ...]:
    """The headers as they came, each of another document; ``Malformed`` otherwise."""
    headers = tuple(
        (
            unb64u(extra.item, length=32, what="item"),
            unb64u(extra.payload, length=32, what="payload"),
            unb64u(extra.header, what="header"),
        )
        for extra in given
    )
    for _item, _payload, header in headers:
        parse_whole_header(header)
    if len({(item, payload) for item, payload, _ in headers}) != len(headers):
        raise Malformed("show_headers", "a document is shown with one header")
    return headers


def keep(tx: Tx, dossier_row: int, show_row: int, headers: Sequence[Header]) -> None:
    """Keep the headers of a presentation; ``Denied`` for a document that is not the holder's own."""
    for item, payload, _header in headers:
        mine = (
            select(t.objects.c.pos)
            .join(t.items, t.items.c.row == t.objects.c.item_row)
            .where(
                t.items.c.dossier_row == dossier_row,
                t.items.c.item == item,
                t.items.c.deleted_at.is_(None),
                t.objects.c.payload == payload,
            )
        )
        # Else a holder could let a window fetch what somebody else keeps here.
        if tx.conn.execute(mine.limit(1)).first() is None:
            raise Denied("item_unknown", "no such item is in this dossier")
    rows = [
        {"show_row": show_row, "pos": pos, "item": item, "payload": payload, "header": header}
        for pos, (item, payload, header) in enumerate(headers)
    ]
    if rows:
        tx.conn.execute(insert(t.show_headers), rows)


def headers_of(vault: Vault, show_row: int) -> list[wire.ExtraHeader]:
    """What a presentation hands over; what was destroyed since is left out."""
    kept = t.show_headers.c
    wanted = select(t.show_headers).where(kept.show_row == show_row, kept.header.is_not(None)).order_by(kept.pos)
    with vault.engine.connect() as conn:
        return [
            wire.ExtraHeader(item=b64u(row.item), payload=b64u(row.payload), header=b64u(row.header))
            for row in conn.execute(wanted).all()
        ]


def shown_payload(vault: Vault, agency: Agency, session: bytes, payload: bytes) -> int:
    """The size of a payload whose header a show handed to this agency, while it is kept."""
    wanted = (
        select(t.payloads.c.size)
        .join(t.show_headers, t.show_headers.c.payload == t.payloads.c.sha256)
        .join(t.shows, t.shows.c.row == t.show_headers.c.show_row)
        .where(
            t.shows.c.session == session,
            t.shows.c.agency == agency.account,
            t.payloads.c.sha256 == payload,
            t.show_headers.c.header.is_not(None),
        )
    )
    with vault.engine.connect() as conn:
        size: int | None = conn.execute(wanted.limit(1)).scalar()
    if size is None:
        raise payload_unknown()
    return size


def forget(tx: Tx, shows: Select[Any]) -> None:
    """Destroy the headers of sessions whose presentations go."""
    tx.conn.execute(delete(t.show_headers).where(t.show_headers.c.show_row.in_(shows)))
