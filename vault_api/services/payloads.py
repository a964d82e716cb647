"""Sealed payloads: streamed in under their own SHA-256, streamed out to who may have them.

Content-addressed and immutable: the same payload may be uploaded by many and is stored once. Nothing tells an
uploader whether it was there before it had the bytes, except the holder of the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, select, update

from chain.ledger import ROLE_ISSUER
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.errors import Denied, Malformed, Unavailable
from protocol.hashing import sha256
from protocol.slips import MIN_PAYLOAD_BYTES
from vault_api.blobs import payload_name
from vault_api.callers import Caller, Holder
from vault_api.db import tables as t
from vault_api.db import tables_keys as k
from vault_api.db.prepared import Prepared
from vault_api.http_auth import Signature
from vault_api.sequencer import Tx
from vault_api.vault import Vault
from vault_api.wants import PAYLOADS, want
from vault_api.writes import Answer, write

_THERE: Prepared[Any] = Prepared(select(t.payloads.c.row).where(t.payloads.c.sha256 == bindparam("sha256")))
_NEW: Prepared[None] = Prepared(insert(t.payloads), "sha256", "size", "stored_at")
_SPARED: Prepared[None] = Prepared(delete(t.doomed).where(t.doomed.c.sha256 == bindparam("sha256")))
_DOOMED: Prepared[Any] = Prepared(select(t.doomed.c.row).where(t.doomed.c.sha256 == bindparam("sha256")))
_AWAITED: Prepared[None] = Prepared(insert(t.doomed), "sha256", "at")
ORPHAN_S = 24 * 3600
_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes of a payload that were asked for: from ``start`` to before ``end`` of ``size``."""

    digest: bytes
    start: int
    end: int
    size: int

    @property
    def partial(self) -> bool:
        """Whether this is not the whole."""
        return self.end - self.start != self.size


def may_upload(vault: Vault, caller: Caller) -> None:
    """Holders and registered issuers may; ``Denied("not_an_issuer")`` otherwise."""
    if isinstance(caller, Holder):
        return
    if not caller.known.state.has_role(ROLE_ISSUER, vault.moment()):
        raise Denied("not_an_issuer", "the agency is not registered as an issuer")


def check_size(vault: Vault, received: int) -> None:
    """``Malformed("payload_too_large")`` beyond the limit; asked for every chunk."""
    limit = vault.settings.payload_bytes
    if received > limit:
        raise Malformed("payload_too_large", "a payload has at most {limit} bytes", limit=limit)


def check_least(received: int) -> None:
    """An age payload has a nonce and at least one chunk."""
    if received < MIN_PAYLOAD_BYTES:
        raise Malformed(
            "payload_too_small",
            "a sealed payload has at least {want} bytes, got {got}",
            want=MIN_PAYLOAD_BYTES,
            got=received,
        )


def payload_size(vault: Vault, digest: bytes) -> int | None:
    """How many bytes the stored payload has; None if it is not here."""
    with vault.engine.connect() as conn:
        size: int | None = conn.execute(select(t.payloads.c.size).where(t.payloads.c.sha256 == digest)).scalar()
    return size


def await_payloads(tx: Tx, digests: Iterable[bytes]) -> None:
    """Note that bytes are about to be stored: if nobody lives to record them, they are removed after ``ORPHAN_S``.

    Bytes without this note would be found by nobody. What is doomed already stays so: an announcement delays no end.
    """
    for digest in digests:
        row = {"sha256": digest}
        if _THERE.first(tx.conn, row) is None and _DOOMED.first(tx.conn, row) is None:
            _AWAITED.run(tx.conn, {**row, "at": tx.now + ORPHAN_S})


def record_payload(vault: Vault, signature: Signature, digest: bytes, size: int) -> Answer:
    """Note that a payload is stored. The blob is looked for again: housekeeping may have been quicker."""
    body = wire.Payload(sha256=b64u(digest), size=size)
    # commit point: upload (docs/spec/durability.md §2)
    return write(
        vault.sequencer,
        signature,
        lambda tx: Answer.of(body, 201 if note_payload(vault, tx, digest, size) else 200),
    )


def note_payload(vault: Vault, tx: Tx, digest: bytes, size: int) -> bool:
    """Whether a stored payload is new here; ``Unavailable("payload_lost")`` if it is gone again."""
    if vault.blobs.size(payload_name(digest)) != size:
        raise Unavailable("payload_lost", "the payload has to be sent again")
    _SPARED.run(tx.conn, {"sha256": digest})
    if _THERE.first(tx.conn, {"sha256": digest}) is not None:
        return False
    _NEW.run(tx.conn, {"sha256": digest, "size": size, "stored_at": tx.now})
    return True


def inline_payloads(vault: Vault, texts: Sequence[str]) -> dict[bytes, bytes]:
    """Small payloads that came with a deposit, by their digests."""
    found = [unb64u(text, what="payload") for text in texts]
    for payload in found:
        check_least(len(payload))
        check_size(vault, len(payload))
    return {sha256(payload): payload for payload in found}


