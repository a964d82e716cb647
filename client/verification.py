"""Verifying a credential that was deposited: from what is at hand to the one function that judges it.

Gathers facts and cards (``client/checks.py``), the status token and the log's proof, each only if it can be had, and
leaves the judgement to ``protocol/verify_credential.py``. Nothing is fetched from a name in the credential: the status
list is asked of the vault by issuer and number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from client import deployment as deployments
from client.checks import Desk
from protocol.credential import Credential, open_credential
from protocol.credential_evidence import CredentialEvidence, DepositEvidence, Registries
from protocol.encoding import unb64u
from protocol.errors import OneFileError
from protocol.facts import AgencyFacts, AnchorFacts, DossierFacts, StatusFact
from protocol.identifiers import parse_agency_urn
from protocol.keycard import KeyCardEnvelope
from protocol.note import Checkpoint, parse_note
from protocol.slips import parse_slip
from protocol.status_list import parse_status_token, parse_status_uri
from protocol.tlog_proof import TlogProof
from protocol.verdict import POLICIES, Policy, Verdict
from protocol.verify_credential import judge_credential
from protocol.verify_log import EntryEvidence


@dataclass(frozen=True, slots=True)
class Deposited:
    """What came with an item: slip (JWS), the two salts, the log entry and a tlog-proof of it (bytes)."""

    slip: str
    salt: bytes
    leaf_salt: bytes
    entry: bytes
    proof: bytes


def registries(desk: Desk) -> Registries:
    """The domains in which key cards are hashed."""
    record = desk.session.deployment
    return Registries(deployments.agency_domain(record), deployments.dossier_domain(record))


def judge_deposited(
    desk: Desk,
    raw: str | bytes,
    deposited: Deposited,
    *,
    policy: Policy = POLICIES["window"],
    own_cards: Iterable[KeyCardEnvelope] = (),
    status: StatusFact | None = None,
    online: bool = True,
) -> Verdict:
    """The verdict on a credential with its deposit. ``online``: fetch status and consistency where they are missing."""
    evidence = gather(desk, raw, deposited, own_cards=own_cards, status=status, online=online)
    return judge_credential(raw, evidence, policy)


def gather(
    desk: Desk,
    raw: str | bytes,
    deposited: Deposited,
    *,
    own_cards: Iterable[KeyCardEnvelope] = (),
    status: StatusFact | None = None,
    online: bool = True,
) -> CredentialEvidence:
    """Everything at hand for one credential. Raises nothing of ours: what can't be had stays unknown."""
    session = desk.session
    anchors = anchor_facts(desk)
    try:
        credential = open_credential(raw)
    except OneFileError:
        return CredentialEvidence(now=session.clock.now(), registries=registries(desk), anchors=anchors)
    if status is None and online:
        status = fetch_status(desk, credential)
    issuer = issuer_facts(desk, credential)
    entry = EntryEvidence(
        deposited.entry, deposited.proof, consistency_for(desk, deposited.proof, anchors, online=online)
    )
    return CredentialEvidence(
        now=session.clock.now(),
        registries=registries(desk),
        issuer=issuer,
        issuer_cards=issuer_cards(desk, issuer, _keys_used(credential, deposited.slip, status)),
        dossier=dossier_facts(desk, credential.subject),
        dossier_cards=tuple(own_cards),
        status=status,
        deposit=DepositEvidence(deposited.slip, deposited.salt, deposited.leaf_salt, entry),
        anchors=anchors,
        confirmations=session.settings.confirmations,
    )


def anchor_facts(desk: Desk) -> AnchorFacts | None:
    """The log's anchored heads, if they can be had."""
    try:
        return desk.facts.anchors()
    except OneFileError:
        return None


def issuer_facts(desk: Desk, credential: Credential) -> AgencyFacts | None:
    """What the registry says of the credential's issuer, if it can be had."""
    try:
        return desk.facts.agency(parse_agency_urn(credential.issuer).account)
    except OneFileError:
        return None


def dossier_facts(desk: Desk, dossier: bytes | None) -> DossierFacts | None:
    """What the registry says of a dossier, if it can be had."""
    if dossier is None:
        return None
    try:
        return desk.facts.dossier(dossier)
    except OneFileError:
        return None


def issuer_cards(desk: Desk, issuer: AgencyFacts | None, keys: Iterable[bytes]) -> tuple[KeyCardEnvelope, ...]:
    """The issuer's full cards at hand; those with these keys are asked for where they are missing."""
    if issuer is None:
        return ()
    for key in keys:
        try:
            desk.issuer_card(issuer.account, key)
        except OneFileError:
            continue
    return desk.cards.of(issuer)


def fetch_status(desk: Desk, credential: Credential) -> StatusFact | None:
    """The issuer's status token as the vault has it; None if it can't be had."""
    try:
        account, number = parse_status_uri(credential.status.uri)
        raw = desk.session.public_api.status_list(account, number)
        return StatusFact(raw.decode("ascii"), desk.session.clock.now())
    except (OneFileError, UnicodeDecodeError):
        return None


def consistency_for(desk: Desk, proof: bytes, anchors: AnchorFacts | None, *, online: bool) -> tuple[bytes, ...]:
    """The proof that ties a proof's checkpoint to the anchored head, where one is needed and can be had."""
    try:
        size = Checkpoint.parse_text(parse_note(TlogProof.parse(proof).checkpoint).text).size
        if not online or anchors is None or anchors.head is None or anchors.of_size(size) is not None:
            return ()
        first, second = sorted((size, anchors.head.size))
        answer = desk.session.public_api.consistency(first, second)
        return tuple(unb64u(part, length=32, what="consistency proof") for part in answer.proof)
    except OneFileError:
        return ()


def _keys_used(credential: Credential, slip: str, status: StatusFact | None) -> list[bytes]:
    keys = [credential.kid]
    try:
        keys.append(parse_slip(slip).jws.kid)
        if status is not None:
            keys.append(parse_status_token(status.raw).jws.kid)
    except OneFileError:
        pass
    return list(dict.fromkeys(keys))
