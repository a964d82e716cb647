"""A credential is checked in full, sealed to the holder, deposited once, and recorded; refusals leave nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from agency_cli.services.holders import Addressee
from agency_cli.services.issuing import Desk, check, issue, open_desk
from agency_cli.services.orders import make_order
from chain.ledger import ROLE_ISSUER
from protocol.encoding import b64u, unb64u
from protocol.errors import Denied, Malformed
from protocol.hashing import sha256
from protocol.identifiers import agency_urn
from protocol.licence_types import licence_type
from protocol.slips import item_commitment, parse_slip
from protocol.status_list import parse_status_token
from tests.unit.agency_cli.desk import nothing_left, order, to
from tests.unit.agency_cli.support import CODE, DRIVING, HolderKeys, World


def test_the_holder_opens_a_credential_of_this_agency_and_its_documents(
    world: World, desk: Desk, alice: HolderKeys
) -> None:
    pdf = world.write("licence.pdf", b"%PDF" + os.urandom(150_000))
    record = issue(desk, order(desk, pdf, expiring_date="2032-11-20"), to(world, alice))
    [deposit] = world.vault.deposits
    slip = parse_slip(deposit["slip"]).body
    credential = alice.credential(deposit)
    assert credential.issuer == agency_urn(31337, world.session.party.registry, world.session.party.controller)
    assert credential.subject == alice.id
    assert credential.key == alice.envelope().present_key
    assert credential.claims["holder"]["name"] == "王小明"
    assert credential.claims["certificate_number"] == "371000-0001"
    assert credential.licence.expiring_date == date(2032, 11, 20)
    assert credential.licence.dept_code == CODE
    [entry] = credential.files.values()
    assert alice.opened(deposit, 1) == pdf.read_bytes()
    assert entry.sha256 == sha256(pdf.read_bytes())
    assert slip.item_commitment == item_commitment(unb64u(deposit["item_salt"]), credential.issuer_jwt)
    assert (slip.dossier, slip.aud, b64u(slip.item)) == (alice.id, world.log.name, record.id)
    assert record.state == "deposited"
    assert record.index == world.vault.entries
    assert desk.records.find(record.id) == record
    assert desk.records.find(record.certificate_id) == record
    assert list((world.session.profile.folder / "tmp").glob("*")) == []


def test_the_status_list_is_at_the_vault_before_the_credential(world: World, desk: Desk, alice: HolderKeys) -> None:
    record = issue(desk, order(desk), to(world, alice))
    token = parse_status_token(world.vault.tokens["0"]).body
    assert token.sub == record.status.uri
    assert token.status(record.status.idx) == 0
    kinds = [path for method, path in world.vault.requests if method == "PUT" or path == "/v1/deposits"]
    assert [kind.split("/")[2] for kind in kinds if "agencies" not in kind] == ["status-lists", "deposits"]


def test_a_fresh_status_list_is_not_published_again(world: World, desk: Desk, alice: HolderKeys) -> None:
    issue(desk, order(desk), to(world, alice))
    issue(desk, order(desk, number="2"), Addressee(alice.id))
    puts = [path for method, path in world.vault.requests if method == "PUT" and "status" in path]
    assert len(puts) == 1
    world.clock.sleep(1800)
    issue(desk, order(desk, number="3"), Addressee(alice.id))
    puts = [path for method, path in world.vault.requests if method == "PUT" and "status" in path]
    assert len(puts) == 2


def test_each_credential_has_a_status_index_of_its_own(world: World, desk: Desk, alice: HolderKeys) -> None:
    records = [issue(desk, order(desk, number=str(i)), to(world, alice)) for i in range(4)]
    assert len({record.status.idx for record in records}) == 4


def test_the_upload_is_watched(world: World, alice: HolderKeys) -> None:
    world.issuer()
    told: list[int] = []

    @contextmanager
    def watch(total: int) -> Iterator[Any]:
        told.append(-total)
        yield told.append

    watched = open_desk(world.session, watch)
    issue(watched, order(watched), to(world, alice))
    assert sum(told) == 0


@pytest.mark.parametrize(("kind", "code"), [("diploma", ""), ("business-licence", "licence_type_not_allowed")])
def test_only_the_types_that_the_registry_allows_are_issued(
    world: World, desk: Desk, alice: HolderKeys, kind: str, code: str
) -> None:
    body = {"holder": DRIVING["holder"]} | {
        "diploma": {
            "school": "哈尔滨工业大学（威海）",
            "major": "计算机",
            "level": "本科",
            "study_mode": "全日制",
            "enrolment_date": "2008-09-01",
            "graduation_date": "2012-07-01",
            "graduation_status": "毕业",
        },
        "business-licence": {},
    }[kind]
    if not code:
        assert issue(desk, order(desk, kind=kind, body=body), to(world, alice)).vct.endswith("diploma:1")
        return
    with pytest.raises(Denied) as caught:
        check(desk, order(desk, kind=kind, body=body), to(world, alice))
    assert caught.value.code == code
    nothing_left(world)


def test_an_agency_that_is_no_issuer_any_more_is_refused_early(world: World, desk: Desk, alice: HolderKeys) -> None:
    world.chain.advance(1)
    world.ledger("governor").end_role(world.session.party.controller, ROLE_ISSUER)
    world.clock.sleep(5)
    with pytest.raises(Denied) as caught:
        issue(desk, order(desk), to(world, alice))
    assert caught.value.code == "not_an_issuer"
    assert not any(path.startswith("/v1/payloads") for _method, path in world.vault.requests)
    nothing_left(world)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"vehicle_classes": 5}, "field_type"),
        ({"penalty_points": True}, "field_type"),
        ({"first_issue_date": "2015-13-01"}, "field_form"),
        ({"standing": None}, "field_type"),
        ({"unheard_of": "x"}, "field_unknown"),
        ({"holder": {"name": "王小明"}}, "field_missing"),
        ({"holder": "王小明"}, "field_type"),
        ({"certificate": []}, "field_type"),
        ({"certificate": {"colour": "red"}}, "field_unknown"),
        ({"certificate": {"revision": 0}}, "field_range"),
        ({"certificate": {"expiring_date": "2001-01-01"}}, "credential_dates"),
        ({"certificate": {"dept_code": "11370000MB2849999A"}}, "credit_code"),
        ({"holder": {**DRIVING["holder"], "identity_number": "110101199003074515"}}, "citizen_number"),
        (
            {"holder": {**DRIVING["holder"], "identity_type": "统一社会信用代码", "identity_number": "x"}},
            "credit_code",
        ),
        ({"holder": {**DRIVING["holder"], "identity_type": ["居民身份证"]}}, "field_type"),
        ({"holder": {**DRIVING["holder"], "identity_type": {}}}, "field_type"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_made(
    world: World, desk: Desk, alice: HolderKeys, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(Malformed) as caught:
        issue(desk, order(desk, body={**DRIVING, **change}), to(world, alice))
    assert caught.value.code == code
    assert "110101199003074515" not in str(caught.value)
    nothing_left(world)
    assert desk.lists.numbers() == []


def test_an_identity_number_of_an_unknown_kind_passes(world: World, desk: Desk, alice: HolderKeys) -> None:
    holder = {"name": "A", "identity_type": "passport", "identity_number": "E1"}
    assert issue(desk, order(desk, body={**DRIVING, "holder": holder}), to(world, alice)).index is not None


def test_a_number_is_drawn_where_none_is_given_and_makes_the_serial(desk: Desk) -> None:
    drawn = [
        make_order(DRIVING, licence_type("driving-licence"), desk.office, today=date(2026, 11, 21)) for _ in range(2)
    ]
    assert drawn[0].certificate.number != drawn[1].certificate.number
    assert drawn[0].certificate.number.startswith("20261121")
    assert drawn[0].certificate.serial == drawn[0].certificate.number
    assert drawn[0].certificate.revision == 1
    assert drawn[0].certificate.issue_date == drawn[0].certificate.effective_date == date(2026, 11, 21)


def test_a_number_that_makes_no_serial_needs_one(desk: Desk) -> None:
    with pytest.raises(Malformed) as caught:
        order(desk, number="鲁驾（一）")
    assert caught.value.code == "certificate_serial"
    assert order(desk, number="鲁驾（一）", serial="LJ1").certificate.serial == "LJ1"


def test_who_issues_must_be_said(world: World) -> None:
    world.enrol(code="").admit("driving-licence").register()
    desk = open_desk(world.session)
    with pytest.raises(Denied) as caught:
        order(desk)
    assert caught.value.code == "office_code_missing"
    assert order(desk, dept_code=CODE).certificate.dept_code == CODE


def test_a_document_over_the_limit_is_refused_before_anything_is_sent(
    world: World, desk: Desk, alice: HolderKeys
) -> None:
    world.vault.payload_bytes = 1000
    with pytest.raises(Denied) as caught:
        issue(desk, order(desk, world.write("a.pdf", bytes(1000))), to(world, alice))
    assert caught.value.code == "document_too_large"
    nothing_left(world)
