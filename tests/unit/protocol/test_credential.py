"""Credentials: issued whole, shown in part, refused when they say too much or too little."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest

from protocol.credential import (
    StatusRef,
    check_age,
    check_dates,
    check_named,
    open_credential,
    present_credential,
    subject_urn,
    verify_credential_signature,
    verify_presentation_binding,
)
from protocol.credential_issue import certificate_id, issue_credential, selective_pointers
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed, OneFileError, Untrusted
from protocol.identifiers import dossier_urn, parse_certificate_id
from protocol.sdjwt_issue import issue_sdjwt
from tests.credential_samples import (
    BANK_URN,
    DOSSIER,
    HOLDER,
    HOLDER_CLAIMS,
    INSURANCE,
    ISSUED,
    ISSUER,
    ISSUER_URN,
    STATUS_URI,
    certificate,
    credential,
    file_entry,
    request,
)

RAW = credential()
CLAIMS = open_credential(RAW).claims
NONCE = b64u(bytes(32))


def presented(*named: str) -> str:
    return present_credential(RAW, named, HOLDER, aud=BANK_URN, nonce=NONCE, iat=ISSUED + 5)


def issued(selective: list[str] | None = None, **changes: Any) -> str:
    claims = {k: v for k, v in {**CLAIMS, **changes}.items() if v is not ...}
    return issue_sdjwt(claims, selective_pointers(claims) if selective is None else selective, ISSUER)


def code_of(raw: str) -> str:
    with pytest.raises(OneFileError) as caught:
        open_credential(raw)
    return caught.value.code


def test_an_issued_credential_opens_whole_for_its_holder() -> None:
    found = verify_credential_signature(RAW, ISSUER.public_jwk())
    assert (found.issuer, found.licence_type, found.version) == (ISSUER_URN, "social-insurance-proof", 1)
    assert found.kid == ISSUER.public_jwk().thumbprint()
    assert found.status == StatusRef(STATUS_URI, 7)
    assert found.key == HOLDER.public_jwk()
    assert found.subject == DOSSIER
    assert subject_urn(found) == dossier_urn(DOSSIER)
    assert found.claims["holder"] == HOLDER_CLAIMS
    assert {k: found.claims[k] for k in INSURANCE} == INSURANCE
    assert [f.name for f in found.files.values()] == ["证明.pdf", "photo.jpg"]
    assert found.issuer_jwt == RAW.split("~")[0]


def test_its_certificate_id_carries_type_issuer_and_check_character() -> None:
    parts = parse_certificate_id(CLAIMS["certificate_id"])
    assert parts.type_code == CLAIMS["certificate_type_code"]
    assert parts.issuer_code == CLAIMS["issue_dept_code"]
    assert certificate_id(request()) == CLAIMS["certificate_id"]


def test_without_disclosures_it_tells_nothing_of_the_holder() -> None:
    bare = open_credential(RAW.split("~")[0] + "~")
    assert bare.subject is None
    assert subject_urn(bare) is None
    assert bare.files == {}
    assert bare.named == ()
    assert set(bare.claims) == {
        *("iss", "iat", "vct", "cnf", "status", "files", "certificate_type_code", "issue_dept_name"),
        *("issue_dept_code", "issue_date", "effective_date", "expiring_date"),
    }


def test_a_presentation_shows_the_named_claims_and_the_subject() -> None:
    shown = verify_credential_signature(presented("/insured_region", "/files/0"), ISSUER.public_jwk())
    assert shown.named == ("/files/0", "/insured_region")
    assert shown.subject == DOSSIER
    assert "holder" not in shown.claims
    assert shown.files["/files/0"].name == "证明.pdf"
    assert verify_presentation_binding(shown, aud=BANK_URN, nonce=NONCE).iat == ISSUED + 5


def test_a_presentation_for_one_agency_serves_no_other() -> None:
    shown = open_credential(presented("/insured_region"))
    with pytest.raises(Untrusted) as caught:
        verify_presentation_binding(shown, aud=ISSUER_URN, nonce=NONCE)
    assert caught.value.code == "key_binding_aud"


def test_only_the_key_of_cnf_presents() -> None:
    with pytest.raises(Untrusted) as caught:
        present_credential(RAW, [], ISSUER, aud=BANK_URN, nonce=NONCE, iat=ISSUED)
    assert caught.value.code == "holder_key"


def test_disclosed_is_exactly_what_was_named() -> None:
    shown = open_credential(presented("/insured_region", "/holder/name"))
    check_named(shown, ["/insured_region", "/holder/name", "/issue_date", "/sub"])
    with pytest.raises(Untrusted) as more:
        check_named(shown, ["/insured_region"])
    assert more.value.code == "claims_unnamed"
    assert "/holder/name" in str(more.value)
    with pytest.raises(Untrusted) as fewer:
        check_named(shown, ["/insured_region", "/holder/name", "/months_paid"])
    assert fewer.value.code == "claims_missing"
    with pytest.raises(Untrusted):
        check_named(shown, ["/insured_region", "/holder/name", "/no_such_claim"])


def test_naming_a_holder_of_claims_does_not_stand_for_its_parts() -> None:
    shown = open_credential(presented("/holder/name"))
    with pytest.raises(Untrusted):
        check_named(shown, ["/holder"])


@pytest.mark.parametrize(
    ("path", "pointers"),
    [
        (("insured_region",), ("/insured_region",)),
        (("holder",), ("/holder/identity_number", "/holder/identity_type", "/holder/name")),
        (("holder", "name"), ("/holder/name",)),
        (("files", None), ("/files/0", "/files/1")),
        (("files", 1), ("/files/1",)),
        (("files",), ("/files/0", "/files/1")),
        (("issue_date",), ("/issue_date",)),
        (("salary",), ()),
        (("files", 9), ()),
    ],
)
def test_a_path_resolves_to_what_can_be_named(path: tuple[Any, ...], pointers: tuple[str, ...]) -> None:
    assert open_credential(RAW).resolve(path) == pointers


FIRST_DAY = 1_789_920_000  # 2026-09-20T16:00Z, midnight of the 21st in China


def test_a_licence_holds_from_its_first_day_to_the_end_of_its_last_in_china() -> None:
    found = open_credential(RAW)
    check_dates(found, FIRST_DAY)
    with pytest.raises(Denied) as early:
        check_dates(found, FIRST_DAY - 1)
    assert early.value.code == "credential_not_yet"
    last = FIRST_DAY + 365 * 86_400 - 1
    check_dates(found, last)
    with pytest.raises(Denied) as late:
        check_dates(found, last + 1)
    assert late.value.code == "credential_expired"


def test_a_licence_without_end_holds() -> None:
    found = open_credential(credential(certificate=certificate(expiring_date=None)))
    assert found.licence.expiring_date is None
    check_dates(found, ISSUED + 50 * 365 * 86_400)


def test_an_old_credential_fails_a_greatest_age_and_zero_sets_none() -> None:
    found = open_credential(RAW)
    check_age(found, ISSUED + 100, 100)
    check_age(found, ISSUED + 10**9, 0)
    with pytest.raises(Denied) as caught:
        check_age(found, ISSUED + 101, 100)
    assert caught.value.code == "credential_too_old"


def test_a_credential_by_another_key_is_untrusted() -> None:
    with pytest.raises(Untrusted):
        verify_credential_signature(RAW, HOLDER.public_jwk())


def test_superseding_names_the_earlier_certificate_and_may_be_withheld() -> None:
    first = certificate_id(request())
    raw = credential(certificate=certificate(revision=2, supersedes=first))
    assert open_credential(raw).claims["supersedes"] == first
    assert "supersedes" not in open_credential(raw.split("~")[0] + "~").claims


@pytest.mark.parametrize("name", ["sub", "certificate_id", "certificate_number", "holder", "insured_region"])
def test_a_claim_that_tells_of_the_holder_may_not_stand_in_the_clear(name: str) -> None:
    selective = [p for p in selective_pointers(CLAIMS) if not p.startswith(f"/{name}")]
    assert code_of(issued(selective)) == "credential_clear"


def test_a_document_may_not_stand_in_the_clear() -> None:
    selective = [p for p in selective_pointers(CLAIMS) if p != "/files/1"]
    assert code_of(issued(selective)) == "credential_clear"


@pytest.mark.parametrize("name", ["iss", "iat", "vct", "cnf", "status", "issue_date", "files"])
def test_what_every_verifier_needs_may_not_be_withheld(name: str) -> None:
    assert code_of(issued([*selective_pointers(CLAIMS), f"/{name}"])) == "credential_hidden"


FILE = CLAIMS["files"][0]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://issuer.example"}, "field_form"),
        ({"vct": "https://types.example/licence"}, "field_form"),
        ({"status": {"status_list": {"idx": 0, "uri": "https://status.example/1"}}}, "field_form"),
        ({"status": {"status_list": {"idx": 2**19, "uri": STATUS_URI}}}, "field_range"),
        ({"status": {"status_list": {"idx": 0, "uri": STATUS_URI, "x": 1}}}, "field_unknown"),
        ({"status": {"status_list": {"idx": 0, "uri": STATUS_URI}, "other": 1}}, "field_unknown"),
        ({"cnf": {"jwk": {"kty": "EC"}}}, "jwk"),
        ({"cnf": {"jwk": HOLDER.public_jwk().to_json(), "kid": "x"}}, "field_unknown"),
        ({"iat": ...}, "field_missing"),
        ({"sub": "someone"}, "dossier_urn"),
        ({"issue_date": "2026-02-30"}, "field_form"),
        ({"issue_date": "20260221"}, "field_form"),
        ({"expiring_date": "2026-09-20"}, "credential_dates"),
        ({"issue_dept_code": "110"}, "field_form"),
        ({"certificate_type_code": "1" * 21}, "certificate_mismatch"),
        ({"certificate_id": CLAIMS["certificate_id"][:-1] + "?"}, "certificate_id"),
        ({"files": [FILE, FILE]}, "credential_files"),
        ({"files": [{**FILE, "name": "../x"}]}, "field_form"),
        ({"files": [{**FILE, "name": ".profile"}]}, "field_form"),
        ({"files": [{**FILE, "name": "fdp\u202egpj.exe"}]}, "field_form"),
        ({"files": [{**FILE, "media_type": "pdf"}]}, "field_form"),
        ({"files": [{**FILE, "url": "https://x"}]}, "field_unknown"),
        ({"files": [FILE] * 64}, "field_count"),
        ({"Bad-Name": 1}, "field_form"),
    ],
)
def test_a_credential_of_another_form_is_malformed(changes: dict[str, Any], code: str) -> None:
    assert code_of(issued(**changes)) == code


def test_files_that_are_no_list_are_malformed() -> None:
    selective = [p for p in selective_pointers(CLAIMS) if not p.startswith("/files")]
    assert code_of(issued(selective, files={"0": 1})) == "field_type"
    assert code_of(issued(selective, files=...)) == "field_missing"
    assert code_of(issued(selective, files=[1])) == "credential_clear"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"fields": {**INSURANCE, "salary": 1}}, "field_unknown"),
        ({"fields": {}}, "field_missing"),
        ({"fields": {**INSURANCE, "months_paid": True}}, "field_type"),
        ({"fields": {**INSURANCE, "paid_last_12_months": 1}}, "field_type"),
        ({"fields": {**INSURANCE, "insured_since": "yesterday"}}, "field_form"),
        ({"fields": {**INSURANCE, "insured_region": "x" * 2001}}, "field_length"),
        ({"holder": {**HOLDER_CLAIMS, "phone": "1"}}, "field_unknown"),
        ({"holder": {}}, "field_missing"),
        ({"certificate": certificate(revision=0)}, "certificate_revision"),
        ({"certificate": certificate(dept_code="11370000MB2849999C")}, "credit_code"),
        ({"certificate": certificate(serial="with space")}, "certificate_id"),
        ({"certificate": certificate(expiring_date=date(2020, 1, 1))}, "credential_dates"),
        ({"issuer": "nobody"}, "field_form"),
        ({"subject": b"short"}, "length"),
        ({"files": (file_entry("a", b"1"), file_entry("a", b"2"))}, "credential_files"),
    ],
)
def test_nothing_is_issued_from_wrong_fields(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        issue_credential(request(**changes), ISSUER)
    assert caught.value.code == code


def test_an_optional_field_may_be_missing() -> None:
    fields = {k: v for k, v in INSURANCE.items() if k != "employer_name"}
    assert "employer_name" not in open_credential(credential(fields=fields)).claims


def test_decoys_do_not_change_what_is_shown() -> None:
    raw = issue_credential(request(), ISSUER, decoys=4)
    assert open_credential(raw).claims == {**CLAIMS}
    assert dataclasses.replace(request(), files=()).files == ()
