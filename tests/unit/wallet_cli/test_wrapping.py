"""Wrapping headers apart from the command that changed the keys: how it begins, ends, is told, and begins again.

The process is played in this one: what it would be given by its standard input is given to ``wrapping.work``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from client import agent
from client.files import write_private
from client.session import Session
from protocol.errors import Conflict, Denied, Unavailable
from tests.servers.waiting import soon
from tests.unit.wallet_cli.conftest import Lying, Outcome, World, make_world
from tests.wallet_stage import Stage
from wallet_cli.commands import wrapped
from wallet_cli.services import rewrapping, rotating, syncing, wrapping, wrapping_state
from wallet_cli.services.wrapping_state import State

Wallet = Callable[..., Outcome]
ROTATE = ("keys", "rotate", "--root", "--yes", "--json")


@dataclass
class Apart:
    """Stands for the process: works when ``run`` is called, over ``transport``, or does not start at all."""

    world: World
    orders: list[str] = field(default_factory=list)
    transport: Any = None
    starts: bool = True
    at_once: bool = True
    left: list[int] = field(default_factory=list)

    def spawn(self, module: str, order: dict[str, Any], *, keep: Any, handles: tuple[int, ...]) -> int | None:
        assert (module, "XDG_RUNTIME_DIR" in keep, handles) == (wrapping.MODULE, True, (order["lock"],))
        if not self.starts:
            return None
        self.orders.append(json.dumps(order))
        if self.at_once:
            self.run()
        return 1

    def run(self) -> int:
        order = json.loads(self.orders[-1])
        session = wrapping.session_of(order)
        session.clock, session.opener = self.world.stage.clock, self.world.alice.opener
        session.transport = self.transport or self.world.stage.transport
        return wrapping.work(session, bound=order["bound"], leave=self.left.append)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all tests here: each begins with headers that are wrapped, and with nothing under way."""
    stage = Stage(tmp_path_factory.mktemp("wrapping"))
    yield make_world(stage)
    stage.close()


@pytest.fixture
def world(whole: World) -> World:
    for name in (wrapping_state.STATE_FILE, wrapping_state.STOP_FILE):
        (whole.alice.profile.folder / name).unlink(missing_ok=True)
    whole.stage.clock.on_sleep = None
    session = whole.stage.session("alice")
    syncing.sync(session)
    rewrapping.rewrap(session)
    return whole


@pytest.fixture
def wallet(world: World, run_on: Callable[[Stage], Wallet]) -> Wallet:
    return run_on(world.stage)


@pytest.fixture
def apart(world: World, monkeypatch: pytest.MonkeyPatch) -> Apart:
    found = Apart(world)
    monkeypatch.setattr(wrapping, "spawn", found.spawn)
    monkeypatch.setattr(wrapping, "AT_ONCE", 0)
    monkeypatch.setattr(wrapping, "WATCH_S", 0.01)
    return found


def told(world: World) -> dict[str, Any]:
    found = wrapping.told(world.alice.profile)
    assert found is not None
    return found


def sealed_to_newest(world: World) -> bool:
    session = world.stage.session("alice")
    return wrapping.left(session) == 0


# --- by the commands --------------------------------------------------------------------------------


def test_many_headers_are_wrapped_by_a_process_and_the_commands_tell_how_far_it_is(
    world: World, wallet: Wallet, apart: Apart
) -> None:
    assert wallet("keys", "rewrap", "--status", "--json").json == {"rewrapped": None, "wrapping": None}
    assert "yet" in wallet("keys", "rewrap", "--status").err
    apart.at_once = False
    done = wallet(*ROTATE)
    assert (done.code, done.json["rewrapped"]) == (0, None)
    assert done.json["wrapping"]["state"] == "broken-off"  # the process has not worked yet, and holds no lock here
    assert (done.json["wrapping"]["done"], done.json["wrapping"]["total"]) == (0, 1)
    assert "0 of 1 items" in wallet("keys", "rewrap", "--status").out
    assert apart.run() == 0
    assert sealed_to_newest(world)
    shown = wallet("keys", "--json")
    assert (shown.json["wrapping"]["state"], shown.json["wrapping"]["done"]) == ("done", 1)
    assert "1 of 1 items" in wallet("keys").out
    apart.at_once = True
    assert wallet("keys", "rewrap", "--background", "--json").json["wrapping"]["state"] == "done"
    assert wallet("open", world.item, "--to", str(world.stage.folder / "out.pdf")).code == 0


