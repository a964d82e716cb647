"""Release: a receipt that is in the log, and only then headers and parcels (FORMATS "Use"). The hot path.

One transaction of the sequencer checks everything again, counts, logs ``access``; the answer follows when the
checkpoint that covers the entry is signed. The same receipt again gives the same answer, uncounted, while the grant
lives. A sequencer that is late gives 202 and no key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from protocol import wire
from protocol.encoding import b64u, hex0x
from protocol.entries import AccessRecord
from protocol.errors import Conflict, Denied, Untrusted
from protocol.grant import AccessGrant, GrantEnvelope, check_officer
from protocol.hashing import sha256
from protocol.identifiers import agency_subject, parse_agency_urn
from protocol.jose import PublicJwk
from protocol.keycard import KeyCardEnvelope
from protocol.receipts import Receipt, ReceiptItem, parse_receipt
from protocol.signed import Signed, check_audience, check_clock
from protocol.verify_grant import verify_grant
from vault_api.callers import Agency
from vault_api.chain_facts import AGENCY
from vault_api.db import tables as t
from vault_api.db.prepared import Prepared
from vault_api.logbook import Logged, log_event, logged_at
from vault_api.sequencer import Tx
from vault_api.services.grants import grant_unknown, use_evidence
from vault_api.services.payloads import payload_unknown
from vault_api.vault import Vault

SignedReceipt = Signed[Receipt]
DAY_S = 86_400
RECEIPT_SKEW_S = 120
REMEMBERED = 1024  # parsed envelopes, of some 3.3 KB each: those that are being used
REMEMBERED_BYTES = 4096  # of an envelope: one with two claims and a document has 1,500

_GRANT: Prepared[Any] = Prepared(select(t.grants).where(t.grants.c.grant_id == bindparam("grant_id")))
_RELEASE: Prepared[Any] = Prepared(
    select(t.releases).where(
        t.releases.c.grant_row == bindparam("grant_row"), t.releases.c.jti == bindparam("jti")
    )
)
_PARCELS: Prepared[Any] = Prepared(
    select(t.grant_parcels.c.item, t.grant_parcels.c.parcel)
    .where(t.grant_parcels.c.grant_row == bindparam("grant_row"))
    .order_by(t.grant_parcels.c.pos)
)
_HEADERS: Prepared[Any] = Prepared(
    select(t.grant_headers)
    .where(t.grant_headers.c.grant_row == bindparam("grant_row"))
    .order_by(t.grant_headers.c.pos)
)
_COUNT: Prepared[None] = Prepared(
    update(t.grants).where(t.grants.c.row == bindparam("grant_row")), "uses", "last_use_at"
)
_MARK: Prepared[None] = Prepared(
    update(t.grant_headers).where(
        t.grant_headers.c.grant_row == bindparam("of_grant"), t.grant_headers.c.pos == bindparam("at_pos")
    ),
    "released",
)
_INSERT: Prepared[None] = Prepared(
    insert(t.releases), "grant_row", "use_no", "jti", "receipt_sha256", "receipt", "idx", "at"
)


@dataclass(frozen=True, slots=True)
class Handed:
    """What one use hands over."""

    use_no: int
    record: bytes
    logged: Logged
    parcels: tuple[bytes, ...]
    headers: tuple[tuple[bytes, bytes, bytes], ...]


def reader_key(vault: Vault, receipt: Signed[Receipt]) -> PublicJwk:
    """The present key of the key card that a receipt names; asks the database, and the chain for its agency."""
    account = parse_agency_urn(receipt.body.iss).account
    with vault.engine.connect() as conn:
        wanted = select(t.cards.c.envelope).where(
            t.cards.c.card_hash == receipt.body.card,
            t.cards.c.kind == AGENCY,
            t.cards.c.subject == agency_subject(account),
        )
        raw = conn.execute(wanted).scalar()
    if raw is None:
        raise Denied("card_unknown", "no key card of this subject is kept here")
    vault.facts.agency(account)
    return KeyCardEnvelope.parse(raw).present_key


def prepare(vault: Vault, receipt: Signed[Receipt]) -> None:
    """Bring into memory what the transaction needs of the chain: dossier and agency. May ask the chain."""
    vault.facts.agency(parse_agency_urn(receipt.body.iss).account)
    with vault.engine.connect() as conn:
        row = conn.execute(
            select(t.dossiers.c.dossier)
            .join(t.grants, t.grants.c.dossier_row == t.dossiers.c.row)
            .where(t.grants.c.grant_id == receipt.body.grant)
        ).one_or_none()
    if row is None:
        raise grant_unknown()
    vault.facts.dossier(row.dossier)


def read_receipt(raw: str, grant_id: bytes) -> Signed[Receipt]:
    """The receipt, which must be for this grant; nothing is verified yet."""
    receipt = parse_receipt(raw)
    if receipt.body.grant != grant_id:
        raise Untrusted("receipt_grant", "the receipt is for another grant than the one asked for")
    return receipt


def release(vault: Vault, tx: Tx, receipt: Signed[Receipt]) -> Handed:
    """One use, inside the sequencer's transaction. Steps: docs/spec/use.md §3."""
    grant_row = _GRANT.first(tx.conn, {"grant_id": receipt.body.grant})
    if grant_row is None:
        raise grant_unknown()
    envelope = parsed_grant(grant_row.envelope)
    # (1) The receipt is by the grant's agency, with its newest key card.
    _check_issuer(vault, receipt, envelope.grant)
    # (2) The same receipt has the same answer while the grant lives; another receipt of this number has none.
    given = {"grant_row": grant_row.row, "jti": receipt.body.jti}
    before = _RELEASE.first(tx.conn, given)
    if before is not None:
        return _again(tx, grant_row, envelope.grant, before, receipt)
    # (3) It is of now, and asks for no more than the grant gives.
    check_clock(receipt.body.iat, tx.moment(), RECEIPT_SKEW_S)
    _check_asked(receipt.body, envelope.grant, tx.now)
    # (4) The grant holds for one more use.
    verify_grant(envelope, use_evidence(vault, tx.conn, grant_row, envelope, tx.now))
    # (5) Count it, log it, hand over.
    return _hand_over(tx, grant_row, envelope.grant, receipt)


