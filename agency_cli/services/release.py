"""One use of a grant: our receipt goes into the log, and only then parcels and headers come to us (FORMATS "Use").

The order of the steps is the point. (1) The grant is verified here, so that no receipt is signed for one that does not
hold or asks too much. (2) The receipt is on disk before it is sent, so that a crash never burns a second use. (3) What
comes back is held against what the holder signed. (4) Our use must stand in the log where the holder looks for it.
(5) Only what all checks accept, or leave open, is written; what any check refuses leaves nothing behind.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agency_cli.services import folders
from agency_cli.services.documents import Headers, Meter, check_headers, headers_of, no_meter, take_documents
from agency_cli.services.inbox import Given, find_grant
from agency_cli.services.judging import (
    Case,
    Outcome,
    cards_used,
    grant_evidence,
    judge_given,
    judge_granted,
    keep,
)
from agency_cli.services.parcels import Handed, open_granted, parts_of
from agency_cli.services.standing import Standing, standing
from agency_cli.services.trusting import keep_trust
from agency_cli.services.uses import Use, Uses
from client.checks import Desk
from client.log_reading import entry_evidence
from client.scenario_leaves import check_newest
from client.scenarios import scenario_by_hash
from client.session import Session
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Opening, verify_access
from protocol.errors import Conflict, Denied, Malformed, Unavailable, Untrusted
from protocol.facts import AnchorFacts
from protocol.grant import AccessGrant, ScopeItem, check_officer
from protocol.hashing import sha256
from protocol.receipts import RECEIPT_SKEW_S, Officer, Receipt, ReceiptItem, parse_receipt, sign_receipt
from protocol.scenario import DAY_S, Scenario
from protocol.signed import Signed
from protocol.verdict import POLICIES, accepted
from protocol.verify_log import verify_entry

PATIENCE_S = 60  # how long a vault that is late is asked again
_MIN_PREFIX = 4


@dataclass(frozen=True, slots=True)
class ReleaseOrder:
    """What is asked for. ``items``: ids or their beginnings, none for all of the grant.

    ``retain_days`` None: as long as the grant allows. ``new`` leaves an unfinished use alone and counts another one.
    """

    grant: str
    out: Path
    officer: Officer
    items: tuple[str, ...] = ()
    retain_days: int | None = None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """A finished use: what was signed and handed over, and the verdict on it."""

    given: Given
    scenario: Signed[Scenario]
    use: Use
    outcome: Outcome
    folder: Path


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the vault handed over, as bytes."""

    use_no: int
    logged: folders.LoggedUse
    parcels: tuple[bytes, ...]
    headers: Headers

    @classmethod
    def of(cls, answer: wire.Released) -> _Answer:
        opening = answer.logged.opening
        if opening is None:
            raise Untrusted("access_opening", "the opening is of another entry than the proof")
        return cls(
            use_no=answer.use_no,
            logged=folders.LoggedUse(
                entry=unb64u(answer.logged.entry, what="entry"),
                proof=answer.proof.encode("utf-8"),
                opening=Opening.from_json(opening.model_dump()),
                record=unb64u(answer.record, what="record"),
            ),
            parcels=tuple(unb64u(parcel, what="parcel") for parcel in answer.parcels),
            headers=headers_of(answer.headers),
        )


