"""Credentials are bound anew when the holder's key was revoked or ours was compromised, once and with the same claims."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agency_cli.services import rebinding, registration
from agency_cli.services.batch import BatchOrder, run_batch
from agency_cli.services.issuing import Desk, issue, open_desk
from agency_cli.services.orders import china_today, make_order
from agency_cli.services.rebinding import Batch, Claims, Outcome, due, rebind, rebind_file
from agency_cli.services.records import Issued
from protocol.encoding import hex0x
from protocol.errors import Conflict, Denied, OneFileError, Unavailable
from protocol.identifiers import parse_certificate_id
from protocol.licence_types import licence_type
from protocol.status_list import INVALID, VALID
from tests.unit.agency_cli.desk import NUMBER, order, to
from tests.unit.agency_cli.program import Program
from tests.unit.agency_cli.support import DRIVING, HolderKeys, World
from tests.unit.client.support import problem

DAY = {"issue_date": "2026-11-21"}
SAME = Claims(DRIVING, {**NUMBER, **DAY})


def status(desk: Desk, record: Issued) -> int:
    return desk.lists.of(record.status).bits.get(record.status.idx)


def reasons(world: World) -> list[str]:
    return [one.reason for one in due(open_desk(world.session))]


@pytest.fixture
def issued(world: World, desk: Desk, alice: HolderKeys) -> Issued:
    record = issue(desk, order(desk, **DAY), to(world, alice))
    world.clock.time += 1000
    return record


def test_nothing_is_due_while_the_key_is_good(world: World, issued: Issued, alice: HolderKeys) -> None:
    assert reasons(world) == []
    alice.renew()
    assert reasons(world) == [], "a new card alone ends no binding"


def test_the_same_claims_are_bound_to_the_new_key_and_the_old_credential_ends(
    world: World, issued: Issued, alice: HolderKeys
) -> None:
    before = alice.credential(world.vault.deposits[0])
    alice.renew(revoke_older=True)
    assert reasons(world) == ["holder_key"]
    desk = open_desk(world.session)
    assert rebind(desk, issued, SAME, dry_run=True) is None
    assert (len(world.vault.deposits), status(desk, issued)) == (1, VALID)
    made = rebind(desk, issued, SAME)
    assert made is not None
    after = alice.credential(world.vault.deposits[1])
    assert (status(desk, issued), status(desk, made)) == (INVALID, VALID)
    assert after.key == alice.envelope().present_key != before.key
    assert after.claims["supersedes"] == issued.certificate_id
    assert int(parse_certificate_id(made.certificate_id).version) == 2
    told = {"certificate_id", "supersedes", "cnf", "iat", "status"}
    assert {n: v for n, v in after.claims.items() if n not in told} == {
        n: v for n, v in before.claims.items() if n not in told
    }
    assert made.jti != issued.jti
    assert reasons(world) == []


def test_again_it_changes_nothing_and_a_third_card_makes_a_third_revision(
    world: World, issued: Issued, alice: HolderKeys
) -> None:
    alice.renew(revoke_older=True)
    made = rebind(open_desk(world.session), issued, SAME)
    assert rebind(open_desk(world.session), issued, SAME) == made
    assert len(world.vault.deposits) == 2
    world.clock.time += 1000
    alice.renew(revoke_older=True)
    desk = open_desk(world.session)
    (one,) = due(desk)
    third = rebind(desk, one.record, SAME)
    assert third is not None
    assert int(parse_certificate_id(third.certificate_id).version) == 3


def test_other_claims_are_not_what_was_issued(world: World, issued: Issued, alice: HolderKeys) -> None:
    alice.renew(revoke_older=True)
    desk = open_desk(world.session)
    for claims in (Claims({**DRIVING, "standing": "吊销"}, SAME.overrides), Claims(DRIVING, {"number": "371000-0002"})):
        with pytest.raises(Conflict) as refused:
            rebind(desk, issued, claims)
        assert refused.value.code == "rebind_claims"
    assert (len(world.vault.deposits), status(desk, issued)) == (1, VALID)


def test_a_number_that_was_drawn_and_a_day_that_was_not_said_stay_what_they_were(
    world: World, desk: Desk, alice: HolderKeys
) -> None:
    drawn = make_order(DRIVING, licence_type("driving-licence"), desk.office, today=china_today(world.clock.now()))
    record = issue(desk, drawn, to(world, alice))
    before = alice.credential(world.vault.deposits[0])
    alice.renew(revoke_older=True)
    world.clock.time += 10 * 86_400
    rebind(open_desk(world.session), record, Claims(DRIVING, {}))
    after = alice.credential(world.vault.deposits[1])
    for name in ("certificate_number", "issue_date", "effective_date"):
        assert after.claims[name] == before.claims[name]


def test_what_our_compromised_key_signed_is_due_unless_it_was_anchored_before(
    world: World, issued: Issued, alice: HolderKeys
) -> None:
    ours = world.chain.ledger(world.session.party.controller)
    ours.set_compromised(1, issued.issued_at - 10)
    with pytest.raises(Denied) as refused:
        open_desk(world.again()).standing()
    assert refused.value.code == "agency_compromised"
    registration.register(world.again(), rotate=True)
    assert reasons(world) == ["issuer_key"], "it was never anchored"
    made = rebind(open_desk(world.session), issued, SAME)
    assert made is not None
    assert reasons(world) == [], "what the new key signed is good"


def test_the_last_revision_is_said_to_be_the_last(world: World, desk: Desk, alice: HolderKeys) -> None:
    record = issue(desk, order(desk, revision=999, **DAY), to(world, alice))
    alice.renew(revoke_older=True)
    with pytest.raises(Denied) as refused:
        rebind(open_desk(world.session), record, Claims(DRIVING, {**NUMBER, **DAY, "revision": 999}))
    assert refused.value.code == "rebind_revision"


# --- a whole file -------------------------------------------------------------------------------------


def rows(world: World, alice: HolderKeys, *numbers: str, **changes: Any) -> Path:
    lines = [{"to": hex0x(alice.id), "number": number, **DRIVING, **changes} for number in numbers]
    return world.write("rows.jsonl", "\n".join(json.dumps(one, ensure_ascii=False) for one in lines).encode())


def batch_of(world: World, alice: HolderKeys) -> Path:
    path = rows(world, alice, "1", "2", "3", card_token=alice.token(world))
    assert run_batch(
        open_desk(world.session), BatchOrder(path, world.folder / "rejects", "driving-licence"), lambda _n: None
    ).issued == 3
    world.clock.time += 1000
    return path


def run_file(world: World, path: Path, **more: Any) -> Outcome:
    return rebind_file(open_desk(world.session), Batch(path, "driving-licence", **more), lambda _n: None)


def test_a_file_is_bound_anew_once_and_goes_on_where_it_broke_off(
    world: World, desk: Desk, alice: HolderKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = batch_of(world, alice)
    assert run_file(world, path).not_due == 3
    alice.renew(revoke_older=True)
    assert run_file(world, path, dry_run=True).rebound == 3
    assert run_file(world, path, dossier=b"\x01" * 32).rebound == 0
    assert len(world.vault.deposits) == 3
    real, seen = issue, list[int]()

    def twice(*args: Any) -> Issued:
        seen.append(1)
        if len(seen) == 2:
            real(*args)
            raise Unavailable("vault_unreachable", "gone")
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(rebinding, "issue", twice)
        with pytest.raises(Unavailable):
            run_file(world, path)
    assert len(world.vault.deposits) == 5
    outcome = run_file(world, path)
    assert (outcome.rebound, outcome.known, outcome.not_due, outcome.refused) == (1, 1, 1, [])
    assert len(world.vault.deposits) == 6
    assert run_file(world, path).not_due == 3
    assert reasons(world) == []


def test_rows_that_can_not_be_bound_anew_are_told(world: World, desk: Desk, alice: HolderKeys) -> None:
    batch_of(world, alice)
    alice.renew(revoke_older=True)
    outcome = run_file(world, rows(world, alice, "1", "9", standing="吊销"))
    assert [row["code"] for row in outcome.refused] == ["rebind_claims", "rebind_unknown"]


def test_the_command_lists_binds_one_and_binds_a_file(
    world: World, issued: Issued, alice: HolderKeys, run: Program
) -> None:
    claims = world.write("claims.json", json.dumps(DRIVING, ensure_ascii=False).encode())
    assert run.json("rebind")["due"] == []
    assert "Nothing" in "".join(run("rebind"))
    alice.renew(revoke_older=True)
    (row,) = run.json("rebind", "--all-of", hex0x(alice.id))["due"]
    assert (row["item"], row["reason"]) == (issued.id, "holder_key")
    one = ("rebind", issued.id, "--claims", str(claims), "--number", NUMBER["number"], "--issued", DAY["issue_date"])
    assert run.json(*one, "--dry-run")["item"] is None
    assert "Certificate" in run(*one, "--dry-run")[0]
    made = run.json(*one)
    assert made["before"] == issued.id
    assert made["new_certificate_id"] != issued.certificate_id
    again = world.write("rows.jsonl", json.dumps({**DRIVING, **NUMBER, **DAY}, ensure_ascii=False).encode())
    told = run.json("rebind", "--from", str(again), "--type", "driving-licence")
    assert (told["rebound"], told["rebound_before"], told["not_due"]) == (0, 0, 1)
    bad = world.write("bad.jsonl", json.dumps({**DRIVING, "number": "x9"}, ensure_ascii=False).encode())
    assert "x9" not in run("rebind", "--from", str(bad), "--type", "driving-licence", code=1)[0]
    assert "--claims" in run("rebind", issued.id, code=2)[1]


def test_a_vault_that_is_away_stops_the_run(world: World, desk: Desk, alice: HolderKeys) -> None:
    path = batch_of(world, alice)
    alice.renew(revoke_older=True)
    world.vault.broken[("POST", "/v1/deposits")] = [problem(503, "unavailable", "sequencer_busy") for _ in range(9)]
    with pytest.raises(OneFileError):
        run_file(world, path)
    world.vault.broken.clear()
    assert run_file(world, path).rebound == 3


def test_a_record_that_names_no_cards_is_judged_by_its_time(world: World, issued: Issued, alice: HolderKeys) -> None:
    desk = open_desk(world.session)
    older = replace(issued, card=None, signer=None)
    desk.records.save(older)
    assert Issued.from_json({n: v for n, v in older.to_json().items() if n not in {"card", "signer"}}) == older
    assert reasons(world) == []
    alice.renew(revoke_older=True)
    assert reasons(world) == ["holder_key"]
