"""One signed thing by itself: somebody's receipt, a proof from the log, a presentation.

What a single thing can't show stays unknown: a receipt does not tell whether it is in the log, a presentation without
its deposit not when it was issued. Each kind has its own policy, so that nobody takes a part for the whole.
"""

from __future__ import annotations

from agency_cli.services.folders import is_use, read_use
from agency_cli.services.standing import own_urn
from agency_cli.services.uses import Uses
from client.checks import Desk
from client.log_reading import entry_evidence, fetch_entry
from client.session import Session
from client.verification import anchor_facts, gather, issuer_cards, registries
from protocol import wire_verify
from protocol.credential import Credential, open_credential, verify_presentation_binding
from protocol.errors import FAULTS, Denied, Malformed, OneFileError, Unavailable
from protocol.facts import AgencyFacts, AnchorFacts
from protocol.identifiers import checksum_address, parse_agency_urn
from protocol.keycard import KeyCardEnvelope
from protocol.receipts import Receipt, parse_receipt
from protocol.signed import Signed
from protocol.tlog_proof import TlogProof
from protocol.verdict import (
    CHAIN_MAX_AGE_S,
    POLICIES,
    STATUS_MAX_AGE_S,
    Check,
    Policy,
    Verdict,
    attempt,
    conclude,
    failed,
    passed,
)
from protocol.verify_credential import judge_credential
from protocol.verify_log import judge_entry
from protocol.verify_receipt import ReceiptEvidence, UseEvidence, judge_receipt

_CHAIN = ("issuer_signature", "issuer_authority", "holder_binding", "anchor_inclusion")
_FRESH = dict.fromkeys(_CHAIN, CHAIN_MAX_AGE_S)
RECEIPT = Policy(
    "receipt", frozenset({"format", "issuer_signature", "issuer_authority", "anchor_inclusion"}), _FRESH, {}
)
PRESENTATION = Policy(
    "presentation",
    frozenset({"format", "issuer_signature", "issuer_authority", "status", "holder_binding"}),
    {**_FRESH, "status": STATUS_MAX_AGE_S},
    {},
)


def verify_receipt_file(session: Session, desk: Desk, raw: bytes) -> Verdict:
    """A receipt of any reader: signed by its registered key card, by a reader at that time, and in the log.

    Of a use of ours whose folder is here, the log proves it. Of another's only the vault can say it: that is its word,
    and stands in the place of a proof that nobody but reader and holder can make.
    """
    now, text = session.clock.now(), raw.strip()
    try:
        receipt = parse_receipt(text)
    except Malformed as error:
        return conclude(RECEIPT, [failed("format", error)], now)
    anchors = anchor_facts(desk)
    reader = _reader(desk, receipt)
    evidence = ReceiptEvidence(
        now=now,
        log=session.log.origin,
        registries=registries(desk),
        reader=reader,
        reader_cards=issuer_cards(desk, reader, [receipt.jws.kid]),
        use=_own_use(session, receipt, anchors),
        anchors=anchors,
        confirmations=session.settings.confirmations,
    )
    verdict = judge_receipt(text, evidence, RECEIPT)
    if evidence.use is not None:
        return verdict
    word = _logged(session, receipt)
    checks = [word if check.name == "anchor_inclusion" else check for check in verdict.checks]
    return conclude(RECEIPT, checks, now)


def verify_proof_file(session: Session, desk: Desk, raw: bytes, entry: bytes | None) -> Verdict:
    """A ``.tlog-proof`` of ``entry`` (its bytes; None: as the vault serves it) against the anchored head."""
    now = session.clock.now()
    try:
        TlogProof.parse(raw)
        anchors = desk.facts.anchors()
        found = fetch_entry(session, raw, anchors) if entry is None else entry
        evidence = entry_evidence(session, found, raw, anchors)
    except OneFileError as error:
        name = "format" if isinstance(error, Malformed) else "anchor_inclusion"
        return conclude(POLICIES["window"], [failed(name, error)], now)
    confirmations = session.settings.confirmations
    return judge_entry(evidence, anchors, POLICIES["window"], now=now, confirmations=confirmations)


def verify_presentation_file(session: Session, desk: Desk, raw: bytes, nonce: str | None) -> Verdict:
    """A presentation to us: issuer, status, and the holder's key binding to our urn and ``nonce``.

    Without a nonce the binding stays unknown: a presentation that was once made for us would do for ever. Nothing of
    it is sent to anybody but the name of its status list, and the dossier whose key card is asked for.
    """
    now = session.clock.now()
    text = raw.strip()
    try:
        credential = open_credential(text)
    except OneFileError as error:
        return conclude(PRESENTATION, [failed("format", error)], now)
    evidence = gather(desk, text, None, own_cards=_holder_cards(session, credential))
    verdict = judge_credential(text, evidence, PRESENTATION)
    bound = attempt("holder_binding", lambda: _check_bound(session, credential, nonce))
    checks = [
        bound if check.name == "holder_binding" and check.status == "pass" and bound.status != "pass" else check
        for check in verdict.checks
    ]
    return conclude(PRESENTATION, checks, now)


def _reader(desk: Desk, receipt: Signed[Receipt]) -> AgencyFacts | None:
    account = parse_agency_urn(receipt.body.iss).account
    try:
        return desk.facts.agency(account)
    except Denied:
        return AgencyFacts(account, checksum_address(account), "", (), (), (), desk.session.clock.now())
    except Unavailable:
        return None


def _own_use(session: Session, receipt: Signed[Receipt], anchors: AnchorFacts | None) -> UseEvidence | None:
    """The log entry of a use of ours, from its folder; None if it is not ours or not here."""
    for use in Uses(session.profile.folder):
        if use.receipt.raw == receipt.raw and use.out is not None and is_use(use.out) and anchors is not None:
            logged = read_use(use.out).logged
            entry = entry_evidence(session, logged.entry, logged.proof, anchors)
            return UseEvidence(logged.record, logged.opening.salt, entry)
    return None


def _logged(session: Session, receipt: Signed[Receipt]) -> Check:
    """What the vault says of the receipt's place in the log."""
    try:
        answer = session.public_api.verify(wire_verify.VerifyRequest(kind="receipt", value=receipt.raw))
    except OneFileError as error:
        return failed("anchor_inclusion", error)
    row = next((check for check in answer.checks if check.name == "anchor_inclusion"), None)
    if row is None or row.status == "skipped":
        return failed("anchor_inclusion", Unavailable("vault_no_word", "the vault says nothing of this check"))
    if row.status == "pass":
        return passed("anchor_inclusion")
    fault = FAULTS["unavailable" if row.status == "unknown" else "denied"]
    return failed("anchor_inclusion", fault(row.code, row.detail.replace("{", "{{").replace("}", "}}")))


def _holder_cards(session: Session, credential: Credential) -> tuple[KeyCardEnvelope, ...]:
    if credential.subject is None:
        return ()
    try:
        return (KeyCardEnvelope.from_json(session.public_api.card(credential.subject).card),)
    except (Denied, Unavailable):
        return ()


def _check_bound(session: Session, credential: Credential, nonce: str | None) -> None:
    if nonce is None:
        raise Unavailable("nonce_unchecked", "the key binding was not compared with a nonce: give --nonce")
    verify_presentation_binding(credential, aud=own_urn(session), nonce=nonce)
