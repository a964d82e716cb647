"""Attacks on credentials, signed forms, scenarios and show codes, by name.

The attacker may own the network, may have seen every presentation that its victim ever made to others, and may
hold keys of its own, also an issuer's. Where a row says so, it is the issuer or the holder that cheats.
"""

from __future__ import annotations

import base64
import hmac
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from protocol.credential import (
    check_named,
    open_credential,
    present_credential,
    verify_credential_signature,
    verify_presentation_binding,
)
from protocol.encoding import b64u, base45, unbase45
from protocol.errors import Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.grant import ScopeItem
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.jose import P256Signer, parse_jws, sign_jws, sign_typed, verify_jws
from protocol.receipts import RECEIPT_TYP, Officer, Receipt, parse_receipt, sign_receipt, verify_receipt
from protocol.scenario import check_over_asking, parse_scenario, sign_scenario, verify_scenario
from protocol.sdjwt import parse_sdjwt
from protocol.sdjwt_issue import issue_sdjwt
from protocol.show_code import new_show_code, sign_show_code, verify_show_code
from protocol.slips import SLIP_TYP, Slip, SlipObject, parse_slip, sign_slip, verify_slip
from protocol.statements import CardToken, Statement, sign_card_token, sign_statement, verify_card_token
from protocol.status_list import STATUS_TYP, StatusList, sign_status_token, status_uri, verify_status_token
from tests.credential_samples import (
    BANK_URN,
    DOSSIER,
    HOLDER,
    ISSUED,
    ISSUER,
    ISSUER_URN,
    REGISTRY,
    STATUS_URI,
    credential,
)
from tests.scenario_samples import AUTHORITY, SCENARIO

THIEF = P256Signer.from_secret(bytes(31) + b"\x42")
KEY = ISSUER.public_jwk()
NONCE = b64u(b"\x01" * 32)
OTHER_NONCE = b64u(b"\x02" * 32)
LOG = "onefile/31337/0x" + "44" * 20 + "/main"
OTHER_LOG = "onefile/31337/0x" + "44" * 20 + "/test"
NOW = 1_800_000_000
JTI = b64u(bytes(16))
H = b"\x07" * 32

RAW = credential()
NEIGHBOUR = credential(subject=b"\x55" * 32, key=THIEF.public_jwk())
SHOWN = present_credential(RAW, ["/insured_region"], HOLDER, aud=BANK_URN, nonce=NONCE, iat=NOW)


@dataclass(frozen=True)
class Row:
    """One attack, and the code of the error that ends it."""

    name: str
    attack: Callable[[], object]
    code: str
    kind: type[OneFileError] = Untrusted


def run(row: Row) -> None:
    with pytest.raises(row.kind) as caught:
        row.attack()
    assert caught.value.code == row.code


def window(raw: str, aud: str = BANK_URN, nonce: str = NONCE) -> None:
    """What a reader does with a presentation."""
    shown = verify_credential_signature(raw, KEY)
    verify_presentation_binding(shown, aud=aud, nonce=nonce)
    check_named(shown, ["/insured_region"])


def parts() -> list[str]:
    return SHOWN.split("~")


def swapped_header(header: dict[str, Any], signature: Callable[[bytes], bytes]) -> str:
    head, *rest = parts()
    payload = head.split(".")[1]
    signing_input = b64u(json.dumps(header).encode()) + "." + payload
    return "~".join((signing_input + "." + b64u(signature(signing_input.encode())), *rest))


def hmac_with_public_key(data: bytes) -> bytes:
    return hmac.digest(KEY.x + KEY.y, data, "sha512")


def with_disclosures(*pointers: str) -> str:
    """The thief adds disclosures that it once saw to a presentation whose binding does not cover them."""
    whole = open_credential(RAW)
    head, *shown, binding = parts()
    return "~".join((head, *shown, *(whole.opened.disclosed[p].raw for p in pointers), binding))


