"""Wrapping headers apart: what it keeps, what runs beside it, and the program that takes the order."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from client.background import spawn
from client.files import write_private
from protocol.errors import Denied, OneFileError, Unavailable
from tests.unit.wallet_cli.conftest import Lying, Outcome, World
from wallet_cli import wrapping_main
from wallet_cli.services import rewrapping, rotating, syncing, wrapping, wrapping_state
from wallet_cli.services.wrapping_state import Reason, State


def sealed_to_newest(world: World) -> bool:
    return wrapping.left(world.stage.session("alice")) == 0


# --- beside it --------------------------------------------------------------------------------------


def test_a_sync_that_runs_beside_it_takes_newer_headers_neither_back_nor_for_a_rollback(shared: World) -> None:
    alice, other = shared.stage.session("alice"), shared.stage.session("alice")
    rotating.rotate_root(alice)
    rewrapping.rewrap(alice)
    rotating.rotate_root(alice)
    lying = Lying(shared.stage.transport)

    def meanwhile(page: Any) -> Any:
        rewrapping.rewrap(alice)  # after the vault has said which headers it had
        return page

    lying.rules["/v1/me/items"] = meanwhile
    other.transport = lying
    assert syncing.sync(other).damaged == []
    assert sealed_to_newest(shared)
    assert syncing.sync(shared.stage.session("alice")).damaged == []
    assert sealed_to_newest(shared)


def test_an_item_that_was_deleted_meanwhile_stays_deleted(world: World) -> None:
    alice = world.stage.session("alice")
    (record,) = alice.store.items()
    gone = type(record)(record.item, "deleted", record.at, record.index)
    alice.store.save_item(gone)
    alice.store.save_headers(record, (b"new",), "word")
    assert alice.store.known_item(record.item) == gone


def test_a_claim_that_read_the_item_before_does_not_bring_old_headers_back(shared: World) -> None:
    alice = shared.stage.session("alice")
    (before,) = alice.store.items()
    rotating.rotate_root(alice)
    rewrapping.rewrap(alice)
    alice.store.save_item(replace(before, claimed_at=7))
    (after,) = alice.store.items()
    assert after.claimed_at == 7
    assert sealed_to_newest(shared)


# --- what is kept -----------------------------------------------------------------------------------


def test_a_report_that_can_not_be_read_is_none(shared: World, look: Callable[..., Outcome]) -> None:
    counts = '{"v": 1, "card_seq": 1, "done": 1, "total": 1'
    for text in (
        "",
        "{}",
        "[]",
        '{"v": 2}',
        counts + "}",
        counts + ', "at": "x"}',
        counts + ', "at": 1, "refused": [1]}',
    ):
        write_private(shared.alice.profile.folder / wrapping_state.STATE_FILE, text.encode())
        assert wrapping_state.load(shared.alice.profile) is None
    assert wrapping.told(shared.alice.profile) is None
    assert not wrapping.go_on(shared.alice)
    assert look("keys").code == 0


def test_reasons_that_pass_begin_again_by_themselves_and_others_do_not() -> None:
    def stopped(error: OneFileError) -> State:
        return State(1, 0, 1, 100).stopped(error, 200)

    assert State(1, 0, 1, 100).goes_on(100)
    assert not State(1, 1, 1, 100, "done").goes_on(10_000)
    assert stopped(wrapping_state.locked()).goes_on(200)
    assert stopped(wrapping_state.superseded()).goes_on(200)
    frozen = stopped(Denied("dossier_frozen", "the dossier is frozen until {until}", until=9))
    assert [frozen.goes_on(now) for now in (199, 200, 259, 260)] == [True, False, False, True]
    assert stopped(Unavailable("x", "y")).goes_on(300)
    assert not stopped(Denied("signature_key_old", "z")).goes_on(10_000)
    assert Reason.of(wrapping_state.busy()).error.code == "wrapping_busy"


# --- the program ------------------------------------------------------------------------------------


def test_the_program_takes_its_order_from_standard_input(
    shared: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = shared.stage.session("alice")
    seen: list[tuple[str, bool]] = []
    order = wrapping.order(session, 0)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(order) + "\n"))
    monkeypatch.setattr("sys.stdout", Line())
    monkeypatch.setattr(wrapping_main, "harden", lambda: None)  # this process goes on, and may dump its core
    monkeypatch.setattr(wrapping, "work", lambda one, *, bound: seen.append((one.profile.name, bound)) or 3)
    assert wrapping_main.main() == 3
    assert seen == [("alice", False)]
    assert capsys.readouterr().err == ""


class Line(io.StringIO):
    """Standard output that is closed by who has said ``ready``."""

    def close(self) -> None:
        assert self.getvalue() == "ready\n"


def test_a_program_that_dies_before_it_is_ready_is_not_taken_for_started() -> None:
    assert spawn("client.no_such_module", {"keys": "x"}) is None
