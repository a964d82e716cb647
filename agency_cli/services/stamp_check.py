"""A stamp that was scanned: who made it, for what, until when, whether the log has it, and whether a file is the copy.

Everything is in the code but the facts: the agency's key card and roles come from the registry, the entry from the
log. A stamp says nothing about the licence on the page: that has its own code and its own status.
"""

from __future__ import annotations

from dataclasses import dataclass

from agency_cli.services.pdf_signing import whole_signature
from agency_cli.services.stamping import stamp_reason
from client.checks import Desk
from client.log_reading import entry_evidence, fetch_entry
from client.session import Session
from client.verification import registries
from protocol.errors import Denied, OneFileError, Untrusted
from protocol.facts import ROLE_READER, AgencyFacts
from protocol.hashing import sha256
from protocol.identifiers import parse_agency_urn
from protocol.keycard import VerifiedKeyCard
from protocol.registered_cards import check_in_force_at, named_agency
from protocol.signed import check_audience
from protocol.stamp import MAX_DOCUMENT_BYTES, Stamp, parse_stamp
from protocol.verdict import CHAIN_MAX_AGE_S, Check, Policy, Verdict, attempt, conclude, failed, in_order
from protocol.verify_log import entry_checks, verify_commitment

MAX_COPY_BYTES = MAX_DOCUMENT_BYTES + (16 << 20)  # the document, and what a stamp and its signature add
_REQUIRED = ("format", "issuer_signature", "issuer_authority", "anchor_inclusion", "grant_time")
STAMP = Policy(
    "stamp",
    frozenset(_REQUIRED),
    dict.fromkeys(("issuer_signature", "issuer_authority", "anchor_inclusion"), CHAIN_MAX_AGE_S),
    {},
)


@dataclass(frozen=True, slots=True)
class CheckedStamp:
    """A stamp and the verdict on it. ``compared``: whether a file was held against it."""

    stamp: Stamp
    agency: str
    verdict: Verdict
    compared: bool


def check_stamp(session: Session, desk: Desk, code: str, file: bytes | None = None) -> CheckedStamp:
    """The verdict on a stamp's code, and on ``file`` if one is given.

    Raises ``Malformed`` or ``Untrusted`` for what is no code of a stamp; everything else is a check.
    """
    stamp = parse_stamp(code)
    now = session.clock.now()
    account = parse_agency_urn(stamp.statement.body.iss).account
    made = [
        attempt("format", lambda: None if file is None else _check_file(stamp, file)),
        attempt("issuer_signature", lambda: _check_signature(session, desk, stamp)),
        attempt("issuer_authority", lambda: _check_authority(desk, stamp)),
        attempt("grant_time", lambda: _check_until(stamp, now)),
        *_log_checks(session, desk, stamp, now),
    ]
    return CheckedStamp(stamp, desk.name_of(account), conclude(STAMP, in_order(made), now), file is not None)


def _reader(desk: Desk, stamp: Stamp) -> tuple[AgencyFacts, VerifiedKeyCard]:
    urn = stamp.statement.body.iss
    account = parse_agency_urn(urn).account
    reader = named_agency(urn, desk.facts.agency(account), registries(desk).agency)
    return reader, desk.issuer_card(account, stamp.statement.jws.kid)


def _check_signature(session: Session, desk: Desk, stamp: Stamp) -> None:
    check_audience(stamp.statement.body.aud, session.log.origin)
    stamp.statement.verified_by(_reader(desk, stamp)[1].present_key)


def _check_authority(desk: Desk, stamp: Stamp) -> None:
    # The vault took no statement that was more than two minutes off its clock, so that `iat` can stand for the time.
    at = stamp.statement.body.iat
    reader, card = _reader(desk, stamp)
    check_in_force_at(card, reader, at)
    if not reader.has_role(ROLE_READER, at):
        raise Denied("not_reader_then", "{name} was not registered as a reader at {at}", name=reader.name, at=at)


def _check_until(stamp: Stamp, now: int) -> None:
    if now > stamp.particulars.until:
        raise Denied("stamp_over", "the copy was made for a time that ended at {until}", until=stamp.particulars.until)


def _check_file(stamp: Stamp, file: bytes) -> None:
    """The file begins with the stamped document, and its signature over all of it is of this stamp and agency."""
    said = stamp.particulars
    if len(file) <= said.size or sha256(file[: said.size]) != said.sha256:
        raise Untrusted("stamp_document", "the file is not a copy of the document that was stamped")
    found = whole_signature(file)
    if found.reason != stamp_reason(stamp):
        raise Untrusted("stamp_reason", "the file was signed for another stamp")
    if found.key.thumbprint() != stamp.statement.jws.kid:
        raise Untrusted("stamp_key", "the file was signed by another key than the stamp")


def _log_checks(session: Session, desk: Desk, stamp: Stamp, now: int) -> list[Check]:
    names = ("anchor_inclusion", "log_consistency", "anchor_finality")
    try:
        anchors = desk.facts.anchors()
        proof = session.public_api.proof(stamp.index)
        evidence = entry_evidence(session, fetch_entry(session, proof, anchors), proof, anchors)
        entry, made = entry_checks(evidence, anchors, now=now, confirmations=session.settings.confirmations)
        if entry is None:
            return made
        if entry.index != stamp.index:
            raise Untrusted("proof_other", "the vault's proof is of another entry or head than asked for")
        raw = stamp.statement.raw.encode("ascii")
        verify_commitment(entry.entry, t="note", salt=stamp.salt, object_bytes=raw)
    except OneFileError as error:
        return [failed(name, error) for name in names]
    return made
