"""Uploads in segments: what a broken connection or a restart interrupts goes on where it was (docs/spec/deposit.md §2).

A segment is a blob of its own below ``incoming/`` until the whole is put together, on every kind of blob store; which
segments count is said by the row alone. Commit point: a segment is kept once the row that counts it is committed, and
by then its bytes are durable. The payload appears under its digest only after all of it was hashed. Nothing here is
kept in memory between two requests, so that any process may take the next segment.

What an upload is called is drawn by lot and never used twice: what a late request still writes below it, nobody reads.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from protocol import wire, wire_uploads
from protocol.encoding import b64u, unb64u
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.identifiers import agency_subject
from protocol.wire_uploads import SEGMENT_BYTES
from vault_api.blobs import UPLOADS
from vault_api.callers import Caller, Holder
from vault_api.db.prepared import Prepared
from vault_api.db.tables_uploads import uploads as u
from vault_api.sequencer import Tx
from vault_api.services.payloads import await_payloads, check_least, check_size, note_payload
from vault_api.vault import Vault
from vault_api.writes import Answer, write

MAX_ENDED = 20  # idle uploads that one round of housekeeping ends
_OWN: Prepared[Any] = Prepared(select(u).where(u.c.owner == bindparam("owner"), u.c.sha256 == bindparam("sha256")))
_BY_ID: Prepared[Any] = Prepared(select(u).where(u.c.owner == bindparam("owner"), u.c.upload == bindparam("upload")))
_NEW: Prepared[None] = Prepared(insert(u), "upload", "owner", "sha256", "size", "received", "touched_at")


def begin(vault: Vault, caller: Caller, body: wire_uploads.BeginUpload) -> Answer:
    """The caller's upload of this payload: a new one, or the one that is under way."""
    check_least(body.size)
    check_size(vault, body.size)
    found = {"owner": owner_of(caller), "sha256": unb64u(body.sha256, length=32, what="sha256")}

    def work(tx: Tx) -> Answer:
        row = _OWN.first(tx.conn, found)
        if row is not None and row.size == body.size:
            _touch(tx, row.row, row.received)
            return Answer.of(_state(vault, row, row.received, tx.now))
        if row is not None:  # one digest has one size: whoever said the other one was wrong
            tx.conn.execute(delete(u).where(u.c.row == row.row))
        _check_quota(vault, tx.conn, found["owner"], body.size)
        fresh = {**found, "upload": secrets.token_bytes(16), "size": body.size, "received": 0, "touched_at": tx.now}
        _NEW.run(tx.conn, fresh)
        return Answer.of(_state(vault, _OWN.first(tx.conn, found), 0, tx.now), 201)

    # commit point: segment (docs/spec/durability.md §2)
    return write(vault.sequencer, caller.signature, work)


def state(vault: Vault, caller: Caller, ident: bytes) -> wire_uploads.Upload:
    """How far an upload of the caller is."""
    row = _row(vault, caller, ident)
    return _state(vault, row, row.received, row.touched_at)


def expected(vault: Vault, caller: Caller, ident: bytes, offset: int) -> int:
    """How many bytes the segment at ``offset`` must have; asked before its first byte is read.

    ``Conflict("upload_offset")`` names the offset that the upload has, where the two differ.
    """
    row = _row(vault, caller, ident)
    _check_offset(row.received, offset)
    length: int = min(SEGMENT_BYTES, row.size - offset)
    return length


def take_segment(vault: Vault, caller: Caller, ident: bytes, offset: int, data: bytes) -> Answer:
    """Keep a segment whose signed digest was checked, and move the upload on."""
    key = {"owner": owner_of(caller), "upload": ident}
    vault.blobs.put(segment_name(ident, offset), data)

    def work(tx: Tx) -> Answer:
        row = _BY_ID.first(tx.conn, key)
        if row is None:
            raise upload_unknown()
        _check_offset(row.received, offset)
        received = offset + len(data)
        _touch(tx, row.row, received)
        return Answer.of(_state(vault, row, received, tx.now))

    # commit point: segment (docs/spec/durability.md §2)
    return write(vault.sequencer, caller.signature, work)


def complete(vault: Vault, caller: Caller, ident: bytes) -> Answer:
    """Put the segments together under their digest; what is asked again after it was done has its answer again.

    ``Untrusted("payload_digest")`` if they are another payload than was announced: the upload is over then.
    """
    key = {"owner": owner_of(caller), "upload": ident}
    with vault.engine.connect() as conn:
        row = _BY_ID.first(conn, key)
    if row is not None:
        _assemble(vault, row)

    def work(tx: Tx) -> Answer:
        found = _BY_ID.first(tx.conn, key)
        if found is None:
            raise upload_unknown()
        new = note_payload(vault, tx, found.sha256, found.size)
        tx.conn.execute(delete(u).where(u.c.row == found.row))
        return Answer.of(wire.Payload(sha256=b64u(found.sha256), size=found.size), 201 if new else 200)

    # commit point: upload (docs/spec/durability.md §2)
    answer = write(vault.sequencer, caller.signature, work)
    if row is not None:
        _clear(vault, row)
    return answer


