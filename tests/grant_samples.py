"""A holder, an agency and a grant between them, with fixed keys, for the tests of grants and verdicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coincurve import PrivateKey

from protocol.eip712 import Domain
from protocol.facts import (
    ROLE_READER,
    AgencyFacts,
    CardFact,
    ControllerFact,
    DossierFacts,
    NullifierFact,
    RoleFact,
)
from protocol.grant import AccessGrant, GrantEnvelope, ScopeItem, nullifier_of, revocation_secret
from protocol.grant_evidence import GrantEvidence, KnownScenario
from protocol.hashing import ZERO32, keccak256
from protocol.jose import P256Signer
from protocol.scenario import parse_scenario, scenario_from_json, sign_scenario

CHAIN = 31337
ORIGIN = "onefile/31337/0x00000000000000000000000000000000000000a4/main"
GRANTS = bytes(19) + b"\xa3"  # the GrantRegistry
DOMAIN = Domain(CHAIN, GRANTS)
T0 = 1_800_000_000
WEEK = 7 * 86_400
REVOKE_KEY = b"\x77" * 32


class Account:
    """A secp256k1 account with a key that everyone may know."""

    def __init__(self, seed: int) -> None:
        self.key = PrivateKey(seed.to_bytes(32, "big"))
        self.address = keccak256(self.key.public_key.format(compressed=False)[1:])[12:]

    def sign(self, digest: bytes) -> bytes:
        raw = self.key.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes([27 + raw[64]])


ALICE = Account(0xA11CE)
BOB = Account(0xB0B)
BANK = Account(0xBA2C)


def b32(number: int) -> bytes:
    return number.to_bytes(32, "big")


ITEM = b32(0x17E)
DOSSIER = b32(0xD055)
SECRET = revocation_secret(REVOKE_KEY, b32(0x6A))


def a_scope(**changes: Any) -> ScopeItem:
    scope = ScopeItem(
        item=ITEM,
        query="insurance",
        parcel=b32(0x9A),
        claims=("/base_amount", "/months_paid"),
        documents=(b32(0xD0C),),
    )
    return replace(scope, **changes)


def a_grant(**changes: Any) -> AccessGrant:
    """A grant from Alice to the bank: two claims and a document, seven days, three uses."""
    grant = AccessGrant(
        grant_id=b32(0x6A),
        log=keccak256(ORIGIN.encode()),
        dossier=DOSSIER,
        grant_epoch=1,
        grantor=ALICE.address,
        mandate=ZERO32,
        agency=BANK.address,
        agency_card=b32(0xCA2D),
        scenario=SCENARIO.hash,
        purpose="核实社保缴纳情况，用于小额贷款审批",
        officer_class=ZERO32,
        scope=(a_scope(),),
        not_before=T0,
        not_after=T0 + WEEK,
        max_uses=3,
        min_interval_s=0,
        retention_days=30,
        max_depth=0,
        nullifier=nullifier_of(SECRET),
    )
    return replace(grant, **changes)


def signed(grant: AccessGrant, by: Account = ALICE, domain: Domain = DOMAIN) -> GrantEnvelope:
    return GrantEnvelope.of(grant, by.sign(grant.digest(domain)))


PURPOSE = {"zh": "核实社保缴纳情况，用于小额贷款审批", "en": "Check social insurance for a small loan"}


def a_scenario(**changes: Any) -> KnownScenario:
    """``small-loan``: three claims of an insurance proof, or two of a payslip; a bank, three uses, seven days."""
    body: dict[str, Any] = {
        "scenario_id": "small-loan",
        "version": 1,
        "title": {"zh": "小额贷款", "en": "Small loan"},
        "authority": f"urn:onefile:agency:{CHAIN}:0x{'a1' * 20}:0x{'b0' * 20}",
        "legal_basis": ["《征信业管理条例》第十八条"],
        "purpose": PURPOSE,
        "query": {
            "credentials": [
                {
                    "id": "insurance",
                    "format": "dc+sd-jwt",
                    "meta": {"vct_values": ["urn:onefile:licence:social-insurance-proof:1"]},
                    "claims": [
                        {"path": ["base_amount"]},
                        {"path": ["months_paid"]},
                        {"path": ["files", None], "optional": True},
                    ],
                },
                {
                    "id": "licence",
                    "format": "dc+sd-jwt",
                    "meta": {"vct_values": ["urn:onefile:licence:driving-licence:1"]},
                    "claims": [{"path": ["licence_class"], "values": ["C1", "B2"]}],
                },
            ],
            "credential_sets": [{"options": [["insurance"], ["licence"]]}],
        },
        "alternatives": [["insurance"], ["licence"]],
        "sensitivity": 3,
        "max_age": 0,
        "retention_days": 30,
        "max_uses": 3,
        "max_validity_days": 7,
        "grantee_classes": ["bank"],
        "effective": T0 - 86_400,
        "expires": T0 + 365 * 86_400,
        "withdrawn": None,
        "supersedes": None,
    }
    signer = P256Signer.from_secret(b32(0x5CE))
    return KnownScenario.of(parse_scenario(sign_scenario(scenario_from_json({**body, **changes}), signer)))


SCENARIO = a_scenario()
BANK_CARD = b32(0xCA2D)


def bank_facts(**changes: Any) -> AgencyFacts:
    facts = AgencyFacts(
        account=BANK.address,
        name="示范银行",
        division="bank",
        roles=(RoleFact(ROLE_READER, T0 - 100),),
        issues=(),
        cards=(CardFact(BANK_CARD, 1, T0 - 100),),
        known_at=T0,
    )
    return replace(facts, **changes)


def dossier_facts(**changes: Any) -> DossierFacts:
    facts = DossierFacts(
        dossier=DOSSIER,
        controllers=(ControllerFact(ALICE.address, T0 - 1000),),
        cards=(CardFact(b32(0xCA), 1, T0 - 1000),),
        grant_epoch=1,
        known_at=T0,
    )
    return replace(facts, **changes)


def grant_evidence(**changes: Any) -> GrantEvidence:
    """What the vault knows a minute after the grant was posted and once used."""
    evidence = GrantEvidence(
        domain=DOMAIN,
        log=keccak256(ORIGIN.encode()),
        scenario=SCENARIO,
        dossier=dossier_facts(),
        agency=bank_facts(),
        nullified=NullifierFact(nullifier_of(SECRET), None, T0),
        uses=1,
        last_use_at=T0 + 30,
        now=T0 + 60,
        posted_at=T0 + 1,
        items={ITEM: frozenset({b32(0xD0C), b32(0xD0D)})},
    )
    return evidence._replace(**changes)
