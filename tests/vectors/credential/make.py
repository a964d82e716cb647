"""Make the golden vectors of credentials and signed forms: ``python -m tests.vectors.credential.make``.

Each case is accepted, or differs from an accepted one in a single thing and says how it must be refused.
``outsider`` marks what any program that knows the standards must refuse too; the rest is our profile. Keys,
salts and times are fixed and signatures deterministic, so the file changes only when a format does.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from protocol.credential import open_credential
from protocol.credential_issue import issue_credential
from protocol.encoding import b64u, base45, unb64u, unbase45
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.jose import parse_jws, sign_jws, sign_typed
from protocol.receipts import RECEIPT_TYP, Officer, Receipt, ReceiptItem, sign_receipt
from protocol.scenario import SCENARIO_TYP, sign_scenario
from protocol.sdjwt import SdJwt, parse_sdjwt
from protocol.sdjwt_present import bind_key, select_disclosures
from protocol.show_code import log_prefix, new_show_code, sign_show_code
from protocol.slips import SLIP_TYP, Slip, SlipObject, item_commitment, sign_slip
from protocol.statements import CARD_TOKEN_TYP, CardToken, Statement, sign_card_token, sign_statement
from protocol.status_list import STATUS_TYP, StatusList, sign_status_token, status_uri
from tests.credential_samples import (
    ACCOUNT,
    BANK_URN,
    DOSSIER,
    HOLDER,
    ISSUED,
    ISSUER,
    ISSUER_URN,
    STATUS_URI,
    request,
)
from tests.scenario_samples import AUTHORITY, SCENARIO

FILE = Path(__file__).with_name("vectors.json")
LOG = "onefile/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3/main"
OTHER_LOG = LOG.replace("main", "side")
NOW = ISSUED + 1000
NONCE = b64u(bytes(range(32)))
JTI = b64u(bytes(range(16)))
NAMED = ("/files/0", "/holder/name", "/insured_region")

Case = dict[str, Any]


def salted() -> Any:
    counter = itertools.count()
    return lambda: sha256(b"salt", bytes([next(counter)]))[:16]


CREDENTIAL = issue_credential(request(), ISSUER, salt=salted())
SDJWT = parse_sdjwt(CREDENTIAL)
BARE = select_disclosures(SDJWT, (*NAMED, "/sub"))
SHOWN = bind_key(BARE, HOLDER, aud=BANK_URN, nonce=NONCE, iat=NOW)
SLIP = Slip(
    *(JTI, NOW, ISSUER_URN, LOG, DOSSIER, sha256(b"item")),
    *(item_commitment(sha256(b"salt"), SDJWT.issuer_jwt), sha256(b"card")),
    (SlipObject(sha256(b"payload"), 5000, sha256(b"header")),),
)
RECEIPT = Receipt(
    *(JTI, NOW, BANK_URN, LOG, sha256(b"grant"), None, sha256(b"scenario"), Officer("credit-officer", "desk 4")),
    (ReceiptItem(sha256(b"item"), ("/insured_region", "/months_paid"), (sha256(b"payload"),)),),
    *(NOW + 86_400, None, sha256(b"card")),
)
SHOW_RECEIPT = replace(RECEIPT, grant=None, show=bytes(range(16)), items=(), nonce=bytes(range(16, 32)))
STATEMENT = Statement(JTI, NOW, dossier_urn(DOSSIER), LOG, "claim", item=sha256(b"item"))
TOKEN = CardToken(dossier_urn(DOSSIER), ISSUER_URN, NOW, NOW + 600, sha256(b"card"))
CODE = new_show_code(bytes(range(16)), 3, origin=LOG, now=NOW)


def status_list(uri: str = STATUS_URI) -> str:
    kept = StatusList(bytes(2**15), b"\xff" + bytes(2**14 - 1))
    kept.set(7, 1)
    return sign_status_token(kept.token(iss=ISSUER_URN, uri=uri, iat=NOW, lifetime_s=3600), ISSUER)


def case(kind: str, name: str, raw: str, expect: str = "accept", code: str = "", **changes: Any) -> Case:
    """One case; ``changes`` replace what the verifier expects."""
    keys = {"statement": HOLDER, "card token": HOLDER, "show code": HOLDER, "scenario": AUTHORITY}
    base: Case = {
        "kind": kind,
        "name": name,
        "expect": expect,
        "code": code,
        "outsider": expect != "malformed",
        "key": keys.get(kind, ISSUER).public_jwk().to_json(),
        "now": NOW,
        "raw": raw,
    }
    more = {
        "presentation": {"aud": BANK_URN, "nonce": NONCE, "named": list(NAMED)},
        "status list": {"uri": STATUS_URI, "idx": 7},
    }
    return {**base, **more.get(kind, {"log": LOG} if kind != "card token" else {"agency": ISSUER_URN}), **changes}


def form_cases() -> list[Case]:
    """Slip, receipt, statement, card token and scenario."""
    slip, receipt = sign_slip(SLIP, ISSUER), sign_receipt(RECEIPT, ISSUER)
    token = sign_card_token(TOKEN, HOLDER)
    other = HOLDER.public_jwk().to_json()
    return [
        case("slip", "a deposit by an issuer", slip),
        case("slip", "an own document", sign_slip(replace(SLIP, iss=dossier_urn(DOSSIER)), HOLDER), key=other),
        case("slip", "another key", slip, "untrusted", "jws_kid", key=other),
        case("slip", "another log", slip, "untrusted", "wrong_audience", log=OTHER_LOG),
        case("slip", "a broken signature", slip[:-2] + ("AA" if slip[-2:] != "AA" else "BA"), "untrusted", "jws_signature"),
        case("slip", "a licence type", sign_typed(SLIP_TYP, {**SLIP.to_json(), "vct": "x"}, ISSUER), "malformed", "field_unknown"),
        case("slip", "no objects", sign_typed(SLIP_TYP, {**SLIP.to_json(), "objects": []}, ISSUER), "malformed", "field_count"),
        case("slip", "another type of JWS", sign_typed(RECEIPT_TYP, SLIP.to_json(), ISSUER), "malformed", "jws_typ"),
        case("slip", "no kid", sign_jws({"typ": SLIP_TYP}, SLIP.to_json(), ISSUER), "malformed", "jws_header"),
        case("receipt", "a use of a grant", receipt),
        case("receipt", "a show", sign_receipt(SHOW_RECEIPT, ISSUER)),
        case("receipt", "two minutes late", receipt, now=NOW + 120),
        case("receipt", "later than two minutes", receipt, "denied", "iat_off", now=NOW + 121),
        case("receipt", "grant and show", sign_typed(RECEIPT_TYP, {**RECEIPT.to_json(), "show": JTI}, ISSUER), "malformed", "receipt_subject"),
        case("receipt", "a use number", sign_typed(RECEIPT_TYP, {**RECEIPT.to_json(), "use_no": 1}, ISSUER), "malformed", "field_unknown"),
        case("statement", "a claim", sign_statement(STATEMENT, HOLDER)),
        case("card token", "for this agency", token),
        case("card token", "for another agency", token, "untrusted", "wrong_audience", agency=BANK_URN),
        case("card token", "after its end", token, "denied", "card_token_expired", now=NOW + 600),
        case("card token", "of an hour", sign_typed(CARD_TOKEN_TYP, {**TOKEN.to_json(), "exp": NOW + 3600}, HOLDER), "malformed", "card_token_time"),
        case("scenario", "a small loan", sign_scenario(SCENARIO, AUTHORITY)),
        case("scenario", "no legal ground", sign_typed(SCENARIO_TYP, {**SCENARIO.to_json(), "legal_basis": []}, AUTHORITY), "malformed", "field_count"),
    ]  # fmt: skip


def rebound(sdjwt: SdJwt, *disclosures: str) -> str:
    """The issuer's JWT with these disclosures, bound by the holder."""
    return bind_key("~".join((sdjwt.issuer_jwt, *disclosures, "")), HOLDER, aud=BANK_URN, nonce=NONCE, iat=NOW)


