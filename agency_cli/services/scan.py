"""The window: a scanned show code, a receipt with a nonce, and what the wallet then presents to us alone.

A code says nothing but which session it is of. The vault logs our receipt before the wallet learns of it, the first
collect closes every code of the session, and the presentation is sealed to our key card. What comes back answers our
nonce, so that a presentation of yesterday is worth nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from agency_cli.services import folders
from agency_cli.services.documents import (
    Picture,
    check_headers,
    headers_of,
    no_meter,
    take_documents,
    take_pictures,
)
from agency_cli.services.judging import Case, Outcome, cards_used, judge_shown, keep
from agency_cli.services.parcels import Handed, open_shown
from agency_cli.services.release import verify_own_use
from agency_cli.services.standing import Standing, own_urn, standing
from agency_cli.services.trusting import keep_trust
from agency_cli.services.uses import Use, Uses
from client.checks import Desk
from client.scenario_leaves import check_newest
from client.scenarios import find_scenario
from client.session import Session
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Opening
from protocol.errors import Conflict, Denied, Malformed, Unavailable, Untrusted
from protocol.receipts import RECEIPT_SKEW_S, Officer, Receipt, parse_receipt, sign_receipt
from protocol.scenario import DAY_S, Scenario, check_grantee, check_in_force
from protocol.show_code import log_prefix, parse_show_code
from protocol.signed import Signed
from protocol.verdict import POLICIES

POLL_S = 20  # of one request; the vault gives an answer earlier as soon as there is one


@dataclass(frozen=True, slots=True)
class ScanOrder:
    """``code``: the text of a show code. ``out`` None keeps nothing but the receipt.

    ``retain_days`` None: as long as the scenario allows. ``wait_s``: how long the wallet is waited for.
    ``pictures``: open the photo of each item into memory, to be drawn beside the verdict.
    """

    code: str
    scenario: str
    officer: Officer
    out: Path | None = None
    retain_days: int | None = None
    wait_s: int = 60
    pictures: bool = False


@dataclass(frozen=True, slots=True)
class Scanned:
    """What was shown, and the verdict on it. ``folder`` is None where nothing was to be kept, or may be.

    ``pictures``: by item, only where they were ordered and the verdict does not reject.
    """

    scenario: Signed[Scenario]
    use: Use
    outcome: Outcome
    folder: Path | None
    pictures: Mapping[bytes, Picture] = field(default_factory=dict)


def scan(session: Session, desk: Desk, order: ScanOrder) -> Scanned:
    """Collect a shown code and judge what the wallet presents.

    Raises ``Malformed`` for what is no code, ``Denied("show_code_expired")`` for a late one, ``Conflict("show_used")``
    for the second scan, ``Denied("not_a_reader")`` for an agency that may not, ``Denied("show_refused")`` or
    ``Denied("show_undelivered")`` if nothing is presented; and ``Untrusted`` for a presentation that is not the answer
    to this scan. A verdict that rejects is returned, and nothing is kept of what it is about.
    """
    if order.out is not None:
        folders.refuse_existing(order.out)
    code = parse_show_code(order.code).code
    if code.log != log_prefix(session.log.origin):
        raise Untrusted("show_code_log", "the show code is for another log")
    ours = standing(session)
    scenario = _scenario(session, desk, order, ours)
    uses = Uses(session.profile.folder)
    use = Use(make_receipt(session, order, code.session, scenario, ours))
    uses.save(use)
    _collect(session, uses, use, order)
    shown = _wait(session, code.session, order.wait_s)
    outcome, record, files = _verified(session, desk, use, scenario, shown)
    folder, pictures = _opened(session, order, outcome, files, shown)
    use = use.done(folder, record.use_no, record.at)
    uses.save(use)
    keep_trust(session, desk)
    return Scanned(scenario, use, outcome, folder, pictures)


def make_receipt(
    session: Session, order: ScanOrder, show: bytes, scenario: Signed[Scenario], ours: Standing
) -> Signed[Receipt]:
    """A receipt for a session, with a fresh nonce that the presentation must answer."""
    seen = Seen(show, secrets.token_bytes(16), order.officer, order.retain_days)
    return show_receipt(session, seen, scenario, card=ours.card.hash)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a receipt says of one show: session and nonce (16 bytes each), who acts, and how many days it is kept."""

    show: bytes
    nonce: bytes
    officer: Officer
    retain_days: int | None = None


