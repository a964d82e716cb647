"""The service window: one code, one receipt, one answer, one verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agency_cli.services.scan import Scanned
from protocol.dcql import parse_query
from protocol.encoding import b64u
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.show_code import new_show_code, sign_show_code
from tests.reader_stage import CLAIMS, DAY, Issued, ReaderStage
from tests.scenario_samples import QUERY

WINDOW = CLAIMS[1:]


@pytest.fixture(autouse=True)
def scenario(reader: ReaderStage) -> None:
    """The window asks for the insurance proof alone."""
    if not hasattr(reader, "window"):
        query = parse_query({"credentials": QUERY["credentials"][:1]})
        reader.window = reader.post_scenario(scenario_id="window", query=query)  # type: ignore[attr-defined]  # the test adds what the class does not declare


def answering(reader: ReaderStage, session: bytes, *issued: Issued, **cook: Any) -> None:
    """The wallet presents as soon as it hears that somebody collected."""

    def wallet(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if request.url.path.endswith("/collect") and answer.is_success:
            reader.present(session, *(issued or (reader.item,)), **cook)
        return answer

    reader.bridge.lies.append(wallet)


def scan(reader: ReaderStage, *issued: Issued, out: Path | None = None, **cook: Any) -> Scanned:
    session, code = reader.open_show()
    answering(reader, session, *issued, **cook)
    return reader.scan(code, scenario="window", out=out)


def test_what_is_shown_at_the_window_is_verified_and_told(reader: ReaderStage) -> None:
    done = scan(reader)

    assert done.outcome.verdict == "accept"
    (judged,) = done.outcome.items
    assert judged.handed.credential.opened.values["/months_paid"] == 160
    skipped = {check.name for check in judged.verdict.checks if check.status == "skipped"}
    assert skipped == {"grant_signature", "grant_scope", "grant_time", "grant_uses", "grant_revocation", "mandate"}


def test_the_receipt_of_a_show_has_a_nonce_and_no_items(reader: ReaderStage) -> None:
    body = scan(reader).use.receipt.body

    assert len(body.nonce or b"") == 16
    assert (body.items, body.grant) == ((), None)
    assert body.retain_until == body.iat + 180 * DAY - 120


def test_without_a_folder_only_the_receipt_is_kept(reader: ReaderStage) -> None:
    done = scan(reader)

    assert done.folder is None
    assert not reader.out.exists()
    assert [(use.kind, use.state, use.kept) for use in reader.uses()] == [("show", "done", False)]


def test_with_a_folder_the_proofs_are_kept_too(reader: ReaderStage) -> None:
    done = scan(reader, out=reader.out)

    assert done.folder == reader.out
    (item,) = json.loads((reader.out / "claims.json").read_text())["items"]
    assert item["query"] is None
    assert item["claims"]["/insured_region"] == "威海市"
    assert not (reader.out / "grant.json").exists()


def test_a_folder_that_is_there_is_refused_before_the_code_is_used(reader: ReaderStage) -> None:
    reader.out.mkdir()

    with pytest.raises(Conflict):
        scan(reader, out=reader.out)
    assert reader.posts("/collect") == 0


# --- codes ----------------------------------------------------------------------------------------------


def refused(reader: ReaderStage, code: str, **changes: Any) -> OneFileError:
    with pytest.raises(OneFileError) as caught:
        reader.scan(code, **{"scenario": "window", **changes})
    assert reader.uses() == []
    return caught.value


def test_what_is_no_code_is_malformed(reader: ReaderStage) -> None:
    assert isinstance(refused(reader, "https://example.org"), Malformed)


def test_a_second_scan_is_refused(reader: ReaderStage) -> None:
    session, code = reader.open_show()
    answering(reader, session)
    reader.scan(code, scenario="window")

    with pytest.raises(Conflict, match="already collected") as caught:
        reader.scan(code, scenario="window")
    assert caught.value.code == "show_used"
    assert len(reader.uses()) == 1


def test_a_late_scan_is_refused(reader: ReaderStage) -> None:
    _, code = reader.open_show()
    reader.vault.clock.advance(61)

    assert refused(reader, code).code == "show_code_expired"


def test_a_scan_after_the_session_is_refused(reader: ReaderStage) -> None:
    session, _ = reader.open_show(lifetime_s=30)
    reader.vault.clock.advance(31)
    code = new_show_code(session, 1, origin=reader.vault.origin, now=reader.clock.now())

    assert refused(reader, sign_show_code(code, reader.alice.present)).code == "show_expired"


def test_a_code_by_another_key_is_refused(reader: ReaderStage) -> None:
    session, _ = reader.open_show()
    code = new_show_code(session, 0, origin=reader.vault.origin, now=reader.clock.now())

    assert refused(reader, sign_show_code(code, reader.bank.present)).code == "show_code_signature"


def test_a_code_of_another_log_is_refused_without_asking_the_vault(reader: ReaderStage) -> None:
    code = new_show_code(bytes(16), 0, origin="onefile/1/other/main", now=reader.clock.now())

    assert refused(reader, sign_show_code(code, reader.alice.present)).code == "show_code_log"
    assert reader.posts("/collect") == 0


def test_a_code_of_a_session_that_nobody_opened_is_refused(reader: ReaderStage) -> None:
    code = new_show_code(b"\x05" * 16, 0, origin=reader.vault.origin, now=reader.clock.now())

    assert refused(reader, sign_show_code(code, reader.alice.present)).code == "show_unknown"


def test_an_agency_that_is_no_reader_is_refused(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.chain.ledger(reader.vault.governor.address).end_role(reader.bank.address, 2)
    reader.vault.follow()
    _, code = reader.open_show()

    assert refused(reader, code, scenario="small-loan").code == "not_a_reader"


def test_a_scenario_for_other_agencies_is_refused_before_the_code_is_used(reader: ReaderStage) -> None:
    reader.post_scenario(scenario_id="police-only", grantee_classes=("police",))
    _, code = reader.open_show()

    assert refused(reader, code, scenario="police-only").code == "scenario_grantee"
    assert reader.posts("/collect") == 0


def test_an_unknown_scenario_is_refused_before_the_code_is_used(reader: ReaderStage) -> None:
    _, code = reader.open_show()

    assert refused(reader, code, scenario="no-such").code == "scenario_not_found"


def test_keeping_longer_than_the_scenario_allows_is_refused(reader: ReaderStage) -> None:
    _, code = reader.open_show()

    assert refused(reader, code, retain_days=181).code == "retention_too_long"


# --- answers ----------------------------------------------------------------------------------------------


def test_a_holder_may_refuse(reader: ReaderStage) -> None:
    session, code = reader.open_show()

    def wallet(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if request.url.path.endswith("/collect"):
            reader.vault.post(reader.alice, f"/v1/me/shows/{b64u(session)}/refuse")
        return answer

    reader.bridge.lies.append(wallet)
    with pytest.raises(Denied, match="refused to show"):
        reader.scan(code, scenario="window")


def test_a_wallet_that_presents_nothing_in_time_is_told(reader: ReaderStage) -> None:
    _, code = reader.open_show()

    def wallet(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if request.url.path.endswith("/collect"):
            reader.vault.clock.advance(30)
            reader.vault.sweep()
        return answer

    reader.bridge.lies.append(wallet)
    with pytest.raises(Denied, match="presented nothing in time") as caught:
        reader.scan(code, scenario="window")
    assert caught.value.code == "show_undelivered"


def test_a_window_does_not_wait_for_ever(reader: ReaderStage) -> None:
    _, code = reader.open_show()

    def nobody(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if request.method == "GET" and "/shows/" in request.url.path:
            reader.vault.clock.advance(5)
            body = {"session": request.url.path.rpartition("/")[2], "state": "collected", "expires": 1}
            return httpx2.Response(200, json=body)
        return answer

    reader.bridge.lies.append(nobody)
    with pytest.raises(Unavailable, match="within 3 s"):
        reader.scan(code, scenario="window", wait_s=3)


def test_a_vault_that_answers_for_another_session_is_not_believed(reader: ReaderStage) -> None:
    session, code = reader.open_show()
    answering(reader, session)
    reader.bridge.lies.append(
        lambda request, answer: httpx2.Response(200, json={**answer.json(), "session": b64u(bytes(16))})
        if request.method == "GET" and "/shows/" in request.url.path
        else answer
    )

    with pytest.raises(Untrusted) as caught:
        reader.scan(code, scenario="window")
    assert caught.value.code == "show_other"


@pytest.mark.parametrize("part", ["presentation", "logged", "proof"])
def test_a_delivery_without_one_of_its_parts_is_not_believed(reader: ReaderStage, part: str) -> None:
    session, code = reader.open_show()
    answering(reader, session)
    reader.bridge.lies.append(
        lambda request, answer: httpx2.Response(200, json={**answer.json(), part: None})
        if request.method == "GET" and "/shows/" in request.url.path
        else answer
    )

    with pytest.raises(Untrusted) as caught:
        reader.scan(code, scenario="window")
    assert caught.value.code == "show_incomplete"


RAISED: dict[str, tuple[Callable[[ReaderStage], dict[str, Any]], str]] = {
    "sealed to another reader": (lambda r: {"to": r.issuer}, "no_identity"),
    "for another session": (lambda _r: {"parcel": lambda p: replace(p, show=bytes(16))}, "parcel_show"),
    "for a grant": (lambda _r: {"parcel": lambda p: replace(p, show=None, grant=bytes(32))}, "parcel_show"),
    "with another tag key": (lambda _r: {"parcel": lambda p: replace(p, grant_tag_key=bytes(32))}, "access_tag"),
}


@pytest.mark.parametrize(("cook", "code"), RAISED.values(), ids=RAISED)
def test_what_is_not_the_answer_to_this_scan_is_refused(
    reader: ReaderStage, cook: Callable[[ReaderStage], dict[str, Any]], code: str
) -> None:
    with pytest.raises(OneFileError) as caught:
        scan(reader, out=reader.out, **cook(reader))
    assert caught.value.code == code
    assert not reader.out.exists()


REJECTED: dict[str, tuple[Callable[[ReaderStage], dict[str, Any]], str]] = {
    "an answer to an older receipt": (lambda _r: {"nonce": b64u(b"\x01" * 16)}, "key_binding_nonce"),
    "an answer to another reader": (lambda r: {"item": {"aud": r.vault.urn(r.issuer)}}, "key_binding_aud"),
    "less than was asked for": (lambda _r: {"claims": ("/insured_region",)}, "claims_not_met"),
    "more than was asked for": (lambda _r: {"claims": (*WINDOW, "/holder/identity_number")}, "over_asking"),
}


@pytest.mark.parametrize(("cook", "code"), REJECTED.values(), ids=REJECTED)
def test_what_does_not_hold_is_rejected_and_not_kept(
    reader: ReaderStage, cook: Callable[[ReaderStage], dict[str, Any]], code: str
) -> None:
    done = scan(reader, out=reader.out, **cook(reader))

    assert done.outcome.verdict == "reject"
    assert code in done.outcome.failed_codes
    assert (done.folder, reader.out.exists()) == (None, False)


def test_a_credential_of_another_type_is_rejected(reader: ReaderStage) -> None:
    diploma = reader.issue_diploma()
    reader.anchor()

    done = scan(reader, diploma, claims=("/school",))

    assert "scenario_type" in done.outcome.failed_codes


def test_two_of_the_same_kind_do_not_answer_one_query(reader: ReaderStage) -> None:
    other = reader.issue()
    reader.anchor()

    assert scan(reader, reader.item, other).outcome.verdict == "reject"


def test_items_of_two_dossiers_are_not_mixed(reader: ReaderStage) -> None:
    from protocol.slips import parse_slip, sign_slip

    def mix(parcel: Any) -> Any:
        slip = sign_slip(replace(parse_slip(parcel.items[0].slip).body, dossier=bytes(32)), reader.issuer.present)
        return replace(parcel, items=(parcel.items[0], replace(parcel.items[0], slip=slip)))

    with pytest.raises(Untrusted) as caught:
        scan(reader, parcel=mix)
    assert caught.value.code == "parcel_dossiers"


def test_alternatives_are_answered_by_one_of_them(reader: ReaderStage) -> None:
    """The small loan asks for an insurance proof or a diploma: either will do, both are too much."""
    session, code = reader.open_show()
    answering(reader, session)
    assert reader.scan(code).outcome.verdict == "accept"
    reader.bridge.lies.clear()

    diploma = reader.issue_diploma()
    reader.anchor()
    session, code = reader.open_show()

    def both(parcel: Any) -> Any:
        return replace(parcel, items=(parcel.items[0], reader.parcel_item(diploma, ("/school",), said(parcel))))

    answering(reader, session, parcel=both)
    assert "claims_not_met" in reader.scan(code).outcome.failed_codes


def said(parcel: Any) -> str:
    from protocol.sdjwt import parse_sdjwt

    binding = parse_sdjwt(parcel.items[0].presentation).key_binding
    assert binding is not None
    return str(binding.claims()["nonce"])
