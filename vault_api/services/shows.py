"""Showing at a window: session, collect, presentation (docs/spec/show.md, FORMATS "Show").

The vault learns a random session, who collected it, and for which scenario; nothing of what is shown. The first
collect closes every code of the session, in the same transaction that logs it. What is not delivered within 20
seconds is noted in the dossier's history.
"""

from __future__ import annotations

from typing import Any, Literal, cast

from sqlalchemy import Row, select, update

from chain.ledger import ROLE_READER
from protocol import wire
from protocol.age_format import parse_header
from protocol.canonical import dumps
from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord
from protocol.errors import Conflict, Denied, Untrusted
from protocol.keycard import KeyCardEnvelope
from protocol.receipts import Receipt, verify_receipt
from protocol.show_code import parse_show_code, verify_show_code
from protocol.signed import Signed
from vault_api.callers import Agency, Holder
from vault_api.db import tables as t
from vault_api.db.engine import insert_row
from vault_api.logbook import log_event, logged_at
from vault_api.sequencer import Tx
from vault_api.services import retentions, show_documents
from vault_api.services.scenarios import check_current_scenario
from vault_api.vault import Vault
from vault_api.writes import Answer, write

KEEP_PRESENTATION_S = 600
State = Literal["open", "collected", "delivered", "refused", "undelivered", "expired"]
OVER: frozenset[str] = frozenset({"delivered", "refused", "undelivered", "expired"})
_SHOW = select(t.shows)


def open_show(vault: Vault, holder: Holder, body: wire.OpenShow) -> Answer:
    """Open a session for the key card that the holder's codes will be signed with."""
    session = unb64u(body.session, length=16, what="session")

    def work(tx: Tx) -> Answer:
        holder.require_thawed(tx.now)  # whoever stole the device has the key of the codes too
        if tx.conn.execute(select(t.shows.c.row).where(t.shows.c.session == session)).first():
            raise Conflict("show_exists", "a session with this id is open already")
        expires = tx.now + body.lifetime_s
        row = {
            "session": session,
            "dossier_row": holder.row,
            "state": "open",
            "expires": expires,
            "card_hash": holder.card_hash,
        }
        insert_row(tx.conn, t.shows, row)
        return Answer.of(wire.Show(session=body.session, state="open", expires=expires), 201)

    # commit point: show (docs/spec/durability.md §2)
    return write(vault.sequencer, holder.signature, work)


def collect(vault: Vault, agency: Agency, body: wire.Collect) -> wire.Show:
    """A window collects: its receipt is logged, and only then the wallet is asked to present.

    Steps (1) and (2) of FORMATS "Show". The same receipt again gives the same answer.
    """
    session = parse_show_code(body.code).code.session
    receipt = _checked_receipt(vault, agency, body.receipt, session)
    key = _session_key(vault, session)

    def work(tx: Tx) -> Answer:
        show = _settled(vault, tx, session)
        if show.receipt == receipt.raw:
            tx.require(show.idx)
        else:
            _may_collect(show)
            verify_show_code(body.code, key.present_key, origin=vault.origin, now=tx.now)
            division = agency.known.state.division
            check_current_scenario(vault, tx.conn, receipt.body, division, tx.now)
            _log_collect(tx, show, agency, receipt)
        return Answer(200, b"{}")

    # commit point: show (docs/spec/durability.md §2)
    write(vault.sequencer, agency.signature, work)
    vault.waiters.wake(session)
    return agency_show(vault, agency, session)