def presentation_cases() -> list[Case]:
    """A presentation of three claims, and what each single change does to it."""
    shown = [d.raw for d in parse_sdjwt(SHOWN).disclosures]
    salary = open_credential(CREDENTIAL).opened.disclosed["/contribution_base"].raw
    false = b64u(b'["salt","insured_region","elsewhere"]')
    binding = SHOWN.rpartition("~")[2]
    thiefs = bind_key(BARE, ISSUER, aud=BANK_URN, nonce=NONCE, iat=NOW)
    no_named = {"named": [*NAMED, "/contribution_base"]}
    return [
        case("presentation", "three claims", SHOWN),
        case("presentation", "another audience", SHOWN, "untrusted", "key_binding_aud", aud=ISSUER_URN),
        case("presentation", "another nonce", SHOWN, "untrusted", "key_binding_nonce", nonce=b64u(bytes(32))),
        case("presentation", "another issuer's key", SHOWN, "untrusted", "jws_kid", key=HOLDER.public_jwk().to_json()),
        case("presentation", "bound by another key", thiefs, "untrusted", "jws_signature"),
        case("presentation", "not bound", BARE, "untrusted", "key_binding_missing"),
        case("presentation", "a disclosure added", f"{BARE}{salary}~{binding}", "untrusted", "key_binding_hash", **no_named),
        case("presentation", "a disclosure that the issuer did not make", rebound(SDJWT, *shown, false), "untrusted", "disclosure_unknown"),
        case("presentation", "more than named", rebound(SDJWT, *shown, salary), "untrusted", "claims_unnamed", outsider=False),
        case("presentation", "less than named", SHOWN, "untrusted", "claims_missing", outsider=False, **no_named),
        case("presentation", "a disclosure twice", rebound(SDJWT, *shown, shown[0]), "malformed", "sdjwt_duplicate", outsider=True),
    ]  # fmt: skip