def show_receipt(session: Session, seen: Seen, scenario: Signed[Scenario], *, card: bytes) -> Signed[Receipt]:
    """The receipt of one show, signed with our newest card's key; ``card`` is that card's hash."""
    now, most = session.clock.now(), scenario.body.retention_days
    days = most if seen.retain_days is None else seen.retain_days
    if days > most:
        raise Denied(
            "retention_too_long", "the scenario allows keeping for {most} days, asked for {got}", most=most, got=days
        )
    receipt = Receipt(
        jti=b64u(secrets.token_bytes(16)),
        iat=now,
        iss=own_urn(session),
        aud=session.log.origin,
        grant=None,
        show=seen.show,
        scenario=scenario.hash,
        officer=seen.officer,
        items=(),
        retain_until=now + max(0, days * DAY_S - RECEIPT_SKEW_S),
        nonce=seen.nonce,
        card=card,
    )
    return parse_receipt(sign_receipt(receipt, session.keys.present(session.party.card_seq)))


def _scenario(session: Session, desk: Desk, order: ScanOrder, ours: Standing) -> Signed[Scenario]:
    """The scenario, before anything is signed for it: in force, and open to an agency like ours."""
    scenario = find_scenario(session, desk, order.scenario)
    check_in_force(scenario.body, session.clock.now())
    check_newest(session, desk, scenario)
    check_grantee(scenario.body, ours.state.division)
    return scenario


def _collect(session: Session, uses: Uses, use: Use, order: ScanOrder) -> None:
    try:
        session.api.collect(order.code, use.receipt.raw)
    except (Denied, Malformed, Untrusted, Conflict):
        uses.drop(use)  # refused, so never logged
        raise


def _wait(session: Session, show: bytes, wait_s: int) -> wire.Show:
    """The session once the wallet has answered."""
    ends = session.clock.now() + wait_s
    while True:
        left = ends - session.clock.now()
        found = session.api.show(show, wait_s=max(1, min(POLL_S, left)))
        if found.session != b64u(show):
            raise Untrusted("show_other", "the vault answered for another show session")
        if found.state == "delivered":
            return found
        if found.state == "refused":
            raise Denied("show_refused", "the holder refused to show")
        if found.state != "collected":
            raise Denied("show_undelivered", "the wallet was told and presented nothing in time")
        if left <= 0:
            raise Unavailable("show_no_answer", "the wallet has not answered within {seconds} s", seconds=wait_s)


def _opened(
    session: Session, order: ScanOrder, outcome: Outcome, files: folders.UseFiles, shown: wire.Show
) -> tuple[Path | None, Mapping[bytes, Picture]]:
    """The folder with everything that was shown, and the pictures, as ordered; nothing of what is rejected."""
    if outcome.verdict == "reject":
        return None, {}
    handed, headers = [judged.handed for judged in outcome.items], headers_of(shown.headers)
    check_headers(headers, {(one.slip.body.item, d.payload) for one in handed for d in one.documents})
    fetch = partial(session.api.show_payload, unb64u(shown.session, what="session"))
    pictures = take_pictures(session, fetch, handed, headers) if order.pictures else {}
    if order.out is None:
        return None, pictures
    with folders.building(order.out) as part:
        take_documents(session, fetch, handed, headers, part, no_meter)
        folders.write_use(part, files, outcome)
    return order.out.absolute(), pictures


def _verified(
    session: Session, desk: Desk, use: Use, scenario: Signed[Scenario], shown: wire.Show
) -> tuple[Outcome, AccessRecord, folders.UseFiles]:
    if shown.presentation is None or shown.logged is None or shown.logged.opening is None or shown.proof is None:
        raise Untrusted("show_incomplete", "the vault says that the show is delivered, and lacks a part of it")
    sealed = unb64u(shown.presentation, what="presentation")
    logged = folders.LoggedUse(
        entry=unb64u(shown.logged.entry, what="entry"),
        proof=shown.proof.encode("utf-8"),
        opening=Opening.from_json(shown.logged.opening.model_dump()),
        record=unb64u(shown.logged.object or "", what="record"),
    )
    receipt = use.receipt.body
    identities = session.keys.identities(session.party.card_seq)
    handed: tuple[Handed, ...] = open_shown(receipt, sealed, identities, session.log.origin)
    anchors = desk.facts.anchors()
    record = verify_own_use(session, logged, anchors, tag_key=handed[0].parcel.grant_tag_key, receipt=use.receipt)
    case = Case(POLICIES["window"], session.clock.now(), keep(desk, handed, anchors))
    outcome = judge_shown(desk, receipt, scenario, handed, case)
    cards = cards_used(desk, handed, scenario)
    return outcome, record, folders.UseFiles(use.receipt, scenario, None, None, logged, (sealed,), cards)
