"""What the verification of a credential or presentation rests on besides it (docs/spec/verdict.md §3).

A fact that is not at hand is None, and leaves its checks ``unknown``: a verifier without a network is not told that a
credential is bad. Full key cards come from anywhere; they count only where a registry keeps their hash.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.credential import Credential
from protocol.eip712 import Domain
from protocol.facts import AgencyFacts, AnchorFacts, DossierFacts, StatusFact
from protocol.grant_evidence import KnownScenario
from protocol.keycard import KeyCardEnvelope
from protocol.verdict import Verdict
from protocol.verify_log import DEFAULT_CONFIRMATIONS, EntryEvidence, VerifiedEntry


@dataclass(frozen=True, slots=True)
class Registries:
    """The EIP-712 domains of AgencyRegistry and DossierRegistry, in which key cards are hashed."""

    agency: Domain
    dossier: Domain


@dataclass(frozen=True, slots=True)
class DepositEvidence:
    """How the item came into the log: its slip (JWS), the salts of item commitment and leaf, and the leaf."""

    slip: str
    salt: bytes
    leaf_salt: bytes
    entry: EntryEvidence


@dataclass(frozen=True, slots=True)
class CredentialEvidence:
    """Facts for one credential at ``now`` (seconds). ``dossier_cards``, ``issuer_cards``: full key cards at hand."""

    now: int
    registries: Registries
    issuer: AgencyFacts | None = None
    issuer_cards: tuple[KeyCardEnvelope, ...] = ()
    dossier: DossierFacts | None = None
    dossier_cards: tuple[KeyCardEnvelope, ...] = ()
    status: StatusFact | None = None
    deposit: DepositEvidence | None = None
    anchors: AnchorFacts | None = None
    confirmations: int = DEFAULT_CONFIRMATIONS


@dataclass(frozen=True, slots=True)
class Asked:
    """What a presentation must answer. ``aud``: the reader's urn; ``nonce``: base64url of grant id or receipt nonce.

    ``named``: the RFC 6901 pointers that are to be shown, exactly. ``item`` and ``documents``: what the grant opens,
    None for a show. ``scenario`` and ``query``: what it is asked for.
    """

    aud: str
    nonce: str
    named: tuple[str, ...]
    scenario: KnownScenario
    query: str
    item: bytes | None = None
    documents: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifiedCredential:
    """A credential or presentation that a policy accepts. ``entry``: its place in the log, if that was verified."""

    credential: Credential
    entry: VerifiedEntry | None
    verdict: Verdict