def release(session: Session, desk: Desk, order: ReleaseOrder, meter: Meter = no_meter) -> Released:
    """Use a grant once and keep what it hands over in ``order.out``.

    ``Denied`` or ``Untrusted`` if grant, answer, log or credential do not hold: nothing is kept then, and the receipt
    waits for another try. ``Unavailable`` if the vault or the chain can't be asked; running it again goes on.
    """
    ours = standing(session)
    given = find_grant(session, order.grant)
    uses = Uses(session.profile.folder)
    before = None if order.new else uses.pending(given.grant.grant_id)
    _check_target(uses, before, order.out)
    # What takes a right away counts at first sight, also before the nullifier is on chain.
    if given.row.state == "revoked":
        raise Denied("grant_revoked", "its holder revoked it")
    check_officer(given.grant, order.officer.officer_class)
    # (1) Of an unfinished use we do not know whether the vault counted it: that one is not ours to refuse.
    scenario = scenario_by_hash(session, desk, given.grant.scenario)
    used = 0 if before is not None else given.row.uses
    accepted(judge_given(desk, given, scenario, uses=used, now=session.clock.now()), POLICIES["release"])
    check_newest(session, desk, scenario, given=True)
    # The use itself: steps (2), (3) and (4).
    use, answer = _use(session, uses, before, order, given, ours)
    outcome, handed, record = _verified(session, desk, given, scenario, use, answer)
    # (5) What a check refuses is not kept; what it leaves open is, and the verdict says so.
    outcome.require_no_reject()
    cards = cards_used(desk, handed, scenario)
    files = folders.UseFiles(use.receipt, scenario, given.envelope, given.row.at, answer.logged, answer.parcels, cards)
    with folders.building(order.out) as part:
        take_documents(
            session, partial(session.api.grant_payload, given.grant.grant_id), handed, answer.headers, part, meter
        )
        folders.write_use(part, files, outcome)
    use = use.done(order.out.absolute(), record.use_no, record.at)
    uses.save(use)
    keep_trust(session, desk)
    return Released(given, scenario, use, outcome, order.out)


def _check_target(uses: Uses, before: Use | None, out: Path) -> None:
    """Refuse a folder that is there; one that holds the unfinished use itself was broken off after its last step."""
    if before is not None and folders.is_use(out) and folders.read_use(out).receipt.raw == before.receipt.raw:
        uses.save(before.done(out.absolute(), None, None))
        raise Conflict("use_finished", "this use was finished before, in {path}", path=str(out))
    folders.refuse_existing(out)


# (2) the receipt


def _use(
    session: Session, uses: Uses, before: Use | None, order: ReleaseOrder, given: Given, ours: Standing
) -> tuple[Use, _Answer]:
    if before is not None:
        _check_same(before, order, given.grant)
        try:
            return before, _ask(session, before)
        except Denied as error:
            # The vault looks for a receipt that it knows before it looks at the clock: it never took this one.
            if error.code != "iat_off":
                raise
        uses.drop(before)
    # Where it will lie is written down with the receipt: what a killed process leaves there is found by it.
    use = Use(make_receipt(session, order, given.grant, ours), out=order.out.absolute())
    uses.save(use)
    try:
        return use, _ask(session, use)
    except (Denied, Malformed, Untrusted, Conflict):
        uses.drop(use)  # refused, so never counted
        raise


def make_receipt(session: Session, order: ReleaseOrder, grant: AccessGrant, ours: Standing) -> Signed[Receipt]:
    """A fresh receipt for the chosen items, signed with our newest card's key."""
    now, days = session.clock.now(), order.retain_days
    keep_s = (grant.retention_days if days is None else days) * DAY_S
    if days is not None and days > grant.retention_days:
        raise Denied(
            "retention_too_long",
            "the grant allows keeping for {most} days, asked for {got}",
            most=grant.retention_days,
            got=days,
        )
    receipt = Receipt(
        jti=b64u(secrets.token_bytes(16)),
        iat=now,
        iss=ours.urn,
        aud=session.log.origin,
        grant=grant.grant_id,
        show=None,
        scenario=grant.scenario,
        officer=order.officer,
        items=_items(choose(grant, order.items)),
        # The vault counts from its own clock, which may be a little behind ours.
        retain_until=now + max(0, keep_s - RECEIPT_SKEW_S),
        nonce=None,
        card=ours.card.hash,
    )
    return parse_receipt(sign_receipt(receipt, session.keys.present(ours.card.seq)))


def choose(grant: AccessGrant, wanted: Sequence[str]) -> tuple[ScopeItem, ...]:
    """The parts of the scope that are named by their item's id or its beginning; all of them if nothing is named."""
    if not wanted:
        return grant.scope
    chosen: set[bytes] = set()
    for name in wanted:
        found = {part.item for part in grant.scope if len(name) >= _MIN_PREFIX and b64u(part.item).startswith(name)}
        if len(found) != 1:
            raise Denied(
                "item_not_found",
                "{count} items of the grant have an id that begins with {item}",
                count=len(found),
                item=name,
            )
        chosen |= found
    return tuple(part for part in grant.scope if part.item in chosen)


