"""What holders tell a reader, and what a reader answers: signed, once, and never on the vault's word."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agency_cli.commands import notices as command
from agency_cli.services import hearing, saying
from client.notices import Kept, NoticeBox
from protocol.encoding import b64u, unb64u
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.grant import officer_class_hash
from protocol.receipts import Officer
from protocol.statements import parse_statement
from protocol.wire_notices import Notice
from tests.reader_stage import Given, ReaderStage
from tests.unit.agency_cli import reading
from tests.unit.agency_cli.reading import Run, data

run = reading.run


@pytest.fixture
def desk(reader: ReaderStage) -> Iterator[ReaderStage]:
    """The shared bank, which has heard everything that was said before this test."""
    folder = reader.session.profile.folder / "notices"
    reader.pass_time(1)
    reader.publish_status()
    hearing.listen(reader.session)
    for path in folder.glob("*.json"):
        if path.name != "cursor.json":
            path.unlink()
    yield reader
    reader.bridge.lies.clear()


def used(stage: ReaderStage) -> Given:
    given = stage.give(stage.item)
    stage.out = stage.out.with_name(secrets.token_hex(4))
    stage.release(given)
    return given


def holder_says(stage: ReaderStage, kind: str, **members: Any) -> str:
    raw = stage.alice.statement(kind, **members)
    answer = stage.vault.post(stage.alice, "/v1/me/statements", {"statement": raw})
    assert answer.status_code == 201, answer.text
    return str(raw)


def ended(stage: ReaderStage) -> tuple[Given, str]:
    """A used grant that its holder has ended, with the holder's notice."""
    given = used(stage)
    stage.revoke(given)
    return given, holder_says(stage, "notice", grant=given.envelope.grant.grant_id, text="please delete it")


def kinds(stage: ReaderStage) -> list[str]:
    return [kept.notice.kind for kept in NoticeBox(stage.session.profile.folder)]


def test_the_end_of_a_grant_is_heard_checked_and_acknowledged(desk: ReaderStage, run: Run) -> None:
    given, raw = ended(desk)

    rows = data(run("notices", "--json"))

    last = rows[-1]
    assert [row["kind"] for row in rows] == ["grant_given", "grant_ended", "notice"]
    assert [row["state"] for row in rows] == ["vault", "vault", "signed"]
    assert (last["grant"], last["text"], last["by"], last["acknowledged"]) == (
        given.id,
        "please delete it",
        desk.alice.urn,
        None,
    )
    (done,) = data(run("notices", "ack", last["notice"][:10], "--json"))
    history = desk.vault.get(desk.alice, "/v1/me/log").json()["rows"]
    said = parse_statement(unb64u(history[-1]["logged"]["object"])).body
    assert (said.kind, said.about, said.iss) == (
        "acknowledgement",
        parse_statement(raw).hash,
        desk.vault.urn(desk.bank),
    )
    assert done["index"] == history[-1]["logged"]["index"]
    assert data(run("notices", "ack", "--all", "--json")) == []
    assert data(run("notices", "ack", last["notice"], "--json"))[0]["index"] == done["index"]


def test_notices_are_drawn_for_people(desk: ReaderStage, run: Run) -> None:
    ended(desk)
    code, out, _ = run("notices")
    assert code == 0
    assert "please delete it" in out
    assert "a notice of the holder" in out
    assert "entry" in run("notices", "ack", "--all")[1]
    assert "entry" in run("notices", "--open")[2] or "No notices." in run("notices", "--open")[2]
    assert "No notices." in run("notices", "--new")[2]
    assert "Nothing waits" in run("notices", "ack", "--all")[2]


def test_a_scenario_that_was_withdrawn_is_named_by_its_hash(desk: ReaderStage, run: Run) -> None:
    used(desk)
    about = b64u(b"7" * 32)
    told = {"kind": "scenario_withdrawn", "grant": None, "about": about}
    desk.lie("/v1/notices", lambda body: {**body, "rows": [{**row, **told} for row in body["rows"]]})
    assert f"scenario {about[:12]}" in run("notices")[1]


