"""A credential is checked in full, sealed to the holder, deposited once, and recorded; refusals leave nothing behind."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agency_cli.services.holders import Addressee, addressee
from agency_cli.services.issuing import ABANDONED_S, Desk, check, issue, open_desk
from agency_cli.services.orders import Order, make_order
from agency_cli.services.registration import register
from chain.ledger import ROLE_ISSUER
from protocol.encoding import b64u, hex0x, unb64u
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.hashing import sha256
from protocol.identifiers import agency_urn, dossier_urn
from protocol.keycard import first_card
from protocol.keys import AccountKey, derive_present
from protocol.licence_types import licence_type
from protocol.slips import item_commitment, parse_slip
from protocol.status_list import parse_status_token
from tests.unit.agency_cli.support import CODE, DRIVING, HolderKeys, World
from tests.unit.client.support import answer, problem

NUMBER = {"number": "371000-0001"}


def order(desk: Desk, *documents: Path, kind: str = "driving-licence", body: Any = None, **certificate: Any) -> Order:
    return make_order(
        body or DRIVING,
        licence_type(kind),
        desk.office,
        today=date(2026, 11, 21),
        overrides={**NUMBER, **certificate},
        documents=documents,
    )


@pytest.fixture
def desk(world: World) -> Desk:
    world.issuer("driving-licence", "diploma")
    return open_desk(world.session)


@pytest.fixture
def alice(world: World) -> HolderKeys:
    return HolderKeys(world).open()


def to(world: World, holder: HolderKeys) -> Addressee:
    return addressee(holder.token(world))


def nothing_left(world: World) -> None:
    assert world.vault.deposits == []
    folder = world.session.profile.folder
    assert list((folder / "issued").glob("*.json")) == []
    assert list((folder / "issued" / "by-certificate").glob("*")) == []
    assert list((folder / "tmp").glob("*")) == []


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
    assert [kind.split("/")[2] for kind in kinds if "agencies" not in kind] == ["status-lists", "payloads", "deposits"]


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


# --- to whom ---------------------------------------------------------------------------------------


def test_a_holder_is_named_by_token_file_id_or_urn(world: World, desk: Desk, alice: HolderKeys) -> None:
    token = alice.token(world)
    path = world.write("token.txt", f"{token}\n".encode())
    assert addressee(str(path)) == addressee(token) == addressee("token.txt", base=world.folder)
    assert addressee(str(path)) == Addressee(alice.id, token)
    assert addressee(hex0x(alice.id)) == addressee(dossier_urn(alice.id)) == Addressee(alice.id)


def test_a_token_may_come_from_standard_input(
    world: World, desk: Desk, alice: HolderKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = alice.token(world)
    monkeypatch.setattr("sys.stdin", io.StringIO(token + "\n"))
    assert addressee("-") == Addressee(alice.id, token)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0x12", "length"),
        ("urn:onefile:dossier:0x", "dossier_urn"),
        ("nothing", "addressee_missing"),
        ("eyJ.a.b", "base64url"),
    ],
)
def test_what_names_nobody_is_refused(text: str, code: str) -> None:
    with pytest.raises(OneFileError) as caught:
        addressee(text)
    assert caught.value.code == code


def test_a_file_that_is_no_token_is_refused(world: World) -> None:
    with pytest.raises(Malformed):
        addressee(str(world.write("token.bin", b"\xff\xfe")))


def test_the_first_deposit_needs_a_token(world: World, desk: Desk, alice: HolderKeys) -> None:
    with pytest.raises(Denied) as caught:
        issue(desk, order(desk), Addressee(alice.id))
    assert caught.value.code == "card_token_needed"
    nothing_left(world)


def test_a_dossier_that_is_not_open_is_refused(world: World, desk: Desk) -> None:
    with pytest.raises(Denied) as caught:
        check(desk, order(desk), Addressee(b"\x05" * 32))
    assert caught.value.code == "dossier_unknown"


def test_an_old_token_is_refused(world: World, desk: Desk, alice: HolderKeys) -> None:
    with pytest.raises(Denied) as caught:
        check(desk, order(desk), addressee(alice.token(world, age_s=700)))
    assert caught.value.code == "card_token_expired"


def test_a_token_of_a_former_key_card_is_refused(world: World, desk: Desk, alice: HolderKeys) -> None:
    token = alice.token(world)
    alice.renew()
    with pytest.raises(Conflict) as caught:
        check(desk, order(desk), addressee(token))
    assert caught.value.code == "card_token_superseded"


def test_a_token_for_another_agency_is_refused(world: World, desk: Desk, alice: HolderKeys) -> None:
    with pytest.raises(Untrusted) as caught:
        check(desk, order(desk), addressee(alice.token(world, agency=b"\x01" * 20)))
    assert caught.value.code == "wrong_audience"


def test_a_key_card_that_is_not_the_newest_on_chain_is_not_sealed_to(
    world: World, desk: Desk, alice: HolderKeys
) -> None:
    former = alice.envelope()
    alice.renew()
    world.vault.cards[alice.id] = former
    with pytest.raises(Untrusted) as caught:
        check(desk, order(desk), Addressee(alice.id))
    assert caught.value.code == "card_not_newest"


def test_a_key_card_of_the_vaults_own_making_is_not_sealed_to(world: World, desk: Desk, alice: HolderKeys) -> None:
    thief = HolderKeys(world, "mallory")
    thief.id, thief.hot = alice.id, AccountKey(sha256(b"mallory"))
    thief.card = first_card(
        alice.id, derive_present(thief.root, 1).public_jwk(), thief._public(1), valid_from=world.clock.now()
    )
    world.vault.cards[alice.id] = thief.envelope()
    with pytest.raises(Untrusted) as caught:
        check(desk, order(desk), Addressee(alice.id))
    assert caught.value.code == "card_signature"


# --- once, and whole -------------------------------------------------------------------------------


def test_the_same_certificate_is_issued_once(world: World, desk: Desk, alice: HolderKeys) -> None:
    record = issue(desk, order(desk), to(world, alice))
    with pytest.raises(Conflict) as caught:
        issue(desk, order(desk), Addressee(alice.id))
    assert (caught.value.code, caught.value.facts["item"]) == ("certificate_issued", record.id)
    with pytest.raises(Conflict) as caught:
        issue(desk, order(desk, body={**DRIVING, "vehicle_classes": "A1"}), Addressee(alice.id))
    assert caught.value.code == "certificate_changed"
    assert len(world.vault.deposits) == 1
    again = issue(desk, order(desk, revision=2, supersedes=record.certificate_id), Addressee(alice.id))
    assert again.certificate_id != record.certificate_id
    assert alice.credential(world.vault.deposits[1]).claims["supersedes"] == record.certificate_id


def test_a_deposit_whose_answer_was_lost_is_settled_by_the_same_order(
    world: World, desk: Desk, alice: HolderKeys
) -> None:
    world.vault.lost = ["/v1/deposits"] * 4
    with pytest.raises(Unavailable) as caught:
        issue(desk, order(desk), to(world, alice))
    assert caught.value.code == "deposit_unsure"
    [unsure] = desk.records.all()
    assert (unsure.state, unsure.index) == ("unsure", None)
    with pytest.raises(Conflict) as caught:
        issue(open_desk(world.again()), order(desk), to(world, alice))
    assert (caught.value.code, caught.value.facts["item"]) == ("certificate_issued", unsure.id)
    [settled] = desk.records.all()
    assert (settled.item, settled.state) == (unsure.item, "deposited")
    assert len(world.vault.deposits) == 1


def test_a_deposit_that_never_arrived_is_made_by_the_same_order(world: World, desk: Desk, alice: HolderKeys) -> None:
    world.vault.broken[("POST", "/v1/deposits")] = [httpx2.ConnectError("no")] * 4
    with pytest.raises(Unavailable):
        issue(desk, order(desk), to(world, alice))
    [unsure] = desk.records.all()
    record = issue(desk, order(desk), to(world, alice))
    assert record.item != unsure.item
    assert [kept.item for kept in desk.records.all()] == [record.item]
    assert desk.records.find(record.certificate_id) == record


def test_a_refused_repetition_keeps_the_unsure_record(world: World, desk: Desk, alice: HolderKeys) -> None:
    world.vault.broken[("POST", "/v1/deposits")] = [
        *[httpx2.ConnectError("no")] * 4,
        problem(409, "conflict", "card_superseded"),
    ]
    with pytest.raises(Unavailable):
        issue(desk, order(desk), to(world, alice))
    [unsure] = desk.records.all()
    with pytest.raises(Conflict) as caught:
        issue(desk, order(desk), to(world, alice))
    assert caught.value.code == "card_superseded"
    assert list(desk.records.all()) == [unsure]
    assert desk.records.find(unsure.certificate_id) == unsure


def test_a_certificate_that_only_the_vault_remembers_is_told(world: World, desk: Desk, alice: HolderKeys) -> None:
    record = issue(desk, order(desk), to(world, alice))
    desk.records.drop(record)
    with pytest.raises(Conflict) as caught:
        issue(desk, order(desk), to(world, alice))
    assert caught.value.code == "certificate_known"
    assert list(desk.records.all()) == []


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (("PUT", "/v1/payloads"), "payload_too_large"),
        (("PUT", "/v1/status-lists"), "not_an_issuer"),
        (("POST", "/v1/deposits"), "payload_missing"),
    ],
)
def test_a_refusal_on_the_way_leaves_no_record(
    world: World, desk: Desk, alice: HolderKeys, broken: tuple[str, str], code: str
) -> None:
    world.vault.broken[broken] = [problem(403, "denied", code)]
    with pytest.raises(Denied) as caught:
        issue(desk, order(desk), to(world, alice))
    assert caught.value.code == code
    nothing_left(world)


def test_a_vault_that_answers_for_another_item_is_not_believed(world: World, desk: Desk, alice: HolderKeys) -> None:
    world.vault.broken[("POST", "/v1/deposits")] = [answer({"item": b64u(bytes(32)), "index": 1, "at": 1}, 201)]
    with pytest.raises(Untrusted) as caught:
        issue(desk, order(desk), to(world, alice))
    assert caught.value.code == "deposit_answer"
    assert [record.state for record in desk.records.all()] == ["unsure"]


def test_the_slip_number_can_not_be_guessed_from_the_certificate(world: World, desk: Desk, alice: HolderKeys) -> None:
    record = issue(desk, order(desk), to(world, alice))
    assert record.jti not in {sha256(record.certificate_id.encode())[:16], sha256(b"371000-0001")[:16]}
    assert "王小明" not in str(record.to_json())


def test_what_broken_runs_left_for_a_day_is_removed(world: World, desk: Desk) -> None:
    folder = world.session.profile.folder / "tmp"
    for name in ("sealing-old", "sealing-new", "else"):
        (folder / name).mkdir(parents=True)
    old = folder.stat().st_mtime - ABANDONED_S - 10
    os.utime(folder / "sealing-old", (old, old))
    open_desk(world.session)
    assert {path.name for path in folder.iterdir()} == {"sealing-new", "else"}


def test_the_standing_is_asked_again_after_a_minute(world: World, desk: Desk, alice: HolderKeys) -> None:
    first = desk.standing()
    assert desk.standing() is first
    world.clock.sleep(60)
    assert desk.standing() is not first


def test_after_a_rotation_the_new_key_signs(world: World, alice: HolderKeys) -> None:
    world.issuer()
    register(world.session, rotate=True)
    desk = open_desk(world.session)
    issue(desk, order(desk), to(world, alice))
    credential = alice.credential(world.vault.deposits[0])
    assert credential.kid == world.session.keys.present(2).thumbprint()
