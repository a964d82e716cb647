"""A grant as the story of the demonstration makes it, with the evidence that a vault has at a release."""

from __future__ import annotations

from coincurve import PrivateKey

from protocol import jose
from protocol.eip712 import Domain
from protocol.facts import ROLE_READER, AgencyFacts, CardFact, ControllerFact, DossierFacts, NullifierFact, RoleFact
from protocol.grant import ANY_OFFICER, NO_MANDATE, AccessGrant, GrantEnvelope, ScopeItem
from protocol.grant_evidence import GrantEvidence, KnownScenario
from protocol.hashing import keccak256
from protocol.scenario import DAY_S, Scenario, parse_scenario, scenario_from_json, sign_scenario

NOW = 1_800_000_000
ORIGIN = keccak256(b"onefile/31337/0x00000000000000000000000000000000000000a4/main")
PURPOSE = {"zh": "核实社保缴纳情况，用于小额贷款审批", "en": "Check social insurance for a small loan"}


def b32(number: int) -> bytes:
    return number.to_bytes(32, "big")


BANK = b32(0xBA2C)[12:]
HOLDER = PrivateKey(b32(0xA11CE))
HOLDER_ADDRESS = keccak256(HOLDER.public_key.format(compressed=False)[1:])[12:]


def small_loan(authority: str, at: int, *, uses: int = 3) -> Scenario:
    """The scenario ``small-loan`` of an authority (its urn), in force around ``at``: one query, ``uses`` at most."""
    return scenario_from_json(
        {
            "scenario_id": "small-loan",
            "version": 1,
            "title": {"zh": "小额贷款", "en": "Small loan"},
            "authority": authority,
            "legal_basis": ["《征信业管理条例》第十八条"],
            "purpose": PURPOSE,
            "query": {
                "credentials": [
                    {
                        "id": "insurance",
                        "format": "dc+sd-jwt",
                        "meta": {"vct_values": ["urn:onefile:licence:social-insurance-proof:1"]},
                        "claims": [{"path": ["base_amount"]}, {"path": ["months_paid"]}, {"path": ["files", None]}],
                    }
                ]
            },
            "alternatives": [["insurance"]],
            "sensitivity": 3,
            "max_age": 0,
            "retention_days": 30,
            "max_uses": uses,
            "max_validity_days": 7,
            "grantee_classes": ["bank"],
            "effective": at - DAY_S,
            "expires": at + 365 * DAY_S,
            "withdrawn": None,
            "supersedes": None,
        }
    )


def scenario() -> KnownScenario:
    """``small-loan``, signed by a scenario authority."""
    body = small_loan(f"urn:onefile:agency:31337:0x{'a1' * 20}:0x{'b0' * 20}", NOW)
    signer = jose.P256Signer.from_secret(b32(0x5CE))
    return KnownScenario.of(parse_scenario(sign_scenario(body, signer)))


class Case:
    """One signed grant (two claims, one document, seven days, three uses) and its registry facts."""

    def __init__(self) -> None:
        self.domain = Domain(31337, b32(0xA3)[12:])
        self.scenario = scenario()
        self.grant = AccessGrant(
            grant_id=b32(0x6A),
            log=ORIGIN,
            dossier=b32(0xD055),
            grant_epoch=1,
            grantor=HOLDER_ADDRESS,
            mandate=NO_MANDATE,
            agency=BANK,
            agency_card=b32(0xCA2D),
            scenario=self.scenario.hash,
            purpose=PURPOSE["zh"],
            officer_class=ANY_OFFICER,
            scope=(ScopeItem(b32(0x17E), "insurance", b32(0x9A), ("/base_amount", "/months_paid"), (b32(0xD0C),)),),
            not_before=NOW,
            not_after=NOW + 7 * DAY_S,
            max_uses=3,
            min_interval_s=0,
            retention_days=30,
            max_depth=0,
            nullifier=b32(0x2E),
        )
        self.digest = self.grant.digest(self.domain)
        raw = HOLDER.sign_recoverable(self.digest, hasher=None)
        self.compact = raw
        self.envelope = GrantEnvelope.of(self.grant, raw[:64] + bytes([27 + raw[64]]))
        self.items = {b32(0x17E): frozenset({b32(0xD0C), b32(0xD0D)})}
        self.dossier = DossierFacts(
            dossier=self.grant.dossier,
            controllers=(ControllerFact(HOLDER_ADDRESS),),
            cards=(CardFact(b32(0xCA), 1, NOW - DAY_S),),
            grant_epoch=1,
            known_at=NOW,
        )
        self.agency = AgencyFacts(
            account=BANK,
            name="示范银行",
            division="bank",
            roles=(RoleFact(ROLE_READER, NOW - DAY_S),),
            issues=(),
            cards=(CardFact(b32(0xCA2D), 1, NOW - DAY_S),),
            known_at=NOW,
        )

    def evidence(self) -> GrantEvidence:
        """Built anew for each use, as the vault does: uses, revocation and time change."""
        return GrantEvidence(
            domain=self.domain,
            log=ORIGIN,
            scenario=self.scenario,
            dossier=self.dossier,
            agency=self.agency,
            nullified=NullifierFact(self.grant.nullifier, None, NOW),
            uses=1,
            last_use_at=NOW + 1,
            now=NOW + 60,
            posted_at=NOW,
            items=self.items,
        )
