"""Shows without a network: one way and two ways, judged by the pack, seen once."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from agency_cli.common import MOST_PACK_AGE_S as MOST
from agency_cli.common import PACK_AGE
from agency_cli.services.offline import ANSWER_S, Challenge, OfflineOrder, OfflineShown, receive
from agency_cli.services.replays import Replays
from agency_cli.window.app import create_app
from agency_cli.window.counter import Counter
from client import pack as packs
from client import qr
from client.inputs import Duration
from client.localsite import Entrance
from client.pack import MAX_PACK_AGE_S, MOST_PACK_AGE_S, read_pack, update_pack
from protocol.credential import present_credential
from protocol.dcql import parse_query
from protocol.encoding import b64u
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.hashing import sha256
from protocol.jose import P256Signer
from protocol.offline import PREFIX, frames, one_way, two_ways
from protocol.receipts import Officer
from protocol.request_code import parse_request
from protocol.scenario import parse_scenario
from protocol.sdjwt_present import bind_key
from tests.reader_stage import CLAIMS, ReaderStage
from tests.scenario_samples import QUERY
from tests.unit.agency_cli import reading
from tests.unit.agency_cli.reading import Run

WINDOW = CLAIMS[1:]
run = reading.run  # the bank's, not that of the folder's other tests
OFFICER = Officer("officer", "desk 3")


@pytest.fixture
def desk(reader: ReaderStage) -> Iterator[ReaderStage]:
    """A bank that has gathered its pack, and then lost the network."""
    if not hasattr(reader, "offline_scenario"):
        query = parse_query({"credentials": QUERY["credentials"][:1]})
        reader.offline_scenario = reader.post_scenario(scenario_id="window", query=query)  # type: ignore[attr-defined]  # the test adds what the class does not declare
    reader.pass_time(1)
    reader.publish_status()
    update_pack(reader.session)
    reader.bridge.down = True
    reader.session._ledger, reader.session.opener = None, _no_chain
    yield reader
    reader.bridge.down = False
    reader.session._ledger, reader.session.opener = None, reader._ledger
    shutil.rmtree(reader.session.profile.folder / "window", ignore_errors=True)


def _no_chain(*_: object) -> Any:
    class Gone:
        def __getattr__(self, name: str) -> Any:
            raise Unavailable("chain_unreachable", "the chain does not answer: {reason}", reason=name)

    return Gone()


def shown(reader: ReaderStage, claims: tuple[str, ...] = WINDOW, **changes: Any) -> str:
    """What a wallet presents to whoever looks, unless ``changes`` say otherwise."""
    values = {"aud": reader.vault.origin, "nonce": b64u(secrets.token_bytes(16)), "iat": reader.clock.now(), **changes}
    thief = values.pop("thief", None)
    presentation = present_credential(
        reader.item.credential, values.pop("claims", claims), reader.alice.present, **values
    )
    if thief is None:
        return presentation
    unbound = presentation[: presentation.rindex("~") + 1]
    return bind_key(unbound, thief, aud=values["aud"], nonce=values["nonce"], iat=values["iat"])


def order(**changes: Any) -> OfflineOrder:
    return replace(OfflineOrder("window", OFFICER), **changes)


def judged(reader: ReaderStage, presentation: str, **changes: Any) -> OfflineShown:
    return receive(reader.session, one_way(presentation), order(**changes))


def check(done: OfflineShown, name: str) -> tuple[str, str]:
    found = done.verdict.check(name)
    assert found is not None
    return found.status, found.code


def test_what_answers_nobody_is_at_most_indeterminate_and_asks_for_the_face(desk: ReaderStage) -> None:
    done = judged(desk, shown(desk))

    assert (done.verdict.verdict, check(done, "challenge")) == ("indeterminate", ("unknown", "offline_no_challenge"))
    assert {
        check(done, name)[0] for name in ("issuer_signature", "issuer_authority", "status", "scenario_minimum")
    } == {"pass"}
    assert {check(done, name)[0] for name in ("anchor_inclusion", "holder_binding")} == {"unknown"}
    assert done.use is not None
    body = done.use.receipt.body
    assert (body.show, done.use.state, done.use.kind) == (body.nonce, "offline", "show")
    assert [use.state for use in desk.uses() if use.jti == done.use.jti] == ["offline"]


def test_the_same_presentation_counts_once_however_it_is_packed(desk: ReaderStage) -> None:
    nonce = b64u(secrets.token_bytes(16))
    judged(desk, shown(desk, nonce=nonce))
    for again in (shown(desk, nonce=nonce), shown(desk, ("/months_paid", "/insured_region"), nonce=nonce)):
        with pytest.raises(Conflict) as caught:
            judged(desk, again)
        assert caught.value.code == "offline_replayed"


def test_the_memory_forgets_what_could_not_count_any_more(desk: ReaderStage) -> None:
    memory = Replays(desk.session.profile.folder)
    memory.refuse_again(b"k", b"n", until=100, now=50)
    with pytest.raises(Conflict):
        memory.refuse_again(b"k", b"n", until=200, now=100)
    memory.refuse_again(b"k", b"n", until=300, now=101)
    (desk.session.profile.folder / "window" / "replays" / sha256(b"k", b"m").hex()).touch()
    with pytest.raises(Conflict):
        memory.refuse_again(b"k", b"m", until=300, now=101)


REJECTED: dict[str, tuple[Callable[[ReaderStage], dict[str, Any]], str]] = {
    "a screenshot of a minute ago": (lambda r: {"iat": r.clock.now() - 60}, "offline_late"),
    "of a time to come": (lambda r: {"iat": r.clock.now() + 6}, "offline_late"),
    "for another log": (lambda _r: {"aud": "onefile/1/other/main"}, "key_binding_aud"),
    "by another key": (lambda _r: {"thief": P256Signer.from_secret(bytes(31) + b"\x07")}, "signature"),
    "less than was asked for": (lambda _r: {"claims": ("/insured_region",)}, "claims_not_met"),
    "more than was asked for": (lambda _r: {"claims": (*WINDOW, "/holder/identity_number")}, "over_asking"),
}


@pytest.mark.parametrize(("cook", "code"), REJECTED.values(), ids=REJECTED)
def test_what_does_not_hold_is_rejected_and_nothing_is_signed_for(
    desk: ReaderStage, cook: Callable[[ReaderStage], dict[str, Any]], code: str
) -> None:
    before = len(desk.uses())
    done = judged(desk, shown(desk, **cook(desk)))

    assert (done.verdict.verdict, done.use) == ("reject", None)
    assert any(code in found for found in done.failed_codes), done.failed_codes
    assert len(desk.uses()) == before


def test_a_revoked_credential_is_rejected_by_the_list_in_the_pack(reader: ReaderStage, desk: ReaderStage) -> None:
    from protocol.status_list import INVALID, VALID

    reader.lists.set(reader.item.status_index, INVALID)
    reader.bridge.down, reader.session._ledger, reader.session.opener = False, None, reader._ledger
    reader.publish_status()
    update_pack(reader.session)
    reader.lists.set(reader.item.status_index, VALID)
    done = judged(reader, shown(reader))
    assert (done.verdict.verdict, done.failed_codes) == ("reject", ("credential_invalid",))


def test_a_list_that_the_pack_lacks_leaves_the_status_open(desk: ReaderStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs.Pack, "status", lambda _self, _uri: None)
    done = judged(desk, shown(desk))
    assert check(done, "status") == ("unknown", "status_missing")


def test_an_old_pack_is_refused_and_its_age_is_told(desk: ReaderStage) -> None:
    desk.vault.clock.advance(3601)
    with pytest.raises(Denied) as caught:
        judged(desk, shown(desk), max_pack_age_s=3600)
    assert (caught.value.code, caught.value.facts) == ("pack_too_old", {"age": 3601, "most": 3600})
    done = judged(desk, shown(desk))
    assert done.pack.age(desk.clock.now()) == 3601
    assert (Duration(MOST).convert(PACK_AGE, None, None), MOST) == (MAX_PACK_AGE_S, MOST_PACK_AGE_S)


def test_no_pack_no_verdict(desk: ReaderStage) -> None:
    (desk.session.profile.folder / "pack.jws").unlink()
    with pytest.raises(Denied) as caught:
        judged(desk, shown(desk))
    assert caught.value.code == "pack_missing"


def test_a_pack_is_made_of_the_chain_or_not_at_all(desk: ReaderStage) -> None:
    before = (desk.session.profile.folder / "pack.jws").read_bytes()
    with pytest.raises(Unavailable):
        update_pack(desk.session)
    assert (desk.session.profile.folder / "pack.jws").read_bytes() == before


def test_a_pack_of_a_time_to_come_or_of_another_chain_is_refused(
    desk: ReaderStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = read_pack(desk.session)
    for wrong, code in (
        (replace(made, assembled_at=desk.clock.now() + 301), "pack_ahead"),
        (
            replace(
                made, facts=replace(made.facts, deployment=replace(made.facts.deployment, deploy_block_hash=bytes(32)))
            ),
            "pack_other",
        ),
    ):
        monkeypatch.setattr(packs, "open_pack", lambda *_a, wrong=wrong: wrong)
        with pytest.raises(Untrusted) as caught:
            read_pack(desk.session)
        assert caught.value.code == code


def test_somebody_elses_pack_is_not_believed(desk: ReaderStage) -> None:
    made = read_pack(desk.session)
    other = P256Signer.from_secret(bytes(31) + b"\x09")
    (desk.session.profile.folder / "pack.jws").write_bytes(packs.sign_pack(made, other))
    with pytest.raises(Untrusted) as caught:
        judged(desk, shown(desk))
    assert caught.value.code == "trust_signer"


@pytest.mark.parametrize("member", ["lists", "scenarios"])
@pytest.mark.parametrize("row", [7, ["a"], [1, 2]])
def test_a_pack_with_rows_of_another_form_is_malformed(desk: ReaderStage, member: str, row: Any) -> None:
    with pytest.raises(Malformed):
        packs.Pack.from_json({**read_pack(desk.session).to_json(), member: [row]})


def test_the_scenario_of_the_pack_is_named_by_id_or_hash(desk: ReaderStage) -> None:
    raw = desk.offline_scenario  # type: ignore[attr-defined]  # set by the fixture
    by_hash = b64u(parse_scenario(raw).hash)
    assert judged(desk, shown(desk), scenario=by_hash).scenario.raw == raw
    for wrong, code in (("no-such", "scenario_not_found"),):
        with pytest.raises(Denied) as caught:
            judged(desk, shown(desk), scenario=wrong)
        assert caught.value.code == code


# --- two ways --------------------------------------------------------------------------------------------


class Page:
    """The window's page, entered."""

    def __init__(self, reader: ReaderStage, **changes: Any) -> None:
        self.counter = Counter(reader.session, 3, "window", OFFICER, **changes)
        self.door = Entrance(8441)
        self.write = {"origin": self.door.origin}
        headers = {"accept-language": "en"}
        self.http = TestClient(create_app(self.counter, self.door), base_url=self.door.origin, headers=headers)
        self.http.post("/start", json={"token": self.door.token}, headers=self.write)
        self.reader = reader

    def scan(self, code: str) -> dict[str, Any]:
        answer = self.http.post("/scan", json={"code": code}, headers=self.write)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    def answer(self, **changes: Any) -> list[str]:
        """The frames of a wallet that answers the request on the screen."""
        text = self.counter.ask().text
        code = parse_request(text).code
        urn = self.reader.vault.urn(self.reader.bank)
        presentation = shown(self.reader, **{"aud": urn, "nonce": b64u(code.nonce), **changes})
        return frames(two_ways(presentation, code.sealing))


