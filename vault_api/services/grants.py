"""Grants: posted by their holder, read by their reader, ended by a secret (docs/spec/grant.md).

A grant is verified with ``protocol/verify_grant.py`` when it is posted and again at every use. What the vault
adds is custody: the parcels and headers that came are exactly those that the grant names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from protocol import wire
from protocol.age_format import parse_header, parse_whole_header
from protocol.encoding import b64u, unb64u
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.facts import ControllerFact, NullifierFact
from protocol.grant import AccessGrant, GrantEnvelope
from protocol.grant_evidence import GrantEvidence
from protocol.hashing import sha256
from protocol.revocations import Revocation, verify_secret
from protocol.scenario import check_current
from protocol.verdict import POLICIES, Verdict
from protocol.verify_grant import judge_grant, verify_grant
from vault_api.callers import Agency, Holder
from vault_api.db import tables as t
from vault_api.db.engine import insert_row
from vault_api.db.prepared import Prepared
from vault_api.evidence import agency_facts, dossier_facts
from vault_api.logbook import log_event, wire_opening
from vault_api.pages import Page, page_of
from vault_api.sequencer import Tx
from vault_api.services.notices import tell_ended, tell_given
from vault_api.services.scenarios import scenario_of
from vault_api.vault import Vault
from vault_api.writes import Answer, write

State = Literal["live", "not_yet", "expired", "used_up", "revoked"]
_GRANT = select(t.grants)
_BY_ID: Prepared[Any] = Prepared(_GRANT.where(t.grants.c.grant_id == bindparam("grant_id")))
_POSTED: Prepared[Any] = Prepared(
    select(t.grants.c.row).where(
        (t.grants.c.grant_id == bindparam("grant_id")) | (t.grants.c.nullifier == bindparam("nullifier"))
    )
)


@dataclass(frozen=True, slots=True)
class Custody:
    """The parcels of a grant in the order of its scope, and its extra headers by item and payload."""

    parcels: tuple[bytes, ...]
    headers: tuple[tuple[bytes, bytes, bytes], ...]


def post_grant(vault: Vault, holder: Holder, body: wire.PostGrant) -> Answer:
    """Take a grant with its parcels and headers, and log ``grant``. Steps: docs/spec/grant.md §7."""
    envelope = GrantEnvelope.from_json(body.grant)
    grant = envelope.grant
    if grant.dossier != holder.dossier:
        raise Denied("grant_dossier", "the grant is for another dossier than the one that posts it")
    custody = _custody(grant, body)
    attested = _attested_at(vault, envelope)
    vault.facts.agency(grant.agency)  # so that the transaction finds it in memory

    def work(tx: Tx) -> Answer:
        _check_new(tx, grant)
        spent_at = spent_on_chain(tx.conn, grant.nullifier)
        evidence = _evidence(vault, tx.conn, envelope, tx.moment(), attested=attested, spent_at=spent_at)
        evidence = evidence._replace(items=_items(tx.conn, holder.row, grant))
        begins = _when_it_begins(evidence, grant)
        # Nothing new begins under a version that another one has replaced by then.
        check_current(begins.scenario.scenario, begins.scenario.later, begins.now, given=False)
        verify_grant(envelope, begins)
        return _store(tx, holder.row, envelope, custody, attested)

    # commit point: grant (docs/spec/durability.md §2)
    answer = write(vault.sequencer, holder.signature, work)
    vault.waiters.wake(grant.agency)
    return answer


def revoke_grant(vault: Vault, grant_id: bytes, secret: bytes) -> wire.Revoked:
    """End a grant for who knows its secret: parcels and headers are destroyed, ``revoke`` is logged."""
    # Anybody may knock here: what is wrong is refused before it takes the writer's time.
    with vault.engine.connect() as conn:
        _ended_by(conn, grant_id, secret)
    # commit point: revoke (docs/spec/durability.md §2)
    done = vault.sequencer.call(lambda tx: _revoke(tx, grant_id, secret))
    return wire.Revoked(index=done[0], at=done[1])


def judge(vault: Vault, agency: Agency, grant_id: bytes) -> Verdict:
    """The verdict on one more use of the grant now, by the policy ``release``."""
    now = vault.moment()
    with vault.engine.connect() as conn:
        row = conn.execute(_GRANT.where(t.grants.c.grant_id == grant_id)).one_or_none()
        if row is None or row.agency != agency.account:
            raise grant_unknown()
        envelope = GrantEnvelope.parse(row.envelope)
        vault.facts.dossier(envelope.grant.dossier)
        return judge_grant(envelope, use_evidence(vault, conn, row, envelope, now), POLICIES["release"])


def list_grants(vault: Vault, party: Holder | Agency, page: Page) -> wire.Page[wire.GrantRow]:
    """The grants that the caller gave or was given, in the order in which they came."""
    wanted = _GRANT.where(_of(party), t.grants.c.row > page.after, t.grants.c.idx < vault.told())
    with vault.engine.connect() as conn:
        rows = conn.execute(wanted.order_by(t.grants.c.row).limit(page.limit + 1)).all()
    now = vault.clock.now()
    return page_of(page, [(row.row, row) for row in rows], lambda row: grant_row(row, now))


def get_grant(vault: Vault, party: Holder | Agency, grant_id: bytes) -> wire.GrantRow:
    """One grant of the caller's; ``Denied("grant_unknown")`` otherwise."""
    wanted = _GRANT.where(_of(party), t.grants.c.grant_id == grant_id, t.grants.c.idx < vault.told())
    with vault.engine.connect() as conn:
        row = conn.execute(wanted).one_or_none()
    if row is None:
        raise grant_unknown()
    return grant_row(row, vault.clock.now())


