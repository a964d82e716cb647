"""Guardians: named, entrusted with shares, asked; and a dossier that comes back with everything in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from protocol.keys import random_root
from protocol.recovery import Answer, RecoveryRequest, seal_answer
from protocol.slip39 import split_root
from tests.unit.wallet_cli.circle import GUARDIANS, Circle, Wallet, make_circle
from tests.unit.wallet_cli.conftest import World, granted
from wallet_cli.services import backup, guarding, rotating, watching

DAY = 86_400


@pytest.fixture
def circle(world: World, wallet: Wallet) -> Circle:
    return make_circle(world, wallet)


@pytest.fixture
def guarded(circle: Circle) -> Circle:
    circle.name()
    circle.accept()
    return circle


# --- naming ---------------------------------------------------------------------------------------


def _first_guardians(circle: Circle) -> None:
    named = circle.name()
    assert sorted(named["guardians"]) == sorted(circle.ids.values())
    assert (named["threshold"], named["delay_s"], named["change_ready_at"]) == (2, 60, None)
    for name in GUARDIANS:
        (row,) = circle.run("--profile", name, "guard", "list")["guarded"]
        assert (row["dossier"], row["state"], row["threshold"], row["guardians"]) == (circle.dossier, "new", 2, 3)
    circle.accept()
    (row,) = circle.run("--profile", "bob", "guard", "list")["guarded"]
    assert row["state"] == "accepted"
    assert circle.run("guard", "list")["guarded"] == []


def _dry_run(circle: Circle) -> None:
    told = circle.name(more=("--dry-run",))
    assert told["dry_run"] is True
    assert len(told["guardians"]) == 3
    assert circle.run("guardians", "show")["threshold"] == 0


def _by_card_file(circle: Circle) -> None:
    circle.run("--profile", "bob", "guard", "card", "--out", circle.file("bob.card"))
    circle.ids["bob"] = circle.file("bob.card")
    assert len(circle.name("bob", "carol")["guardians"]) == 2


def _refused_names(circle: Circle) -> None:
    assert circle.name("bob", "bob", refused=True) == "guardian_twice"
    circle.ids["alice"] = circle.dossier
    assert circle.name("bob", "alice", refused=True) == "guardian_twice"
    assert circle.name("bob", refused=True) == "guardian_threshold"
    circle.ids["nobody"] = "0x" + "11" * 32
    assert circle.name("bob", "nobody", refused=True) == "card_unknown"
    wrong = ("guardians", "set", circle.ids["bob"], circle.ids["carol"], "-k", "2", "--yes")
    assert circle.run(*wrong, "--phrase-file", circle.phrase("bob"), refused=True) == "phrase_other"
    assert circle.run(*wrong[:-1], "--phrase-file", circle.phrase(), refused=True) == "not_confirmed"
    assert circle.run("guardians", "show")["threshold"] == 0


def test_a_change_waits_and_is_then_applied(guarded: Circle) -> None:
    assert guarded.name(refused=True) == "guardians_exist"
    changed = guarded.name("bob", "carol", command="change", delay="2m")
    assert changed["threshold"] == 2
    assert changed["change_ready_at"] is not None
    assert guarded.run("guardians", "apply", refused=True) == "not_ready"
    guarded.later(61)
    assert guarded.run("guardians", "apply", "--dry-run")["change_ready_at"] is not None
    after = guarded.run("guardians", "apply")
    assert (len(after["guardians"]), after["delay_s"], after["change_ready_at"]) == (2, 120, None)
    states = {name: guarded.run("--profile", name, "guard", "list")["guarded"] for name in GUARDIANS}
    assert [states[name][0]["state"] for name in GUARDIANS] == ["changed", "changed", "over"]


def test_guardians_are_removed_after_the_delay(guarded: Circle) -> None:
    order = ("guardians", "remove", "--phrase-file", guarded.phrase())
    assert guarded.run(*order, "--dry-run")["change_ready_at"] is None
    assert guarded.run(*order, refused=True) == "not_confirmed"
    guarded.run(*order, "--yes")
    guarded.later(61)
    assert guarded.run("guardians", "apply")["threshold"] == 0
    assert guarded.run(*order, "--yes", refused=True) == "guardians_missing"
    assert guarded.run("guardians", "share", refused=True) == "guardians_not_here"
    assert guarded.run("--profile", "bob", "guard", "freeze", guarded.dossier, "--yes", refused=True) == "share_other_set"


def _new_shares(guarded: Circle) -> None:
    assert guarded.run("guardians", "show")["shares_current"] is True
    rotating.rotate_root(guarded.stage.session("alice"))
    guarded.stage.tick()
    assert guarded.run("guardians", "show")["shares_current"] is False
    assert "older keys" in guarded.wallet("guardians", "show").err
    assert guarded.run("guardians", "share") == {"shares": 3}
    assert guarded.run("guardians", "show")["shares_current"] is True
    (row,) = guarded.run("--profile", "bob", "guard", "list")["guarded"]
    assert row["state"] == "changed"


# --- guarding -------------------------------------------------------------------------------------


def _freeze(guarded: Circle) -> None:
    freeze = ("--profile", "bob", "guard", "freeze", guarded.dossier)
    assert guarded.run(*freeze, refused=True) == "not_confirmed"
    assert guarded.run(*freeze, "--dry-run") == {"dossier": guarded.dossier, "dry_run": True}
    assert guarded.run("guardians", "show")["frozen_until"] == 0
    until = guarded.run(*freeze, "--yes")["frozen_until"]
    assert until >= guarded.stage.clock.now() + 7 * DAY - 1
    assert guarded.run("guardians", "show")["frozen_until"] == until
    assert guarded.run("dossier", "--end-grants", "--yes", refused=True) == "dossier_frozen"
    assert guarded.run(*freeze, "--yes", refused=True) == "freeze_too_soon"


def _nothing_given(circle: Circle) -> None:
    accept = ("--profile", "bob", "guard", "accept")
    assert circle.run(*accept, circle.dossier, refused=True) == "share_not_found"
    circle.name()
    assert circle.run("--profile", "bob", "guard", "freeze", circle.dossier, "--yes", refused=True) == "share_not_accepted"


# --- recovery -------------------------------------------------------------------------------------


def test_the_guardians_bring_everything_back(guarded: Circle, wallet: Wallet) -> None:
    grant = granted(guarded.world, wallet)
    asked = guarded.start()
    for name in ("bob", "dave"):
        guarded.approve(name, asked["match_number"])
    assert guarded.run("--profile", "anew", "recover", "status")["state"] == "asking"
    waiting = guarded.finish("bob", "dave")
    assert (waiting["state"], waiting["threshold"], waiting["answers"]) == ("waiting", 2, 2)
    assert guarded.finish()["state"] == "waiting"
    assert guarded.run("--profile", "anew", "recover", "cancel", "--yes", refused=True) == "recovery_carried"
    (row,) = guarded.run("--profile", "carol", "guard", "list")["guarded"]
    assert row["recovery_ready_at"] == waiting["ready_at"]
    done = guarded.finish(more=("--wait", "2m"))
    assert (done["state"], done["card_seq"]) == ("done", 2)
    assert (done["rewrapped"]["wrapped"], done["rewrapped"]["refused"]) == (1, [])  # the lost device opens it no more

    guarded.run("--profile", "anew", "sync")
    (item,) = guarded.run("--profile", "anew", "items")["items"]
    assert item["item"] == guarded.world.item
    out = guarded.file("out.pdf")
    assert wallet("--profile", "anew", "open", item["item"], "--to", out).code == 0
    assert Path(out).read_bytes().startswith(b"%PDF")
    (row,) = guarded.run("--profile", "anew", "grants")["grants"]
    assert (row["grant"], row["agency_name"]) == (grant, "City Bank")
    assert guarded.run("sync", refused=True) == "signature_key_old"
    assert guarded.run("--profile", "anew", "recover", "status", refused=True) == "recovery_not_started"
    assert guarded.run("--profile", "anew", "doctor")["findings"]
    backup.check_phrase(guarded.stage.session("anew"), Path(guarded.file("new.phrase")).read_text())


def test_the_new_phrase_restores_what_was_recovered(guarded: Circle) -> None:
    asked = guarded.start()
    for name in ("bob", "carol"):
        guarded.approve(name, asked["match_number"])
    assert guarded.finish("bob", "carol", more=("--wait", "2m", "--keep-older"))["state"] == "done"
    restored = guarded.run(
        *("--profile", "again", "restore", "--phrase-file", guarded.file("new.phrase"), "--phrase-language", "en")
    )
    assert (restored["dossier"], restored["state"]) == (guarded.dossier, "restored")
    guarded.run("--profile", "again", "sync")
    assert len(guarded.run("--profile", "again", "items")["items"]) == 1


def test_the_owner_vetoes_a_recovery(guarded: Circle) -> None:
    veto = ("guardians", "veto", "--phrase-file", guarded.phrase(), "--yes")
    assert guarded.run(*veto, refused=True) == "recovery_missing"
    asked = guarded.start()
    for name in ("bob", "carol"):
        guarded.approve(name, asked["match_number"])
    guarded.finish("bob", "carol")
    assert guarded.run("guardians", "show")["recovery"]["by_all"] is False
    assert guarded.run(*veto[:2], "--dry-run")["recovery"] is not None
    assert guarded.run(*veto)["recovery"] is None
    assert guarded.run("--profile", "anew", "recover", "status")["state"] == "vetoed"
    assert guarded.finish("bob", "carol", refused=True) == "request_used"
    assert guarded.approve("dave", asked["match_number"], refused=True) == "request_used"
    assert guarded.run("--profile", "anew", "recover", "cancel", refused=True) == "not_confirmed"
    assert guarded.run("--profile", "anew", "recover", "cancel", "--yes") == {"cancelled": True}
    assert not guarded.stage.session("anew").profile.exists()


def test_a_recovery_by_all_can_not_be_vetoed(guarded: Circle) -> None:
    asked = guarded.start("--all", "--good-for", "2d")
    for name in GUARDIANS:
        guarded.approve(name, asked["match_number"])
    assert guarded.finish("bob", "carol", refused=True) == "answers_few"
    assert guarded.finish(*GUARDIANS)["state"] == "waiting"
    veto = ("guardians", "veto", "--phrase-file", guarded.phrase(), "--yes")
    assert guarded.run(*veto, refused=True) == "recovery_not_vetoable"
    guarded.later(30 * DAY + 1)
    assert guarded.finish()["state"] == "done"


def _few_answers(guarded: Circle) -> None:
    asked = guarded.start()
    guarded.approve("bob", asked["match_number"])
    assert guarded.finish(refused=True) == "answer_count"
    assert guarded.finish("bob", refused=True) == "answers_few"
    assert guarded.finish("bob", "bob", refused=True) == "answers_few"
    Path(guarded.file("answer.x")).write_bytes(b"no age file")
    assert guarded.finish("x", refused=True)
    assert guarded.run("--profile", "anew", "recover", "status")["state"] == "asking"


def _digits(guarded: Circle) -> None:
    asked = guarded.start()
    assert guarded.approve("bob", "0000 0000 0000", refused=True) == "match_number"
    assert not Path(guarded.file("answer.bob")).exists()
    guarded.approve("bob", asked["match_number"].replace(" ", ""))
    guarded.later(8 * DAY)
    assert guarded.approve("carol", asked["match_number"], refused=True) == "request_expired"


def test_a_guardian_who_swaps_the_share_is_found(guarded: Circle) -> None:
    asked = guarded.start()
    guarded.approve("bob", asked["match_number"])
    words = split_root(random_root(), 2, 3)
    _answer_with(guarded, "dave", words[0])
    assert guarded.finish("bob", "dave", refused=True) == "shares_mixed"
    _answer_with(guarded, "carol", words[1])
    assert guarded.finish("carol", "dave", refused=True) == "share_root_other"
    assert guarded.run("guardians", "show")["recovery"] is None


def _answer_with(circle: Circle, name: str, words: str) -> None:
    """A guardian signs honestly, and gives other words than those that were entrusted."""
    session = circle.stage.session(name)
    request = RecoveryRequest.parse(Path(circle.file("request")).read_bytes())
    share = replace(guarding.kept(session, request.message.dossier), words=words)
    signature = session.keys.hot.sign_digest(request.message.digest(request.domain))
    answer = Answer(request.digest, session.keys.hot.address, signature, share)
    Path(circle.file(f"answer.{name}")).write_bytes(seal_answer(answer, request))


def test_what_was_sealed_before_a_thief_rotated_the_keys_comes_back(guarded: Circle, wallet: Wallet) -> None:
    asked = guarded.start()
    for name in ("bob", "carol"):
        guarded.approve(name, asked["match_number"])
    guarded.finish("bob", "carol")
    rotating.rotate_root(guarded.stage.session("alice"))
    guarded.stage.tick()
    done = guarded.finish(more=("--wait", "2m"))
    assert (done["state"], done["card_seq"]) == ("done", 3)
    guarded.run("--profile", "anew", "sync")
    out = guarded.file("out.pdf")
    assert wallet("--profile", "anew", "open", guarded.world.item, "--to", out).code == 0


def _no_guardians(circle: Circle) -> None:
    order = ("--profile", "anew", "recover", "start", circle.dossier, "--phrase-file", circle.file("p"))
    assert circle.run(*order, "--out", circle.file("r"), refused=True) == "guardians_none"
    assert not Path(circle.file("p")).exists()  # no phrase is written down for nothing


# Each of these leaves the circle as the next one wants it: a circle takes longer to make than to ask.


def test_who_can_not_be_a_guardian_is_refused_and_nothing_changes(circle: Circle) -> None:
    _dry_run(circle)
    _no_guardians(circle)
    ids = dict(circle.ids)
    _refused_names(circle)
    circle.ids = ids
    _nothing_given(circle)


def test_the_first_guardians_count_at_once_and_find_their_shares(circle: Circle) -> None:
    _first_guardians(circle)
    _new_shares(circle)
    _freeze(circle)


def test_a_guardian_is_named_by_the_file_of_the_key_card(circle: Circle) -> None:
    _by_card_file(circle)


def test_only_what_the_person_read_out_is_signed_and_too_few_answers_carry_nothing(guarded: Circle) -> None:
    _few_answers(guarded)
    guarded.run("--profile", "anew", "recover", "cancel", "--yes")
    for name in ("new.phrase", "request", "answer.bob"):
        Path(guarded.file(name)).unlink()
    _digits(guarded)


def test_a_short_delay_is_taken_on_a_local_chain_alone(circle: Circle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOCAL_CHAIN", 1)
    assert circle.name(refused=True) == "delay_short"
    assert circle.run("guardians", "veto", "--yes", "--phrase-file", circle.phrase(), refused=True) == "recovery_missing"
