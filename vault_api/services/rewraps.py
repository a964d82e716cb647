"""Headers that the holder wraps anew: the old ones are destroyed, payloads are never touched (docs/spec/keys.md §5).

Not logged: it gives nobody a right and takes none away. What makes the new headers the holder's is the signed word
that names them, kept beside the item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from protocol import wire_keys
from protocol.age_format import parse_whole_header
from protocol.encoding import unb64u
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Untrusted
from protocol.hashing import sha256
from protocol.rewraps import parse_rewrap, verify_rewrap
from vault_api.callers import Holder
from vault_api.db import tables as t
from vault_api.db import tables_keys as k
from vault_api.db.prepared import Prepared
from vault_api.problems import details
from vault_api.sequencer import Tx
from vault_api.vault import Vault
from vault_api.writes import Answer, write

_ITEM: Prepared[Any] = Prepared(
    select(t.items.c.row, t.items.c.deleted_at).where(
        t.items.c.item == bindparam("item"), t.items.c.dossier_row == bindparam("dossier_row")
    )
)
_OBJECTS: Prepared[Any] = Prepared(
    select(t.objects.c.pos).where(t.objects.c.item_row == bindparam("item_row")).order_by(t.objects.c.pos)
)
_FORGET: Prepared[None] = Prepared(delete(k.rewraps).where(k.rewraps.c.item_row == bindparam("item_row")))
_KEEP: Prepared[None] = Prepared(insert(k.rewraps), "item_row", "jws", "at")


@dataclass(frozen=True, slots=True)
class Ready:
    """A rewrap that was checked as far as it can be outside a transaction."""

    raw: str
    item: bytes
    headers: list[bytes]


def rewrap_batch(vault: Vault, holder: Holder, batch: wire_keys.Rewraps, language: str) -> Answer:
    """Put new headers in place of the old, each item by itself: a refused one is told in its row, in ``language``."""
    found = [_ready_or_not(vault, holder, body) for body in batch.rewraps]

    def work(tx: Tx) -> Answer:
        # Old headers stay: a thief may have published a card of his own before the guardians were told.
        holder.require_thawed(tx.now)
        problems = [_done_or_not(tx, holder, one) for one in found]
        rows = [wire_keys.RewrapRow(problem=None if error is None else details(error, language)) for error in problems]
        return Answer.of(wire_keys.RewrapRows(rows=rows))

    # commit point: rewrap (docs/spec/durability.md §2)
    return write(vault.sequencer, holder.signature, work)


def _ready_or_not(vault: Vault, holder: Holder, body: wire_keys.Rewrap) -> Ready | OneFileError:
    try:
        return _ready(vault, holder, body)
    except OneFileError as error:
        return error


def _ready(vault: Vault, holder: Holder, body: wire_keys.Rewrap) -> Ready:
    item = parse_rewrap(body.rewrap).body.item
    signed = verify_rewrap(body.rewrap, holder.key, log=vault.origin, dossier=holder.urn, item=item)
    # Only the newest card: an older device's late word can not bring back what was wrapped for who has left.
    if signed.body.card != holder.card_hash:
        raise Conflict("rewrap_card", "the new headers are not for the newest key card")
    headers = [unb64u(text, what="header") for text in body.headers]
    for header in headers:
        parse_whole_header(header)
    if tuple(sha256(header) for header in headers) != signed.body.headers:
        raise Untrusted("header_digest", "a header is not the one that the holder's word names")
    return Ready(signed.raw, item, headers)


def _done_or_not(tx: Tx, holder: Holder, one: Ready | OneFileError) -> OneFileError | None:
    if isinstance(one, OneFileError):
        return one
    try:
        tx.attempt(lambda: _replace(tx, holder, one))
    except OneFileError as error:
        return error
    return None


def _replace(tx: Tx, holder: Holder, one: Ready) -> None:
    row = _ITEM.first(tx.conn, {"item": one.item, "dossier_row": holder.row})
    if row is None:
        raise Denied("item_unknown", "no such item is in this dossier")
    if row.deleted_at is not None:
        raise Conflict("item_deleted", "the item was deleted at {at}", at=row.deleted_at)
    places = _OBJECTS.all(tx.conn, {"item_row": row.row})
    _set_headers(tx, row.row, [place.pos for place in places], one.headers)
    _FORGET.run(tx.conn, {"item_row": row.row})
    _KEEP.run(tx.conn, {"item_row": row.row, "jws": one.raw, "at": tx.now})


def _set_headers(tx: Tx, item_row: int, places: Sequence[int], headers: list[bytes]) -> None:
    if len(places) != len(headers):
        raise Malformed(
            "header_count",
            "expected {want} headers, one for each object, got {got}",
            want=len(places),
            got=len(headers),
        )
    for pos, header in zip(places, headers, strict=True):
        here = (t.objects.c.item_row == item_row, t.objects.c.pos == pos)
        tx.conn.execute(update(t.objects).where(*here), {"header": header})