def bound_anew(raw: str, signer: P256Signer) -> str:
    """The presentation with a key binding by somebody else's key."""
    bare = raw[: raw.rindex("~") + 1]
    body = {"iat": NOW, "aud": BANK_URN, "nonce": NONCE, "sd_hash": b64u(sha256(bare.encode()))}
    return bare + sign_jws({"typ": "kb+jwt"}, body, signer)


def forged_value() -> str:
    """The holder raises the months paid and hashes the new disclosure honestly."""
    shown = present_credential(RAW, ["/months_paid"], HOLDER, aud=BANK_URN, nonce=NONCE, iat=NOW)
    head, *found, _ = shown.split("~")
    old = next(d for d in found if b"months_paid" in _decoded(d))
    new = b64u(json.dumps(["salt", "months_paid", 999]).encode())
    return bound_anew("~".join((head, *(new if d == old else d for d in found), "")), HOLDER)


def _decoded(disclosure: str) -> bytes:
    return base64.urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4))


def neighbours_disclosure() -> str:
    """A better value, truly signed by the issuer, but for another person's credential."""
    other = open_credential(NEIGHBOUR).opened.disclosed["/months_paid"].raw
    head, *shown, _ = parts()
    return bound_anew("~".join((head, *shown, other, "")), HOLDER)


def self_issued() -> str:
    """The holder signs a credential with its own key and names the issuer in it."""
    claims = open_credential(RAW).claims
    selective = list(open_credential(RAW).opened.disclosed)
    return issue_sdjwt(claims, selective, HOLDER)


PRESENTATIONS = [
    Row("a presentation replayed at another agency", lambda: window(SHOWN, aud=ISSUER_URN), "key_binding_aud"),
    Row("a presentation replayed under another grant", lambda: window(SHOWN, nonce=OTHER_NONCE), "key_binding_nonce"),
    Row("a stolen credential presented with the thief's key", lambda: window(bound_anew(SHOWN, THIEF)), "jws_signature"),
    Row("a stolen credential given to the wallet of another", lambda: present_credential(RAW, [], THIEF, aud=BANK_URN, nonce=NONCE, iat=NOW), "holder_key"),
    Row("a presentation without key binding", lambda: window("~".join((*parts()[:-1], ""))), "key_binding_missing"),
    Row("disclosures added on the way", lambda: window(with_disclosures("/contribution_base")), "key_binding_hash"),
    Row("a disclosure dropped on the way", lambda: window("~".join((parts()[0], *parts()[2:]))), "key_binding_hash"),
    Row("a disclosure given twice", lambda: window("~".join((parts()[0], parts()[1], *parts()[1:]))), "sdjwt_duplicate", Malformed),
    Row("a value that the issuer did not sign", lambda: window(forged_value()), "disclosure_unknown"),
    Row("a neighbour's disclosure", lambda: window(neighbours_disclosure()), "disclosure_unknown"),
    Row("a credential that the holder signed", lambda: verify_credential_signature(self_issued(), KEY), "jws_kid"),
    Row("a header without algorithm", lambda: window(swapped_header({"alg": "none", "typ": "dc+sd-jwt", "kid": KEY.kid()}, lambda _: bytes(64))), "jws_alg", Malformed),
    Row("a header that makes the public key a MAC key", lambda: window(swapped_header({"alg": "HS512", "typ": "dc+sd-jwt", "kid": KEY.kid()}, hmac_with_public_key)), "jws_alg", Malformed),
    Row("a header that brings its own key", lambda: window(swapped_header({"alg": "ES256", "typ": "dc+sd-jwt", "kid": THIEF.public_jwk().kid(), "jwk": THIEF.public_jwk().to_json()}, THIEF.sign)), "jws_header", Malformed),
    Row("a header that names the thief's key", lambda: window(swapped_header({"alg": "ES256", "typ": "dc+sd-jwt", "kid": THIEF.public_jwk().kid()}, THIEF.sign)), "jws_kid"),
    Row("the thief's signature under the issuer's kid", lambda: window(swapped_header({"alg": "ES256", "typ": "dc+sd-jwt", "kid": KEY.kid()}, THIEF.sign)), "jws_signature"),
    Row("a key-binding JWT passed off as a credential", lambda: parse_sdjwt(parts()[-1] + "~"), "jws_header", Malformed),
    Row("more shown than named", lambda: check_named(open_credential(RAW), ["/insured_region"]), "claims_unnamed"),
    Row("less shown than named", lambda: check_named(open_credential(SHOWN), ["/insured_region", "/months_paid"]), "claims_missing"),
]  # fmt: skip


