"""Every JWS that we make in npm's jose, and the same bodies signed by jose in our parsers and verifiers."""

from __future__ import annotations

import base64
import importlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

import client
import protocol
from chain.ledger import BlockRef
from chain.memory import MemoryChain
from client.pack import PACK_TYP, Pack, open_pack, sign_pack
from client.trust import TRUST_TYP, Trust, open_trust, sign_trust
from protocol.credential import StatusRef
from protocol.encoding import b64u
from protocol.errors import Untrusted
from protocol.identifiers import dossier_urn
from protocol.jose import Jws, P256Signer, PublicJwk, parse_jws, verify_jws
from protocol.licence_types import licence_type
from protocol.log_evidence import EVIDENCE_TYP, LogEvidence, sign_log_evidence, verify_log_evidence
from protocol.paper import AUDIENCE, PAPER_TYP, Paper, sign_paper, verify_paper
from protocol.receipts import RECEIPT_TYP, Officer, Receipt, ReceiptItem, sign_receipt, verify_receipt
from protocol.rewraps import REWRAP_TYP, Rewrap, sign_rewrap, verify_rewrap
from protocol.scenario import SCENARIO_TYP, sign_scenario, verify_scenario
from protocol.sdjwt import KEY_BINDING_TYP, SDJWT_TYP, parse_sdjwt, verify_issuer
from protocol.slips import SLIP_TYP, verify_slip
from protocol.statements import (
    CARD_TOKEN_TYP,
    KINDS,
    STATEMENT_TYP,
    CardToken,
    Statement,
    sign_card_token,
    sign_statement,
    verify_card_token,
    verify_statement,
)
from protocol.status_list import STATUS_TYP, verify_status_token
from tests import credential_samples as cs
from tests.interop.programs import node_json
from tests.log_samples import ORIGIN
from tests.log_samples import SIGNER as LOG_KEY
from tests.scenario_samples import AUTHORITY, SCENARIO
from tests.verified_samples import NOW, PRESENTATION, STATUS, a_slip

JTI = b64u(bytes(range(16)))
H = b"\x07" * 32
DOSSIER = dossier_urn(cs.DOSSIER)
RECEIPT = Receipt(
    JTI, NOW, cs.BANK_URN, ORIGIN, H, None, H, Officer("clerk", "窗口 1"),
    (ReceiptItem(H, ("/months_paid",), (H,)),), NOW + 99, None, H,
)  # fmt: skip
BANK = P256Signer.from_secret(bytes(31) + b"\x21")


def a_statement(kind: str) -> Statement:
    values: dict[str, Any] = {"item": H, "text": "一句话", "about": H, "grant": H, "show": bytes(16)}
    members = {name: values[name] for name in KINDS[kind].needs}
    return Statement(JTI, NOW, DOSSIER, ORIGIN, kind, **members)


def a_trust() -> str:
    deployment = MemoryChain(governor=b"\x01" * 20).deployment
    return sign_trust(Trust(deployment, BlockRef(7, H, NOW), (), (), (), NOW), BANK).decode().strip()


def a_pack() -> str:
    deployment = MemoryChain(governor=b"\x01" * 20).deployment
    facts = Trust(deployment, BlockRef(7, H, NOW), (), (), (), NOW)
    return sign_pack(Pack(facts, {cs.STATUS_URI: STATUS.raw}, (), NOW), BANK).decode().strip()


def pack_opens(raw: str, key: PublicJwk) -> object:
    return open_pack(raw.encode(), [key.thumbprint()])


def a_paper() -> str:
    paper = Paper(
        iss=cs.ISSUER_URN, log=ORIGIN, iat=NOW, exp=NOW + 99, vct=licence_type("social-insurance-proof").vct,
        status=StatusRef(cs.STATUS_URI, 7), claims={"/holder/name": "样例"},
    )  # fmt: skip
    return sign_paper(paper, cs.ISSUER)