def rendered(vault: Vault, handed: Handed) -> wire.Released:
    """What travels: with the proof under the newest checkpoint, which covers the entry."""
    return wire.Released(
        use_no=handed.use_no,
        record=b64u(handed.record),
        logged=handed.logged.wire(),
        proof=vault.log.proof(handed.logged.index),
        parcels=[b64u(parcel) for parcel in handed.parcels],
        headers=[
            wire.ExtraHeader(item=b64u(item), payload=b64u(payload), header=b64u(header))
            for item, payload, header in handed.headers
        ],
    )


def released_payload(vault: Vault, agency: Agency, grant_id: bytes, payload: bytes) -> int:
    """The size of a payload that the agency was handed the header of, while the grant lives."""
    now = vault.moment()
    wanted = (
        select(
            t.payloads.c.size,
            t.grants.c.ended_at,
            t.grants.c.not_after,
            t.grants.c.epoch,
            t.dossiers.c.dossier,
        )
        .join(t.grant_headers, t.grant_headers.c.payload == t.payloads.c.sha256)
        .join(t.grants, t.grants.c.row == t.grant_headers.c.grant_row)
        .join(t.dossiers, t.dossiers.c.row == t.grants.c.dossier_row)
        .where(
            t.grants.c.grant_id == grant_id,
            t.grants.c.agency == agency.account,
            t.payloads.c.sha256 == payload,
            t.grant_headers.c.released == 1,
        )
    )
    with vault.engine.connect() as conn:
        row = conn.execute(wanted).first()
    if row is None:
        raise payload_unknown()
    epoch = vault.facts.dossier(row.dossier).state.grant_epoch
    if row.ended_at is not None or row.epoch != epoch:
        raise Denied("grant_revoked", "its holder revoked it at {at}", at=row.ended_at or now)
    if now >= row.not_after:
        raise Denied(
            "grant_expired", "the grant ended at {end}; the clock says {now}", end=row.not_after, now=now
        )
    size: int = row.size
    return size


def parsed_grant(raw: bytes) -> GrantEnvelope:
    """A stored envelope; parsing is remembered, verifying is not."""
    # Of a large one only this use is served: holders could fill the memory with them.
    return _remembered(raw) if len(raw) <= REMEMBERED_BYTES else GrantEnvelope.parse(raw)


@lru_cache(maxsize=REMEMBERED)
def _remembered(raw: bytes) -> GrantEnvelope:
    return GrantEnvelope.parse(raw)


def verified_receipt(vault: Vault, receipt: Signed[Receipt], key: PublicJwk) -> Signed[Receipt]:
    """The receipt, signed by ``key`` for this log; its age is checked in the transaction."""
    receipt.verified_by(key)
    check_audience(receipt.body.aud, vault.origin)
    return receipt


def _check_issuer(vault: Vault, receipt: Signed[Receipt], grant: AccessGrant) -> None:
    if receipt.body.iss != vault.agency_urn(grant.agency):
        raise Denied("grant_agency", "the grant is for agency {agency}", agency=hex0x(grant.agency))
    card = vault.facts.known_agency(grant.agency).state.card
    if card is None or card.hash != receipt.body.card:
        raise Denied("receipt_card", "the receipt is not signed with the agency's newest key card")
    if card.compromised_since is not None:
        raise Denied("agency_compromised", "the agency's key card is reported compromised")