def test_an_answer_to_the_windows_request_is_accepted_in_frames_of_any_order(desk: ReaderStage) -> None:
    page = Page(desk)
    texts = page.answer()
    assert len(texts) > 2
    first = page.scan(texts[-1])
    assert (first["verdict"], first["seen"], first["of"]) == ("collecting", 1, len(texts))
    assert page.scan(texts[-1])["seen"] == 1
    for text in texts[1:-1]:
        assert page.scan(text)["verdict"] == "collecting"
    seen = page.scan(texts[0])
    assert (seen["verdict"], seen["offline"]["way"], seen["offline"]["compare_face"]) == ("accept", "two", False)
    assert seen["items"][0]["rows"]
    assert seen["offline"]["facts_age_s"] >= 0
    assert page.counter.journal.day(desk.clock.now())[-1].receipt == seen["receipt"]


def test_an_answer_counts_once_and_opens_with_its_own_request_alone(desk: ReaderStage) -> None:
    page = Page(desk)
    texts = page.answer()
    assert [page.scan(text)["verdict"] for text in texts][-1] == "accept"
    page.counter.ask()
    again = [page.scan(text) for text in texts][-1]
    assert (again["verdict"], again["code"]) == ("refused", "no_identity")


def test_a_window_that_asked_takes_nothing_that_answers_nobody(desk: ReaderStage) -> None:
    page = Page(desk)
    page.counter.ask()
    seen = [page.scan(text) for text in frames(one_way(shown(desk)))][-1]
    assert (seen["verdict"], seen["code"]) == ("refused", "offline_kind")
    desk.vault.clock.advance(ANSWER_S)
    after = [page.scan(text) for text in frames(one_way(shown(desk)))][-1]
    assert (after["verdict"], after["offline"]["compare_face"]) == ("indeterminate", True)