def test_what_is_to_be_acknowledged_is_named(desk: ReaderStage, run: Run) -> None:
    assert run("notices", "ack")[0] == 2
    code, _, err = run("notices", "ack", "0123456789", "--json")
    assert (code, json.loads(err)["error"]["code"]) == (6, "notice_not_found")
    desk.give(desk.item)
    given = data(run("notices", "--json"))[-1]
    code, out, _ = run("notices", "ack", given["notice"], "--json")
    assert (code, json.loads(out)[0]["code"]) == (4, "notice_no_answer")
    assert "is not acknowledged" in run("notices", "ack", given["notice"])[1]


def test_watching_goes_on_until_interrupted(desk: ReaderStage, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "WATCH_S", 0)
    turns = [0]

    def change(body: Any) -> Any:
        turns[0] += 1
        if turns[0] == 2:
            holder_says(desk, "complaint", grant=given.envelope.grant.grant_id, about=bytes(32), text="why?")
        if turns[0] == 4:
            raise KeyboardInterrupt
        return body

    given = used(desk)
    desk.lie("/v1/notices", change)
    code, out, _ = run("notices", "--watch")
    assert code == 130
    assert "why?" in out


def test_a_complaint_and_a_correction_of_the_issuer_are_acknowledged_too(desk: ReaderStage, run: Run) -> None:
    used(desk)
    (use,) = desk.uses()
    holder_says(desk, "complaint", about=use.receipt.hash, text="not my application")
    answer = desk.vault.post(desk.issuer, "/v1/statements", {"statement": issuer_word(desk)})
    assert answer.status_code == 201, answer.text
    rows = data(run("notices", "ack", "--all", "--json"))
    assert [(row["kind"], row["code"]) for row in rows] == [("complaint", None), ("correction", None)]
    assert all(row["index"] for row in rows)


def issuer_word(stage: ReaderStage) -> str:
    from protocol.statements import Statement, sign_statement

    said = Statement(b64u(secrets.token_bytes(16)), stage.clock.now(), stage.vault.urn(stage.issuer), stage.vault.origin, "correction",
                     item=stage.item.item, text="a misprint")  # fmt: skip
    return sign_statement(said, stage.issuer.present)


# --- a vault that lies ----------------------------------------------------------------------------


def test_a_replayed_notice_is_nothing_new(desk: ReaderStage) -> None:
    ended(desk)
    assert len(hearing.listen(desk.session)) == 3

    def again(body: Any) -> Any:
        row = {**kept[-1].notice.model_dump(mode="json"), "id": "AAAAAAAAA_8"}
        return {**body, "rows": [row]}

    kept = list(NoticeBox(desk.session.profile.folder))
    desk.lie("/v1/notices", again)
    assert hearing.listen(desk.session) == []
    assert kinds(desk) == ["grant_given", "grant_ended", "notice"]


@pytest.mark.parametrize("cook", ["unsigned", "kind", "signature", "stranger", "other_grant", "old_key"])
def test_what_the_vault_makes_up_is_called_false_and_never_acknowledged(desk: ReaderStage, run: Run, cook: str) -> None:
    given, raw = ended(desk)
    bob = desk.vault.holder("bob " + cook)
    other = desk.give(desk.item)

    def forge(row: Any) -> Any:
        if row["kind"] != "notice":
            return row
        if cook == "unsigned":
            return {**row, "statement": None}
        if cook == "kind":
            return {**row, "kind": "complaint"}
        if cook == "signature":
            return {**row, "statement": raw[:-8] + "AAAAAAAA"}
        if cook == "old_key":
            return {**row, "card": desk.bank.envelopes[-1].to_json()}
        said = bob.statement("notice", grant=given.envelope.grant.grant_id, text="not mine")
        if cook == "other_grant":
            said = bob.statement("notice", grant=other.envelope.grant.grant_id, text="not mine")
        return {**row, "statement": said, "card": bob.envelopes[-1].to_json()}

    desk.lie("/v1/notices", lambda body: {**body, "rows": [forge(row) for row in body["rows"]]})
    code, out, _ = run("notices", "--json")
    (false,) = [row for row in json.loads(out) if row["kind"] in {"notice", "complaint"}]
    assert (code, false["state"], false["text"]) == (3, "false", None)
    assert "FALSE" in run("notices")[1]
    code, out, _ = run("notices", "ack", false["notice"], "--json")
    assert code == 3
    assert json.loads(out)[0]["index"] is None
    assert desk.posts("/v1/statements") == 0


