"""Everything that the verification of one credential rests on, from the chain, the trust file and the vault.

What can't be had is left out and leaves its checks unknown; what the registry denies is raised. Used by the wallet
(claim, verify) and by the agency (parcels, shows, folders) alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from client import deployment as deployments
from client.checks import Desk
from client.log_reading import entry_evidence
from protocol.credential import Credential
from protocol.credential_evidence import CredentialEvidence, DepositEvidence, Registries
from protocol.errors import Denied, OneFileError, Unavailable, Untrusted
from protocol.facts import AgencyFacts, AnchorFacts, DossierFacts, StatusFact
from protocol.identifiers import parse_agency_urn
from protocol.keycard import KeyCardEnvelope
from protocol.slips import parse_slip
from protocol.status_list import parse_status_uri

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Deposited:
    """How an item came into the log: slip (JWS), salt of the item commitment, salt of the leaf, entry and its proof."""

    slip: str
    salt: bytes
    leaf_salt: bytes
    entry: bytes
    proof: bytes


def gather(
    desk: Desk,
    credential: Credential,
    *,
    deposited: Deposited | None = None,
    dossier_cards: tuple[KeyCardEnvelope, ...] = (),
    status: StatusFact | None = None,
    at: int | None = None,
) -> CredentialEvidence:
    """The evidence for ``credential`` at ``at`` (seconds; default: now).

    ``status``: a token that was kept; without it the vault is asked. Raises ``Untrusted("issuer_unregistered")`` or
    ``Untrusted("dossier_unregistered")`` where the registry was asked and knows no such party, and what a log proof
    that is none raises.
    """
    session, anchors = desk.session, _if_known(desk.facts.anchors)
    issuer = _issuer(desk, credential)
    if issuer is not None:
        _have_cards(desk, issuer, credential, deposited)
    return CredentialEvidence(
        now=session.clock.now() if at is None else at,
        registries=Registries(
            deployments.agency_domain(session.deployment), deployments.dossier_domain(session.deployment)
        ),
        issuer=issuer,
        issuer_cards=() if issuer is None else desk.cards.of(issuer),
        dossier=_dossier(desk, credential),
        dossier_cards=dossier_cards,
        status=status or fetch_status(desk, credential),
        deposit=_deposit(desk, deposited, anchors),
        anchors=anchors,
        confirmations=session.settings.confirmations,
    )


def fetch_status(desk: Desk, credential: Credential) -> StatusFact | None:
    """The issuer's status token as the vault has it now; None if it can't be had. It is verified by who judges."""
    account, number = parse_status_uri(credential.status.uri)
    try:
        raw = desk.session.public_api.status_list(account, number)
    except (Unavailable, Denied):
        return None
    return StatusFact(raw.decode("latin-1"), desk.session.clock.now())


def _issuer(desk: Desk, credential: Credential) -> AgencyFacts | None:
    # That chain and registry are ours is a step of the verifier; here only the account is looked up.
    account = parse_agency_urn(credential.issuer).account
    try:
        return _if_known(lambda: desk.facts.agency(account))
    except Denied:
        raise Untrusted(
            "issuer_unregistered", "the issuer {iss} is not registered on this chain", iss=credential.issuer
        ) from None


def _dossier(desk: Desk, credential: Credential) -> DossierFacts | None:
    subject = credential.subject
    if subject is None:
        return None
    try:
        return _if_known(lambda: desk.facts.dossier(subject))
    except Denied:
        raise Untrusted("dossier_unregistered", "the credential's dossier is not registered on this chain") from None


def _have_cards(desk: Desk, issuer: AgencyFacts, credential: Credential, deposited: Deposited | None) -> None:
    """Ask for the full cards of the keys that signed; one that can't be had leaves its checks unknown."""
    kids = {credential.kid}
    if deposited is not None:
        kids.add(parse_slip(deposited.slip).jws.kid)
    for kid in kids:
        try:
            desk.issuer_card(issuer.account, kid)
        except OneFileError:
            continue


def _deposit(desk: Desk, deposited: Deposited | None, anchors: AnchorFacts | None) -> DepositEvidence | None:
    if deposited is None or anchors is None:
        return None
    entry = _if_known(lambda: entry_evidence(desk.session, deposited.entry, deposited.proof, anchors))
    if entry is None:
        return None
    return DepositEvidence(deposited.slip, deposited.salt, deposited.leaf_salt, entry)


def _if_known(ask: Callable[[], Found]) -> Found | None:
    try:
        return ask()
    except Unavailable:
        return None