@pytest.mark.parametrize(
    ("cook", "code"),
    [
        ({"nonce": b64u(bytes(16))}, "key_binding_nonce"),
        (
            {
                "aud": "urn:onefile:agency:31337:0x1111111111111111111111111111111111111111:0x3333333333333333333333333333333333333333"
            },
            "key_binding_aud",
        ),
    ],
)
def test_an_answer_to_another_request_or_agency_is_rejected(desk: ReaderStage, cook: dict[str, Any], code: str) -> None:
    page = Page(desk)
    seen = [page.scan(text) for text in page.answer(**cook)][-1]
    assert (seen["verdict"], seen["failed"], seen["items"][0]["rows"], seen["receipt"]) == ("reject", code, [], None)


def test_a_late_answer_is_refused(desk: ReaderStage) -> None:
    page = Page(desk)
    request = page.counter.ask()
    code = request.code
    made = shown(desk, aud=desk.vault.urn(desk.bank), nonce=b64u(code.nonce))
    desk.vault.clock.advance(ANSWER_S)
    with pytest.raises(Denied) as caught:
        receive(desk.session, two_ways(made, code.sealing), order(challenge=Challenge(code, request.window)))
    assert caught.value.code == "offline_answer_late"


def test_what_is_no_frame_is_refused_and_what_is_asked_stands_in_the_pack(desk: ReaderStage) -> None:
    page = Page(desk)
    assert page.scan(PREFIX + "1/1:")["code"] == "offline_frame"
    assert page.http.get("/asked").json()["id"] == "window"
    assert page.counter.answered() is None
    page.counter.ask()
    assert page.counter.answered() is None