@pytest.mark.parametrize("row", PRESENTATIONS, ids=lambda row: row.name)
def test_a_doctored_presentation_is_refused(row: Row) -> None:
    run(row)


def test_the_presentation_that_the_rows_doctor_is_a_good_one() -> None:
    window(SHOWN)
    assert open_credential(SHOWN).named == ("/insured_region",)


def issuer_claims(**changes: Any) -> str:
    whole = open_credential(RAW)
    claims = {**whole.claims, **changes}
    return issue_sdjwt(claims, [p for p in whole.opened.disclosed if p[1:].split("/")[0] in claims], ISSUER)


def two_values_for_one_claim() -> str:
    """An issuer that signs two values for one name: the holder could choose which to show."""
    disclosures = [b64u(json.dumps([f"salt{i}", "months_paid", i]).encode()) for i in range(2)]
    payload = parse_sdjwt(RAW).issuer.claims()
    payload["_sd"] = [b64u(sha256(d.encode())) for d in disclosures]
    return "~".join((sign_typed("dc+sd-jwt", payload, ISSUER), *disclosures, ""))


ISSUERS = [
    Row("a status list at a URL that phones home", lambda: open_credential(issuer_claims(status={"status_list": {"idx": 1, "uri": "https://x.example"}})), "field_form", Malformed),
    Row("a type at a URL that phones home", lambda: open_credential(issuer_claims(vct="https://x.example/type")), "field_form", Malformed),
    Row("an issuer that is a URL", lambda: open_credential(issuer_claims(iss="https://x.example")), "field_form", Malformed),
    Row("two values for one claim", lambda: open_credential(two_values_for_one_claim()), "sdjwt_collision", Malformed),
    Row("a document whose name climbs out of its folder", lambda: open_credential(issuer_claims(files=[{**open_credential(RAW).claims["files"][0], "name": "../../.bashrc"}, {}])), "field_form", Malformed),
    Row("a mark in the clear that follows the holder", lambda: open_credential(issuer_claims(tracking="x")), "credential_clear", Malformed),
    Row("a member named twice", lambda: open_credential(duplicated_member()), "json", Malformed),
]  # fmt: skip


def duplicated_member() -> str:
    head, *rest = RAW.split("~")
    payload = parse_sdjwt(RAW).issuer.payload.replace(b'"iat":', b'"iss":"urn:x","iat":')
    header = parse_jws(head, typ="dc+sd-jwt").header
    return "~".join((sign_jws({k: v for k, v in header.items() if k != "alg"}, payload, ISSUER), *rest))


@pytest.mark.parametrize("row", ISSUERS, ids=lambda row: row.name)
def test_an_issuers_trap_is_refused(row: Row) -> None:
    run(row)


LIST = StatusList.empty()
CLEAN = sign_status_token(LIST.token(iss=ISSUER_URN, uri=STATUS_URI, iat=ISSUED, lifetime_s=3600), ISSUER)
SIBLING = sign_status_token(
    LIST.token(
        iss=ISSUER_URN, uri=status_uri(bytes.fromhex(STATUS_URI.split(":")[3][2:]), 1), iat=ISSUED, lifetime_s=3600
    ),
    ISSUER,
)


def status(raw: str, now: int = ISSUED) -> object:
    return verify_status_token(raw, KEY, uri=STATUS_URI, now=now)


def bomb() -> str:
    body = json.loads(json.dumps(parse_jws(CLEAN, typ=STATUS_TYP).claims()))
    body["status_list"]["lst"] = b64u(zlib.compress(bytes(100 << 20), 9))
    return sign_typed(STATUS_TYP, body, ISSUER)