def trust_opens(raw: str, key: PublicJwk) -> object:
    return open_trust(raw.encode(), [key.thumbprint()])


@dataclass(frozen=True)
class Form:
    """One JWS of ours: who signed it, for whom it is, and how it is verified here."""

    name: str
    typ: str
    raw: str
    key: PublicJwk
    verified: Callable[[str, PublicJwk], object]
    audience: str | None = None


def receipt(raw: str, key: PublicJwk) -> object:
    return verify_receipt(raw, key, log=ORIGIN, now=NOW)


def statement(raw: str, key: PublicJwk) -> object:
    return verify_statement(raw, key, log=ORIGIN, now=NOW)


def key_binding(raw: str, key: PublicJwk) -> Jws:
    return verify_jws(parse_jws(raw, typ=KEY_BINDING_TYP, kid=False), key)


def evidence_opens(raw: str, _key: PublicJwk) -> object:
    return verify_log_evidence(raw)


ISSUER, HOLDER = cs.ISSUER.public_jwk(), cs.HOLDER.public_jwk()
TOKEN = CardToken(DOSSIER, cs.ISSUER_URN, NOW, NOW + 600, H)
SHOW_RECEIPT = replace(RECEIPT, grant=None, show=bytes(16), items=(), nonce=bytes(16))
EVIDENCE = LogEvidence(NOW, "tile_missing", "", ORIGIN, str(LOG_KEY.vkey), (), (), BANK.public_jwk())
FORMS = [
    Form("deposit slip", SLIP_TYP, a_slip(), ISSUER, lambda raw, key: verify_slip(raw, key, log=ORIGIN), ORIGIN),
    Form("receipt of a grant", RECEIPT_TYP, sign_receipt(RECEIPT, BANK), BANK.public_jwk(), receipt, ORIGIN),
    Form("receipt of a show", RECEIPT_TYP, sign_receipt(SHOW_RECEIPT, BANK), BANK.public_jwk(), receipt, ORIGIN),
    Form("scenario", SCENARIO_TYP, sign_scenario(SCENARIO, AUTHORITY), AUTHORITY.public_jwk(), verify_scenario),
    Form(
        "status list", STATUS_TYP, STATUS.raw, ISSUER,
        lambda raw, key: verify_status_token(raw, key, uri=cs.STATUS_URI, now=NOW),
    ),
    Form(
        "card token", CARD_TOKEN_TYP, sign_card_token(TOKEN, cs.HOLDER), HOLDER,
        lambda raw, key: verify_card_token(raw, key, agency=cs.ISSUER_URN, now=NOW), cs.ISSUER_URN,
    ),
    Form(
        "rewrap", REWRAP_TYP, sign_rewrap(Rewrap(NOW, DOSSIER, ORIGIN, H, H, (H,)), cs.HOLDER), HOLDER,
        lambda raw, key: verify_rewrap(raw, key, log=ORIGIN, dossier=DOSSIER, item=H), ORIGIN,
    ),
    Form("evidence", EVIDENCE_TYP, sign_log_evidence(EVIDENCE, BANK), BANK.public_jwk(), evidence_opens),
    Form("trust file", TRUST_TYP, a_trust(), BANK.public_jwk(), trust_opens),
    Form("pack", PACK_TYP, a_pack(), BANK.public_jwk(), pack_opens),
    Form(
        "paper", PAPER_TYP, a_paper(), ISSUER,
        lambda raw, key: verify_paper(raw, key, log=ORIGIN, now=NOW), AUDIENCE,
    ),
    Form(
        "credential", SDJWT_TYP, PRESENTATION.split("~")[0], ISSUER,
        lambda raw, key: verify_issuer(parse_sdjwt(raw + "~"), key),
    ),
    Form("key binding", KEY_BINDING_TYP, PRESENTATION.split("~")[-1], HOLDER, key_binding, cs.BANK_URN),
    *(
        Form(f"statement: {kind}", STATEMENT_TYP, sign_statement(a_statement(kind), cs.HOLDER), HOLDER, statement, ORIGIN)
        for kind in KINDS
    ),
]  # fmt: skip
each = pytest.mark.parametrize("number", range(len(FORMS)), ids=[form.name for form in FORMS])


