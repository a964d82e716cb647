"""What tests do on a stage: whole stories in one call, and how a refusal is expected."""

from __future__ import annotations

import pytest

from chain import events as e
from chain.ledger import (
    ROLE_ISSUER,
    Ledger,
)
from protocol.encoding import b64u
from protocol.entries import commitment, head_statement
from protocol.errors import OneFileError
from protocol.hashing import ZERO32, sha256
from protocol.merkle import consistency_proof
from tests.chain_stage import Actor, Dossier, Log, Stage, admitted, agency_card
from tests.chain_watch import Watch


def refused(kind: type[OneFileError], code: str) -> pytest.RaisesExc[OneFileError]:
    """Expect exactly this kind of error with this code."""
    return pytest.RaisesExc(kind, check=lambda error: error.code == code)


def a_dossier(stage: Stage) -> Dossier:
    dossier = Dossier(stage, Actor("alice cold"), Actor("alice"))
    dossier.open()
    return dossier


def an_open_log(stage: Stage, size: int) -> Log:
    log = Log(stage)
    log.open()
    log.grow(size)
    if size > 1:
        anchor(log, 1, size)
    return log


def anchor(log: Log, first: int, second: int, publisher: str = "publisher") -> None:
    ledger: Ledger = log.stage.ledger(publisher)
    proof = consistency_proof(first, second, log.node)
    ledger.anchor(log.hash, second, log.root(second), sha256(b"checkpoint %d" % second), proof)


def _guardians(stage: Stage, dossier: Dossier) -> None:
    """Guardians are named, freeze, and recover the dossier at the second attempt."""
    watch = Watch(dossier, delay=60)
    watch.name(nonce=2, by=Actor("alice cold 2"))
    watch.freeze()
    watch.propose()
    watch.veto(recovery=0, nonce=3)
    watch.propose(nonce=1)
    stage.advance(60)
    stage.ledger("relayer").execute_recovery(dossier.id)


def everything(stage: Stage) -> tuple[Dossier, Log]:
    """One of each event, in the order of `EVERYTHING`."""
    governor, police = stage.ledger("governor"), admitted(stage)
    agency_card(stage, police)
    stage.ledger("police").set_compromised(1, 1_000)
    governor.end_issue(police.account, "driving-licence")
    governor.end_role(police.account, ROLE_ISSUER)
    dossier = a_dossier(stage)
    dossier.rotate(dossier.owner, Actor("alice cold 2"), dossier.controller, 0)
    dossier.bump(dossier.controller, 1)
    digest = sha256(b"digest")
    stage.ledger("relayer").attest(dossier.id, digest, dossier.controller.sign(digest))
    _guardians(stage, dossier)
    stage.ledger("relayer").revoke(sha256(b"s"))
    log = an_open_log(stage, 3)
    owner = stage.ledger("log owner")
    owner.rotate_log_publisher(log.hash, Actor("publisher 2").account)
    owner.rotate_log_vkey(log.hash, log.vkey)
    owner.propose_log_owner(log.hash, Actor("log owner").account)
    owner.accept_log_owner(log.hash)
    owner.freeze_log(log.hash)
    statement = head_statement(log.origin, 3, log.root(3))
    heir = Log(stage, "next", b'{"c":"' + b64u(commitment(ZERO32, statement)).encode() + b'","t":"log"}')
    heir.open()
    owner.succeed_log(log.hash, heir.hash, heir.entries[0], [])
    return dossier, log


EVERYTHING: list[type] = [
    e.AgencyAdmitted,
    e.RoleSet,
    e.IssueAllowed,
    e.CardPublished,
    e.CardCompromised,
    e.IssueEnded,
    e.RoleEnded,
    e.DossierOpened,
    e.CardPublished,
    e.DossierRotated,
    e.EpochBumped,
    e.Attested,
    e.GuardiansProposed,
    e.GuardiansSet,
    e.DossierFrozen,
    e.RecoveryProposed,
    e.RecoveryVetoed,
    e.RecoveryProposed,
    e.DossierRecovered,
    e.Nullified,
    e.LogOpened,
    e.Anchored,
    e.Anchored,
    e.LogPublisherRotated,
    e.LogVkeyRotated,
    e.LogOwnerProposed,
    e.LogOwnerRotated,
    e.LogFrozen,
    e.LogOpened,
    e.Anchored,
    e.LogSucceeded,
]