def test_what_the_process_is_given_opens_headers_and_signs_no_grant(world: World, wallet: Wallet, apart: Apart) -> None:
    assert wallet(*ROTATE).code == 0
    session = wrapping.session_of(json.loads(apart.orders[0]))
    mine = world.stage.session("alice").keys
    assert session.keys.roots == mine.roots
    assert session.keys.hot.address != mine.hot.address
    assert session.keys.tag_key != mine.tag_key
    assert session.keys.revoke_key != mine.revoke_key
    assert session.keys.member is None
    assert session.settings.passphrase_file is None


def test_few_are_wrapped_at_once_and_who_waits_sees_all_of_them_wrapped(
    world: World, wallet: Wallet, apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = wallet(*ROTATE, "--wait")
    assert (waited.json["rewrapped"]["wrapped"], waited.json["wrapping"]) == (1, None)
    monkeypatch.setattr(wrapping, "AT_ONCE", 1)
    few = wallet(*ROTATE)
    assert (few.json["rewrapped"]["wrapped"], few.json["rewrapped"]["total"]) == (1, 1)
    assert apart.orders == []
    assert told(world)["state"] == "done"
    left = wallet(*ROTATE, "--no-rewrap")
    assert (left.json["rewrapped"], left.json["wrapping"]) == (None, None)
    assert wrapping.told(world.alice.profile) is None  # so that no command begins by itself
    assert (wallet("items").code, apart.orders) == (0, [])
    assert wallet("keys", "rewrap", "--background", "--json").json["wrapping"]["done"] == 1


def test_a_device_that_is_shut_out_leaves_headers_to_a_process_too(world: World, wallet: Wallet, apart: Apart) -> None:
    request, answer = world.stage.folder / "request", world.stage.folder / "answer.age"
    asked = wallet("--profile", "phone", "device", "join", "--name", "phone", "--request", str(request), "--json").json
    assert wallet("device", "invite", str(request), "--answer", str(answer), "--match", asked["match"]).code == 0
    removed = wallet("device", "remove", "phone", "--yes", "--json")
    assert (removed.code, removed.json["wrapped"], removed.json["wrapping"]["done"]) == (0, None, 1)
    assert sealed_to_newest(world)


# --- how it ends ------------------------------------------------------------------------------------


def test_a_vault_that_is_away_ends_it_with_a_reason_and_a_later_command_begins_again(
    world: World, wallet: Wallet, apart: Apart
) -> None:
    def away(_body: Any) -> Any:
        raise Unavailable("vault_unreachable", "the vault at {url} does not answer", url="x")

    apart.transport = Lying(world.stage.transport)
    apart.transport.rules["/v1/me/rewraps"] = away
    apart.at_once = False
    assert (wallet(*ROTATE).code, apart.run()) == (0, 1)
    apart.at_once = True
    apart.orders.clear()
    status = wallet("keys", "rewrap", "--status", "--json")
    assert (status.code, status.json["wrapping"]["state"]) == (1, "stopped")
    assert status.json["wrapping"]["reason"]["code"] == "vault_unreachable"
    drawn = wallet("keys", "rewrap", "--status").out
    assert "the vault at x does not answer" in drawn
    assert "wallet keys rewrap" in drawn
    apart.transport = None
    assert wallet("keys").code == 0
    assert apart.orders == []  # not with every command that follows
    world.stage.clock.time += wrapping_state.AGAIN_S
    again = wallet("keys")
    assert (again.code, "goes on in the background" in again.err, len(apart.orders)) == (0, True, 1)
    assert told(world)["state"] == "done"
    assert sealed_to_newest(world)


def test_what_is_refused_is_told_and_not_tried_for_ever(world: World, wallet: Wallet, apart: Apart) -> None:
    record = world.alice.store.items()[0]
    world.alice.store.save_item(rewrapping_garbled(record))
    done = wallet(*ROTATE, "--no-rewrap")
    assert done.code == 0
    wrapping.want(world.stage.session("alice"))
    wrapping.apart(world.stage.session("alice"))
    assert (told(world)["state"], told(world)["done"]) == ("done", 0)
    (refused,) = told(world)["refused"]
    assert refused["item"] == world.item
    status = wallet("keys", "rewrap", "--status")
    assert (status.code, refused["code"] in status.err) == (1, True)
    assert (wallet("keys").code, len(apart.orders)) == (0, 1)
    assert wallet("keys", "rewrap", "--json").json["rewrapped"]["wrapped"] == 1  # the sync brought the header back


def rewrapping_garbled(record: Any) -> Any:
    return replace(record, headers=tuple(header[:-1] + bytes([header[-1] ^ 1]) for header in record.headers))


def test_a_fault_of_the_program_is_kept_and_waits_for_a_person(
    world: World, wallet: Wallet, apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_given: Any, **_more: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(rewrapping, "rewrap", fails)
        assert wallet(*ROTATE).code == 1
    assert (told(world)["state"], told(world)["reason"]["code"]) == ("stopped", "wrapping_failed")
    assert "ZeroDivisionError" in told(world)["reason"]["message"]
    world.stage.clock.time += 10 * wrapping_state.AGAIN_S
    assert (wallet("keys").code, len(apart.orders)) == (0, 1)
    assert wallet("keys", "rewrap").code == 0
    assert sealed_to_newest(world)


def test_a_process_that_does_not_start_is_told_and_left_for_later(world: World, wallet: Wallet, apart: Apart) -> None:
    apart.starts = False
    assert wallet(*ROTATE).problem == "wrapping_start"
    assert (told(world)["state"], told(world)["reason"]["code"]) == ("stopped", "wrapping_start")
    world.stage.clock.time += wrapping_state.AGAIN_S
    noticed = wallet("keys")
    assert (noticed.code, "background" in noticed.err) == (0, False)
    apart.starts = True
    world.stage.clock.time += wrapping_state.AGAIN_S
    assert (wallet("keys").code, told(world)["state"]) == (0, "done")


# --- locked, changed again, and two at once ---------------------------------------------------------


class Held:
    """A process at work that stops when it is told, or does not."""

    def __init__(self, session: Session, stops: bool = True) -> None:
        handle = wrapping_state.take(session.profile)
        assert handle is not None
        self.session, self.handle, self.stops = session, handle, stops
        self.watch = wrapping.Watch(session, bound=False, leave=self.leave)
        self.left: list[int] = []
        wrapping_state.save(session.profile, State(2, 3, 7, session.clock.now()))
        if stops:
            self.watch.start()

    def leave(self, code: int) -> None:
        self.left.append(code)
        os.close(self.handle)


def test_lock_ends_the_process_at_once_and_the_next_command_goes_on(world: World, wallet: Wallet, apart: Apart) -> None:
    assert wallet(*ROTATE, "--no-rewrap").code == 0
    held = Held(world.alice)
    assert told(world)["state"] == "running"
    assert wallet("lock").code == 0
    assert held.left == [0]
    assert (told(world)["state"], told(world)["reason"]["code"]) == ("stopped", "wrapping_locked")
    assert "3 of 7" in wallet("keys", "rewrap", "--status").out
    held.watch.keep(State(2, 4, 7, 0))  # who leaves says nothing any more
    assert told(world)["done"] == 3
    assert "goes on" in wallet("keys").err
    assert sealed_to_newest(world)


def test_a_process_that_does_not_end_is_not_passed_over(
    world: World, wallet: Wallet, apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapping_state, "END_S", 0.05)
    held = Held(world.alice, stops=False)
    for argv in (("lock", "--json"), ROTATE):
        assert wallet(*argv).problem == "wrapping_busy"
    os.close(held.handle)
    # The rotation itself is done and the wish is kept: nothing of it is lost.
    assert wallet("keys", "rewrap", "--json").json["rewrapped"]["wrapped"] == 1


def test_another_change_of_keys_takes_the_place_of_a_wrapping_under_way(
    world: World, wallet: Wallet, apart: Apart
) -> None:
    held = Held(world.alice)
    assert wallet(*ROTATE).json["wrapping"]["state"] == "done"
    assert held.left == [0]
    assert (told(world)["card_seq"], told(world)["done"]) == (world.stage.session("alice").party.card_seq, 1)


def test_two_at_once_exclude_each_other_and_who_waits_follows_the_other(
    world: World, wallet: Wallet, apart: Apart
) -> None:
    assert wallet(*ROTATE, "--no-rewrap").code == 0
    held = Held(world.stage.session("alice"), stops=False)
    with pytest.raises(Conflict) as refused:
        wrapping.apart(world.stage.session("alice"))
    assert refused.value.code == "wrapping_busy"
    assert not wrapping.go_on(world.stage.session("alice"))
    shown = wallet("keys", "rewrap", "--background", "--json").json
    assert (shown["wrapping"]["state"], shown["wrapping"]["done"]) == ("running", 3)
    heard: list[int] = []
    world.stage.clock.on_sleep = lambda: os.close(held.handle)
    wrapping.follow(world.stage.session("alice"), lambda state: heard.append(state.done))
    assert heard == [3]

    held = Held(world.stage.session("alice"), stops=False)
    world.stage.clock.on_sleep = lambda: os.close(held.handle)
    assert wallet("keys", "rewrap", "--json").json["rewrapped"]["wrapped"] == 1
    assert apart.orders == []


def test_who_wraps_here_waits_for_the_other_and_gives_up_where_it_never_ends(
    world: World, apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapping_state, "PATIENCE_S", 0.0)
    session = world.stage.session("alice")
    rotating.rotate_root(session)
    held = Held(session, stops=False)
    monkeypatch.setattr(wrapping, "follow", lambda _session, _tell: None)
    with pytest.raises(Conflict):
        wrapping.here(session, lambda _state: None)
    monkeypatch.setattr(wrapping, "follow", lambda _session, _tell: os.close(held.handle))
    assert wrapping.here(session, lambda _state: None).wrapped == 1


def test_a_wrapping_in_the_foreground_ends_when_it_is_told_to(world: World, apart: Apart) -> None:
    session = world.stage.session("alice")
    rotating.rotate_root(session)
    with pytest.raises(Denied) as ended:
        wrapping.here(
            session, lambda _state: write_private(session.profile.folder / wrapping_state.STOP_FILE, b"locked")
        )
    assert ended.value.code == "wrapping_locked"
    assert (told(world)["state"], told(world)["reason"]["code"]) == ("stopped", "wrapping_locked")
    assert wrapping.here(session, lambda _state: None).wrapped == 1


def test_a_wallet_that_was_unlocked_for_a_time_is_locked_here_too_when_it_is_over(world: World, apart: Apart) -> None:
    session = world.stage.session("alice")
    watch = wrapping.Watch(session, bound=True, leave=apart.left.append)
    agent.start(session.profile, session.keys, 60)
    assert wrapping.order(session, 0)["bound"] is True
    assert [watch.why() for _look in range(3 * wrapping.AGENT_EVERY)] == [None] * 3 * wrapping.AGENT_EVERY
    agent.lock(session.profile)
    assert soon(lambda: agent.left_s(session.profile) is None)
    said = [watch.why() for _look in range(2 * wrapping.AGENT_EVERY)]
    assert said[:-1] == [None] * (2 * wrapping.AGENT_EVERY - 1)  # once may be a change of keys
    assert said[-1] is not None
    assert said[-1].code == "wrapping_locked"
    assert wrapping.order(session, 0)["bound"] is False
    free = wrapping.Watch(session, bound=False, leave=apart.left.append)
    assert {free.why() for _look in range(3 * wrapping.AGENT_EVERY)} == {None}


# --- after a recovery -------------------------------------------------------------------------------


def test_a_recovery_stays_done_when_the_vault_goes_away_before_the_headers_are_wrapped(
    world: World, wallet: Wallet, apart: Apart, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(_session: Session) -> Any:
        raise Unavailable("vault_unreachable", "the vault at {url} does not answer", url="x")

    session = world.stage.session("alice")
    rotating.rotate_root(session)
    with monkeypatch.context() as patch:
        patch.setattr(syncing, "sync", away)
        assert wrapped.wrap_after_recovery(session) == wrapped.UNWRAPPED
    assert "not wrapped yet" in capsys.readouterr().err
    assert (wallet("keys").code, len(apart.orders)) == (0, 1)
    assert sealed_to_newest(world)


def test_a_process_that_goes_on_by_itself_is_not_started_twice(
    world: World, apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = world.stage.session("alice")
    wrapping.want(session)
    monkeypatch.setattr(wrapping_state, "take", lambda _profile, _patience: None)  # another was quicker
    assert not wrapping.go_on(session)
    assert apart.orders == []
