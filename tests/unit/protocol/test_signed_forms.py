"""Slips, receipts, statements and card tokens: what they say, and what they refuse to say."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from protocol.encoding import b64u, hex0x
from protocol.errors import Denied, Malformed, OneFileError, Untrusted
from protocol.hashing import sha256
from protocol.jose import P256Signer, sign_typed
from protocol.receipts import (
    RECEIPT_TYP,
    Officer,
    Receipt,
    ReceiptItem,
    parse_receipt,
    sign_receipt,
    verify_receipt,
)
from protocol.slips import (
    SLIP_TYP,
    Slip,
    SlipObject,
    item_commitment,
    parse_slip,
    sign_slip,
    verify_slip,
)
from protocol.statements import (
    CARD_TOKEN_TYP,
    KINDS,
    STATEMENT_TYP,
    CardToken,
    Statement,
    parse_card_token,
    parse_statement,
    sign_card_token,
    sign_statement,
    verify_card_token,
    verify_statement,
)

SIGNER = P256Signer.from_secret(bytes(31) + b"\x07")
KEY = SIGNER.public_jwk()
OTHER = P256Signer.from_secret(bytes(31) + b"\x08").public_jwk()
REGISTRY = "0x" + "11" * 20
AGENCY = f"urn:onefile:agency:31337:{REGISTRY}:0x" + "22" * 20
DOSSIER = bytes([0x33]) * 32
DOSSIER_URN = "urn:onefile:dossier:" + hex0x(DOSSIER)
LOG = "onefile/31337/0x" + "44" * 20 + "/main"
JTI = b64u(bytes(16))
NOW = 1_800_000_000


def h(n: int) -> bytes:
    return bytes([n]) * 32


SLIP = Slip(
    jti=JTI,
    iat=NOW,
    iss=AGENCY,
    aud=LOG,
    dossier=DOSSIER,
    item=h(1),
    item_commitment=item_commitment(h(2), "a.b.c"),
    card=h(3),
    objects=(SlipObject(h(4), 1000, h(5)), SlipObject(h(6), 2000, h(7))),
)
RECEIPT = Receipt(
    jti=JTI,
    iat=NOW,
    iss=AGENCY,
    aud=LOG,
    grant=h(1),
    show=None,
    scenario=h(2),
    officer=Officer("credit-officer", "desk 4"),
    items=(ReceiptItem(h(3), ("/holder", "/region"), (h(4), h(5))),),
    retain_until=NOW + 86_400,
    nonce=None,
    card=h(6),
)
SHOW_RECEIPT = dataclasses.replace(RECEIPT, grant=None, show=bytes(16), items=(), nonce=bytes(16))
TOKEN = CardToken(iss=DOSSIER_URN, aud=AGENCY, iat=NOW, exp=NOW + 600, card=h(3))
STATEMENT = Statement(jti=JTI, iat=NOW, iss=DOSSIER_URN, aud=LOG, kind="claim", item=h(1))


def changed(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = {**body, **changes}
    return {k: v for k, v in merged.items() if v is not ...}


def code_of(parse: Any, typ: str, body: dict[str, Any], **changes: Any) -> str:
    raw = sign_typed(typ, changed(body, changes), SIGNER)
    with pytest.raises(Malformed) as caught:
        parse(raw)
    return caught.value.code


def test_a_slip_reads_back_verified() -> None:
    raw = sign_slip(SLIP, SIGNER)
    signed = verify_slip(raw, KEY, log=LOG)
    assert signed.body == SLIP
    assert signed.raw == raw
    assert signed.hash == sha256(raw.encode())
    assert not SLIP.own


def test_a_holder_deposits_own_documents_under_the_dossiers_own_urn() -> None:
    own = dataclasses.replace(SLIP, iss=DOSSIER_URN)
    assert parse_slip(sign_slip(own, SIGNER)).body.own


def test_a_slip_for_another_log_is_untrusted() -> None:
    raw = sign_slip(SLIP, SIGNER)
    with pytest.raises(Untrusted) as caught:
        verify_slip(raw, KEY, log=LOG.replace("/main", "/other"))
    assert caught.value.code == "wrong_audience"


def test_a_slip_by_another_key_is_untrusted() -> None:
    raw = sign_slip(SLIP, SIGNER)
    with pytest.raises(Untrusted):
        verify_slip(raw, OTHER, log=LOG)


OBJECT = SLIP.objects[0].to_json()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"jti": "short"}, "field_form"),
        ({"jti": JTI[:-1] + "B"}, "field_form"),
        ({"iss": "urn:onefile:dossier:" + hex0x(h(9))}, "slip_issuer"),
        ({"iss": "someone"}, "field_form"),
        ({"aud": "other/31337"}, "field_form"),
        ({"dossier": b64u(DOSSIER)}, "hex"),
        ({"item": hex0x(h(1))}, "base64url"),
        ({"card": "0x00"}, "length"),
        ({"vct": "urn:onefile:licence:diploma:1"}, "field_unknown"),
        ({"objects": []}, "field_count"),
        ({"objects": [OBJECT] * 65}, "field_count"),
        ({"objects": [OBJECT, OBJECT]}, "slip_objects"),
        ({"objects": [{**OBJECT, "payload_size": 31}]}, "field_range"),
        ({"objects": [{**OBJECT, "payload_size": (4 << 30) + 1}]}, "field_range"),
        ({"objects": [{**OBJECT, "name": "photo.jpg"}]}, "field_unknown"),
        ({"item_commitment": ...}, "field_missing"),
    ],
)
def test_a_slip_of_another_form_is_malformed(changes: dict[str, Any], code: str) -> None:
    assert code_of(parse_slip, SLIP_TYP, SLIP.to_json(), **changes) == code


def test_short_digests_are_refused_not_padded() -> None:
    with pytest.raises(Malformed, match="payload"):
        SlipObject(b"", 1000, h(1))
    with pytest.raises(Malformed, match="card"):
        dataclasses.replace(SLIP, card=h(1)[1:])
    with pytest.raises(Malformed, match="salt"):
        item_commitment(b"salt", "a.b.c")


def test_the_item_commitment_is_the_documented_hash() -> None:
    assert item_commitment(h(2), "a.b.c") == sha256(b"onefile/item/v1" + h(2) + sha256(b"a.b.c"))


def test_nobody_signs_a_slip_that_nobody_could_read() -> None:
    with pytest.raises(Malformed):
        sign_slip(dataclasses.replace(SLIP, objects=()), SIGNER)


@pytest.mark.parametrize("receipt", [RECEIPT, SHOW_RECEIPT])
def test_a_receipt_reads_back_verified(receipt: Receipt) -> None:
    raw = sign_receipt(receipt, SIGNER)
    assert verify_receipt(raw, KEY, log=LOG, now=NOW + 120).body == receipt


@pytest.mark.parametrize(
    ("key", "log", "now", "code"),
    [
        (OTHER, LOG, NOW, "jws_kid"),
        (KEY, LOG + "2", NOW, "wrong_audience"),
        (KEY, LOG, NOW + 121, "iat_off"),
        (KEY, LOG, NOW - 121, "iat_off"),
    ],
)
def test_a_receipt_of_another_key_log_or_time_is_refused(key: Any, log: str, now: int, code: str) -> None:
    raw = sign_receipt(RECEIPT, SIGNER)
    with pytest.raises(OneFileError) as caught:
        verify_receipt(raw, key, log=log, now=now)
    assert caught.value.code == code


ITEM = RECEIPT.items[0].to_json()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"show": b64u(bytes(16))}, "receipt_subject"),
        ({"grant": ...}, "receipt_subject"),
        ({"nonce": b64u(bytes(16))}, "receipt_nonce"),
        ({"items": []}, "receipt_items"),
        ({"items": [ITEM, ITEM]}, "receipt_items"),
        ({"items": [{**ITEM, "claims": ["/b", "/a"]}]}, "receipt_order"),
        ({"items": [{**ITEM, "claims": ["/a", "/a"]}]}, "field_duplicate"),
        ({"items": [{**ITEM, "claims": ["a"]}]}, "field_form"),
        ({"items": [{**ITEM, "documents": [b64u(h(2)), b64u(h(1))]}]}, "receipt_order"),
        ({"items": [{**ITEM, "more": 1}]}, "field_unknown"),
        ({"retain_until": NOW - 1}, "receipt_retention"),
        ({"iss": DOSSIER_URN}, "field_form"),
        ({"officer": {"class": "Credit Officer", "ref": "x"}}, "field_form"),
        ({"officer": {"class": "credit", "ref": "x", "name": "y"}}, "field_unknown"),
        ({"use_no": 1}, "field_unknown"),
    ],
)
def test_a_receipt_of_another_form_is_malformed(changes: dict[str, Any], code: str) -> None:
    assert code_of(parse_receipt, RECEIPT_TYP, RECEIPT.to_json(), **changes) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"nonce": ...}, "receipt_nonce"), ({"items": [ITEM]}, "receipt_items")],
)
def test_a_show_receipt_has_a_nonce_and_no_items(changes: dict[str, Any], code: str) -> None:
    assert code_of(parse_receipt, RECEIPT_TYP, SHOW_RECEIPT.to_json(), **changes) == code


ALL_MEMBERS: dict[str, Any] = {"item": h(1), "grant": h(2), "show": bytes(16), "about": h(3), "text": "信"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_of_statement_reads_back_with_its_least_and_most_members(kind: str) -> None:
    for names in (KINDS[kind].needs, KINDS[kind].needs | KINDS[kind].may):
        members = {n: ALL_MEMBERS[n] for n in names}
        statement = Statement(jti=JTI, iat=NOW, iss=AGENCY, aud=LOG, kind=kind, **members)
        signed = verify_statement(sign_statement(statement, SIGNER), KEY, log=LOG, now=NOW)
        assert signed.body == statement
        assert statement.logged_as in {"note", "correct"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_statement_without_what_its_kind_needs_is_malformed(kind: str) -> None:
    body = Statement(jti=JTI, iat=NOW, iss=AGENCY, aud=LOG, kind=kind).to_json()
    assert code_of(parse_statement, STATEMENT_TYP, body) == "statement_members"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "order"}, "statement_kind"),
        ({"grant": b64u(h(1))}, "statement_members"),
        ({"text": ""}, "field_length"),
        ({"text": "x" * 2001}, "field_length"),
        ({"extra": 1}, "field_unknown"),
    ],
)
def test_a_statement_of_another_form_is_malformed(changes: dict[str, Any], code: str) -> None:
    assert code_of(parse_statement, STATEMENT_TYP, STATEMENT.to_json(), **changes) == code


def test_a_statement_is_for_one_log_and_for_now() -> None:
    raw = sign_statement(STATEMENT, SIGNER)
    with pytest.raises(Untrusted):
        verify_statement(raw, KEY, log=LOG + "2", now=NOW)
    with pytest.raises(Denied):
        verify_statement(raw, KEY, log=LOG, now=NOW + 121)


@pytest.mark.parametrize("now", [NOW - 60, NOW, NOW + 599])
def test_a_card_token_holds_for_ten_minutes(now: int) -> None:
    raw = sign_card_token(TOKEN, SIGNER)
    assert verify_card_token(raw, KEY, agency=AGENCY, now=now).body == TOKEN


@pytest.mark.parametrize(
    ("key", "agency", "now", "code"),
    [
        (OTHER, AGENCY, NOW, "jws_kid"),
        (KEY, AGENCY[:-1] + "3", NOW, "wrong_audience"),
        (KEY, AGENCY, NOW + 600, "card_token_expired"),
        (KEY, AGENCY, NOW - 61, "card_token_expired"),
    ],
)
def test_a_card_token_serves_one_agency_and_ends(key: Any, agency: str, now: int, code: str) -> None:
    raw = sign_card_token(TOKEN, SIGNER)
    with pytest.raises(OneFileError) as caught:
        verify_card_token(raw, key, agency=agency, now=now)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": NOW + 601}, "card_token_time"),
        ({"exp": NOW}, "card_token_time"),
        ({"iss": AGENCY}, "field_form"),
        ({"aud": LOG}, "field_form"),
        ({"name": "x"}, "field_unknown"),
    ],
)
def test_a_card_token_of_another_form_is_malformed(changes: dict[str, Any], code: str) -> None:
    assert code_of(parse_card_token, CARD_TOKEN_TYP, TOKEN.to_json(), **changes) == code


def test_one_form_is_never_read_as_another() -> None:
    raw = sign_statement(STATEMENT, SIGNER)
    for parse in (parse_slip, parse_receipt, parse_card_token):
        with pytest.raises(Malformed) as caught:
            parse(raw)
        assert caught.value.code == "jws_typ"
