"""The reading commands as a person calls them: words, tables, JSON, exit codes, both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agency_cli import common
from agency_cli.services.uses import Use, Uses
from console.i18n import moment
from protocol.dcql import parse_query
from protocol.grant import officer_class_hash
from protocol.receipts import parse_receipt
from protocol.scenario import parse_scenario
from tests.reader_stage import CLAIMS, ReaderStage
from tests.scenario_samples import QUERY
from tests.unit.agency_cli import reading
from tests.unit.agency_cli.reading import Run, data
from tests.unit.agency_cli.test_single import a_receipt, presentation, proof_of

run = reading.run  # the bank's, not that of the folder's other tests


# --- grants ---------------------------------------------------------------------------------------------


def test_grants_are_listed_with_what_they_open(reader: ReaderStage, run: Run) -> None:
    given = reader.give(reader.item)

    rows = data(run("grants", "--json"))

    row = next(row for row in rows if row["grant"] == given.id)
    assert (row["state"], row["uses"], row["max_uses"], row["scenario"]) == ("live", 0, 3, "small-loan")
    assert row["scope"][0]["claims"] == list(CLAIMS)
    assert row["title"] == {"zh": "小额贷款", "en": "Small loan"}


def test_grants_are_drawn_with_their_whole_id(reader: ReaderStage, run: Run) -> None:
    given = reader.give(reader.item)

    code, out, _ = run("grants", "--state", "live")

    assert code == 0
    (line,) = [line for line in out.splitlines() if given.id in line]
    assert "Small loan" in line
    assert "insurance: insured in, months paid, 1 document" in line


def test_what_else_a_use_must_keep_to_is_listed(reader: ReaderStage, run: Run) -> None:
    begin = reader.vault.clock.now() + 1000
    limits: dict[str, Any] = {"min_interval_s": 5400, "officer_class": officer_class_hash("clerk")}
    given = reader.give(reader.item, not_before=begin, not_after=begin + 1000, **limits)

    row = next(row for row in data(run("grants", "--json")) if row["grant"] == given.id)
    assert (row["min_interval_s"], row["any_officer"]) == (5400, False)
    out = run("grants", "--state", "not_yet")[1]
    assert f"not before {moment(begin)}" in out
    assert "1h 30m between two uses" in out
    assert "officers of one class" in out
    reader.revoke(given)


def test_grants_of_a_withdrawn_scenario_are_marked(reader: ReaderStage, run: Run) -> None:
    now = reader.vault.clock.now()
    first = parse_scenario(reader.post_scenario(scenario_id="withdrawn-later"))
    given = reader.give(reader.item, scenario=first.raw)
    assert next(row for row in data(run("grants", "--json")) if row["grant"] == given.id)["withdrawn"] is False

    reader.post_scenario(scenario_id="withdrawn-later", version=2, supersedes=first.hash, withdrawn=now)

    assert next(row for row in data(run("grants", "--json")) if row["grant"] == given.id)["withdrawn"] is True
    assert "its scenario was withdrawn" in run("grants")[1]


def test_only_grants_of_one_state_are_listed(reader: ReaderStage, run: Run) -> None:
    given = reader.give(reader.item)
    reader.revoke(given)

    assert given.id not in run("grants", "--state", "live", "--json")[1]
    assert given.id in run("grants", "--state", "revoked", "--json")[1]
    assert "No grants." in run("grants", "--state", "not_yet")[2]


def test_a_grant_whose_scenario_the_vault_garbled_is_still_listed(reader: ReaderStage, run: Run) -> None:
    given = reader.give(reader.item)
    reader.lie("/v1/scenarios", lambda body: {**body, "rows": [{**row, "scenario": "x"} for row in body["rows"]]})

    row = next(row for row in data(run("grants", "--json")) if row["grant"] == given.id)
    assert (row["scenario"], row["title"]) == (None, None)
    assert "–" in run("grants")[1]


# --- verify ------------------------------------------------------------------------------------------------


def test_a_grant_has_two_verdicts(reader: ReaderStage, run: Run) -> None:
    given = reader.give(reader.item)

    found = data(run("verify", given.id, "--json"))

    assert (found["verdict"], found["own"]["verdict"], found["vault"]["verdict"]) == ("accept",) * 3
    code, out, _ = run("verify", given.id[:10])
    assert code == 0
    assert out.splitlines()[0] == "accepted"
    assert "Our own verdict" in out
    assert "The vault's verdict" in out


def test_the_worse_verdict_decides(reader: ReaderStage, run: Run) -> None:
    given = reader.give(reader.item)
    reader.lie(f"/grants/{given.id}/verify", lambda body: {**body, "verdict": "indeterminate", "checks": []})

    assert run("verify", given.id)[0] == 7


def test_a_revoked_grant_is_refused_with_its_own_exit_code(fresh_reader: ReaderStage, run: Run, monkeypatch: Any) -> None:
    monkeypatch.setattr(common, "make_session", lambda *_: fresh_reader.session)
    given = fresh_reader.give(fresh_reader.item)
    fresh_reader.revoke(given)
    fresh_reader.chain.ledger(fresh_reader.alice.address).revoke(given.secret)

    code, out, _ = run("verify", given.id)

    assert code == 5
    assert out.splitlines()[0] == "rejected"


@pytest.mark.parametrize("wanted", ["nosuch", "A" * 43])
def test_a_grant_that_is_not_here_is_not_found(run: Run, wanted: str) -> None:
    code, _, err = run("verify", wanted)

    assert code == 6, err
    assert "agency grants" in err


def test_a_vault_that_fails_is_not_a_grant_that_is_not_there(reader: ReaderStage, run: Run) -> None:
    from tests.unit.client.support import problem

    reader.bridge.lies.append(
        lambda request, answer: problem(403, "denied", "agency_suspended")
        if request.url.path.startswith("/v1/grants/")
        else answer
    )

    code, _, err = run("verify", "A" * 43)

    assert code == 4
    assert "agency_suspended" in err


def test_a_folder_is_verified(reader: ReaderStage, run: Run) -> None:
    reader.release(reader.give(reader.item))

    found = data(run("verify", str(reader.out), "--json"))
    assert (found["verdict"], found["policy"], found["use_no"], found["anchored"]) == ("accept", "evidence", 1, None)
    code, out, _ = run("verify", str(reader.out), "--upgrade")
    assert code == 0
    assert "not yet anchored: try later" in out
    reader.anchor()
    assert "all under anchored heads" in run("verify", str(reader.out), "--upgrade")[1]


def test_a_folder_that_was_changed_is_told_with_exit_code_3(reader: ReaderStage, run: Run) -> None:
    reader.release(reader.give(reader.item))
    (reader.out / "documents/1/证明.pdf").write_bytes(b"another")

    code, out, err = run("verify", str(reader.out))

    assert (code, out) == (3, "")
    assert "证明.pdf is not the one that the credential names [document_other]" in err


def test_files_by_themselves_are_verified(reader: ReaderStage, run: Run, tmp_path: Path) -> None:
    for name, raw in (
        ("receipt", a_receipt(reader, reader.bank).encode()),
        ("proof", proof_of(reader)),
        ("presentation", presentation(reader)),
    ):
        (tmp_path / name).write_bytes(raw)
    entry = tmp_path / "entry"
    entry.write_bytes(b"{}")

    assert run("verify", "--receipt", tmp_path / "receipt")[0] == 3
    assert run("verify", "--proof", tmp_path / "proof")[:1] == (0,)
    assert run("verify", "--proof", tmp_path / "proof", "--entry", entry)[0] == 3
    assert data(run("verify", "--presentation", tmp_path / "presentation", "--nonce", "a nonce", "--json"))
    code, out, _ = run("verify", "--presentation", tmp_path / "presentation")
    assert code == 7
    assert "give --nonce" in out


@pytest.mark.parametrize("argv", [(), ("x", "--receipt", __file__)], ids=["nothing", "two things"])
def test_exactly_one_thing_is_verified(run: Run, argv: tuple[str, ...]) -> None:
    assert run("verify", *argv)[0] == 2


# --- release and uses ----------------------------------------------------------------------------------------


def test_a_use_is_told_in_one_word_with_claims_and_folder(reader: ReaderStage, run: Run) -> None:
    given = reader.give(reader.item, claims=("/files/0", "/holder/name", "/months_paid"))

    code, out, err = run("release", given.id, "--out", reader.out)

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "accepted"
    assert "Social-insurance proof" in out or "ocial" in out
    assert any("160" in line for line in lines)
    assert any("王小明" in line for line in lines)
    assert any("证明.pdf" in line for line in lines)
    assert any("1/3" in line for line in lines)


def test_yes_and_no_are_told_in_words(reader: ReaderStage, run: Run) -> None:
    query = parse_query(
        {"credentials": [{**QUERY["credentials"][0], "claims": [{"path": ["paid_last_12_months"]}]}]}
    )
    scenario = reader.post_scenario(scenario_id="paid", query=query)
    given = reader.give(reader.item, claims=("/paid_last_12_months",), scenario=scenario)

    out = run("release", given.id, "--out", reader.out)[1]

    (line,) = [line for line in out.splitlines() if "12 months" in line]
    assert line.split()[-1] == "yes"


def test_a_use_is_told_as_json(reader: ReaderStage, run: Run) -> None:
    given = reader.give(reader.item)

    found = data(run("release", given.id, "--out", reader.out, "--officer-ref", "desk 9", "--json"))

    assert (found["verdict"], found["use_no"], found["folder"]) == ("accept", 1, str(reader.out))
    assert found["claims"][0]["claims"]["/insured_region"] == "威海市"
    assert parse_receipt((reader.out / "receipt.jws").read_bytes()).body.officer.ref == "desk 9"


def test_a_refused_use_leaves_nothing_and_says_why(reader: ReaderStage, run: Run) -> None:
    given = reader.give(reader.item)
    reader.revoke(given)

    code, out, err = run("release", given.id, "--out", reader.out)

    assert (code, out) == (5, "")
    assert "grant_revoked" in err
    assert not reader.out.exists()


def test_uses_say_what_is_kept_and_until_when(fresh_reader: ReaderStage, run: Run, monkeypatch: Any) -> None:
    reader = fresh_reader
    monkeypatch.setattr(common, "make_session", lambda *_: reader.session)
    given = reader.give(reader.item)
    reader.release(given)
    reader.refuse("/release")
    assert run("release", given.id, "--out", reader.folder / "two")[0] == 7
    reader.bridge.lies.clear()

    rows = data(run("uses", "--json"))
    assert sorted((row["kind"], row["state"], row["kept"], row["due"]) for row in rows) == [
        ("grant", "done", True, False),
        ("grant", "pending", False, False),
    ]
    assert data(run("uses", "--due", "--json")) == []
    reader.pass_time(31 * 86_400)
    code, out, err = run("uses", "--due")
    assert code == 0
    assert "to be deleted" in out
    assert "1 folders have outlived their time" in err
    (row,) = data(run("uses", "--due", "--json"))
    assert row["folder"] == str(reader.out)


def test_every_kept_folder_is_brought_under_an_anchored_head(
    fresh_reader: ReaderStage, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = fresh_reader
    monkeypatch.setattr(common, "make_session", lambda *_: reader.session)
    given = reader.give(reader.item)
    for name in ("one", "two"):
        reader.release(given, out=reader.folder / name)
    rows = data(run("uses", "--upgrade", "--json"))
    assert [(row["anchored"], row["code"]) for row in rows] == [(False, None)] * 2
    assert "not yet anchored" in run("uses", "--upgrade")[1]
    reader.issue()
    reader.anchor()
    (reader.folder / "two" / "claims.json").write_text("{}")

    code, out, _ = run("uses", "--upgrade")

    assert code == 3
    assert "all under anchored heads" in out
    assert "claims.json is not what the presentations show" in out


def test_uses_are_drawn_in_their_states(reader: ReaderStage, run: Run) -> None:
    assert "No uses." in run("uses")[2]
    kept = Uses(reader.session.profile.folder)
    pending = Use(parse_receipt(a_receipt(reader, reader.bank)))
    kept.save(pending)
    assert "unfinished" in run("uses")[1]
    kept.save(pending.done(None, 1, 1_800_000_000))
    assert "nothing kept" in run("uses")[1]
    kept.save(pending.done(reader.folder, 1, 1_800_000_000))
    out = run("uses")[1]
    assert "kept" in out or "to be deleted" in out
    assert "show AAAAAAAAAAAA" in out


# --- languages and profiles ------------------------------------------------------------------------------------


def test_the_verdict_is_told_in_chinese(reader: ReaderStage, run: Run) -> None:
    given = reader.give(reader.item)

    code, out, _ = run("release", given.id, "--out", reader.out, "--lang", "zh")

    assert code == 0
    assert "社会保险" in out
    assert "小额贷款" in out


@pytest.mark.parametrize("name", ["grants", "verify", "release", "uses", "scan"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_command_explains_itself(run: Run, name: str, lang: str) -> None:
    code, out, _ = run(name, "--help", "--lang", lang)

    assert code == 0
    assert "--json" in out


@pytest.mark.parametrize("argv", [("grants",), ("verify", "x"), ("release", "x", "--out", "y")])
def test_an_agency_without_a_key_card_is_told_what_to_do(reader: ReaderStage, run: Run, argv: tuple[str, ...]) -> None:
    party = reader.session.party
    reader.session.save_party(party.with_changes(opened=False))

    code, _, err = run(*argv)

    reader.session.save_party(party)
    assert code == 4
    assert "agency register" in err