def grant_row(row: Row[Any], now: int) -> wire.GrantRow:
    """A grant as it travels."""
    return wire.GrantRow(
        grant=b64u(row.grant_id),
        envelope=GrantEnvelope.parse(row.envelope).to_json(),
        state=_state(row, now),
        uses=row.uses,
        at=row.at,
        index=row.idx,
    )


def use_evidence(
    vault: Vault, conn: Connection, row: Any, envelope: GrantEnvelope, now: int
) -> GrantEvidence:
    """What one more use of a stored grant rests on; facts from memory only."""
    attested = {} if row.attested_at is None else {envelope.digest(vault.grant_domain): row.attested_at}
    evidence = _evidence(vault, conn, envelope, now, attested=attested, spent_at=row.ended_at)
    # That the grantor controlled the dossier was checked on the day; a rotation since then ends no grant.
    then = row.at if row.attested_at is None else row.attested_at
    checked = ControllerFact(envelope.grant.grantor, then, then + 1)
    return evidence._replace(
        dossier=replace(evidence.dossier, controllers=(*evidence.dossier.controllers, checked)),
        uses=row.uses,
        last_use_at=row.last_use_at,
        posted_at=row.at,
    )


def spent_on_chain(conn: Connection, nullifier: bytes) -> int | None:
    """When the chain saw a nullifier spent, as the follower has heard; None if it did not."""
    at: int | None = conn.execute(
        select(t.nullified.c.at).where(t.nullified.c.nullifier == nullifier)
    ).scalar()
    return at


def first_evidence(vault: Vault, conn: Connection, envelope: GrantEnvelope, now: int) -> GrantEvidence:
    """What a grant rests on that nobody has posted here."""
    spent_at = spent_on_chain(conn, envelope.grant.nullifier)
    return _evidence(vault, conn, envelope, now, attested=_attested_at(vault, envelope), spent_at=spent_at)


def end_grant(tx: Tx, row: Row[Any], object_bytes: bytes) -> int:
    """Log the end of a grant, and destroy what it could still hand out."""
    logged = log_event(tx, row.dossier_row, "revoke", object_bytes, grant_row=row.row)
    close_grants(tx, [row.row], logged.index)
    return logged.index