def present(vault: Vault, holder: Holder, session: bytes, body: wire.Present) -> Answer:
    """Step (3): the wallet hands over an age file, and headers of documents, for the collecting agency alone."""
    sealed = unb64u(body.presentation, what="presentation")
    parse_header(sealed)
    headers = show_documents.checked_headers(body.headers)

    def work(tx: Tx) -> Answer:
        holder.require_thawed(tx.now)
        show = _own(_settled(vault, tx, session), holder)
        if show.state != "collected":
            raise Conflict("show_state", "the session is {state}: nothing can be presented", state=show.state)
        show_documents.keep(tx, holder.row, show.row, headers)
        _set(tx, show.row, state="delivered", presentation=sealed)
        retentions.keep(tx, show, show.receipt, show_row=show.row)  # only now there is something to delete
        return Answer.of(wire.Show(session=b64u(session), state="delivered", expires=show.expires))

    # commit point: show (docs/spec/durability.md §2)
    answer = write(vault.sequencer, holder.signature, work)
    vault.waiters.wake(session)
    return answer


def refuse(vault: Vault, holder: Holder, session: bytes) -> Answer:
    """The holder does not present. If somebody has collected, the refusal is noted."""

    def work(tx: Tx) -> Answer:
        show = _own(_settled(vault, tx, session), holder)
        if show.state in OVER:
            raise Conflict("show_state", "the session is {state}: nothing can be presented", state=show.state)
        _set(tx, show.row, state="refused")
        if show.state == "collected":
            _note(tx, show, "refused")
        return Answer.of(wire.Show(session=b64u(session), state="refused", expires=show.expires))

    # commit point: show (docs/spec/durability.md §2)
    answer = write(vault.sequencer, holder.signature, work)
    vault.waiters.wake(session)
    return answer


def holder_show(vault: Vault, holder: Holder, session: bytes) -> wire.Show:
    """The session as the holder sees it: who collected, with the log's proof."""
    show = _own(_look(vault, session), holder)
    card = _agency_card(vault, show) if show.idx is not None else None
    return _rendered(vault, show, card=card, presentation=None)


def agency_show(vault: Vault, agency: Agency, session: bytes) -> wire.Show:
    """Step (4): the session as the agency that collected it sees it."""
    show = _look(vault, session)
    if show.agency != agency.account:
        raise _unknown()
    answer = _rendered(vault, show, card=None, presentation=show.presentation)
    return answer.model_copy(update={"headers": show_documents.headers_of(vault, show.row)})


def sweep(vault: Vault, tx: Tx) -> list[bytes]:
    """Housekeeping: end sessions whose time is over, note what was not delivered; the sessions that changed."""
    show = t.shows.c
    late = tx.now - vault.settings.show_delivery_s
    due = _SHOW.where(
        ((show.state == "open") & (show.expires <= tx.now)) | ((show.state == "collected") & (show.collected_at < late))
    )
    changed = [row.session for row in tx.conn.execute(due.limit(100)).all() if _settle(vault, tx, row) is not row]
    old = (show.presentation.is_not(None), show.collected_at < tx.now - KEEP_PRESENTATION_S)
    show_documents.forget(tx, select(t.shows.c.row).where(*old))
    tx.conn.execute(update(t.shows).where(*old), {"presentation": None})
    return changed


def _checked_receipt(vault: Vault, agency: Agency, raw: str, session: bytes) -> Signed[Receipt]:
    now = vault.moment()
    signed = verify_receipt(raw, agency.key, log=vault.origin, now=now)
    receipt = signed.body
    if receipt.iss != vault.agency_urn(agency.account) or receipt.card != agency.card_hash:
        raise Untrusted("receipt_issuer", "the receipt is not by the agency that asks, with its newest key card")
    if receipt.show != session:
        raise Untrusted("receipt_session", "the receipt is for another session than the code")
    if not agency.known.state.has_role(ROLE_READER, now):
        raise Denied("not_a_reader", "the agency is not registered as a reader")
    return signed


def _session_key(vault: Vault, session: bytes) -> KeyCardEnvelope:
    wanted = select(t.cards.c.envelope).join(t.shows, t.shows.c.card_hash == t.cards.c.card_hash)
    with vault.engine.connect() as conn:
        raw = conn.execute(wanted.where(t.shows.c.session == session)).scalar()
    if raw is None:
        raise _unknown()
    return KeyCardEnvelope.parse(raw)