def body_of(form: Form) -> bytes:
    part = form.raw.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def check(form: Form, **changes: Any) -> dict[str, Any]:
    job = {"raw": form.raw, "jwk": form.key.to_json(), "typ": form.typ, "now": NOW}
    return {**job, **({"audience": form.audience} if form.audience else {}), **changes}


def spoilt(form: Form) -> list[dict[str, Any]]:
    """By another key, under another type, with another body: jose must refuse each."""
    head, _, signature = form.raw.split(".")
    changed = json.loads(body_of(form)) | {"more": 1}
    other = f"{head}.{b64u(json.dumps(changed).encode())}.{signature}"
    thief = P256Signer.from_secret(b"t" * 32).public_jwk().to_json()
    return [check(form, jwk=thief), check(form, typ="onefile-else+jwt"), check(form, raw=other)]


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    bad = [case for form in FORMS for case in spoilt(form)]
    bodies = [base64.b64encode(body_of(form)).decode() for form in FORMS]
    sign = [
        {"typ": form.typ, "body": body, "kidless": form.typ == KEY_BINDING_TYP}
        for form, body in zip(FORMS, bodies, strict=True)
    ]
    found: dict[str, Any] = node_json("jose.mjs", {"verify": [*map(check, FORMS), *bad], "sign": sign}, package="jose")
    return found


def test_every_type_of_jws_that_we_define_has_a_sample() -> None:
    defined = set()
    for package in (protocol, client):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            if not module.name.endswith(("__main__", "agent_main")):
                loaded = importlib.import_module(module.name)
                defined |= {getattr(loaded, name) for name in dir(loaded) if name.endswith("_TYP")}
    assert defined == {form.typ for form in FORMS}


@each
def test_jose_verifies_our_jws_and_reads_the_same_body(answer: dict[str, Any], number: int) -> None:
    form, found = FORMS[number], answer["verified"][number]
    assert found["ok"], found
    assert found["payload"] == json.loads(body_of(form))
    kid = {} if form.typ == KEY_BINDING_TYP else {"kid": form.key.kid()}
    assert found["header"] == {"alg": "ES256", "typ": form.typ, **kid}
    assert found["thumbprint"] == form.key.kid()


def test_jose_refuses_our_jws_under_another_key_type_or_body(answer: dict[str, Any]) -> None:
    bad = answer["verified"][len(FORMS) :]
    assert len(bad) == 3 * len(FORMS)
    codes = {found.get("error") for found in bad}
    assert codes == {"ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "ERR_JWT_CLAIM_VALIDATION_FAILED"}
    assert not any(found["ok"] for found in bad)


def test_jose_refuses_a_card_token_and_a_status_list_that_have_run_out() -> None:
    forms = [form for form in FORMS if form.name in {"card token", "status list"}]
    late = [check(form, now=NOW + 100_000) for form in forms]
    found = node_json("jose.mjs", {"verify": late, "sign": []}, package="jose")
    assert [one["error"] for one in found["verified"]] == ["ERR_JWT_EXPIRED"] * 2


@each
def test_we_verify_the_same_body_signed_by_jose_with_a_key_of_its_own(answer: dict[str, Any], number: int) -> None:
    form, raw = FORMS[number], answer["signed"][number]
    key = PublicJwk.from_json(answer["jwk"])
    assert key.kid() == answer["kid"]
    if form.typ in {TRUST_TYP, PACK_TYP, EVIDENCE_TYP}:  # they name their signer in their body
        with pytest.raises(Untrusted):
            form.verified(raw, key)
        return
    form.verified(raw, key)
    with pytest.raises(Untrusted):
        form.verified(raw, form.key)