def close_grants(tx: Tx, rows: Sequence[int], index: int) -> None:
    """Mark grants as ended by the entry ``index`` and destroy their parcels and headers."""
    ended = {"ended_at": tx.now, "end_idx": index}
    tx.conn.execute(update(t.grants).where(t.grants.c.row.in_(rows)), ended)
    tx.conn.execute(update(t.grant_parcels).where(t.grant_parcels.c.grant_row.in_(rows)), {"parcel": None})
    tx.conn.execute(update(t.grant_headers).where(t.grant_headers.c.grant_row.in_(rows)), {"header": None})
    tell_ended(tx, rows, index)


def grant_unknown() -> Denied:
    """No such grant, or not for this caller: the answer does not tell which."""
    return Denied("grant_unknown", "no such grant is here for you")


# --- posting --------------------------------------------------------------------------------------


def _custody(grant: AccessGrant, body: wire.PostGrant) -> Custody:
    if len(body.parcels) != len(grant.scope):
        raise Malformed(
            "parcel_count",
            "expected {want} parcels, one for each item of the scope, got {got}",
            want=len(grant.scope),
            got=len(body.parcels),
        )
    parcels = tuple(unb64u(text, what="parcel") for text in body.parcels)
    for parcel, part in zip(parcels, grant.scope, strict=True):
        parse_header(parcel)
        if sha256(parcel) != part.parcel:
            raise Untrusted("parcel_digest", "a parcel is not the one that the grant names")
    return Custody(parcels, _headers(grant, body))


def _headers(grant: AccessGrant, body: wire.PostGrant) -> tuple[tuple[bytes, bytes, bytes], ...]:
    headers = [
        (
            unb64u(extra.item, length=32, what="item"),
            unb64u(extra.payload, length=32, what="payload"),
            unb64u(extra.header, what="header"),
        )
        for extra in body.headers
    ]
    for _item, _payload, header in headers:
        parse_whole_header(header)
    given = [(item, payload) for item, payload, _ in headers]
    wanted = {(part.item, document) for part in grant.scope for document in part.documents}
    # A header beyond the scope would open a document that the grant does not name.
    if len(given) != len(set(given)) or set(given) != wanted:
        raise Untrusted("grant_headers", "expected exactly one header for each document that the grant names")
    return tuple(headers)


def _attested_at(vault: Vault, envelope: GrantEnvelope) -> dict[bytes, int]:
    """For a grantor that is a contract: when the registry recorded that it approved this grant."""
    if envelope.signature:
        return {}
    digest = envelope.digest(vault.grant_domain)
    at = vault.ledger.attested_at(envelope.grant.dossier, digest)
    return {} if at is None else {digest: at}


def _check_new(tx: Tx, grant: AccessGrant) -> None:
    same = {"grant_id": grant.grant_id, "nullifier": grant.nullifier}
    if _POSTED.first(tx.conn, same) is not None:
        raise Conflict("grant_exists", "a grant with this id or nullifier was posted already")


def _evidence(
    vault: Vault,
    conn: Connection,
    envelope: GrantEnvelope,
    now: int,
    *,
    attested: dict[bytes, int],
    spent_at: int | None,
) -> GrantEvidence:
    grant = envelope.grant
    dossier = vault.facts.known_dossier(grant.dossier)
    return GrantEvidence(
        domain=vault.grant_domain,
        log=vault.origin_hash,
        scenario=scenario_of(vault, conn, grant.scenario),
        dossier=dossier_facts(dossier, now, attested),
        agency=agency_facts(vault.facts.known_agency(grant.agency), now),
        nullified=NullifierFact(grant.nullifier, spent_at, now - dossier.age_s),
        uses=0,
        last_use_at=None,
        now=now,
    )


def _when_it_begins(evidence: GrantEvidence, grant: AccessGrant) -> GrantEvidence:
    """A grant may be posted before it begins: then everything is checked as at its beginning."""
    wait = grant.not_before - evidence.now
    if wait <= 0:
        return evidence
    return evidence._replace(
        posted_at=evidence.now,
        now=grant.not_before,
        dossier=replace(evidence.dossier, known_at=evidence.dossier.known_at + wait),
        agency=replace(evidence.agency, known_at=evidence.agency.known_at + wait),
        nullified=evidence.nullified._replace(known_at=evidence.nullified.known_at + wait),
    )