def test_a_window_says_when_its_pack_is_too_old(desk: ReaderStage) -> None:
    page = Page(desk, max_pack_age_s=60)
    desk.vault.clock.advance(61)
    seen = [page.scan(text) for text in frames(one_way(shown(desk)))][-1]
    assert (seen["verdict"], seen["code"]) == ("refused", "pack_too_old")
    assert "61 s old" in seen["detail"]


def test_an_agency_that_is_no_reader_judges_nothing(desk: ReaderStage, monkeypatch: pytest.MonkeyPatch) -> None:
    made = read_pack(desk.session)
    agencies = tuple(
        replace(one, facts=replace(one.facts, roles=())) if one.facts.account == desk.bank.address else one
        for one in made.facts.agencies
    )
    monkeypatch.setattr(packs, "open_pack", lambda *_a: replace(made, facts=replace(made.facts, agencies=agencies)))
    with pytest.raises(OneFileError) as caught:
        judged(desk, shown(desk))
    assert caught.value.code == "not_a_reader"


# --- the command -----------------------------------------------------------------------------------------


def test_frames_in_pictures_are_judged_and_the_face_is_asked_for(desk: ReaderStage, run: Run, tmp_path: Path) -> None:
    texts = frames(one_way(shown(desk)))
    for number, text in enumerate(texts):
        qr.write_png(text, tmp_path / f"{number}.png")
    pictures = [tmp_path / f"{number}.png" for number in reversed(range(len(texts)))]
    code, out, err = run("scan", "--offline", *pictures, "--scenario", "window")
    assert (code, out.splitlines()[0]) == (7, "indeterminate")
    assert "威海市" in out
    assert "compare the person's face" in err
    assert "facts that are" in err


def test_the_command_tells_everything_to_programs(desk: ReaderStage, run: Run) -> None:
    texts = frames(one_way(shown(desk)))
    options = [part for text in texts for part in ("--text", text)]
    _code, out, _err = run("scan", "--offline", *options, "--scenario", "window", "--json")
    found = json.loads(out)
    assert (found["way"], found["policy"], found["claims"]["/months_paid"]) == ("one", "offline", 160)
    assert found["items"][0]["checks"][-1]["code"] == "offline_no_challenge"


def test_what_goes_with_offline_and_what_does_not(desk: ReaderStage, run: Run) -> None:
    assert run("scan", "--offline", "--text", "x")[0] == 2
    assert run("scan", "--text", "x", "--text", "y", "--scenario", "window")[0] == 2
    assert run("scan", "--offline", "--text", "x", "--scenario", "window", "--out", desk.out)[0] == 2


def test_the_age_of_a_pack_is_shown_and_without_a_network_it_is_not_renewed(desk: ReaderStage, run: Run) -> None:
    code, out, _err = run("pack", "show")
    assert code == 0
    assert "Status lists" in out
    assert run("pack", "update")[0] == 7
