"""From the contracts' events, as the ABI names them, to the events of the ledger: one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chain import events as e
from chain.codec import DecodedEvent
from chain.guardians import KIND_ALL

Row = Callable[[e.EventRef, Mapping[str, Any]], e.Event]

_ZERO_ADDRESS = bytes(20)


def to_event(at: e.EventRef, decoded: DecodedEvent) -> e.Event | None:
    """The ledger's event; None for one that the ledger leaves out (`LEFT_OUT`)."""
    row = ROWS.get((decoded.contract, decoded.name))
    return row(at, decoded.args) if row is not None else None


def _card(*, of_agency: bool) -> Row:
    def row(at: e.EventRef, a: Mapping[str, Any]) -> e.Event:
        _subject, _seq, thumbprint, sealing, valid_from, revoked_below, previous = a["card"]
        return e.CardPublished(
            at,
            of_agency,
            a["subject"],
            a["cardHash"],
            a["seq"],
            thumbprint,
            sealing,
            valid_from,
            revoked_below,
            previous,
        )

    return row


ROWS: dict[tuple[str, str], Row] = {
    ("AgencyRegistry", "AgencyAdmitted"): lambda at, a: e.AgencyAdmitted(at, a["agency"], a["name"], a["division"]),
    ("AgencyRegistry", "RoleSet"): lambda at, a: e.RoleSet(at, a["agency"], a["role"]),
    ("AgencyRegistry", "RoleEnded"): lambda at, a: e.RoleEnded(at, a["agency"], a["role"]),
    ("AgencyRegistry", "IssueAllowed"): lambda at, a: e.IssueAllowed(at, a["agency"], a["name"]),
    ("AgencyRegistry", "IssueEnded"): lambda at, a: e.IssueEnded(at, a["agency"], a["licenceType"]),
    ("AgencyRegistry", "CardCompromised"): lambda at, a: e.CardCompromised(
        at, a["agency"], a["seq"], a["since"], a["reporter"]
    ),
    ("AgencyRegistry", "KeyCardPublished"): _card(of_agency=True),
    ("DossierRegistry", "KeyCardPublished"): _card(of_agency=False),
    ("DossierRegistry", "DossierOpened"): lambda at, a: e.DossierOpened(
        at, a["dossier"], a["owner"], a["controller"], a["salt"]
    ),
    ("DossierRegistry", "DossierRotated"): lambda at, a: e.DossierRotated(
        at, a["dossier"], a["owner"], a["controller"]
    ),
    ("DossierRegistry", "EpochBumped"): lambda at, a: e.EpochBumped(at, a["dossier"], a["grantEpoch"]),
    ("DossierRegistry", "Attested"): lambda at, a: e.Attested(at, a["dossier"], a["digest"], a["controller"]),
    ("DossierRegistry", "GuardiansProposed"): lambda at, a: e.GuardiansProposed(
        at, a["dossier"], a["setHash"], a["threshold"], a["delay"], a["readyAt"]
    ),
    ("DossierRegistry", "GuardiansSet"): lambda at, a: e.GuardiansSet(
        at, a["dossier"], a["setHash"], a["threshold"], a["delay"]
    ),
    ("DossierRegistry", "DossierFrozen"): lambda at, a: e.DossierFrozen(at, a["dossier"], a["guardian"], a["until"]),
    ("DossierRegistry", "RecoveryProposed"): lambda at, a: e.RecoveryProposed(
        at, a["dossier"], a["recovery"], a["kind"] == KIND_ALL, a["newOwner"], a["newController"], a["readyAt"]
    ),
    ("DossierRegistry", "RecoveryVetoed"): lambda at, a: e.RecoveryVetoed(at, a["dossier"], a["recovery"]),
    ("DossierRegistry", "DossierRecovered"): lambda at, a: e.DossierRecovered(
        at, a["dossier"], a["owner"], a["controller"]
    ),
    ("GrantRegistry", "Nullified"): lambda at, a: e.Nullified(at, a["nullifier"], a["secret"]),
    ("ArchiveLog", "LogOpened"): lambda at, a: e.LogOpened(
        at, a["origin"], a["name"], a["owner"], a["publisher"], a["logVkey"], a["entry0"]
    ),
    ("ArchiveLog", "Anchored"): lambda at, a: e.Anchored(at, a["origin"], a["size"], a["root"], a["checkpointHash"]),
    ("ArchiveLog", "PublisherRotated"): lambda at, a: e.LogPublisherRotated(at, a["origin"], a["publisher"]),
    ("ArchiveLog", "LogVkeyRotated"): lambda at, a: e.LogVkeyRotated(at, a["origin"], a["logVkey"]),
    ("ArchiveLog", "LogOwnerProposed"): lambda at, a: e.LogOwnerProposed(
        at, a["origin"], a["pendingOwner"] if a["pendingOwner"] != _ZERO_ADDRESS else None
    ),
    ("ArchiveLog", "LogOwnerRotated"): lambda at, a: e.LogOwnerRotated(at, a["origin"], a["owner"]),
    ("ArchiveLog", "LogFrozen"): lambda at, a: e.LogFrozen(at, a["origin"], a["size"], a["root"]),
    ("ArchiveLog", "LogSucceeded"): lambda at, a: e.LogSucceeded(at, a["origin"], a["successor"]),
}

# Who governs is asked of the contract, and the EIP-712 domain of our contracts never changes.
LEFT_OUT = frozenset(
    {
        ("AgencyRegistry", "OwnershipTransferStarted"),
        ("AgencyRegistry", "OwnershipTransferred"),
        ("AgencyRegistry", "EIP712DomainChanged"),
        ("DossierRegistry", "EIP712DomainChanged"),
        ("GrantRegistry", "EIP712DomainChanged"),
    }
)
