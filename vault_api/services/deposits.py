"""Deposits: a signed slip, its headers, and payloads that were uploaded before (docs/spec/deposit.md).

The vault never learns what kind of item it is: it checks that the depositor is a registered issuer, or the
holder. That this issuer may issue this type is for the wallet, when it claims, and for every verifier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select

from chain.ledger import ROLE_ISSUER
from protocol import wire, wire_batch
from protocol.age_format import parse_whole_header
from protocol.encoding import b64u, hex0x, unb64u
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Untrusted
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.keycard import KeyCardEnvelope
from protocol.signed import Signed, check_clock
from protocol.slips import Slip, SlipObject, verify_slip
from protocol.statements import verify_card_token
from vault_api.blobs import payload_name
from vault_api.callers import Agency, Caller, Holder
from vault_api.db import tables as t
from vault_api.db.prepared import Prepared
from vault_api.logbook import Logged, log_event, logged_at, wire_opening
from vault_api.problems import details
from vault_api.sequencer import Tx
from vault_api.services.cards import dossier_row
from vault_api.services.payloads import await_payloads, inline_payloads, note_payload
from vault_api.vault import Vault
from vault_api.writes import Answer, write

SLIP_SKEW_S = 120
_ITEM: Prepared[Any] = Prepared(
    select(t.items.c.slip, t.items.c.idx).where(
        (t.items.c.item == bindparam("item"))
        | ((t.items.c.issuer == bindparam("issuer")) & (t.items.c.jti == bindparam("jti")))
    )
)
_BEFORE: Prepared[Any] = Prepared(
    select(t.items.c.row)
    .where(t.items.c.dossier_row == bindparam("dossier_row"), t.items.c.issuer == bindparam("issuer"))
    .limit(1)
)
_PAYLOAD: Prepared[Any] = Prepared(select(t.payloads.c.size).where(t.payloads.c.sha256 == bindparam("sha256")))
_NEW_ITEM: Prepared[Any] = Prepared(
    insert(t.items).returning(t.items.c.row),
    *("item", "dossier_row", "issuer", "jti", "slip", "salt", "idx", "at"),
)
_NEW_OBJECT: Prepared[None] = Prepared(insert(t.objects), "item_row", "pos", "payload", "size", "header")


@dataclass(frozen=True, slots=True)
class Ready:
    """A deposit that was checked as far as it can be outside a transaction; ``work`` does the rest."""

    work: Callable[[Tx], Answer]
    payloads: Mapping[bytes, bytes]


def deposit(vault: Vault, caller: Caller, body: wire.Deposit) -> Answer:
    """Take an item into a dossier and log ``issue``. Steps: docs/spec/deposit.md §3."""
    one = ready(vault, caller, body)
    store_payloads(vault, [one])

    def work(tx: Tx) -> Answer:
        note_payloads(vault, tx, [one])
        return one.work(tx)

    # commit point: deposit (docs/spec/durability.md §2)
    return write(vault.sequencer, caller.signature, work)


def deposit_batch(vault: Vault, caller: Caller, batch: wire_batch.DepositBatch, language: str) -> Answer:
    """The same for several, each by itself: a refused one is told in its row, in ``language``."""
    found = [_ready_or_not(vault, caller, body) for body in batch.deposits]
    good = [one for one in found if isinstance(one, Ready)]
    store_payloads(vault, good)

    def work(tx: Tx) -> Answer:
        note_payloads(vault, tx, good)
        answers = [_taken_or_not(tx, one) for one in found]
        indices = [one.index for one in answers if isinstance(one, Answer) and one.index is not None]
        rows = [_row(one, language) for one in answers]
        return Answer.of(wire_batch.DepositRows(rows=rows), index=max(indices, default=None))

    # commit point: deposit (docs/spec/durability.md §2)
    return write(vault.sequencer, caller.signature, work)


def ready(vault: Vault, caller: Caller, body: wire.Deposit) -> Ready:
    """Check a deposit; nothing is stored yet."""
    # (1) Who deposits is who signed the slip, for this log.
    signed = verify_slip(body.slip, caller.key, log=vault.origin)
    slip = signed.body
    # (2) That party may: a registered issuer, or the holder into the holder's own dossier.
    _check_depositor(vault, caller, slip)
    check_clock(slip.iat, vault.clock.now(), SLIP_SKEW_S)
    # (3) The slip names the newest key card of the dossier: nothing is sealed to a key that was given up.
    card = vault.facts.dossier(slip.dossier).state.card_hash
    if slip.card != card:
        raise Conflict(
            "card_superseded",
            "the registry's newest key card is {want}, not {got}",
            want=hex0x(card),
            got=hex0x(slip.card),
        )
    # (4) The headers are the ones that the slip names, and each is an age header.
    headers = checked_headers(vault, slip, body.headers)
    salt = unb64u(body.item_salt, length=32, what="item_salt")
    # (5) What came along is small, and the slip names it.
    came = inline_payloads(vault, body.payloads)
    if not came.keys() <= {part.payload for part in slip.objects}:
        raise Untrusted("payload_unnamed", "a payload came along that the slip does not name")
    own = isinstance(caller, Holder)

    def work(tx: Tx) -> Answer:
        row = dossier_row(tx, slip.dossier)
        # (6) The very same slip has the same answer.
        known = _known_slip(tx, signed)
        if known is not None:
            return _answer(slip, known, known_at(tx, slip), own=own, status=200)
        # (7) The first deposit of an agency needs the holder's invitation.
        if isinstance(caller, Agency):
            _check_invited(vault, tx, caller, row, slip, body.card_token)
        # (8) Every payload is here, with the size that the slip says.
        for part in slip.objects:
            _check_payload(tx, part)
        logged = _store(tx, row, signed, headers, salt)
        return _answer(slip, logged, tx.now, own=own, status=201)

    return Ready(work, came)


def store_payloads(vault: Vault, deposits: Sequence[Ready]) -> None:
    """Put what came along where payloads lie; the note that it comes goes first, and removes what nobody names."""
    found = {digest: data for one in deposits for digest, data in one.payloads.items()}
    if found:
        vault.sequencer.call(lambda tx: await_payloads(tx, found))
        vault.blobs.put_all({payload_name(digest): data for digest, data in found.items()})


def note_payloads(vault: Vault, tx: Tx, deposits: Sequence[Ready]) -> None:
    """Record what came along. Of a refused deposit nothing is recorded, and its bytes go when their day is over."""
    for one in deposits:
        for digest, data in one.payloads.items():
            note_payload(vault, tx, digest, len(data))


def _ready_or_not(vault: Vault, caller: Caller, body: wire.Deposit) -> Ready | OneFileError:
    try:
        return ready(vault, caller, body)
    except OneFileError as error:
        return error


def _taken_or_not(tx: Tx, one: Ready | OneFileError) -> Answer | OneFileError:
    if isinstance(one, OneFileError):
        return one
    try:
        return tx.attempt(lambda: one.work(tx))
    except OneFileError as error:
        return error


def _row(answer: Answer | OneFileError, language: str) -> wire_batch.DepositRow:
    if isinstance(answer, OneFileError):
        return wire_batch.DepositRow(problem=details(answer, language))
    return wire_batch.DepositRow(deposited=wire.Deposited.model_validate_json(answer.body))


def checked_headers(vault: Vault, slip: Slip, texts: list[str]) -> list[bytes]:
    """The headers as bytes: as many as objects, each of its digest, each an age header."""
    limit = vault.settings.objects_per_item
    if len(slip.objects) > limit:
        raise Malformed("too_many_objects", "an item has at most {limit} objects", limit=limit)
    if len(texts) != len(slip.objects):
        raise Malformed(
            "header_count",
            "expected {want} headers, one for each object, got {got}",
            want=len(slip.objects),
            got=len(texts),
        )
    headers = [unb64u(text, what="header") for text in texts]
    for header, part in zip(headers, slip.objects, strict=True):
        parse_whole_header(header)
        if sha256(header) != part.header:
            raise Untrusted("header_digest", "a header is not the one that the slip names")
    return headers


def known_at(tx: Tx, slip: Slip) -> int:
    """When the item was taken in."""
    at: int = tx.conn.execute(select(t.items.c.at).where(t.items.c.item == slip.item)).scalar_one()
    return at


def _check_depositor(vault: Vault, caller: Caller, slip: Slip) -> None:
    if isinstance(caller, Holder):
        wanted = caller.urn
        if slip.dossier != caller.dossier:
            raise Denied("slip_dossier", "a holder deposits into the holder's own dossier only")
    else:
        wanted = vault.agency_urn(caller.account)
        if not caller.known.state.has_role(ROLE_ISSUER, vault.moment()):
            raise Denied("not_an_issuer", "the agency is not registered as an issuer")
    if slip.iss != wanted:
        raise Untrusted("slip_issuer", "the slip is by {got}, the request by {want}", got=slip.iss, want=wanted)


def _known_slip(tx: Tx, signed: Signed[Slip]) -> Logged | None:
    """What was logged for the very same slip; ``Conflict`` if its item or jti came with other bytes."""
    slip = signed.body
    rows = _ITEM.all(tx.conn, {"item": slip.item, "issuer": slip.iss, "jti": slip.jti})
    if not rows:
        return None
    if len(rows) > 1 or rows[0].slip != signed.raw:
        raise Conflict("item_exists", "an item with this id or this slip number is here already")
    tx.require(rows[0].idx)
    return logged_at(tx.conn, rows[0].idx)


def _check_invited(vault: Vault, tx: Tx, agency: Agency, row: int, slip: Slip, token: str | None) -> None:
    if _BEFORE.first(tx.conn, {"dossier_row": row, "issuer": slip.iss}) is not None:
        return
    if token is None:
        raise Denied("card_token_needed", "the first deposit into a dossier needs the holder's card token")
    key = _card_key(tx, slip.card)
    signed = verify_card_token(token, key.present_key, agency=vault.agency_urn(agency.account), now=tx.now)
    if signed.body.iss != dossier_urn(slip.dossier) or signed.body.card != slip.card:
        raise Untrusted("card_token_dossier", "the card token is of another dossier or key card")


def _card_key(tx: Tx, card_hash: bytes) -> KeyCardEnvelope:
    raw = tx.conn.execute(select(t.cards.c.envelope).where(t.cards.c.card_hash == card_hash)).scalar()
    if raw is None:
        raise Denied("card_unknown", "no key card of this subject is kept here")
    return KeyCardEnvelope.parse(raw)


def _check_payload(tx: Tx, part: SlipObject) -> None:
    found = _PAYLOAD.first(tx.conn, {"sha256": part.payload})
    if found is None:
        raise Denied("payload_missing", "the payload {payload} was not uploaded", payload=b64u(part.payload))
    if found.size != part.payload_size:
        raise Untrusted(
            "payload_size",
            "the slip says {want} bytes of payload, the upload had {got}",
            want=part.payload_size,
            got=found.size,
        )


def _store(tx: Tx, row: int, signed: Signed[Slip], headers: list[bytes], salt: bytes) -> Logged:
    slip = signed.body
    logged = log_event(tx, row, "issue", signed.raw.encode("ascii"))
    made = _NEW_ITEM.first(
        tx.conn,
        {
            "item": slip.item,
            "dossier_row": row,
            "issuer": slip.iss,
            "jti": slip.jti,
            "slip": signed.raw,
            "salt": salt,
            "idx": logged.index,
            "at": tx.now,
        },
    )
    assert made is not None  # the database gave it a number
    for pos, (part, header) in enumerate(zip(slip.objects, headers, strict=True)):
        object_row = {"pos": pos, "payload": part.payload, "size": part.payload_size, "header": header}
        _NEW_OBJECT.run(tx.conn, {"item_row": made[0], **object_row})
    return logged


def _answer(slip: Slip, logged: Logged, at: int, *, own: bool, status: int) -> Answer:
    opening = wire_opening(logged.opening) if own and logged.opening is not None else None
    body = wire.Deposited(item=b64u(slip.item), index=logged.index, at=at, opening=opening)
    return Answer.of(body, status, index=logged.index)
