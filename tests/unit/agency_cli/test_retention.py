"""Deleting at the end of the time: all of it, once, reported only when it is gone, and finished after any crash."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agency_cli.services import retention
from agency_cli.services.release import make_receipt
from agency_cli.services.standing import standing
from agency_cli.services.uses import Use, Uses
from protocol.encoding import unb64u
from protocol.errors import Denied, Malformed, Unavailable
from protocol.statements import parse_statement
from tests.reader_stage import DAY, ReaderStage
from tests.unit.agency_cli import reading
from tests.unit.agency_cli.reading import Run, data

run = reading.run


@pytest.fixture
def desk(reader: ReaderStage) -> Iterator[ReaderStage]:
    """The shared bank, after a use that it may keep for a day."""
    reader.pass_time(1)
    reader.publish_status()
    reader.release(reader.give(reader.item, retention_days=1))
    yield reader
    reader.bridge.lies.clear()


class Killed(BaseException):
    """The process ends here."""


def dying(at: str) -> Callable[[Use, Path], None]:
    """Destroys a folder, and dies at a step of it."""
    honest = retention._destroy

    def destroying(use: Use, folder: Path) -> None:
        aside = folder.with_name(f".{folder.name}.{use.jti}.deleting")
        if at in {"aside", "half"}:
            folder.rename(aside)
        if at == "half":
            shutil.rmtree(aside / "items")
        if at not in {"aside", "half", "doomed"}:
            honest(use, folder)
        if at in {"doomed", "aside", "half", "gone"}:
            raise Killed

    return destroying


def dying_writer(at: str) -> Callable[[Uses, Use], None]:
    """Writes down how far it is, and dies after one of these notes or before the last."""
    honest, number = Uses.save, [0]

    def saving(uses: Uses, use: Use) -> None:
        number[0] += 1
        if at == "sent" and use.closed:
            raise Killed
        honest(uses, use)
        if (at, number[0]) in {("deleted", 2), ("signed", 3)}:
            raise Killed

    return saving


def the_use(stage: ReaderStage) -> Use:
    (use,) = stage.uses()
    return use


def history(stage: ReaderStage) -> list[Any]:
    """Everything that was logged for the holder."""
    found: list[Any] = []
    token = ""
    while True:
        page = stage.vault.get(stage.alice, f"/v1/me/log{token}").json()
        found += page["rows"]
        if page["next"] is None:
            return found
        token = f"?page={page['next']}"


def reports(stage: ReaderStage) -> list[Any]:
    notes = [unb64u(row["logged"]["object"]) for row in history(stage) if row["logged"]["opening"]["t"] == "note"]
    said = [parse_statement(raw).body for raw in notes]
    return [body for body in said if body.kind == "retention" and body.about == the_use(stage).receipt.hash]


def test_nothing_is_due_before_its_time(desk: ReaderStage, run: Run) -> None:
    found = data(run("retention", "run", "--json"))
    assert (found["uses"], the_use(desk).kept) == ([], True)
    assert "Nothing is due." in run("retention", "run")[2]


def test_what_is_due_is_listed_then_deleted_then_reported_once(desk: ReaderStage, run: Run) -> None:
    desk.pass_time(DAY)
    (row,) = data(run("retention", "run", "--dry-run", "--json"))["uses"]
    assert (row["state"], row["reported"], the_use(desk).kept) == ("due", None, True)
    (row,) = data(run("retention", "run", "--json"))["uses"]
    assert (row["state"], desk.out.exists(), list(desk.out.parent.iterdir())) == ("reported", False, [])
    (said,) = reports(desk)
    assert (said.iss, said.grant) == (desk.vault.urn(desk.bank), the_use(desk).receipt.body.grant)
    assert (the_use(desk).reported, the_use(desk).finished) == (row["reported"], True)
    assert data(run("retention", "run", "--json"))["uses"] == []


def test_the_table_says_what_became_of_each(desk: ReaderStage, run: Run) -> None:
    desk.pass_time(DAY)
    assert "to be deleted" in run("retention", "run", "--dry-run")[1]
    assert "deleted and reported" in run("retention", "run")[1]


@pytest.mark.parametrize("at", ["doomed", "aside", "half", "gone", "deleted", "signed", "sent"])
def test_a_crash_at_any_step_is_made_up_by_the_next_run(
    desk: ReaderStage, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """The process ends at a step: after it was written down, renamed, half destroyed, destroyed, noted, signed, sent."""
    desk.pass_time(DAY)
    with monkeypatch.context() as patch:
        patch.setattr(retention, "_destroy", dying(at))
        patch.setattr(Uses, "save", dying_writer(at))
        with pytest.raises(Killed):
            retention.run(desk.session)
    assert len(reports(desk)) == (at == "sent")
    desk.pass_time(300)
    (done,) = retention.run(desk.session)
    assert (done.state, len(reports(desk)), list(desk.out.parent.iterdir())) == ("reported", 1, [])


def test_what_could_not_be_deleted_is_not_reported(
    desk: ReaderStage, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.pass_time(DAY)

    def refuse(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refuse)
        code, out, _ = run("retention", "run", "--json")
        (row,) = json.loads(out)["uses"]
        assert (code, row["state"], row["code"]) == (4, "failed", "not_deleted")
        assert "STILL THERE" in run("retention", "run")[1]
    assert (reports(desk), desk.posts("/v1/statements")) == ([], 0)
    assert retention.run(desk.session)[0].state == "reported"


def test_another_folder_in_that_place_is_neither_deleted_nor_reported(desk: ReaderStage) -> None:
    desk.pass_time(DAY)
    shutil.rmtree(desk.out)
    desk.out.mkdir()
    (desk.out / "letter.txt").write_text("not ours")
    (found,) = retention.run(desk.session)
    assert (found.state, found.error and found.error.code) == ("failed", "folder_foreign")
    assert (desk.out / "letter.txt").exists()
    shutil.rmtree(desk.out)
    elsewhere = desk.out.with_name("elsewhere")
    elsewhere.mkdir()
    desk.out.symlink_to(elsewhere)
    assert retention.run(desk.session)[0].state == "failed"
    assert (elsewhere.exists(), reports(desk)) == (True, [])


def test_a_folder_that_somebody_moved_is_reported_on_a_persons_word_alone(desk: ReaderStage, run: Run) -> None:
    desk.pass_time(DAY)
    desk.out.rename(desk.out.with_name("moved"))
    code, out, _ = run("retention", "run", "--json")
    assert (code, json.loads(out)["uses"][0]["state"]) == (6, "missing")
    assert "--gone" in run("retention", "run")[1]
    assert reports(desk) == []
    assert run("retention", "run", "--gone", "AAAA", "--json")[0] == 6
    (row,) = data(run("retention", "run", "--gone", the_use(desk).jti, "--json"))["uses"]
    assert (row["state"], len(reports(desk))) == ("reported", 1)


def test_while_the_vault_is_away_it_is_deleted_and_reported_later(desk: ReaderStage, run: Run) -> None:
    desk.pass_time(DAY)
    desk.bridge.down = True
    code, out, _ = run("retention", "run", "--json")
    (row,) = json.loads(out)["uses"]
    assert (code, row["state"], row["code"], desk.out.exists()) == (7, "deleted", "vault_unreachable", False)
    desk.bridge.down = False
    assert retention.run(desk.session)[0].state == "reported"


def test_remainders_of_a_broken_off_use_are_destroyed_too(desk: ReaderStage) -> None:
    Uses(desk.session.profile.folder).drop(the_use(desk))
    out = desk.out.with_name("broken")
    desk.refuse("/release")  # the vault has counted the use, and its answer is lost
    with pytest.raises(Unavailable):
        desk.release(desk.give(desk.item, retention_days=1), out=out)
    left = out.with_name(f".{out.name}.x.part")
    left.mkdir()
    (left / "claims.json").write_text("opened")
    desk.bridge.lies.clear()
    desk.pass_time(DAY)
    (found,) = retention.run(desk.session)
    assert (found.state, left.exists(), len(reports(desk))) == ("reported", False, 1)


def test_a_receipt_that_the_vault_never_took_needs_no_report(desk: ReaderStage) -> None:
    uses = Uses(desk.session.profile.folder)
    uses.drop(the_use(desk))
    given = desk.give(desk.item, retention_days=1)
    uses.save(Use(make_receipt(desk.session, desk.order(given), given.envelope.grant, standing(desk.session))))
    desk.pass_time(DAY)
    (found,) = retention.run(desk.session)
    assert (found.state, the_use(desk).finished, retention.run(desk.session)) == ("deleted", True, [])


def test_a_use_without_a_network_is_deleted_and_nobody_waits_for_a_report(desk: ReaderStage) -> None:
    uses, use = Uses(desk.session.profile.folder), the_use(desk)
    uses.save(replace(use, state="offline", out=None))
    desk.pass_time(DAY)
    assert [one.state for one in retention.run(desk.session)] == ["deleted"]
    assert (retention.run(desk.session), desk.posts("/v1/statements")) == ([], 0)


def test_a_finished_use_that_the_vault_disowns_stays_open(desk: ReaderStage) -> None:
    desk.pass_time(DAY)
    uses, use = Uses(desk.session.profile.folder), the_use(desk)
    report = desk.session  # the vault of another agency knows nothing of it
    desk.bridge.lies.append(
        lambda request, answer: _unknown(answer) if "/v1/statements" in request.url.path else answer
    )
    (found,) = retention.run(report)
    assert (found.state, found.error and found.error.code) == ("deleted", "receipt_unknown")
    desk.bridge.lies.clear()
    assert retention.run(desk.session)[0].state == "reported"
    assert next(one for one in uses if one.jti == use.jti).finished


def _unknown(answer: Any) -> Any:
    import httpx2

    problem = {
        "type": "urn:onefile:problem:receipt_unknown", "title": "x", "status": 404, "detail": "x",
        "code": "receipt_unknown", "fault": "denied", "facts": {},
    }  # fmt: skip
    return httpx2.Response(404, json=problem, headers={"content-type": "application/problem+json"})


def test_a_record_of_before_there_were_reports_is_read(desk: ReaderStage) -> None:
    path = desk.session.profile.folder / "uses" / f"{the_use(desk).jti}.json"
    value = json.loads(path.read_text())
    for name in ("doomed_at", "deleted_at", "report", "reported", "closed"):
        del value[name]
    path.write_text(json.dumps(value))
    assert (the_use(desk).closed, the_use(desk).deleted_at) == (False, None)
    path.write_text(json.dumps({**value, "closed": 1}))
    with pytest.raises(Malformed):
        the_use(desk)


def test_a_receipt_that_is_none_of_ours_is_refused(desk: ReaderStage) -> None:
    with pytest.raises(Denied) as refused:
        retention.run(desk.session, gone=[secrets.token_hex(4)])
    assert refused.value.code == "use_not_found"
