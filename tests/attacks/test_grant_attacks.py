"""What an attacker may try with a grant, one row each: what it must be refused for, on both paths.

``verify_grant`` (the path of every use) must raise the code, ``judge_grant`` must fail the named check and reject.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from protocol.eip712 import Domain
from protocol.errors import Denied, OneFileError, Unavailable, Untrusted
from protocol.facts import ROLE_ISSUER, ROLE_READER, CardFact, ControllerFact, NullifierFact, RoleFact
from protocol.grant import GrantEnvelope, ScopeItem
from protocol.grant_evidence import GrantEvidence
from protocol.hashing import keccak256
from protocol.signatures import ORDER
from protocol.verdict import POLICIES
from protocol.verify_grant import judge_grant, verify_grant
from tests.grant_samples import (
    ALICE,
    BANK_CARD,
    BOB,
    DOMAIN,
    SECRET,
    T0,
    WEEK,
    a_grant,
    a_scenario,
    a_scope,
    b32,
    bank_facts,
    dossier_facts,
    grant_evidence,
    nullifier_of,
    signed,
)


@dataclass(frozen=True)
class Attack:
    name: str
    check: str
    code: str
    error: type[OneFileError] = Denied
    envelope: Callable[[], GrantEnvelope] = lambda: signed(a_grant())
    evidence: dict[str, Any] = field(default_factory=dict)


def wrong_signature(change: Callable[[bytes], bytes]) -> Callable[[], GrantEnvelope]:
    def build() -> GrantEnvelope:
        good = signed(a_grant())
        return GrantEnvelope.of(good.grant, change(good.signature))

    return build


def high_s(signature: bytes) -> bytes:
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def with_signature_of(other: Any) -> Callable[[], GrantEnvelope]:
    """The honest message under a signature that was made over something else."""
    return lambda: GrantEnvelope.of(a_grant(), ALICE.sign(other.digest(DOMAIN)))


def over(**scope: Any) -> Callable[[], GrantEnvelope]:
    return lambda: signed(a_grant(scope=(a_scope(**scope),)))


def granting(**changes: Any) -> Callable[[], GrantEnvelope]:
    return lambda: signed(a_grant(**changes))


SPENT = {"nullified": NullifierFact(nullifier_of(SECRET), T0 + 10, T0)}
TWO = (a_scope(), ScopeItem(b32(0x17F), "licence", b32(1), ("/licence_class",), ()))
ITEMS_OF_TWO = {a_scope().item: frozenset(a_scope().documents), b32(0x17F): frozenset[bytes]()}

ATTACKS = [
    # signature
    Attack("for another chain", "grant_signature", "signature", Untrusted, lambda: signed(a_grant(), domain=Domain(1, DOMAIN.verifying_contract))),
    Attack("for another contract", "grant_signature", "signature", Untrusted, lambda: signed(a_grant(), domain=Domain(31337, b"\x01" * 20))),
    Attack("for another log", "grant_signature", "grant_log", Untrusted, granting(log=keccak256(b"onefile/31337/0x/other"))),
    Attack("for another dossier", "grant_signature", "grant_dossier", Untrusted, granting(dossier=b32(9))),
    Attack("signed by somebody else", "grant_signature", "signature", Untrusted, lambda: signed(a_grant(), by=BOB)),
    Attack("by a grantor who controls nothing", "grant_signature", "not_controller", Untrusted, lambda: signed(a_grant(grantor=BOB.address), by=BOB)),
    Attack("by a controller who came later", "grant_signature", "not_controller", Untrusted, evidence={"dossier": dossier_facts(controllers=(ControllerFact(BOB.address, T0 - 1000, T0 + 5), ControllerFact(ALICE.address, T0 + 5)))}),
    Attack("by a controller who had left", "grant_signature", "not_controller", Untrusted, evidence={"dossier": dossier_facts(controllers=(ControllerFact(ALICE.address, T0 - 1000, T0), ControllerFact(BOB.address, T0)))}),
    Attack("with the mirrored signature", "grant_signature", "signature_malleable", Untrusted, wrong_signature(high_s)),
    Attack("with the other recovery id", "grant_signature", "signature", Untrusted, wrong_signature(lambda s: s[:64] + bytes([55 - s[64]]))),
    Attack("with a zero signature", "grant_signature", "signature", Untrusted, wrong_signature(lambda s: bytes(64) + b"\x1b")),
    Attack("without a signature", "grant_signature", "not_attested", Untrusted, wrong_signature(lambda s: b"")),
    Attack("attested for another grant", "grant_signature", "not_attested", Untrusted, wrong_signature(lambda s: b""), {"dossier": dossier_facts(attested={a_grant(max_uses=2).digest(DOMAIN): T0})}),
    Attack("attested before the grantor controlled", "grant_signature", "not_controller", Untrusted, wrong_signature(lambda s: b""), {"dossier": dossier_facts(attested={a_grant().digest(DOMAIN): T0 - 5000})}),
    Attack("with one more use", "grant_signature", "signature", Untrusted, with_signature_of(a_grant(max_uses=2))),
    Attack("with a later end", "grant_signature", "signature", Untrusted, with_signature_of(a_grant(not_after=T0 + 100))),
    Attack("with another claim", "grant_signature", "signature", Untrusted, with_signature_of(a_grant(scope=(a_scope(claims=("/months_paid",)),)))),
    Attack("with another document", "grant_signature", "signature", Untrusted, with_signature_of(a_grant(scope=(a_scope(documents=()),)))),
    Attack("with another purpose", "grant_signature", "signature", Untrusted, with_signature_of(a_grant(purpose="Ads"))),
    Attack("with another agency", "grant_signature", "signature", Untrusted, with_signature_of(a_grant(agency=BOB.address))),
    Attack("with another nullifier", "grant_signature", "signature", Untrusted, with_signature_of(a_grant(nullifier=b32(3)))),
    # revocation
    Attack("revoked", "grant_revocation", "grant_revoked", evidence=SPENT),
    Attack("with the revocation record of another grant", "grant_revocation", "nullifier_other", Untrusted, evidence={"nullified": NullifierFact(b32(5), None, T0)}),
    Attack("of an epoch that ended", "grant_revocation", "grant_epoch", evidence={"dossier": dossier_facts(grant_epoch=2)}),
    Attack("of an epoch to come", "grant_revocation", "grant_epoch", envelope=granting(grant_epoch=2)),
    Attack("of a frozen dossier", "grant_revocation", "dossier_frozen", evidence={"dossier": dossier_facts(frozen_until=T0 + 61)}),
    # time
    Attack("a second after its end", "grant_time", "grant_expired", evidence={"now": T0 + WEEK, "dossier": dossier_facts(known_at=T0 + WEEK), "agency": bank_facts(known_at=T0 + WEEK), "nullified": NullifierFact(nullifier_of(SECRET), None, T0 + WEEK)}),
    Attack("a second before its beginning", "grant_time", "grant_not_yet", evidence={"now": T0 - 1, "last_use_at": None}),
    # uses
    Attack("a fourth time", "grant_uses", "grant_used_up", evidence={"uses": 3}),
    Attack("too soon again", "grant_uses", "grant_interval", envelope=granting(min_interval_s=31)),
    # scope
    Attack("by another agency", "grant_scope", "grant_agency", evidence={"agency": bank_facts(account=BOB.address)}),
    Attack("by an agency that is no reader", "grant_scope", "not_reader", evidence={"agency": bank_facts(roles=(RoleFact(ROLE_ISSUER, T0),))}),
    Attack("by an agency that was a reader", "grant_scope", "not_reader", evidence={"agency": bank_facts(roles=(RoleFact(ROLE_READER, 0, T0 + 60),))}),
    Attack("sealed to a foreign key card", "grant_scope", "grant_card", evidence={"agency": bank_facts(cards=(CardFact(b32(4), 1, T0),))}),
    Attack("sealed to a revoked key card", "grant_scope", "grant_card_revoked", evidence={"agency": bank_facts(cards=(CardFact(BANK_CARD, 1, T0), CardFact(b32(4), 2, T0, revoked_below=2)))}),
    Attack("sealed to a stolen key card", "grant_scope", "grant_card_revoked", evidence={"agency": bank_facts(cards=(CardFact(BANK_CARD, 1, T0, compromised_since=T0),))}),
    Attack("over an item of another dossier", "grant_scope", "item_unknown", envelope=over(item=b32(0xBAD))),
    Attack("over a document of another item", "grant_scope", "document_unknown", envelope=over(documents=(b32(0xBAD),))),
    # scenario
    Attack("over a claim that the scenario does not ask for", "scenario_minimum", "over_asking", envelope=over(claims=("/base_amount", "/holder/name"))),
    Attack("over a query that the scenario does not have", "scenario_minimum", "over_asking", envelope=over(query="diploma")),
    Attack("over two alternatives at once", "scenario_minimum", "over_asking", envelope=granting(scope=TWO), evidence={"items": ITEMS_OF_TWO}),
    Attack("over documents that the scenario does not ask for", "scenario_minimum", "over_asking", envelope=over(query="licence", claims=("/licence_class",))),
    Attack("for a scenario under another version", "scenario_minimum", "grant_scenario", Untrusted, evidence={"scenario": a_scenario(version=2)}),
    Attack("for a purpose that is not the scenario's", "scenario_minimum", "grant_purpose", envelope=granting(purpose="Advertising")),
    Attack("for more uses than the scenario allows", "scenario_minimum", "grant_exceeds_scenario", envelope=granting(max_uses=4)),
    Attack("for longer than the scenario allows", "scenario_minimum", "grant_exceeds_scenario", envelope=granting(not_after=T0 + WEEK + 1)),
    Attack("for keeping longer than the scenario allows", "scenario_minimum", "grant_exceeds_scenario", envelope=granting(retention_days=31)),
    Attack("to an agency of a class without this scenario", "scenario_minimum", "scenario_grantee", evidence={"agency": bank_facts(division="insurer")}),
    # mandate
    Attack("under a mandate that nobody has seen", "mandate", "mandate_missing", envelope=granting(mandate=b32(8))),
]  # fmt: skip


def in_withdrawn_scenario() -> tuple[GrantEnvelope, dict[str, Any]]:
    scenario = a_scenario(withdrawn=T0 + 60)
    return signed(a_grant(scenario=scenario.hash)), {"scenario": scenario}


def in_expired_scenario() -> tuple[GrantEnvelope, dict[str, Any]]:
    scenario = a_scenario(expires=T0 + 60)
    return signed(a_grant(scenario=scenario.hash)), {"scenario": scenario}


def refused(envelope: GrantEnvelope, evidence: GrantEvidence, attack: Attack) -> None:
    with pytest.raises(attack.error) as caught:
        verify_grant(envelope, evidence)
    assert caught.value.code == attack.code
    verdict = judge_grant(envelope, evidence, POLICIES["release"])
    assert verdict.verdict == "reject"
    found = verdict.check(attack.check)
    assert found is not None
    assert (found.status, found.code) == ("fail", attack.code)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_a_grant_is_refused(attack: Attack) -> None:
    refused(attack.envelope(), grant_evidence(**attack.evidence), attack)


@pytest.mark.parametrize(
    ("build", "code"),
    [(in_withdrawn_scenario, "scenario_withdrawn"), (in_expired_scenario, "scenario_not_in_force")],
)
def test_a_grant_ends_with_its_scenario(build: Callable[[], tuple[GrantEnvelope, dict[str, Any]]], code: str) -> None:
    envelope, changes = build()
    attack = Attack("", "scenario_minimum", code)
    refused(envelope, grant_evidence(**changes), attack)


def test_the_grant_that_every_attack_bends_is_itself_good() -> None:
    assert verify_grant(signed(a_grant()), grant_evidence()).grant == a_grant()
    assert judge_grant(signed(a_grant()), grant_evidence(), POLICIES["release"]).verdict == "accept"


def test_no_two_attacks_share_a_name() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(set(names)) == len(names)


def test_facts_that_are_an_hour_old_decide_nothing() -> None:
    for stale in (
        {"dossier": dossier_facts(known_at=T0 - 3541)},
        {"agency": bank_facts(known_at=T0 - 3541)},
        {"nullified": NullifierFact(nullifier_of(SECRET), None, T0 - 3541)},
    ):
        evidence = grant_evidence(**stale)
        with pytest.raises(Unavailable) as caught:
            verify_grant(signed(a_grant()), evidence)
        assert caught.value.code == "chain_stale"
        assert judge_grant(signed(a_grant()), evidence, POLICIES["release"]).verdict == "indeterminate"
    fresh = grant_evidence(dossier=dossier_facts(known_at=T0 - 3540))
    assert verify_grant(signed(a_grant()), fresh).at == T0 + 60


def test_a_remembered_scenario_does_not_let_a_worse_grant_through() -> None:
    scenario = a_scenario()
    for _ in range(2):
        verify_grant(signed(a_grant()), grant_evidence(scenario=scenario))
    worse = replace(a_grant(), scope=(a_scope(claims=("/base_amount", "/holder/name")),))
    with pytest.raises(Denied) as caught:
        verify_grant(signed(worse), grant_evidence(scenario=scenario))
    assert caught.value.code == "over_asking"
    with pytest.raises(Denied):
        verify_grant(signed(a_grant()), grant_evidence(scenario=scenario, agency=bank_facts(division="insurer")))
