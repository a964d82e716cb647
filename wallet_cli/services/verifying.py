"""Verifying an exported folder: by the chain, or offline by this machine's trust file; never by the folder itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from client import deployment as deployments
from client.cards import Cards
from client.checks import Desk, open_desk
from client.exportdir import Exported, ExportedDocument, document_path, read_folder
from client.own_document import OwnDocument
from client.session import Session
from client.toolkey import tool_key
from client.trust import NoFacts, TrustFacts, read_trust
from client.verification import Deposited, anchor_facts, consistency_for, dossier_facts, judge_deposited
from console.i18n import describe
from protocol import age_format
from protocol.credential import FileEntry, open_credential
from protocol.envelope import open_stream
from protocol.errors import OneFileError, Unavailable, Untrusted
from protocol.facts import AnchorFacts, StatusFact
from protocol.hashing import same
from protocol.keycard import verify_key_card
from protocol.recipients import HybridIdentity, X25519Identity
from protocol.slips import item_commitment, parse_slip
from protocol.stream import HashingWriter
from protocol.verdict import POLICIES, Check, Verdict, attempt, conclude, failed, in_order
from protocol.verify_log import EntryEvidence, VerifiedEntry, entry_checks, verify_commitment

_CHUNK = 1 << 20
Identity = HybridIdentity | X25519Identity


@dataclass(frozen=True, slots=True)
class DocumentCheck:
    """``status``: opened (its plaintext is the one that the credential names), sealed (its sealed bytes are the ones
    that the slip names), or fail."""

    name: str
    status: str
    code: str = "ok"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FolderVerdict:
    """The verdict on the item, and each document by itself."""

    verdict: Verdict
    documents: list[DocumentCheck]
    own: bool

    @property
    def conclusion(self) -> str:
        """``reject`` if a document failed, else what the checks came to."""
        return "reject" if any(d.status == "fail" for d in self.documents) else self.verdict.verdict


@dataclass(frozen=True, slots=True)
class VerifyOrder:
    """``offline``: ask nobody. ``trust``: a trust file; ``signers``: thumbprints of tool keys besides our own."""

    folder: Path
    offline: bool = False
    trust: Path | None = None
    signers: tuple[bytes, ...] = ()
    policy: str = "evidence"
    identities: tuple[Identity, ...] = ()


def verify_folder(session: Session, order: VerifyOrder) -> FolderVerdict:
    """Judge a folder; raises only if it can't be read at all."""
    exported = read_folder(order.folder)
    desk = _desk(session, order)
    for card in exported.issuer_cards:
        desk.cards.add(card)
    verdict = _judge(desk, exported, order)
    return FolderVerdict(verdict, list(_check_documents(exported, order)), exported.credential is None)


def _desk(session: Session, order: VerifyOrder) -> Desk:
    """Where facts come from: the chain, else a trust file, else nowhere."""
    cards = Cards(deployments.agency_domain(session.deployment))
    own_file = session.profile.trust_file
    if order.trust is not None or (order.offline and own_file.exists()):
        signers = (tool_key(session.settings.home).public_jwk().thumbprint(), *order.signers)
        trust = read_trust(order.trust or own_file, signers)
        if trust.deployment.contracts != session.deployment.contracts:
            raise Untrusted("trust_other_chain", "the trust file is of another deployment")
        for agency in trust.agencies:
            for card in agency.cards:
                cards.add(card)
        return Desk(session, TrustFacts(trust), cards, live=False, kept=trust)
    if order.offline:
        return Desk(session, NoFacts(), cards, live=False, kept=None)
    try:
        return open_desk(session)
    except Unavailable:
        return Desk(session, NoFacts(), cards, live=False, kept=None)


def _judge(desk: Desk, exported: Exported, order: VerifyOrder) -> Verdict:
    policy, online = POLICIES[order.policy], not order.offline
    deposited = Deposited(exported.slip, exported.item_salt, exported.opening.salt, exported.entry, exported.proof)
    if exported.credential is None:
        return _judge_own(desk, exported, order, online=online)
    status = StatusFact(exported.status, exported.exported_at) if exported.status else None
    fresh = None if online else status
    found = judge_deposited(
        desk,
        exported.credential,
        deposited,
        policy=policy,
        own_cards=exported.dossier_cards,
        status=fresh,
        online=online,
    )
    if online and status is not None and _status_unknown(found):
        # The vault could not give a status list: the one in the folder may still be fresh enough.
        return judge_deposited(
            desk,
            exported.credential,
            deposited,
            policy=policy,
            own_cards=exported.dossier_cards,
            status=status,
            online=online,
        )
    return found


def _status_unknown(verdict: Verdict) -> bool:
    check = verdict.check("status")
    return check is not None and check.code == "status_missing"


# own documents: the holder's slip, and the log


def _judge_own(desk: Desk, exported: Exported, order: VerifyOrder, *, online: bool) -> Verdict:
    now = desk.session.clock.now()
    anchors = anchor_facts(desk)
    made: list[Check] = [attempt("format", lambda: _own_form(exported))]
    made.append(attempt("holder_binding", lambda: _own_slip(desk, exported)))
    made += _own_log(desk, exported, anchors, now=now, online=online)
    return conclude(POLICIES[order.policy], in_order(made), now)


