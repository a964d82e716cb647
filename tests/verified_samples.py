"""An insurance proof in Alice's dossier, deposited, anchored, granted to the bank and presented; all true.

Every value stands alone, so that a test bends one and leaves the rest as it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coincurve import PrivateKey

from protocol.credential import present_credential
from protocol.credential_evidence import Asked, CredentialEvidence, DepositEvidence, Registries
from protocol.eip712 import Domain
from protocol.encoding import b64u
from protocol.facts import (
    ROLE_ISSUER,
    AgencyFacts,
    CardFact,
    ControllerFact,
    DossierFacts,
    IssueFact,
    NullifierFact,
    RoleFact,
    StatusFact,
)
from protocol.grant import GrantEnvelope, ScopeItem
from protocol.grant_evidence import GrantEvidence, KnownScenario
from protocol.hashing import keccak256, sha256
from protocol.identifiers import agency_subject, parse_agency_urn
from protocol.jose import P256Signer
from protocol.keycard import KeyCard, KeyCardEnvelope, first_card, next_card, seal_card
from protocol.licence_types import type_id
from protocol.scenario import Scenario, parse_scenario, sign_scenario
from protocol.slips import Slip, SlipObject, item_commitment, sign_slip
from protocol.status_list import StatusList, sign_status_token
from tests import credential_samples as cs
from tests import grant_samples as gs
from tests import scenario_samples as ss
from tests.log_samples import ORIGIN, Log, an_entry

NOW = ss.NOW
LOGGED = NOW - 3000  # block time of the first head that covers the deposit
REGISTRIES = Registries(Domain(31337, cs.REGISTRY), Domain(31337, b"\xa2" * 20))
SEALING = b"\x5e" * 1216
ITEM, ITEM_SALT, LEAF_SALT, GRANT_ID = b"\x17" * 32, b"\x18" * 32, b"\x19" * 32, b"\x6a" * 32
DOCUMENT = sha256(b"sealed pdf")
CONTROLLER = PrivateKey(b"\x51" * 32)
CREDENTIAL = cs.credential()
NAMED = ("/files/0", "/insured_region", "/months_paid")


def scenario(**changes: Any) -> KnownScenario:
    body: Scenario = ss.scenario(**changes)
    return KnownScenario.of(parse_scenario(sign_scenario(body, ss.AUTHORITY)))


SCENARIO = scenario()


def a_card(card: KeyCard, domain: Domain, signer: P256Signer) -> KeyCardEnvelope:
    digest = card.digest(domain)
    raw = CONTROLLER.sign_recoverable(digest, hasher=None)
    return seal_card(card, domain, signer, SEALING, raw[:64] + bytes([27 + raw[64]]))


ISSUER_CARD = first_card(agency_subject(cs.ACCOUNT), cs.ISSUER.public_jwk(), SEALING, valid_from=LOGGED - 5000)
ISSUER_ENVELOPE = a_card(ISSUER_CARD, REGISTRIES.agency, cs.ISSUER)
NEXT_ISSUER = P256Signer.from_secret(bytes(31) + b"\x0a")
NEXT_ISSUER_CARD = next_card(
    ISSUER_CARD, REGISTRIES.agency, NEXT_ISSUER.public_jwk(), SEALING, valid_from=LOGGED + 100, revoked_below=2
)
HOLDER_CARD = first_card(cs.DOSSIER, cs.HOLDER.public_jwk(), SEALING, valid_from=LOGGED - 5000)
HOLDER_ENVELOPE = a_card(HOLDER_CARD, REGISTRIES.dossier, cs.HOLDER)


def a_fact(card: KeyCard, domain: Domain, **changes: Any) -> CardFact:
    fact = CardFact(card.digest(domain), card.seq, card.valid_from, card.revoked_below)
    return replace(fact, **changes)


def issuer_facts(**changes: Any) -> AgencyFacts:
    facts = AgencyFacts(
        account=cs.ACCOUNT,
        name="威海市人力资源和社会保障局",
        division="human-resources",
        roles=(RoleFact(ROLE_ISSUER, LOGGED - 9000),),
        issues=(IssueFact(type_id("social-insurance-proof"), LOGGED - 9000),),
        cards=(a_fact(ISSUER_CARD, REGISTRIES.agency),),
        known_at=NOW - 5,
    )
    return replace(facts, **changes)


def dossier_facts(**changes: Any) -> DossierFacts:
    facts = DossierFacts(
        dossier=cs.DOSSIER,
        controllers=(ControllerFact(keccak256(CONTROLLER.public_key.format(compressed=False)[1:])[12:]),),
        cards=(a_fact(HOLDER_CARD, REGISTRIES.dossier),),
        grant_epoch=1,
        known_at=NOW - 7,
    )
    return replace(facts, **changes)


def a_slip(signer: P256Signer = cs.ISSUER, **changes: Any) -> str:
    jwt = CREDENTIAL.split("~", maxsplit=1)[0]
    slip = Slip(
        jti="A" * 21 + "A",
        iat=LOGGED - 60,
        iss=cs.ISSUER_URN,
        aud=ORIGIN,
        dossier=cs.DOSSIER,
        item=ITEM,
        item_commitment=item_commitment(ITEM_SALT, jwt),
        card=HOLDER_CARD.digest(REGISTRIES.dossier),
        objects=(SlipObject(sha256(b"sealed credential"), 4096, b"\x01" * 32), SlipObject(DOCUMENT, 4096, b"\x02" * 32)),
    )
    return sign_slip(replace(slip, **changes), signer)


def a_deposit(slip: str | None = None, t: str = "issue", **changes: Any) -> tuple[DepositEvidence, Log]:
    """The deposit as entry 3 of a log of eight entries."""
    raw = slip or a_slip()
    others = [an_entry("issue", bytes(32), str(i).encode(), i) for i in range(8)]
    log = Log([*others[:3], an_entry(t, LEAF_SALT, raw.encode(), 99), *others[4:]])
    found = DepositEvidence(raw, ITEM_SALT, LEAF_SALT, log.evidence(3, 6))
    return replace(found, **changes), log


def a_status(value: int = 0, signer: P256Signer = cs.ISSUER, age: int = 300, **changes: Any) -> StatusFact:
    idx = cs.request().status.idx
    states = StatusList.empty()
    while states.allocate(lambda _: idx) != idx:  # pragma: no cover (the index drawn is always the one asked for)
        pass
    states.set(idx, value)
    token = states.token(iss=cs.ISSUER_URN, uri=cs.STATUS_URI, iat=NOW - age, lifetime_s=7200)
    return StatusFact(sign_status_token(replace(token, **changes), signer), NOW - 2)


DEPOSIT, LOG = a_deposit()
STATUS = a_status()


def evidence(**changes: Any) -> CredentialEvidence:
    found = CredentialEvidence(
        now=NOW,
        registries=REGISTRIES,
        issuer=issuer_facts(),
        issuer_cards=(ISSUER_ENVELOPE,),
        dossier=dossier_facts(),
        dossier_cards=(HOLDER_ENVELOPE,),
        status=STATUS,
        deposit=DEPOSIT,
        anchors=LOG.anchors(2, 6, known_at=NOW - 20, first_time=LOGGED - 60),
        confirmations=2,
    )
    return replace(found, **changes)


def asked(**changes: Any) -> Asked:
    found = Asked(
        aud=cs.BANK_URN,
        nonce=b64u(GRANT_ID),
        named=NAMED,
        scenario=SCENARIO,
        query="insurance",
        item=ITEM,
        documents=(DOCUMENT,),
    )
    return replace(found, **changes)


def a_presentation(raw: str = CREDENTIAL, named: tuple[str, ...] = NAMED, **changes: Any) -> str:
    given: dict[str, Any] = {"aud": cs.BANK_URN, "nonce": b64u(GRANT_ID), "iat": NOW - 50, **changes}
    return present_credential(raw, named, given.pop("signer", cs.HOLDER), **given)


PRESENTATION = a_presentation()
BANK = parse_agency_urn(cs.BANK_URN).account


def a_grant(**changes: Any) -> GrantEnvelope:
    """The grant under which the presentation is made, by the dossier's controller."""
    grant = gs.a_grant(
        grant_id=GRANT_ID,
        log=keccak256(ORIGIN.encode()),
        dossier=cs.DOSSIER,
        grantor=dossier_facts().controllers[0].account,
        agency=BANK,
        scenario=SCENARIO.hash,
        purpose=ss.SCENARIO.purpose.zh,
        scope=(ScopeItem(ITEM, "insurance", b"\x9a" * 32, NAMED, (DOCUMENT,)),),
        not_before=NOW - 100,
        not_after=NOW + 86_400,
    )
    found = replace(grant, **changes)
    raw = CONTROLLER.sign_recoverable(found.digest(gs.DOMAIN), hasher=None)
    return GrantEnvelope.of(found, raw[:64] + bytes([27 + raw[64]]))


def grant_evidence(**changes: Any) -> GrantEvidence:
    reader = gs.bank_facts(account=BANK, known_at=NOW, roles=(RoleFact(2, 0),), cards=(CardFact(gs.BANK_CARD, 1, 0),))
    return gs.grant_evidence(
        log=keccak256(ORIGIN.encode()),
        scenario=SCENARIO,
        dossier=dossier_facts(),
        agency=reader,
        nullified=NullifierFact(gs.a_grant().nullifier, None, NOW),
        now=NOW,
        posted_at=NOW - 90,
        last_use_at=None,
        items=None,
    )._replace(**changes)
