"""Whether a receipt is a registered reader's own word, and stands in the log (docs/spec/verdict.md §5).

The holder asks it of every use in the list of uses, an auditor of a receipt that somebody shows. ``issuer_…`` is here
whoever ``iss`` names: the reader.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.credential_evidence import Registries
from protocol.entries import AccessRecord
from protocol.errors import Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.facts import ROLE_READER, AgencyFacts, AnchorFacts, fact_age
from protocol.jose import verify_jws
from protocol.keycard import KeyCardEnvelope, VerifiedKeyCard
from protocol.receipts import RECEIPT_SKEW_S, Receipt, parse_receipt
from protocol.registered_cards import agency_card, check_in_force_at, named_agency
from protocol.signed import Signed, check_audience
from protocol.verdict import Check, Policy, Verdict, attempt, conclude, failed, in_order, not_reached, passed
from protocol.verify_log import DEFAULT_CONFIRMATIONS, EntryEvidence, entry_checks, verify_commitment

_CHECKS = ("issuer_signature", "issuer_authority", "anchor_inclusion", "log_consistency", "anchor_finality")


@dataclass(frozen=True, slots=True)
class UseEvidence:
    """The ``access`` entry of a use: the access record's bytes (JCS), the leaf's salt, and the leaf."""

    record: bytes
    leaf_salt: bytes
    entry: EntryEvidence


@dataclass(frozen=True, slots=True)
class ReceiptEvidence:
    """Facts for one receipt at ``now`` (seconds); what is not at hand is None. ``log``: the origin string."""

    now: int
    log: str
    registries: Registries
    reader: AgencyFacts | None = None
    reader_cards: tuple[KeyCardEnvelope, ...] = ()
    use: UseEvidence | None = None
    anchors: AnchorFacts | None = None
    confirmations: int = DEFAULT_CONFIRMATIONS


def judge_receipt(raw: str | bytes, evidence: ReceiptEvidence, policy: Policy) -> Verdict:
    """Every check of a receipt, and the verdict by ``policy``. Raises nothing on any bytes."""
    ev = evidence
    # (1) format
    try:
        receipt = parse_receipt(raw)
    except Malformed as error:
        return conclude(policy, in_order([failed("format", error), *map(not_reached, _CHECKS)]), ev.now)
    age = None if ev.reader is None else fact_age(ev.now, ev.reader.known_at)
    made = [
        passed("format"),
        # (2) by a registered key card of the reader, for this log
        attempt("issuer_signature", lambda: _check_signature(receipt, ev), age=age),
        # (3) who was a reader then, with a key that was good
        attempt("issuer_authority", lambda: _check_authority(receipt, ev), age=age),
        # (4) the log's record of the use names this receipt
        *_check_use(receipt, ev),
    ]
    return conclude(policy, in_order(made), ev.now)


def _card(receipt: Signed[Receipt], ev: ReceiptEvidence) -> tuple[AgencyFacts, VerifiedKeyCard]:
    reader = named_agency(receipt.body.iss, ev.reader, ev.registries.agency)
    card = agency_card(receipt.jws.kid, reader, ev.reader_cards, ev.registries.agency)
    if card.hash != receipt.body.card:
        raise Untrusted("receipt_card", "the receipt names another key card than the one that signed it")
    return reader, card


def _check_signature(receipt: Signed[Receipt], ev: ReceiptEvidence) -> None:
    check_audience(receipt.body.aud, ev.log)
    verify_jws(receipt.jws, _card(receipt, ev)[1].present_key)


def _check_authority(receipt: Signed[Receipt], ev: ReceiptEvidence) -> None:
    reader, card = _card(receipt, ev)
    # The vault took no receipt that was more than two minutes off its clock, so that `iat` can stand for the time.
    check_in_force_at(card, reader, receipt.body.iat)
    if not reader.has_role(ROLE_READER, receipt.body.iat):
        raise Denied(
            "not_reader_then", "{name} was not registered as a reader at {at}", name=reader.name, at=receipt.body.iat
        )


def _check_use(receipt: Signed[Receipt], ev: ReceiptEvidence) -> list[Check]:
    names = ("anchor_inclusion", "log_consistency", "anchor_finality")
    if ev.use is None or ev.anchors is None:
        missing = Unavailable("log_facts_missing", "no log proof, or no anchored head of the log, is at hand")
        return [failed(name, missing) for name in names]
    use = ev.use
    entry, made = entry_checks(use.entry, ev.anchors, now=ev.now, confirmations=ev.confirmations)
    if entry is None:
        return made
    try:
        verify_commitment(entry.entry, t="access", salt=use.leaf_salt, object_bytes=use.record)
        _check_record(receipt, AccessRecord.parse(use.record))
    except OneFileError as error:
        return [failed("anchor_inclusion", error), *made[1:]]
    return made


def _check_record(receipt: Signed[Receipt], record: AccessRecord) -> None:
    body = receipt.body
    if record.receipt != receipt.hash or (record.grant, record.show) != (body.grant, body.show):
        raise Untrusted("record_other", "the log's record is of another use than this receipt")
    if abs(record.at - body.iat) > RECEIPT_SKEW_S:
        raise Untrusted(
            "record_time", "the receipt is of {iat}; the log's record of {at}", iat=body.iat, at=record.at
        )