def _own_form(exported: Exported) -> None:
    assert exported.own is not None
    OwnDocument.parse(exported.own)
    slip = parse_slip(exported.slip).body
    text = exported.own.decode("utf-8")
    if not slip.own or not same(item_commitment(exported.item_salt, text), slip.item_commitment):
        raise Untrusted("item_commitment", "the slip commits to another credential than the one that was sealed")


def _own_slip(desk: Desk, exported: Exported) -> None:
    signed = parse_slip(exported.slip)
    facts = dossier_facts(desk, signed.body.dossier)
    if facts is None:
        raise Unavailable("dossier_facts_missing", "what the registry says of the dossier is not at hand")
    domain = deployments.dossier_domain(desk.session.deployment)
    for envelope in exported.dossier_cards:
        if envelope.card.present_key_thumbprint == signed.jws.kid:
            recorded = [card.hash for card in facts.cards]
            card = verify_key_card(envelope, domain, subject=signed.body.dossier, recorded=recorded)
            signed.verified_by(card.present_key)
            return
    raise Untrusted("slip_key", "the slip is signed by a key of no key card of this dossier")


def _own_log(desk: Desk, exported: Exported, anchors: AnchorFacts | None, *, now: int, online: bool) -> Iterable[Check]:
    names = ("anchor_inclusion", "log_consistency", "anchor_finality")
    if anchors is None:
        missing = Unavailable("log_facts_missing", "no log proof, or no anchored head of the log, is at hand")
        return [failed(name, missing) for name in names]
    proof = consistency_for(desk, exported.proof, anchors, online=online)
    evidence = EntryEvidence(exported.entry, exported.proof, proof)
    found, checks = entry_checks(evidence, anchors, now=now, confirmations=desk.session.settings.confirmations)
    if found is None:
        return checks
    commitment = attempt("anchor_inclusion", lambda: _own_commitment(found, exported))
    return [commitment if commitment.status != "pass" else checks[0], *checks[1:]]


def _own_commitment(found: VerifiedEntry, exported: Exported) -> None:
    verify_commitment(found.entry, t="issue", salt=exported.opening.salt, object_bytes=exported.slip.encode("ascii"))


# documents


def _check_documents(exported: Exported, order: VerifyOrder) -> Iterator[DocumentCheck]:
    """Every document of the slip, whether or not the folder lists it; one that is not there fails."""
    try:
        slip = parse_slip(exported.slip).body
        entries = [_entry(exported, position) for position in range(1, len(slip.objects))]
    except OneFileError as error:
        yield DocumentCheck("-", "fail", error.code, describe(error))
        return
    listed = {document.payload: document for document in exported.documents}
    for part, entry in zip(slip.objects[1:], entries, strict=True):
        try:
            status = _document_status(order, listed.get(part.payload), part.payload, entry)
            yield DocumentCheck(entry.name, status)
        except OneFileError as error:
            yield DocumentCheck(entry.name, "fail", error.code, describe(error))


def _document_status(order: VerifyOrder, document: ExportedDocument | None, payload: bytes, entry: FileEntry) -> str:
    if document is None or not document_path(order.folder, document).is_file():
        raise Untrusted("document_not_exported", "the folder lacks the document {name}", name=entry.name)
    path = document_path(order.folder, document)
    with path.open("rb") as stream:
        age_format.read_header(stream)
        digest = hashlib.sha256()
        while part := stream.read(_CHUNK):
            digest.update(part)
    if digest.digest() != payload:
        raise Untrusted(
            "document_sealed_other", "{file} does not hold the bytes that the slip names", file=document.file
        )
    if not order.identities:
        return "sealed"
    _check_plaintext(path, entry, order.identities)
    return "opened"


def _entry(exported: Exported, position: int) -> FileEntry:
    """What the credential, or the own list, says of the document at a position of the slip."""
    if exported.own is not None:
        listed = OwnDocument.parse(exported.own).files
        if position > len(listed):
            raise Untrusted(
                "documents_count", "the credential does not disclose document {position}", position=position
            )
        return listed[position - 1]
    assert exported.credential is not None
    found = open_credential(exported.credential).files.get(f"/files/{position - 1}")
    if found is None:
        raise Untrusted("documents_count", "the credential does not disclose document {position}", position=position)
    return found


def _check_plaintext(path: Path, entry: FileEntry, identities: tuple[Identity, ...]) -> None:
    hashing = HashingWriter(_Nowhere())
    with path.open("rb") as stream:
        header = age_format.read_header(stream)
        open_stream(header, stream, hashing, identities)
    if hashing.size != entry.size or not same(hashing.sha256, entry.sha256):
        raise Untrusted(
            "document_other", "the document {name} is not the one that the credential names", name=entry.name
        )


class _Nowhere:
    def write(self, data: bytes, /) -> int:
        return len(data)
