"""Items that nobody asked for, and cases that the holder opens."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from client.checks import open_desk
from client.store import ItemRecord
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.errors import Denied, Malformed
from protocol.hashing import sha256
from protocol.statements import Statement, parse_statement, sign_statement
from tests.unit.wallet_cli.conftest import Outcome, World
from tests.unit.wallet_cli.test_uses import use
from tests.wallet_stage import Agency, card_of
from vault_api.db import tables as t
from vault_api.logbook import log_event
from wallet_cli.services import complaining, expecting, syncing

Wallet = Callable[..., Outcome]
DAY = 86_400


def invited_file(world: World) -> Path:
    return world.alice.store.folder / "invited.json"


def codes(done: Outcome) -> list[str]:
    return [finding["code"] for finding in done.json["findings"]]


def test_an_item_of_an_invited_issuer_is_expected(world: World, wallet: Wallet) -> None:
    assert expecting.unexpected(world.alice) == []
    done = wallet("sync")
    assert (done.code, "did not expect" in done.err) == (0, False)


def test_an_item_that_nobody_asked_for_is_marked_until_it_is_accepted(world: World, wallet: Wallet) -> None:
    invited_file(world).unlink()
    done = wallet("sync", "--json")
    assert (done.code, done.json["unexpected"]) == (0, [world.item])
    assert "did not expect" in wallet("sync").err
    listed = wallet("uses", "--json")
    assert (listed.code, codes(listed)) == (0, ["item_unexpected"])
    (finding,) = listed.json["findings"]
    assert (finding["item"], finding["grade"]) == (world.item, "look")
    assert "wallet claim" in finding["advice"]
    assert "item_unexpected" in wallet("uses").err
    assert wallet("claim", world.item).code == 0
    assert codes(wallet("uses", "--json")) == []


def test_an_acceptance_on_another_device_counts(world: World, wallet: Wallet) -> None:
    invited_file(world).unlink()
    assert wallet("claim", world.item).code == 0
    record = world.alice.store.item(world.item)
    path = world.alice.store.folder / "items" / f"{record.id}.json"
    path.unlink()  # a device that never claimed it, and learns of the claim from the history
    syncing.sync(world.alice)
    assert world.alice.store.item(world.item).claimed_at is None
    assert expecting.unexpected(world.alice) == []


def test_an_invitation_is_over_one_day(world: World) -> None:
    world.stage.clock.time += expecting.INVITED_FOR_S + DAY
    world.stage.tick()
    world.hr.issue(None, card_of(world.alice))
    syncing.sync(world.alice)
    (record,) = expecting.unexpected(world.alice)
    assert record.id != world.item


def test_what_takes_the_place_of_an_accepted_item_is_expected(world: World, wallet: Wallet) -> None:
    assert wallet("claim", world.item).code == 0
    shown = wallet("show-item", world.item, "--json").json
    certificate = next(c["value"] for c in shown["claims"] if c["pointer"] == "/certificate_id")
    invited_file(world).unlink()
    world.hr.issue(None, card_of(world.alice), supersedes=certificate)
    other = world.hr.issue(None, card_of(world.alice), supersedes=certificate[:-2])
    syncing.sync(world.alice)
    assert [record.item for record in expecting.unexpected(world.alice)] == [other]


def test_an_item_that_does_not_open_is_not_taken_for_expected(world: World) -> None:
    record = world.alice.store.item(world.item)
    invited_file(world).unlink()
    broken = ItemRecord.from_json({**record.to_json(), "headers": [b64u(b"x" * 60)]})
    world.alice.store.save_item(broken)
    assert [one.id for one in expecting.unexpected(world.alice)] == [world.item]


def test_a_garbled_list_of_invitations_is_told(world: World) -> None:
    invited_file(world).write_text('{"agencies": {"x": "y"}}')
    with pytest.raises(Malformed):
        world.alice.store.invited()


# --- cases --------------------------------------------------------------------------------------------


def test_a_case_is_opened_from_a_use(world: World, wallet: Wallet) -> None:
    use(world)
    row = wallet("uses", "--json").json["uses"][0]
    assert wallet("uses", row["grant"][:8], "--no-sync", "--json").json["uses"] == [row]
    assert wallet("uses", "nosuch", "--no-sync", "--json").problem == "grant_not_found"
    dry = wallet("complain", str(row["n"]), "--dry-run", "--json").json["would_state"]
    assert (dry["row"], dry["grant"]) == (str(row["n"]), row["grant"])
    assert "Would complain" in wallet("complain", str(row["n"]), "--dry-run").out
    assert wallet("complain", str(row["n"]), "--json").problem == "not_confirmed"
    done = wallet("complain", str(row["n"]), "--text", "I never asked for a loan", "--yes", "--json")
    assert done.code == 0, done.err
    syncing.sync(world.alice)
    last = list(world.alice.store.history())[-1]["logged"]
    stated = parse_statement(unb64u(last["object"]))
    receipt = list(world.alice.store.history())[row["n"]]["receipt"]
    assert (stated.body.kind, stated.body.about) == ("complaint", sha256(receipt.encode()))
    assert (b64u(stated.hash), last["index"]) == (done.json["case"], done.json["index"])
    (case,) = wallet("complain", "--list", "--json").json["cases"]
    assert (case["case"], case["state"], case["text"]) == (done.json["case"], "open", "I never asked for a loan")
    assert "I never asked" in wallet("complain").out


def test_a_contested_item_is_marked_no_longer(world: World, wallet: Wallet) -> None:
    invited_file(world).unlink()
    done = wallet("complain", world.item[:8], "--yes")
    assert done.code == 0, done.err
    assert "Case " in done.out
    assert codes(wallet("uses", "--json")) == []
    (case,) = complaining.cases(world.alice, open_desk(world.alice))
    assert case.text == complaining.NO_WORDS


def test_what_is_no_use_and_no_item_has_no_case(world: World, wallet: Wallet) -> None:
    assert wallet("complain", "0", "--yes", "--json").problem == "use_not_found"
    assert wallet("complain", "99999", "--yes", "--json").problem == "use_not_found"
    assert wallet("complain", "9" * 20, "--yes", "--json").problem == "item_not_found"
    assert wallet("complain", "zzzz", "--yes", "--json").problem == "item_not_found"
    assert "No cases." in wallet("complain", "--list").err
    assert wallet("delete", world.item, "--yes").code == 0
    assert wallet("complain", world.item, "--yes", "--json").problem == "item_deleted"


def test_a_complaint_has_an_end(world: World) -> None:
    target = complaining.find(world.alice, world.item)
    with pytest.raises(Malformed):
        complaining.complain(world.alice, target, "x" * 2001)


def test_the_state_of_a_case_follows_from_what_others_said_about_it(world: World, wallet: Wallet) -> None:
    """The issuer hears of it in its notices, acknowledges it, and corrects the item: all of it stands in the log."""
    assert wallet("complain", world.item, "--yes").code == 0
    syncing.sync(world.alice)
    (case,) = complaining.cases(world.alice, open_desk(world.alice))
    world.hr.api.say(word(world, "acknowledgement", about=unb64u(case.id)))
    assert state(world) == "acknowledged"
    item = unb64u(world.item)
    world.hr.api.say(word(world, "correction", item=item, text="We look into it."))
    assert state(world) == "answered"
    (case,) = complaining.cases(world.alice, open_desk(world.alice))
    assert [answer["by"] for answer in case.answers] == [world.hr.urn] * 2
    assert "We look into it." in wallet("complain", "--list").out


def test_an_answer_that_no_agency_signed_is_none(world: World, wallet: Wallet) -> None:
    assert wallet("complain", world.item, "--yes").code == 0
    syncing.sync(world.alice)
    (case,) = complaining.cases(world.alice, open_desk(world.alice))
    forged = word(world, "acknowledgement", signer=world.bank, about=unb64u(case.id))
    other = word(world, "acknowledgement", about=bytes(32))
    for said in (forged, other, "no statement"):
        log(world, said)
    assert state(world) == "open"


def test_a_review_of_the_use_answers_a_complaint_about_it(world: World, wallet: Wallet) -> None:
    use(world)
    n = wallet("uses", "--json").json["uses"][0]["n"]
    assert wallet("complain", str(n), "--yes").code == 0
    receipt = next(row["receipt"] for row in world.alice.store.history() if row["receipt"])
    about = sha256(receipt.encode())
    said = word(world, "review", by=world.bank, about=about, text="In order.")
    world.bank.api.say(said)
    assert state(world) == "answered"
    assert "a use was reviewed: In order." in wallet("complain").out
    assert "已答复" in wallet("complain", "--lang", "zh").out
    told = wallet("uses", "--all", "--lang", "zh").out
    assert [kind in told for kind in ("签发档案项", "声明", "issue", "note")] == [True, True, False, False]


def state(world: World) -> str:
    syncing.sync(world.alice)
    (case,) = complaining.cases(world.alice, open_desk(world.alice))
    return case.state


def word(world: World, kind: str, *, by: Agency | None = None, signer: Agency | None = None, **members: Any) -> str:
    agency = by or world.hr
    said = Statement(
        jti=b64u(secrets.token_bytes(16)),
        iat=world.stage.clock.now(),
        iss=agency.urn,
        aud=world.stage.vault.origin,
        kind=kind,
        **members,
    )
    return sign_statement(said, (signer or agency).present)


def log(world: World, word: str) -> None:
    """What a vault does that logs whatever it likes."""
    with world.stage.vault.engine.connect() as conn:
        row = conn.execute(select(t.dossiers.c.row)).scalar_one()
    world.stage.vault.sequencer.call(lambda tx: log_event(tx, row, "note", word.encode()))


def test_a_deleted_item_asks_for_nothing(world: World, wallet: Wallet) -> None:
    invited_file(world).unlink()
    assert wallet("delete", world.item, "--yes").code == 0
    syncing.sync(world.alice)
    assert expecting.unexpected(world.alice) == []
    with pytest.raises(Denied):
        complaining.find(world.alice, world.item)
    assert isinstance(world.alice.api.log(), wire.Page)
