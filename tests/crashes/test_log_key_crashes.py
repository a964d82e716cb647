"""A vault that is killed while a new log key takes over: the next start finishes it, once, and nothing is lost.

The owner has named the new key on chain and the operator has put its file in place; then the vault starts and is killed
at each point of the take-over, and of the first head that the new key signs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, select

from protocol.entries import LOG_TYPE, Entry, entry_hash, opening_statement, verify_public
from tests.crashes.forks import Ended, Tell, die, in_child
from tests.crashes.matrix import Points, World, fresh_world
from tests.crashes.whole import check_whole
from tests.new_keys import damages, entries, keys, put_key
from tests.vault_stage import VaultStage
from vault_api import opening, rotation
from vault_api.db import tables as t

EVERY = {
    "entry", "grown", "keys", "committing", "committed", "half a tile", "putting a tile", "put a tile", "stored", "signed",
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with fresh_world() as made:
        yield made


def replaced(world: World, name: str) -> str:
    """Everything that comes before the start with the new key; that key."""
    vkey = put_key(world.stage, name)
    world.stage.outside.ledger.rotate_log_vkey(world.stage.vault.origin_hash, vkey)
    return vkey


def start(world: World, at: str, check: Callable[[VaultStage], dict[str, Any]] = lambda _stage: {}) -> Ended:
    """A vault that starts and is killed at a point; one that gets to its end is checked, and can be used."""

    def work(tell: Tell) -> None:
        points = Points()
        _name_steps(points)
        points.arm(at, die)
        with world.vault(points, tell) as stage:
            stage.vault.sequencer.call(lambda _tx: None)  # what was left unsigned is signed by now
            points.armed = False
            tell({"passed": points.passed, **check(stage)})

    return in_child(work)


def _name_steps(points: Points) -> None:
    """The steps of the take-over are points, in this process."""
    for name, step in {"log_own": "entry", "keep_grown": "grown", "keep_keys": "keys"}.items():
        setattr(rotation, name, _then(getattr(rotation, name), points, step))
    opening.take_over = _then(opening.take_over, points, "committed")

    def committing(conn: Connection) -> None:
        if conn.get_execution_options().get("onefile_writer"):
            points("committing")

    event.listen(Engine, "commit", committing)


def _then(honest: Callable[..., Any], points: Points, step: str) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        done = honest(*given, **named)
        points(step)
        return done

    return call


def whole(world: World, rotations: int) -> Callable[[VaultStage], dict[str, Any]]:
    """The log names each key once, in their order; the newest signs, and a holder finds everything."""

    def check(stage: VaultStage) -> dict[str, Any]:
        check_whole(stage, world.alice, [])
        found = keys(stage)
        assert found is not None
        assert len(found.rows) == 1 + rotations
        vkey, since = found.rows[-1]
        assert vkey == stage.vault.log.vkey
        raws = entries(stage)
        with stage.outside.engine.connect() as conn:
            p = t.public_entries
            named = list(conn.execute(select(p.c.idx).where(p.c.t == LOG_TYPE, p.c.idx > 0).order_by(p.c.idx)).scalars())
        assert named == [row_since for _vkey, row_since in found.rows[1:]]
        link = entry_hash(raws[0 if rotations == 1 else found.rows[-2][1]])
        said = opening_statement(stage.origin, vkey)
        verify_public(Entry.parse(raws[since]), uri=stage.origin, prev_entry_hash=link, object_bytes=said)
        assert damages(stage) == []
        with stage.outside.engine.connect() as conn:
            assert conn.execute(select(func.count()).select_from(t.entries)).scalar() == stage.vault.log.size
        return {"vkey": vkey}

    return check


def test_a_take_over_that_is_killed_at_any_point_is_finished_by_the_next_start(world: World) -> None:
    first = replaced(world, "watched")
    watched = start(world, "", whole(world, 1))
    assert watched.word("vkey") == first
    points = watched.word("passed")
    assert {point.rpartition(" ")[0] for point in points} >= EVERY
    for number, point in enumerate(points, start=2):
        vkey = replaced(world, f"key {number}")
        assert start(world, point).killed, point
        again = start(world, "", whole(world, number))
        assert again.word("vkey") == vkey, point