LISTS = [
    Row("a clean list of the same issuer for the revoked one", lambda: status(SIBLING), "status_uri"),
    Row("a list from before the revocation", lambda: status(CLEAN, now=ISSUED + 3600), "status_stale", Unavailable),
    Row("a list that the holder signed", lambda: status(sign_typed(STATUS_TYP, parse_jws(CLEAN, typ=STATUS_TYP).claims(), HOLDER)), "jws_kid"),
    Row("a list of 100 MB in 100 KB", lambda: status(bomb()), "status_list_size", Malformed),
    Row("an index beyond the list", lambda: verify_status_token(CLEAN, KEY, uri=STATUS_URI, now=ISSUED).body.status(2**18), "status_index"),
]  # fmt: skip


@pytest.mark.parametrize("row", LISTS, ids=lambda row: row.name)
def test_a_false_status_is_refused(row: Row) -> None:
    run(row)


SLIP = Slip(JTI, NOW, ISSUER_URN, LOG, DOSSIER, H, H, H, (SlipObject(H, 99, H),))
RECEIPT = Receipt(JTI, NOW, BANK_URN, LOG, None, bytes(16), H, Officer("clerk", "1"), (), NOW, bytes(16), H)
TOKEN = CardToken(dossier_urn(DOSSIER), ISSUER_URN, NOW, NOW + 600, H)
STATEMENT = Statement(JTI, NOW, dossier_urn(DOSSIER), LOG, "claim", item=H)

FORMS = [
    Row("a slip of another log", lambda: verify_slip(sign_slip(SLIP, ISSUER), KEY, log=OTHER_LOG), "wrong_audience"),
    Row("a slip that tells the vault the licence type", lambda: parse_slip(sign_typed(SLIP_TYP, {**SLIP.to_json(), "vct": "urn:onefile:licence:diploma:1"}, ISSUER)), "field_unknown", Malformed),
    Row("an own document put into a stranger's dossier", lambda: sign_slip(replace(SLIP, iss=dossier_urn(b"\x99" * 32)), HOLDER), "slip_issuer", Malformed),
    Row("a statement passed off as a slip", lambda: verify_slip(sign_statement(STATEMENT, ISSUER), KEY, log=LOG), "jws_typ", Malformed),
    Row("a receipt by a key that is not the reader's", lambda: verify_receipt(sign_receipt(RECEIPT, THIEF), KEY, log=LOG, now=NOW), "jws_kid"),
    Row("a receipt prepared yesterday", lambda: verify_receipt(sign_receipt(RECEIPT, ISSUER), KEY, log=LOG, now=NOW + 86_400), "iat_off", Denied),
    Row("a receipt for a grant and a show at once", lambda: parse_receipt(sign_typed(RECEIPT_TYP, {**RECEIPT.to_json(), "grant": b64u(H)}, ISSUER)), "receipt_subject", Malformed),
    Row("a reader that counts its own uses", lambda: parse_receipt(sign_typed(RECEIPT_TYP, {**RECEIPT.to_json(), "use_no": 1}, ISSUER)), "field_unknown", Malformed),
    Row("a card token shown to a second agency", lambda: verify_card_token(sign_card_token(TOKEN, HOLDER), HOLDER.public_jwk(), agency=BANK_URN, now=NOW), "wrong_audience"),
    Row("a card token kept for later", lambda: verify_card_token(sign_card_token(TOKEN, HOLDER), HOLDER.public_jwk(), agency=ISSUER_URN, now=NOW + 601), "card_token_expired", Denied),
    Row("a card token made to last", lambda: sign_card_token(replace(TOKEN, exp=NOW + 3600), HOLDER), "card_token_time", Malformed),
    Row("another's dossier in a card token", lambda: verify_card_token(sign_card_token(TOKEN, THIEF), HOLDER.public_jwk(), agency=ISSUER_URN, now=NOW), "jws_kid"),
    Row("a scenario by an agency that is no authority", lambda: verify_scenario(sign_scenario(SCENARIO, THIEF), AUTHORITY.public_jwk()), "jws_kid"),
    Row("a second spelling of a signature", lambda: verify_jws(parse_jws(CLEAN + "=", typ=STATUS_TYP), KEY), "base64url", Malformed),
]  # fmt: skip