def _may_collect(show: Row[Any]) -> None:
    if show.state == "expired":
        raise Denied("show_expired", "the session ended at {expires}", expires=show.expires)
    if show.state != "open":
        raise Conflict("show_used", "this code was already collected: every code of its session is closed")


def _log_collect(tx: Tx, show: Row[Any], agency: Agency, receipt: Signed[Receipt]) -> None:
    record = AccessRecord(receipt=receipt.hash, grant=None, show=show.session, use_no=1, released=(), at=tx.now)
    logged = log_event(tx, show.dossier_row, "access", record.serialise(), show_row=show.row, access=record)
    _set(
        tx,
        show.row,
        state="collected",
        collected_at=tx.now,
        agency=agency.account,
        receipt=receipt.raw,
        receipt_sha256=receipt.hash,
        idx=logged.index,
        agency_card_hash=agency.card_hash,
    )


def _settled(vault: Vault, tx: Tx, session: bytes) -> Row[Any]:
    show = tx.conn.execute(_SHOW.where(t.shows.c.session == session)).one_or_none()
    if show is None:
        raise _unknown()
    return _settle(vault, tx, show)


def _settle(vault: Vault, tx: Tx, show: Row[Any]) -> Row[Any]:
    """The session after what time has done to it."""
    if show.state == "open" and show.expires <= tx.now:
        _set(tx, show.row, state="expired")
    elif show.state == "collected" and show.collected_at + vault.settings.show_delivery_s < tx.now:
        _set(tx, show.row, state="undelivered")
        _note(tx, show, "undelivered")
    else:
        return show
    return tx.conn.execute(_SHOW.where(t.shows.c.row == show.row)).one()


def _note(tx: Tx, show: Row[Any], kind: str) -> None:
    """The vault's own word about a collect without presentation; it has no key but the log's, which signs it."""
    said = {
        "v": 1,
        "kind": kind,
        "show": b64u(show.session),
        "about": b64u(show.receipt_sha256),
        "at": tx.now,
    }
    log_event(tx, show.dossier_row, "note", dumps(said), show_row=show.row)


def _set(tx: Tx, row: int, **values: Any) -> None:
    tx.conn.execute(update(t.shows).where(t.shows.c.row == row), values)


def _look(vault: Vault, session: bytes) -> Row[Any]:
    with vault.engine.connect() as conn:
        show = conn.execute(_SHOW.where(t.shows.c.session == session)).one_or_none()
    if show is None:
        raise _unknown()
    return show


def _own(show: Row[Any], holder: Holder) -> Row[Any]:
    if show.dossier_row != holder.row:
        raise _unknown()
    return show


def _agency_card(vault: Vault, show: Row[Any]) -> wire.Signed | None:
    wanted = select(t.cards.c.envelope).where(t.cards.c.card_hash == show.agency_card_hash)
    with vault.engine.connect() as conn:
        raw = conn.execute(wanted).scalar()
    return KeyCardEnvelope.parse(raw).to_json() if raw is not None else None


def _rendered(vault: Vault, show: Row[Any], *, card: wire.Signed | None, presentation: bytes | None) -> wire.Show:
    name = b64u(show.session)
    if show.state == "open" and show.expires <= vault.clock.now():
        return wire.Show(session=name, state="expired", expires=show.expires)
    if show.idx is None:
        return wire.Show(session=name, state=cast("State", show.state), expires=show.expires)
    if show.idx >= vault.told():  # collected, and not signed yet: nobody was told of it
        return wire.Show(session=name, state="open", expires=show.expires)
    logged, proof = _logged(vault, show.idx), vault.log.proof(show.idx)
    return wire.Show(
        session=name,
        state=cast("State", show.state),
        expires=show.expires,
        receipt=show.receipt,
        logged=logged,
        proof=proof,
        agency_card=card,
        presentation=b64u(presentation) if presentation is not None else None,
    )


def _logged(vault: Vault, index: int) -> wire.Logged:
    with vault.engine.connect() as conn:
        return logged_at(conn, index).wire()


def _unknown() -> Denied:
    return Denied("show_unknown", "no such show session is here for you")
