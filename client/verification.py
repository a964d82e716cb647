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
from client.log_reading import consistency, needs_consistency
from protocol.credential import Credential, open_credential
from protocol.credential_evidence import CredentialEvidence, DepositEvidence, Registries
from protocol.errors import Denied, OneFileError, Unavailable
from protocol.facts import AgencyFacts, AnchorFacts, DossierFacts, StatusFact
from protocol.identifiers import checksum_address, parse_agency_urn
from protocol.keycard import KeyCardEnvelope
from protocol.slips import parse_slip
from protocol.status_list import parse_status_token, parse_status_uri
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
    deposited: Deposited | None,
    *,
    own_cards: Iterable[KeyCardEnvelope] = (),
    status: StatusFact | None = None,
    online: bool = True,
    at: int | None = None,
) -> CredentialEvidence:
    """Everything at hand for one credential at ``at`` (seconds; None: now); ``deposited`` None: nothing but itself.

    Raises nothing of ours: what can't be had stays unknown, and a party that the registry was asked about and does not
    know is one without any right.
    """
    session = desk.session
    now = session.clock.now() if at is None else at
    anchors = anchor_facts(desk)
    try:
        credential = open_credential(raw)
    except OneFileError:
        return CredentialEvidence(now=now, registries=registries(desk), anchors=anchors)
    if status is None and online:
        status = fetch_status(desk, credential)
    issuer = issuer_facts(desk, credential)
    return CredentialEvidence(
        now=now,
        registries=registries(desk),
        issuer=issuer,
        issuer_cards=issuer_cards(desk, issuer, _keys_used(credential, deposited, status)),
        dossier=dossier_facts(desk, credential.subject),
        dossier_cards=tuple(own_cards),
        status=status,
        deposit=None if deposited is None else _deposit(desk, deposited, anchors, online=online),
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
    """What the registry says of the credential's issuer, if it can be had; no rights and no cards if it was never
    admitted."""
    account = parse_agency_urn(credential.issuer).account
    try:
        return desk.facts.agency(account)
    except Denied:
        return AgencyFacts(account, checksum_address(account), "", (), (), (), desk.session.clock.now())
    except OneFileError:
        return None


def dossier_facts(desk: Desk, dossier: bytes | None) -> DossierFacts | None:
    """What the registry says of a dossier, if it can be had; nobody controls one that was never opened."""
    if dossier is None:
        return None
    try:
        return desk.facts.dossier(dossier)
    except Denied:
        return DossierFacts(dossier, (), (), 0, desk.session.clock.now())
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
        return () if not online or anchors is None else consistency(desk.session, proof, anchors)
    except OneFileError:
        return ()


def _deposit(desk: Desk, deposited: Deposited, anchors: AnchorFacts | None, *, online: bool) -> DepositEvidence | None:
    """How it came into the log; None where what ties its proof to the chain can't be had, so that nothing is known."""
    tie: tuple[bytes, ...] = ()
    try:
        if anchors is not None and needs_consistency(deposited.proof, anchors):
            if not online:
                return None
            tie = consistency(desk.session, deposited.proof, anchors)
    except Unavailable:
        return None
    except OneFileError:
        pass  # a proof that is none, or is not of this log: the verifier says so
    entry = EntryEvidence(deposited.entry, deposited.proof, tie)
    return DepositEvidence(deposited.slip, deposited.salt, deposited.leaf_salt, entry)


def _keys_used(credential: Credential, deposited: Deposited | None, status: StatusFact | None) -> list[bytes]:
    keys = [credential.kid]
    try:
        if deposited is not None:
            keys.append(parse_slip(deposited.slip).jws.kid)
        if status is not None:
            keys.append(parse_status_token(status.raw).jws.kid)
    except OneFileError:
        pass
    return list(dict.fromkeys(keys))
