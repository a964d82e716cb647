"""A wallet that dies while it changes its root and wraps its headers: at any write, before or after it was done.

At each such moment a new run syncs and opens everything; the same commands finish the work, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from client.session import Session
from protocol.envelope import open_bytes
from protocol.errors import Denied
from tests.unit.wallet_cli.conftest import World, make_world
from tests.wallet_stage import Stage, card_of
from wallet_cli.services import opening, registration, rewrapping, rings, rotating, syncing, tokens


class Killed(BaseException):
    """The process is gone: nothing catches this."""


class Dying(httpx2.BaseTransport):
    """Dies at the write of this number, before the vault hears of it or after it has done it."""

    def __init__(self, honest: httpx2.BaseTransport, number: int, *, after: bool) -> None:
        self.honest, self.left, self.after = honest, number, after
        self.writes: list[str] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET" or request.url.path.endswith("/query"):
            return self.honest.handle_request(request)
        self.writes.append(request.url.path)
        self.left -= 1
        if self.left == -1 and not self.after:
            raise Killed
        answer = self.honest.handle_request(request)
        answer.read()
        if self.left == -1:
            raise Killed
        return answer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    stage = Stage(tmp_path_factory.mktemp("rotation"))
    made = make_world(stage)
    made.hr.issue(tokens.card_token(made.alice, made.hr.account), card_of(made.alice))
    stage.tick()
    syncing.sync(made.alice)
    yield made
    stage.close()


@pytest.fixture(autouse=True)
def _one_item_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrapping, "BATCH_BYTES", 1)


def work(session: Session) -> None:
    rotating.rotate_root(session)
    rewrapping.rewrap(session)


def check_whole(world: World) -> Session:
    """A new run syncs and opens everything."""
    session = world.stage.session("alice")
    assert syncing.sync(session).damaged == []
    opened = list(opening.open_all(session))
    assert len(opened) == 2
    assert all(isinstance(item, opening.OpenedItem) for item in opened), opened
    return session


def check_finished(world: World) -> None:
    """The same commands finish it: everything is sealed to the newest card, and the ring is the newest."""
    session = check_whole(world)
    if rotating.waits_for_card(session):
        rotating.rotate_root(session)
    assert rewrapping.rewrap(session).refused == []
    newest = registration.newest_card(session)
    assert {rewrapping.sealed_to(record) for record in session.store.items()} == {newest.hash}
    fetched = rings.fetch(session)
    assert fetched is not None
    assert (fetched.card_seq, fetched.ring.roots) == (newest.card.seq, session.keys.roots)
    older = session.keys.with_roots(session.keys.roots[:-1]).identities(newest.card.seq)
    with pytest.raises(Denied):
        open_bytes(session.store.items()[0].headers[0], b"x" * 48, older)
    check_whole(world)


def test_the_writes_are_those_that_are_tried_below(world: World) -> None:
    session = world.stage.session("alice")
    session.transport = Dying(world.stage.transport, -2, after=False)
    work(session)
    assert session.transport.writes == WRITES
    check_finished(world)


WRITES = ["/v1/me/ring", "/v1/relay", "/v1/me/card", "/v1/me/rewraps", "/v1/me/rewraps"]


@pytest.mark.parametrize(("number", "after"), [(0, False), (1, False), (3, False), (0, True), (1, True), (2, True), (3, True)])
def test_a_wallet_that_dies_at_a_write_to_the_vault_loses_nothing(world: World, number: int, after: bool) -> None:
    session = world.stage.session("alice")
    session.transport = Dying(world.stage.transport, number, after=after)
    with pytest.raises(Killed):
        work(session)
    check_finished(world)


@contextmanager
def dying_at_file(name: str) -> Iterator[None]:
    """Die right after the file of this name took its place."""
    honest: Callable[[Path, Path], Path] = Path.replace

    def put(self: Path, target: Any) -> Path:
        done = honest(self, target)
        if Path(target).name == name or (name == "item" and Path(target).parent.name == "items"):
            raise Killed
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", put)
        yield


@pytest.mark.parametrize("name", ["keys.age", "ring.json", "renewal.json", "party.json", "item"])
def test_a_wallet_that_dies_after_a_file_was_written_loses_nothing(world: World, name: str) -> None:
    with pytest.raises(Killed), dying_at_file(name):
        work(world.stage.session("alice"))
    check_finished(world)