def test_a_key_that_a_newer_card_revokes_says_nothing_more() -> None:
    from client import notices
    from protocol.facts import CardFact, DossierFacts

    old, new = bytes(32), bytes([1]) * 32
    cards = (CardFact(old, 1, 10, 0, None), CardFact(new, 2, 50, 2, None))
    facts = DossierFacts(bytes(32), (), cards, 1, 100)
    notices._check_not_revoked(facts, old, 49)
    with pytest.raises(Untrusted) as refused:
        notices._check_not_revoked(facts, old, 50)
    assert refused.value.code == "holder_card_revoked"


def test_a_vault_that_cannot_be_asked_leaves_it_unknown(desk: ReaderStage) -> None:
    ended(desk)
    hearing.listen(desk.session)
    kept = list(NoticeBox(desk.session.profile.folder))[-1:]
    desk.bridge.down = True
    (found,) = hearing.heard(desk.session, desk.desk(), kept)
    assert (found.state, found.error is not None) == ("unknown", True)


def test_an_end_that_the_vault_keeps_to_itself_is_seen_on_chain(desk: ReaderStage, run: Run) -> None:
    given = used(desk)
    desk.lie("/v1/notices", lambda body: {**body, "rows": [r for r in body["rows"] if r["kind"] == "grant_given"]})
    assert run("notices")[0] == 0
    desk.revoke(given)
    desk.vault.publish()
    code, _, err = run("notices")
    assert code == 3
    assert f"{given.id[:12]} was ended on chain" in err
    desk.bridge.lies.clear()
    (desk.session.profile.folder / "notices" / "cursor.json").unlink()
    assert run("notices")[0] == 0


def test_the_chain_is_asked_for_no_show_and_while_it_is_away_for_nothing(desk: ReaderStage) -> None:
    from protocol.errors import Unavailable

    used(desk)
    (use,) = desk.uses()
    assert use.out is not None
    (use.out / "grant.json").unlink()
    assert list(hearing.withheld_ends(desk.session, desk.desk())) == []
    given = desk.give(desk.item)
    desk.out = desk.out.with_name("second")
    desk.release(given)
    at = desk.desk()

    class Away:
        def nullifier(self, _nullifier: bytes) -> Any:
            raise Unavailable("chain_unreachable", "nobody is there")

    at.facts = Away()  # type: ignore[assignment]  # only this is asked
    assert list(hearing.withheld_ends(desk.session, at)) == []


# --- saying it once -------------------------------------------------------------------------------


def test_a_crash_before_the_answer_says_it_once(desk: ReaderStage) -> None:
    ended(desk)
    hearing.listen(desk.session)
    (waiting,) = hearing.waiting(NoticeBox(desk.session.profile.folder))
    desk.lie("/v1/statements", lambda body: {**body, "opening": None})
    with pytest.raises(Untrusted) as refused:
        hearing.acknowledge(desk.session, desk.desk(), waiting)
    assert refused.value.code == "statement_unlogged"
    desk.bridge.lies.clear()
    desk.pass_time(600)
    (kept,) = hearing.waiting(NoticeBox(desk.session.profile.folder))
    done = hearing.acknowledge(desk.session, desk.desk(), kept)
    rows = desk.vault.get(desk.alice, "/v1/me/log").json()["rows"]
    said = [row for row in rows if unb64u(row["logged"]["object"]).decode("latin-1") == kept.answer]
    assert [row["logged"]["index"] for row in said] == [done.index]


def test_what_never_arrived_is_signed_anew(desk: ReaderStage) -> None:
    ended(desk)
    hearing.listen(desk.session)
    (waiting,) = hearing.waiting(NoticeBox(desk.session.profile.folder))
    stale = NoticeBox(desk.session.profile.folder).save(
        Kept(waiting.notice, saying.word(desk.session, "acknowledgement", about=waiting.said.hash))
    )
    desk.pass_time(600)
    done = hearing.acknowledge(desk.session, desk.desk(), stale)
    assert (done.index is not None, done.answer != stale.answer) == (True, True)