def give_up(vault: Vault, caller: Caller, ident: bytes) -> Answer:
    """Forget an upload and its bytes."""
    row = _row(vault, caller, ident)

    def work(tx: Tx) -> Answer:
        tx.conn.execute(delete(u).where(u.c.row == row.row))
        return Answer.of(_state(vault, row, row.received, tx.now))

    # commit point: segment (docs/spec/durability.md §2)
    answer = write(vault.sequencer, caller.signature, work)
    _clear(vault, row)
    return answer


def end_idle(vault: Vault) -> int:
    """Housekeeping: forget uploads that nobody went on with. First the row, so that none stands there without bytes."""

    def work(tx: Tx) -> list[Any]:
        old = select(u).where(u.c.touched_at < tx.now - vault.settings.upload_idle_s).limit(MAX_ENDED)
        rows = list(tx.conn.execute(old))
        tx.conn.execute(delete(u).where(u.c.row.in_([row.row for row in rows])))
        return rows

    ended = vault.sequencer.call(work)
    for row in ended:
        _clear(vault, row)
    return len(ended)


def owner_of(caller: Caller) -> bytes:
    """Whose upload it is: a dossier's or an agency's, whatever key it signs with."""
    return caller.dossier if isinstance(caller, Holder) else agency_subject(caller.account)


def segment_name(ident: bytes, offset: int) -> str:
    """Where a segment waits."""
    return f"{UPLOADS}{ident.hex()}/{offset:010d}"


def upload_unknown() -> Denied:
    """No such upload, or not of this caller, or over: the answer does not tell which."""
    return Denied("upload_unknown", "no upload of yours has this number: begin it again")


def _assemble(vault: Vault, row: Any) -> None:
    _check_offset(row.received, row.size)
    for offset, length in _segments(row.size):
        if vault.blobs.size(segment_name(row.upload, offset)) != length:
            _send_again(vault, row, offset)
    whole = vault.blobs.upload(row.sha256)
    try:
        for offset, length in _segments(row.size):
            for chunk in vault.blobs.read(segment_name(row.upload, offset), 0, length):
                whole.write(chunk)
    except BaseException:
        whole.abort()
        raise
    try:
        whole.check()
    except Untrusted:
        vault.sequencer.call(lambda tx: tx.conn.execute(delete(u).where(u.c.row == row.row)).rowcount)
        _clear(vault, row)
        raise
    vault.sequencer.call(lambda tx: await_payloads(tx, [row.sha256]))
    whole.commit()


def _send_again(vault: Vault, row: Any, offset: int) -> None:
    """Bytes that the row counts are not there: from them on everything has to come again."""

    def work(tx: Tx) -> None:
        _touch(tx, row.row, offset)

    vault.sequencer.call(work)
    _check_offset(offset, row.size)


def _clear(vault: Vault, row: Any) -> None:
    """Remove the segments of an upload that is over; what a fault leaves of them, ``vault-api gc`` finds."""
    for offset, _length in _segments(row.size):
        vault.blobs.delete(segment_name(row.upload, offset))


def _segments(size: int) -> Iterator[tuple[int, int]]:
    for offset in range(0, size, SEGMENT_BYTES):
        yield offset, min(SEGMENT_BYTES, size - offset)


def _row(vault: Vault, caller: Caller, ident: bytes) -> Any:
    with vault.engine.connect() as conn:
        row = _BY_ID.first(conn, {"owner": owner_of(caller), "upload": ident})
    if row is None:
        raise upload_unknown()
    return row


def _touch(tx: Tx, row: int, received: int) -> None:
    tx.conn.execute(update(u).where(u.c.row == row).values(received=received, touched_at=tx.now))


def _check_offset(received: int, offset: int) -> None:
    if received != offset:
        raise Conflict("upload_offset", "the upload stands at {offset}, not at {got}", offset=received, got=offset)


def _check_quota(vault: Vault, conn: Connection, owner: bytes, size: int) -> None:
    settings = vault.settings
    count, total = conn.execute(
        select(func.count(), func.coalesce(func.sum(u.c.size), 0)).where(u.c.owner == owner)
    ).one()
    if count >= settings.uploads_per_caller or total + size > settings.upload_bytes_per_caller:
        raise Denied(
            "upload_quota",
            "{count} uploads of {total} bytes are under way already; the limits are {uploads} and {limit} bytes",
            count=count,
            total=int(total),
            uploads=settings.uploads_per_caller,
            limit=settings.upload_bytes_per_caller,
        )


def _state(vault: Vault, row: Any, received: int, at: int) -> wire_uploads.Upload:
    return wire_uploads.Upload(
        upload=b64u(row.upload),
        sha256=b64u(row.sha256),
        size=row.size,
        offset=received,
        segment_bytes=SEGMENT_BYTES,
        expires_at=at + vault.settings.upload_idle_s,
    )


def check_segment(got: int, want: int) -> None:
    """Every segment but the last has ``SEGMENT_BYTES``: fewer would make many of them."""
    if got != want:
        raise Malformed("upload_segment", "the segment must have {want} bytes, got {got}", want=want, got=got)
