"""Verifying a use again from its folder: now, in a year, in court.

Everything is opened and checked anew from what was signed and from the chain; what the folder says of itself (the
claims, the verdict) is compared and never believed. By default the question is whether the use was in order when it
happened, by the time that stands in the log; what was revoked later does not undo that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from agency_cli.services import folders
from agency_cli.services.documents import check_document
from agency_cli.services.judging import (
    Case,
    Judged,
    Kept,
    Outcome,
    as_of,
    grant_evidence,
    judge_granted,
    judge_shown,
)
from agency_cli.services.parcels import Handed, open_granted, open_shown
from agency_cli.services.release import verify_own_use
from agency_cli.services.standing import own_account, own_urn
from chain.events import EpochBumped
from client.checks import Desk
from client.log_reading import checkpoint_of
from client.scenarios import verified_scenario
from client.session import Session
from protocol.entries import AccessRecord
from protocol.errors import Malformed, Unavailable, Untrusted
from protocol.facts import AnchorFacts, DossierFacts
from protocol.grant import AccessGrant, GrantEnvelope
from protocol.grant_evidence import GrantEvidence
from protocol.receipts import Receipt
from protocol.scenario import Scenario
from protocol.signed import Signed
from protocol.tlog_proof import TlogProof
from protocol.verdict import POLICIES, Policy, conclude, failed
from protocol.verify_log import EntryEvidence, verify_entry


@dataclass(frozen=True, slots=True)
class Review:
    """A folder that was verified again. ``record`` is our use as it stands in the log."""

    files: folders.UseFiles
    record: AccessRecord
    outcome: Outcome


def review(session: Session, desk: Desk, folder: Path, *, policy: str = "evidence", now: bool = False) -> Review:
    """The verdict on the use in ``folder``, at its own time, or with ``now`` at this moment.

    Raises ``Malformed`` or ``Untrusted`` for a folder that was changed, ``Denied("no_identity")`` if another agency's
    keys are needed, ``Unavailable`` where the chain can't be asked. Writes nothing.
    """
    files = folders.read_use(folder)
    # Full key cards may lie anywhere: they count where the registry keeps their hash.
    for card in files.cards:
        desk.cards.add(card)
    # (1) Our own receipt, by a key of ours that the registry knows.
    _check_receipt(session, desk, files.receipt)
    # (2) The parcels as they were sealed: everything else is taken from inside them.
    handed = _open(session, files)
    # (3) Our use in the log, and with it the time.
    anchors = desk.facts.anchors()
    record = verify_own_use(
        session, files.logged, anchors, tag_key=handed[0].parcel.grant_tag_key, receipt=files.receipt
    )
    at = session.clock.now() if now else record.at
    # (4) The presentations and the grant.
    case = Case(POLICIES[policy], at, _kept(handed, files, now=now))
    outcome = _judge(session, desk, files, handed, record, case)
    # (5) The copies for people: documents and claims.
    _check_copies(folder, outcome)
    return Review(files, record, outcome)


def upgrade(session: Session, desk: Desk, folder: Path, found: Review) -> bool:
    """Replace proofs under heads that the chain does not know by proofs under the anchored one.

    Within a day of a use a reader must have done this: a log that shows one head to the reader and anchors another is
    then caught (``equivocation``). Returns whether every proof now stands under an anchored head.
    """
    anchors = desk.facts.anchors()
    logged = found.files.logged
    better = _better(session, anchors, logged.entry, logged.proof)
    if better is not None:
        folders.write_logged(folder, replace(logged, proof=better))
    complete = better is not None or _anchored(logged.proof, anchors)
    for number, judged in enumerate(found.outcome.items, 1):
        kept = judged.kept
        fresh = _better(session, anchors, kept.entry, kept.proof)
        if fresh is not None:
            folders.write_item_proof(folder, number, fresh)
        complete = complete and (fresh is not None or _anchored(kept.proof, anchors))
    return complete


def _check_receipt(session: Session, desk: Desk, receipt: Signed[Receipt]) -> None:
    if receipt.body.iss != own_urn(session):
        raise Untrusted("receipt_issuer", "the receipt is by {got}, not by this agency", got=receipt.body.iss)
    fact = desk.facts.agency(own_account(session)).card(receipt.body.card)
    if fact is None:
        raise Untrusted("receipt_card", "the receipt names a key card that the registry does not keep for us")
    receipt.verified_by(session.keys.present(fact.seq).public_jwk())


def _open(session: Session, files: folders.UseFiles) -> tuple[Handed, ...]:
    identities = session.keys.identities(session.party.card_seq)
    receipt, log = files.receipt.body, session.log.origin
    if files.envelope is not None:
        if receipt.grant != files.envelope.message.grant_id:
            raise Untrusted("receipt_grant", "the receipt is for another grant than the one in the folder")
        return open_granted(files.envelope.message, receipt, files.parcels, identities, log)
    if len(files.parcels) != 1:
        raise Malformed("use_parcels", "a show has one parcel, got {got}", got=len(files.parcels))
    return open_shown(receipt, files.parcels[0], identities, log)


def _kept(handed: tuple[Handed, ...], files: folders.UseFiles, *, now: bool) -> dict[bytes, Kept]:
    if len(files.kept) != len(handed):
        raise Malformed(
            "use_items", "expected {want} items in the folder, got {got}", want=len(handed), got=len(files.kept)
        )
    # Judged now, the status is asked for again: the kept one says how it was.
    kept = [replace(one, status=None) if now else one for one in files.kept]
    return {one.slip.body.item: part for one, part in zip(handed, kept, strict=True)}


def _judge(
    session: Session,
    desk: Desk,
    files: folders.UseFiles,
    handed: tuple[Handed, ...],
    record: AccessRecord,
    case: Case,
) -> Outcome:
    scenario = verified_scenario(desk, files.scenario.raw, at=case.at)
    if scenario.hash != files.receipt.body.scenario:
        raise Untrusted("receipt_scenario", "the receipt names another scenario than the one in the folder")
    if files.envelope is None:
        return judge_shown(desk, files.receipt.body, scenario, handed, case)
    evidence, proven = _grant_evidence(session, desk, files.envelope, scenario, record, case.at)
    outcome = judge_granted(desk, files.envelope, evidence, scenario, handed, case)
    return outcome if proven else _signature_open(outcome, case.policy)


def _grant_evidence(
    session: Session,
    desk: Desk,
    envelope: GrantEnvelope,
    scenario: Signed[Scenario],
    record: AccessRecord,
    at: int,
) -> tuple[GrantEvidence, bool]:
    """The grant's evidence as of ``at``, and whether the grantor's control of the dossier is proven by it.

    When the grant was posted is the vault's word, and in a folder it is nobody's. So control is judged at the time of
    the use; a grantor who had lost it by then may have granted rightly before, which nothing here proves.
    """
    evidence = grant_evidence(desk, envelope, scenario, uses=record.use_no - 1, posted_at=None, at=at)
    evidence = as_of(evidence, at, _epoch_at(session, evidence.dossier, at))
    return evidence, _controlled(envelope.message, evidence.dossier, at)


def _controlled(grant: AccessGrant, dossier: DossierFacts, at: int) -> bool:
    before = [held for held in dossier.controllers if held.account == grant.grantor and held.since <= at]
    return not before or any(held.covers(at) for held in before)


def _signature_open(outcome: Outcome, policy: Policy) -> Outcome:
    unproven = Unavailable(
        "grant_posted_unproven", "the grantor had given the dossier away: when the grant was posted is not proven"
    )
    items = []
    for judged in outcome.items:
        checks = [
            failed(check.name, unproven) if (check.name, check.code) == ("grant_signature", "not_controller") else check
            for check in judged.verdict.checks
        ]
        items.append(Judged(judged.handed, judged.kept, conclude(policy, checks, outcome.at)))
    return replace(outcome, items=tuple(items))


def _epoch_at(session: Session, dossier: DossierFacts, at: int) -> int:
    """The dossier's grant epoch at ``at``, by the chain."""
    bumps = [event for event in session.ledger.dossier_history(dossier.dossier) if isinstance(event, EpochBumped)]
    return max((event.grant_epoch for event in bumps if event.at.block.time <= at), default=1)


def _check_copies(folder: Path, outcome: Outcome) -> None:
    if folders.read_claims(folder) != folders.claims_of(outcome):
        raise Untrusted("claims_changed", "claims.json is not what the presentations show")
    for number, judged in enumerate(outcome.items, 1):
        for document in judged.handed.documents:
            check_document(folders.document_path(folder, number, document.entry.name), document.entry)


def _anchored(proof: bytes, anchors: AnchorFacts) -> bool:
    return anchors.of_size(checkpoint_of(proof, anchors).size) is not None


def _better(session: Session, anchors: AnchorFacts, entry: bytes, proof: bytes) -> bytes | None:
    """A proof of the entry under the last anchored head; None if there is none yet, or none is needed."""
    index, head = TlogProof.parse(proof).index, anchors.head
    if head is None or index >= head.size or _anchored(proof, anchors):
        return None
    raw = session.public_api.proof(index, head.size)
    found = verify_entry(EntryEvidence(entry, raw), anchors)
    if (found.index, found.checkpoint.size) != (index, head.size):
        raise Untrusted("proof_other", "the vault's proof is of another entry or head than asked for")
    return raw