def _check_asked(receipt: Receipt, grant: AccessGrant, now: int) -> None:
    if receipt.scenario != grant.scenario:
        raise Untrusted("receipt_scenario", "the receipt names another scenario than the grant")
    check_officer(grant, receipt.officer.officer_class)
    for item in receipt.items:
        _check_item(item, grant)
    most = now + grant.retention_days * DAY_S
    if receipt.retain_until > most:
        raise Denied(
            "receipt_retention",
            "the grant allows keeping until {most_until}, the receipt says {got_until}",
            most_until=most,
            got_until=receipt.retain_until,
        )


def _check_item(item: ReceiptItem, grant: AccessGrant) -> None:
    parts = [part for part in grant.scope if part.item == item.item]
    claims = {claim for part in parts for claim in part.claims}
    documents = {document for part in parts for document in part.documents}
    excess = [claim for claim in item.claims if claim not in claims]
    excess += [b64u(document) for document in item.documents if document not in documents]
    if excess or not parts:
        raise Denied(
            "over_asking",
            "the receipt asks for more than the grant gives: item {item}: {excess}",
            item=b64u(item.item),
            excess=", ".join(excess)[:500] or "-",
        )


def _hand_over(tx: Tx, row: Any, grant: AccessGrant, receipt: Signed[Receipt]) -> Handed:
    parcels, headers = _asked_for(tx, row.row, receipt.body.items)
    use_no = row.uses + 1
    released = [*(header.header for header in headers), *parcels]
    record = AccessRecord(
        receipt=receipt.hash,
        grant=grant.grant_id,
        show=None,
        use_no=use_no,
        released=tuple(sha256(part) for part in released),
        at=tx.now,
    )
    raw = record.serialise()
    logged = log_event(tx, row.dossier_row, "access", raw, grant_row=row.row, access=record)
    _COUNT.run(tx.conn, {"grant_row": row.row, "uses": use_no, "last_use_at": tx.now})
    _INSERT.run(
        tx.conn,
        {
            "grant_row": row.row,
            "use_no": use_no,
            "jti": receipt.body.jti,
            "receipt_sha256": receipt.hash,
            "receipt": receipt.raw,
            "idx": logged.index,
            "at": tx.now,
        },
    )
    for header in headers:
        if not header.released:
            _MARK.run(tx.conn, {"of_grant": row.row, "at_pos": header.pos, "released": 1})
    return Handed(use_no, raw, logged, parcels, _plain(headers))


def _plain(headers: Sequence[Any]) -> tuple[tuple[bytes, bytes, bytes], ...]:
    return tuple((header.item, header.payload, header.header) for header in headers)


def _asked_for(tx: Tx, grant_row: int, items: Sequence[ReceiptItem]) -> tuple[tuple[bytes, ...], list[Any]]:
    """The parcels and headers of the items and documents that a receipt names."""
    wanted = {item.item for item in items}
    documents = {(item.item, document) for item in items for document in item.documents}
    given = {"grant_row": grant_row}
    parcels = [row.parcel for row in _PARCELS.all(tx.conn, given) if row.item in wanted]
    headers: list[Any] = []
    if documents:
        headers = [row for row in _HEADERS.all(tx.conn, given) if (row.item, row.payload) in documents]
    # The holder has deleted the item since: nothing of it is left to hand over, and nothing is counted.
    if any(parcel is None for parcel in parcels) or any(row.header is None for row in headers):
        raise Denied("item_deleted", "the holder has deleted an item that the receipt names")
    return tuple(parcels), headers


def _again(tx: Tx, grant_row: Any, grant: AccessGrant, before: Any, receipt: Signed[Receipt]) -> Handed:
    if before.receipt_sha256 != receipt.hash:
        raise Conflict("receipt_reused", "a receipt with this number and other bytes was used already")
    if grant_row.ended_at is not None:
        raise Denied("grant_revoked", "its holder revoked it at {at}", at=grant_row.ended_at)
    if tx.now >= grant.not_after:
        raise Denied(
            "grant_expired", "the grant ended at {end}; the clock says {now}", end=grant.not_after, now=tx.now
        )
    tx.require(before.idx)
    parcels, headers = _asked_for(tx, grant_row.row, receipt.body.items)
    logged = logged_at(tx.conn, before.idx)
    assert logged.object_bytes is not None
    return Handed(before.use_no, logged.object_bytes, logged, parcels, _plain(headers))