@pytest.mark.parametrize("row", FORMS, ids=lambda row: row.name)
def test_a_false_form_is_refused(row: Row) -> None:
    run(row)


def test_two_scenarios_of_one_name_are_two_scenarios() -> None:
    honest = parse_scenario(sign_scenario(SCENARIO, AUTHORITY))
    greedy = parse_scenario(sign_scenario(replace(SCENARIO, max_uses=1000), AUTHORITY))
    assert honest.body.scenario_id == greedy.body.scenario_id
    assert honest.hash != greedy.hash


def asked(*claims: str, query: str = "insurance", documents: tuple[bytes, ...] = ()) -> ScopeItem:
    return ScopeItem(H, query, H, tuple(sorted(claims)), documents)


OVER_ASKING = [
    ("a claim that the scenario does not name", (asked("/contribution_base"),)),
    ("a claim whose name begins like an allowed one", (asked("/insured_region_of_family"),)),
    ("a neighbour of an allowed part", (asked("/holder/identity_number"),)),
    ("the whole of which a part is allowed", (asked("/holder"),)),
    ("an escape that looks like a separator", (asked("/holder~1name"),)),
    ("an index that is no number", (asked("/files/-"),)),
    ("documents where none are asked for", (asked("/school", query="education", documents=(H,)),)),
    ("a query that is not in the scenario", (asked("/insured_region", query="salary"),)),
    ("two alternatives at once", (asked("/insured_region"), asked("/school", query="education"))),
    ("one query answered by two items", (asked("/insured_region"), asked("/months_paid"))),
    ("a claim of the other query", (asked("/school"),)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "scope"), OVER_ASKING, ids=[name for name, _ in OVER_ASKING])
def test_over_asking_is_denied(name: str, scope: tuple[ScopeItem, ...]) -> None:
    with pytest.raises(Denied) as caught:
        check_over_asking(SCENARIO, scope)
    assert caught.value.code == "over_asking", name


CODE = sign_show_code(new_show_code(bytes(16), 1, origin=LOG, now=NOW), HOLDER)


def scan(text: str, now: int = NOW, origin: str = LOG) -> object:
    return verify_show_code(text, HOLDER.public_jwk(), origin=origin, now=now)


def later_expiry() -> str:
    cose = unbase45(CODE[4:])
    return "OF1:" + base45(cose.replace((NOW + 60).to_bytes(4, "big"), (NOW + 59).to_bytes(4, "big")))


SHOWS = [
    Row("a photo of a code after a minute", lambda: scan(CODE, now=NOW + 60), "show_code_expired", Denied),
    Row("a code drawn ahead of time", lambda: scan(CODE, now=NOW - 6), "show_code_expired", Denied),
    Row("a code made to last", lambda: sign_show_code(replace(new_show_code(bytes(16), 1, origin=LOG, now=NOW), exp=NOW + 600), HOLDER), "show_code", Malformed),
    Row("a code with another time", lambda: scan(later_expiry()), "show_code_signature"),
    Row("a code for another log", lambda: scan(CODE, origin=OTHER_LOG), "show_code_log"),
    Row("a code drawn by the thief", lambda: scan(sign_show_code(new_show_code(bytes(16), 1, origin=LOG, now=NOW), THIEF)), "show_code_signature"),
    Row("a code with bytes behind it", lambda: scan(CODE + "000"), "show_code", Malformed),
    Row("a code in small letters", lambda: scan(CODE.replace("OF1:", "of1:")), "show_code", Malformed),
]  # fmt: skip


@pytest.mark.parametrize("row", SHOWS, ids=lambda row: row.name)
def test_a_false_show_code_is_refused(row: Row) -> None:
    run(row)


def test_another_registry_makes_another_issuer() -> None:
    there = ISSUER_URN.replace(REGISTRY.hex(), "99" * 20)
    assert there != ISSUER_URN
    assert open_credential(credential(issuer=there)).issuer == there