def status_cases() -> list[Case]:
    """A status list with one revoked credential."""
    good = status_list()
    payload = parse_jws(good, typ=STATUS_TYP).claims()
    cut = {**payload, "status_list": {"bits": 2, "lst": b64u(unb64u(payload["status_list"]["lst"])[:-3])}}
    return [
        case("status list", "a list with one invalid", good),
        case("status list", "another list of the issuer", status_list(status_uri(ACCOUNT, 1)), "untrusted", "status_uri"),
        case("status list", "an hour later", good, "unavailable", "status_stale", now=NOW + 3600),
        case("status list", "a week long", sign_typed(STATUS_TYP, {**payload, "exp": NOW + 7 * 86_400}, ISSUER), "malformed", "status_lifetime"),
        case("status list", "zlib cut off", sign_typed(STATUS_TYP, cut, ISSUER), "malformed", "status_zlib", outsider=True),
    ]  # fmt: skip


def show_cases() -> list[Case]:
    """A show code, and what each single change does to it."""
    text = sign_show_code(CODE, HOLDER)
    cose = unbase45(text[4:])
    longer = cose[:8] + b"\x2c" + cose[9:29] + b"\x18" + cose[29:]
    return [
        case("show code", "118 bytes", text),
        case("show code", "a counter of two bytes", sign_show_code(replace(CODE, counter=65_535), HOLDER)),
        case("show code", "another key", text, "untrusted", "show_code_signature", key=ISSUER.public_jwk().to_json()),
        case("show code", "another log", text, "untrusted", "show_code_log", log=OTHER_LOG),
        case("show code", "a minute later", text, "denied", "show_code_expired", now=NOW + 60),
        case("show code", "a counter written longer than it need be", "OF1:" + base45(longer), "malformed", "show_code"),
        case("show code", "no tag", "OF1:" + base45(cose[1:]), "malformed", "show_code"),
    ]  # fmt: skip


def vectors() -> dict[str, Any]:
    """All that the file holds."""
    return {
        "about": "golden vectors; made by tests/vectors/credential/make.py, formats in docs/spec",
        "log_prefixes": {origin: log_prefix(origin).hex() for origin in (LOG, OTHER_LOG)},
        "cases": [*form_cases(), *presentation_cases(), *status_cases(), *show_cases()],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