def own_payload(vault: Vault, holder: Holder, digest: bytes) -> int:
    """The size of a payload of the holder's own items; ``Denied("payload_unknown")`` otherwise."""
    mine = (
        select(t.objects.c.size)
        .join(t.items, t.items.c.row == t.objects.c.item_row)
        .where(
            t.objects.c.payload == digest,
            t.items.c.dossier_row == holder.row,
            t.items.c.deleted_at.is_(None),
        )
    )
    with vault.engine.connect() as conn:
        size: int | None = conn.execute(mine).scalar()
    if size is None:
        raise payload_unknown()
    return size


def read_span(vault: Vault, span: Span) -> Iterator[bytes]:
    """The bytes of a span, in chunks of 256 KiB. ``Unavailable`` if the blob is gone or shorter."""
    if vault.blobs.size(payload_name(span.digest)) != span.size:
        raise Unavailable("payload_lost", "the payload is not where it was stored")
    return vault.blobs.read(payload_name(span.digest), span.start, span.end)


def etag(digest: bytes) -> str:
    """A payload's entity tag: strong, since its bytes never change."""
    return f'"{b64u(digest)}"'


def parse_range(digest: bytes, size: int, header: str | None, if_range: str | None = None) -> Span:
    """The span that a ``Range`` header asks for (RFC 9110 §14.2); the whole without one.

    The whole also for a unit that nobody knows, for several ranges, which nobody needs, and where ``If-Range`` names
    another payload. ``Malformed("range")`` (416) for a range that is none, or that lies beyond the payload.
    """
    whole = Span(digest, 0, size, size)
    if header is None or (if_range is not None and if_range.strip() != etag(digest)):
        return whole
    unit, _, wanted = header.strip().partition("=")
    if unit.lower() != "bytes" or "," in wanted:
        return whole
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or not (match[1] or match[2]):
        raise _no_range(size)
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        end = min(size, int(match[2]) + 1) if match[2] else size
    if start >= end:
        raise _no_range(size)
    return Span(digest, start, end, size)


def _no_range(size: int) -> Malformed:
    return Malformed("range", "expected one range of bytes within {size}", size=size)


def doom_unused(tx: Tx, digests: list[bytes]) -> None:
    """Let go of payloads that no present item names any more: the bytes are removed after the commit."""
    for digest in digests:
        if _used(tx.conn, digest):
            continue
        tx.conn.execute(delete(t.payloads).where(t.payloads.c.sha256 == digest))
        tx.conn.execute(delete(t.doomed).where(t.doomed.c.sha256 == digest))
        tx.conn.execute(insert(t.doomed), {"sha256": digest, "at": tx.now})
        want(tx, PAYLOADS)


def remove_doomed(vault: Vault, tx: Tx) -> int:
    """Housekeeping, in the sequencer: remove the bytes of doomed payloads and of uploads that nobody named."""
    old = select(t.payloads.c.sha256).where(
        t.payloads.c.stored_at < tx.now - ORPHAN_S,
        ~exists().where(t.objects.c.payload == t.payloads.c.sha256),
    )
    doom_unused(tx, list(tx.conn.execute(old.limit(100)).scalars()))
    due = select(t.doomed.c.sha256).where(t.doomed.c.at <= tx.now)
    doomed = list(tx.conn.execute(due.limit(100)).scalars())
    for digest in doomed:
        vault.blobs.delete(payload_name(digest))
        tx.conn.execute(delete(t.doomed).where(t.doomed.c.sha256 == digest))
    return len(doomed)


def forget_headers(tx: Tx, item_row: int, item: bytes) -> list[bytes]:
    """Destroy every header of an item, the holder's and those of grants and shows; its payloads' digests."""
    digests = list(tx.conn.execute(select(t.objects.c.payload).where(t.objects.c.item_row == item_row)).scalars())
    tx.conn.execute(update(t.objects).where(t.objects.c.item_row == item_row), {"header": None})
    tx.conn.execute(delete(k.rewraps).where(k.rewraps.c.item_row == item_row))
    tx.conn.execute(update(t.grant_headers).where(t.grant_headers.c.item == item), {"header": None})
    tx.conn.execute(update(t.grant_parcels).where(t.grant_parcels.c.item == item), {"parcel": None})
    tx.conn.execute(update(t.show_headers).where(t.show_headers.c.item == item), {"header": None})
    return digests


def payload_unknown() -> Denied:
    """No such payload, or not for this caller: the answer does not tell which."""
    return Denied("payload_unknown", "no payload of this digest is here for you")


def _used(conn: Connection, digest: bytes) -> bool:
    using = (
        select(t.objects.c.pos)
        .join(t.items, t.items.c.row == t.objects.c.item_row)
        .where(and_(t.objects.c.payload == digest, t.items.c.deleted_at.is_(None)))
    )
    return conn.execute(using.limit(1)).first() is not None