def _items(conn: Connection, dossier_row: int, grant: AccessGrant) -> dict[bytes, frozenset[bytes]]:
    """The present items of the dossier that the grant names, with the payloads of each."""
    wanted = (
        select(t.items.c.item, t.objects.c.payload)
        .join(t.objects, t.objects.c.item_row == t.items.c.row)
        .where(
            t.items.c.dossier_row == dossier_row,
            t.items.c.deleted_at.is_(None),
            t.items.c.item.in_({part.item for part in grant.scope}),
        )
    )
    found: dict[bytes, set[bytes]] = {}
    for item, payload in conn.execute(wanted):
        found.setdefault(item, set()).add(payload)
    return {item: frozenset(payloads) for item, payloads in found.items()}


def _store(
    tx: Tx, dossier_row: int, envelope: GrantEnvelope, custody: Custody, attested: dict[bytes, int]
) -> Answer:
    grant = envelope.grant
    logged = log_event(tx, dossier_row, "grant", envelope.raw)
    row = insert_row(
        tx.conn,
        t.grants,
        {
            "grant_id": grant.grant_id,
            "dossier_row": dossier_row,
            "agency": grant.agency,
            "scenario": grant.scenario,
            "nullifier": grant.nullifier,
            "epoch": grant.grant_epoch,
            "not_before": grant.not_before,
            "not_after": grant.not_after,
            "max_uses": grant.max_uses,
            "envelope": envelope.raw,
            "attested_at": next(iter(attested.values()), None),
            "uses": 0,
            "idx": logged.index,
            "at": tx.now,
        },
    )
    tx.conn.execute(update(t.events).where(t.events.c.idx == logged.index), {"grant_row": row})
    tell_given(tx, grant.agency, row, logged.index)
    parcels = [
        {"grant_row": row, "pos": pos, "item": part.item, "parcel": parcel}
        for pos, (part, parcel) in enumerate(zip(grant.scope, custody.parcels, strict=True))
    ]
    tx.conn.execute(insert(t.grant_parcels), parcels)
    headers = [
        {"grant_row": row, "pos": pos, "item": item, "payload": payload, "header": header, "released": 0}
        for pos, (item, payload, header) in enumerate(custody.headers)
    ]
    if headers:
        tx.conn.execute(insert(t.grant_headers), headers)
    assert logged.opening is not None
    body = wire.GrantPosted(grant=envelope.id, index=logged.index, opening=wire_opening(logged.opening))
    return Answer.of(body, 201, index=logged.index)


# --- ending and showing ---------------------------------------------------------------------------


def _revoke(tx: Tx, grant_id: bytes, secret: bytes) -> tuple[int, int]:
    row = _ended_by(tx.conn, grant_id, secret)
    if row.ended_at is not None:
        tx.require(row.end_idx)
        return row.end_idx, row.ended_at
    index = end_grant(tx, row, Revocation(grant_id, secret).serialise())
    tx.conn.execute(insert(t.chain_revokes), {"secret": secret, "at": tx.now})
    return index, tx.now


def _ended_by(conn: Connection, grant_id: bytes, secret: bytes) -> Any:
    """The row of the grant that ``secret`` ends."""
    row = _BY_ID.first(conn, {"grant_id": grant_id})
    if row is None:
        raise grant_unknown()
    verify_secret(secret, row.nullifier)
    return row


def _state(row: Row[Any], now: int) -> State:
    if row.ended_at is not None:
        return "revoked"
    if now < row.not_before:
        return "not_yet"
    if now >= row.not_after:
        return "expired"
    return "used_up" if row.uses >= row.max_uses else "live"


def _of(party: Holder | Agency) -> Any:
    if isinstance(party, Holder):
        return t.grants.c.dossier_row == party.row
    return t.grants.c.agency == party.account