def test_what_another_machine_has_said_is_said(desk: ReaderStage) -> None:
    given, _ = ended(desk)
    hearing.listen(desk.session)
    (waiting,) = hearing.waiting(NoticeBox(desk.session.profile.folder))
    first = hearing.acknowledge(desk.session, desk.desk(), waiting)
    assert hearing.acknowledge(desk.session, desk.desk(), waiting).index == first.index
    for _ in range(3):
        saying.say(desk.session, None, lambda _raw: None, "renewal", grant=given.envelope.grant.grant_id)
    with pytest.raises(Denied) as refused:
        saying.say(desk.session, None, lambda _raw: None, "renewal", grant=given.envelope.grant.grant_id)
    assert refused.value.code == "statements_enough"
    with pytest.raises(Conflict):
        saying._send(desk.session, saying.word(desk.session, "acknowledgement", about=waiting.said.hash))


# --- what is kept ---------------------------------------------------------------------------------


def test_many_pages_are_fetched_and_a_vault_without_end_is_left(tmp_path: Path) -> None:
    calls: list[str | None] = []

    def ask(page: str | None, _wait: int) -> Any:
        from protocol.wire_notices import Notices

        calls.append(page)
        row = Notice(id=str(len(calls)), kind="grant_given", at=len(calls))
        return Notices(rows=[row], next=str(min(len(calls), 2)), more=True)

    box = NoticeBox(tmp_path)
    assert len(box.fetch(ask)) == 3
    assert calls == [None, "1", "2"]


def test_a_garbled_notice_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "notices"
    folder.mkdir()
    (folder / "x.json").write_text('{"v": 1}')
    with pytest.raises(Malformed) as refused:
        list(NoticeBox(tmp_path))
    assert refused.value.code == "store"
    (folder / "cursor.json").write_text('{"next": 5}')
    assert NoticeBox(tmp_path)._cursor() is None


# --- asking for a renewal, correcting, officers ---------------------------------------------------


def test_grants_that_may_be_asked_for_again_are_listed_and_asked_for(desk: ReaderStage, run: Run) -> None:
    soon, far = desk.give(desk.item), desk.give(desk.item, not_after=desk.clock.now() + 20 * 86_400)
    once = desk.give(desk.item, max_uses=1, not_after=desk.clock.now() + 20 * 86_400)
    desk.out = desk.out.with_name("once")
    desk.release(once)
    listed = {row["grant"] for row in data(run("grants", "--renewable", "--json"))}
    assert {soon.id, once.id} <= listed
    assert far.id not in listed
    asked = data(run("grants", "ask", once.id[:12], "--text", "two more months", "--json"))
    assert asked["grant"] == once.id
    assert "asked:" in run("grants", "ask", once.id)[1]
    told = desk.vault.get(desk.alice, "/v1/me/notices?limit=100").json()["rows"]
    assert [row["grant"] for row in told if row["kind"] == "renewal"][-2:] == [once.id] * 2
    desk.revoke(soon)
    code, _, err = run("grants", "ask", soon.id, "--json")
    assert (code, json.loads(err)["error"]["code"]) == (5, "grant_revoked")


def test_an_officer_of_another_class_signs_no_receipt(desk: ReaderStage, monkeypatch: pytest.MonkeyPatch) -> None:
    given = desk.give(desk.item, officer_class=officer_class_hash("notary"))
    with pytest.raises(Denied) as refused:
        desk.release(given)
    assert (refused.value.code, desk.posts("/release")) == ("officer_class", 0)
    desk.out = desk.out.with_name("notary")
    assert desk.release(given, officer=Officer("notary", "room 4")).use.use_no == 1


def test_the_officer_comes_from_the_settings_where_the_command_does_not_say(
    desk: ReaderStage, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = desk.give(desk.item, officer_class=officer_class_hash("notary"))
    assert run("release", given.id, "--out", str(desk.out), "--json")[0] == 4
    monkeypatch.setenv("ONEFILE_OFFICER_CLASS", "notary")
    monkeypatch.setenv("ONEFILE_OFFICER_REF", "room 4")
    assert run("release", given.id, "--out", str(desk.out), "--json")[0] == 0
    (use,) = desk.uses()
    assert (use.receipt.body.officer.officer_class, use.receipt.body.officer.ref) == ("notary", "room 4")