def _items(parts: Sequence[ScopeItem]) -> tuple[ReceiptItem, ...]:
    """One entry for each item: two parts of a scope may be about one."""
    items = dict.fromkeys(part.item for part in parts)
    return tuple(
        ReceiptItem(
            item,
            tuple(sorted({claim for part in parts if part.item == item for claim in part.claims})),
            tuple(sorted({document for part in parts if part.item == item for document in part.documents})),
        )
        for item in items
    )


def _check_same(before: Use, order: ReleaseOrder, grant: AccessGrant) -> None:
    """An unfinished use is finished as it was begun: its receipt can't be changed any more."""
    body = before.receipt.body
    if order.items and _items(choose(grant, order.items)) != body.items:
        raise Conflict(
            "use_unfinished",
            "a use of this grant was begun at {at} for other items: finish it first, or count a new one",
            at=body.iat,
        )


def _ask(session: Session, use: Use) -> _Answer:
    """The vault's answer; while it is late, the same receipt again."""
    grant = use.receipt.body.grant
    assert grant is not None
    began = session.clock.now()
    while True:
        answer = session.api.release(grant, use.receipt.raw)
        if isinstance(answer, wire.Released):
            return _Answer.of(answer)
        if session.clock.now() - began >= PATIENCE_S:
            raise Unavailable(
                "release_pending", "the vault has not logged the use yet: run the same command again, it counts once"
            )
        session.clock.sleep(max(1, answer.retry_after_s))


# (3) and (4) what came back


def _verified(
    session: Session, desk: Desk, given: Given, scenario: Signed[Scenario], use: Use, answer: _Answer
) -> tuple[Outcome, tuple[Handed, ...], AccessRecord]:
    grant, receipt = given.grant, use.receipt.body
    identities = session.keys.identities(session.party.card_seq)
    handed = open_granted(grant, receipt, answer.parcels, identities, session.log.origin)
    _check_headers(grant, receipt, answer.headers)
    anchors = desk.facts.anchors()
    record = verify_own_use(
        session, answer.logged, anchors, tag_key=handed[0].parcel.grant_tag_key, receipt=use.receipt
    )
    _check_record(record, answer)
    now = session.clock.now()
    evidence = grant_evidence(desk, given.envelope, scenario, uses=record.use_no - 1, posted_at=given.row.at, at=now)
    case = Case(POLICIES["window"], now, keep(desk, handed, anchors))
    return judge_granted(desk, given.envelope, evidence, scenario, handed, case), handed, record


def verify_own_use(
    session: Session, logged: folders.LoggedUse, anchors: AnchorFacts, *, tag_key: bytes, receipt: Signed[Receipt]
) -> AccessRecord:
    """The record of our use, if it stands in the log, for this very receipt, where the holder looks for it.

    ``tag_key`` came in the parcel: a use under another tag would be one that its holder never learns of.
    """
    entry = verify_entry(entry_evidence(session, logged.entry, logged.proof, anchors), anchors)
    if logged.opening.index != entry.index:
        raise Untrusted("access_opening", "the opening is of another entry than the proof")
    record = verify_access(entry.entry, logged.opening, logged.record, tag_key)
    if record.receipt != receipt.hash or (record.grant, record.show) != (receipt.body.grant, receipt.body.show):
        raise Untrusted("access_other", "the logged use is of another receipt than the one that we signed")
    # The record's time is what the use is judged by later: it is bound to the time that we signed.
    if abs(record.at - receipt.body.iat) > RECEIPT_SKEW_S:
        raise Untrusted(
            "record_time", "the receipt is of {iat}; the log's record of {at}", iat=receipt.body.iat, at=record.at
        )
    return record


def _check_headers(grant: AccessGrant, receipt: Receipt, headers: Headers) -> None:
    wanted = {(part.item, document) for part in parts_of(grant, receipt) for document in part.documents}
    check_headers(headers, wanted)


def _check_record(record: AccessRecord, answer: _Answer) -> None:
    """The log says that we were handed exactly this: no more than we got, and no less."""
    handed = {sha256(part) for part in (*answer.headers.values(), *answer.parcels)}
    if set(record.released) != handed or record.use_no != answer.use_no:
        raise Untrusted("access_released", "the log records that something else was handed over")
