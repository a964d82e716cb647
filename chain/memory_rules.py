"""What the registries check, for the in-memory ledger: each function refuses, or says which events happen.

The order of the checks is the contracts' own. The conformance suite runs the same steps over both ledgers. What the
ArchiveLog checks stands in `chain.memory_log_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chain import events as e
from chain.deployment import Deployment
from chain.reverts import refusal
from chain.values import ROLES, AgencyState, DossierState
from chain.world import World
from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.eip712 import Domain
from protocol.errors import OneFileError
from protocol.hashing import ZERO32, keccak256
from protocol.identifiers import dossier_id
from protocol.keycard import KeyCard
from protocol.signatures import verify_account

ZERO_ADDRESS = bytes(20)
DAY_S = 86_400
GOVERNOR_REACH_S = 90 * DAY_S
CARD_AHEAD_S = 3_600

Happening = Callable[[e.EventRef], e.Event]
Approver = Callable[[bytes, bytes], bool]


@dataclass(frozen=True, slots=True)
class Turn:
    """One transaction: the state before it, the time of its block, who sends, and who governs.

    `approvers` are the accounts that are contracts: digest and signature to their answer (ERC-1271).
    """

    world: World
    time: int
    sender: bytes
    governor: bytes
    deployment: Deployment
    approvers: Mapping[bytes, Approver]


def admit(turn: Turn, account: bytes, name: str, division: str) -> list[Happening]:
    _only_governor(turn)
    not_zero(account)
    if account in turn.world.agencies:
        raise refusal("AgencyExists", agency=account)
    _text(name, 200)
    _text(division, 32)
    return [lambda at: e.AgencyAdmitted(at, account, name, division)]


def set_role(turn: Turn, account: bytes, role: int) -> list[Happening]:
    _only_governor(turn)
    agency = _agency(turn, account)
    if role not in ROLES:
        raise refusal("RoleUnknown", role=role)
    if _holds(agency, role):
        raise refusal("RoleAlreadyHeld", agency=account, role=role)
    return [lambda at: e.RoleSet(at, account, role)]


def end_role(turn: Turn, account: bytes, role: int) -> list[Happening]:
    _only_governor(turn)
    agency = turn.world.agencies.get(account)
    if agency is None or not _holds(agency, role):
        raise refusal("RoleNotHeld", agency=account, role=role)
    return [lambda at: e.RoleEnded(at, account, role)]


def allow_issue(turn: Turn, account: bytes, licence_type: str) -> list[Happening]:
    _only_governor(turn)
    agency = _agency(turn, account)
    _text(licence_type, 64)
    if _issues(agency, licence_type):
        raise refusal("IssueAlreadyAllowed", agency=account, licence_type=keccak256(licence_type.encode()))
    return [lambda at: e.IssueAllowed(at, account, licence_type)]


def end_issue(turn: Turn, account: bytes, licence_type: str) -> list[Happening]:
    _only_governor(turn)
    type_hash = keccak256(licence_type.encode())
    agency = turn.world.agencies.get(account)
    if agency is None or not _issues(agency, licence_type):
        raise refusal("IssueNotAllowed", agency=account, licence_type=type_hash)
    return [lambda at: e.IssueEnded(at, account, type_hash)]


def set_compromised(turn: Turn, account: bytes, seq: int, since: int, *, by_governor: bool) -> list[Happening]:
    if by_governor:
        _only_governor(turn)
    agency = turn.world.agencies.get(account)
    if agency is None or not 1 <= seq <= len(agency.cards):
        raise refusal("CardUnknown", agency=account, seq=seq)
    current = agency.cards[seq - 1].compromised_since
    earliest = turn.time - GOVERNOR_REACH_S if by_governor else 1
    if not earliest <= since <= turn.time:
        raise refusal("CompromiseTimeInvalid", earliest=earliest, latest=turn.time, got=since)
    if current is not None and since >= current:
        raise refusal("CompromiseNotEarlier", current=current, got=since)
    return [lambda at: e.CardCompromised(at, account, seq, since, turn.sender)]


def publish_agency_card(turn: Turn, card: KeyCard, signature: bytes) -> list[Happening]:
    account = card.subject[12:]
    if any(card.subject[:12]):
        raise refusal("CardSubjectInvalid")
    agency = _agency(turn, account)
    newest = agency.card
    if newest is None:
        _next_card(turn, card, ZERO32, 0, 0, 0)
    else:
        _next_card(turn, card, newest.hash, newest.seq, newest.valid_from, newest.revoked_below)
    digest = card.digest(Domain(turn.deployment.chain_id, turn.deployment.contracts.agency_registry))
    signed(turn, [account], digest, signature)
    return [_published(card, digest, of_agency=True)]


def open_dossier(
    turn: Turn, message: OpenDossier, owner_signature: bytes, card: KeyCard, card_signature: bytes
) -> list[Happening]:
    in_time(turn, message.deadline)
    not_zero(message.owner, message.controller)
    domain = dossiers(turn)
    dossier = dossier_id(domain.chain_id, domain.verifying_contract, message.owner, message.salt)
    if dossier in turn.world.dossiers:
        raise refusal("DossierExists", dossier=dossier)
    if card.subject != dossier:
        raise refusal("CardSubjectInvalid")
    signed(turn, [message.owner], message.digest(domain), owner_signature)
    _next_card(turn, card, ZERO32, 0, 0, 0)
    digest = card.digest(domain)
    signed(turn, [message.controller, message.owner], digest, card_signature)
    return [
        lambda at: e.DossierOpened(at, dossier, message.owner, message.controller, message.salt),
        _published(card, digest, of_agency=False),
    ]


def rotate_dossier(turn: Turn, message: RotateDossier, signature: bytes) -> list[Happening]:
    in_time(turn, message.deadline)
    not_zero(message.new_owner, message.new_controller)
    dossier = known_dossier(turn, message.dossier)
    next_nonce(dossier, message.nonce)
    signed(turn, [dossier.owner], message.digest(dossiers(turn)), signature)
    return [lambda at: e.DossierRotated(at, message.dossier, message.new_owner, message.new_controller)]


def publish_dossier_card(turn: Turn, card: KeyCard, signature: bytes) -> list[Happening]:
    d = known_dossier(turn, card.subject)
    _next_card(turn, card, d.card_hash, d.card_seq, d.card_valid_from, d.revoked_below)
    digest = card.digest(dossiers(turn))
    _signed_by_holder(turn, d, digest, signature)
    return [_published(card, digest, of_agency=False)]


def bump_epoch(turn: Turn, message: BumpEpoch, signature: bytes) -> list[Happening]:
    in_time(turn, message.deadline)
    dossier = known_dossier(turn, message.dossier)
    next_nonce(dossier, message.nonce)
    _signed_by_holder(turn, dossier, message.digest(dossiers(turn)), signature)
    return [lambda at: e.EpochBumped(at, message.dossier, dossier.grant_epoch + 1)]


def attest(turn: Turn, dossier: bytes, digest: bytes, signature: bytes) -> list[Happening]:
    d = known_dossier(turn, dossier)
    time = turn.world.attested.get((dossier, digest))
    if time is not None:
        raise refusal("AlreadyAttested", dossier=dossier, digest=digest, time=time)
    signed(turn, [d.controller], digest, signature)
    if turn.time < d.frozen_until:
        raise refusal("DossierIsFrozen", dossier=dossier, until=d.frozen_until)
    return [lambda at: e.Attested(at, dossier, digest, d.controller)]


def revoke(turn: Turn, secret: bytes) -> list[Happening]:
    nullifier = keccak256(secret)
    time = turn.world.nullified.get(nullifier)
    if time is not None:
        raise refusal("AlreadyNullified", nullifier=nullifier, time=time)
    return [lambda at: e.Nullified(at, nullifier, secret)]


def _published(card: KeyCard, digest: bytes, *, of_agency: bool) -> Happening:
    return lambda at: e.CardPublished(
        at,
        of_agency,
        card.subject,
        digest,
        card.seq,
        card.present_key_thumbprint,
        card.sealing_key_hash,
        card.valid_from,
        card.revoked_below,
        card.previous,
    )


def _next_card(turn: Turn, card: KeyCard, current: bytes, seq: int, valid_from: int, revoked_below: int) -> None:
    if card.seq != seq + 1:
        raise refusal("CardSequenceInvalid", expected=seq + 1, got=card.seq)
    if card.previous != current:
        raise refusal("CardPreviousInvalid", expected=current, got=card.previous)
    if ZERO32 in (card.present_key_thumbprint, card.sealing_key_hash):
        raise refusal("CardKeyMissing")
    if card.revoked_below < revoked_below:
        raise refusal("CardRevokedBelowInvalid", lowest=revoked_below, highest=card.seq, got=card.revoked_below)
    earliest, latest = max(turn.time - DAY_S, valid_from), turn.time + CARD_AHEAD_S
    if not earliest <= card.valid_from <= latest:
        raise refusal("CardValidFromInvalid", earliest=earliest, latest=latest, got=card.valid_from)


def _signed_by_holder(turn: Turn, d: DossierState, digest: bytes, signature: bytes) -> None:
    signed(turn, [d.controller, d.owner], digest, signature)
    if turn.time < d.frozen_until:
        try:
            signed(turn, [d.owner], digest, signature)
        except OneFileError:
            raise refusal("DossierIsFrozen", dossier=d.dossier, until=d.frozen_until) from None


def signed(turn: Turn, accounts: Sequence[bytes], digest: bytes, signature: bytes) -> None:
    """One of `accounts` signed the digest: a key, or a contract that approves it."""
    for account in accounts:
        approver = turn.approvers.get(account)
        if approver is not None:
            if approver(digest, signature):
                return
            continue
        try:
            verify_account(digest, signature, account)
        except OneFileError:
            continue
        return
    raise refusal("SignatureInvalid", digest=digest)


def _only_governor(turn: Turn) -> None:
    if turn.sender != turn.governor:
        raise refusal("OwnableUnauthorizedAccount", account=turn.sender)


def not_zero(*accounts: bytes) -> None:
    """No account of a call may be zero."""
    if ZERO_ADDRESS in accounts:
        raise refusal("AccountMissing")


def _text(text: str, longest: int) -> None:
    if not 1 <= len(text.encode()) <= longest:
        raise refusal("TextInvalid", longest=longest, got=len(text.encode()))


def in_time(turn: Turn, deadline: int) -> None:
    """The message is not too late for this block."""
    if turn.time > deadline:
        raise refusal("DeadlinePassed", deadline=deadline, time=turn.time)


def next_nonce(dossier: DossierState, nonce: int) -> None:
    """The message carries the nonce that the dossier expects."""
    if nonce != dossier.nonce:
        raise refusal("NonceInvalid", dossier=dossier.dossier, expected=dossier.nonce, got=nonce)


def _agency(turn: Turn, account: bytes) -> AgencyState:
    agency = turn.world.agencies.get(account)
    if agency is None:
        raise refusal("AgencyUnknown", agency=account)
    return agency


def _holds(agency: AgencyState, role: int) -> bool:
    return any(span.role == role and span.until is None for span in agency.roles)


def _issues(agency: AgencyState, licence_type: str) -> bool:
    return any(span.licence_type == licence_type and span.until is None for span in agency.issues)


def dossiers(turn: Turn) -> Domain:
    """The domain of the messages to the DossierRegistry."""
    return Domain(turn.deployment.chain_id, turn.deployment.contracts.dossier_registry)


def known_dossier(turn: Turn, dossier: bytes) -> DossierState:
    """The dossier, which must be open."""
    found = turn.world.dossiers.get(dossier)
    if found is None:
        raise refusal("DossierUnknown", dossier=dossier)
    return found
