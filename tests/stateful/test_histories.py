"""Random histories against the reference model: a few dozen here, as many as one likes by `make histories`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chain_fixture import start_chain
from tests.stateful import histories
from tests.stateful.histories import Difference, Player, history_of, played, shrunk
from tests.stateful.model_world import World
from tests.stateful.reference import Grant, Step

MANY = 36
DEPOSIT: Step = ("deposit", "hr", "alice", "plain")
GRANT: Step = ("grant", "alice", "bank", 0, "plain")
USE: Step = ("use", 0, "fresh")


@pytest.fixture(scope="module")
def player() -> Iterator[Player]:
    made = Player()
    yield made
    made.close()


@pytest.mark.parametrize("batch", range(4))
def test_model_and_vault_agree_on_random_histories(player: Player, batch: int) -> None:
    names = [f"suite/{number}" for number in range(batch, MANY, 4)]
    outcome = played(player, names)
    assert outcome.failed == (), [str(player.play(history_of(name))) for name in outcome.failed]
    assert outcome.steps >= 4 * len(names)


def test_model_and_vault_agree_over_the_real_contracts() -> None:
    chain = start_chain()  # other tests lead the session's chain into a time to come
    player = Player(chain)
    try:
        assert played(player, ["evm/0", "evm/1"]).failed == ()
    finally:
        player.close()
        chain.end()


@pytest.mark.parametrize("step", [DEPOSIT, GRANT, USE, ("bump", "alice", "direct"), ("delete", "alice", 0)])
@pytest.mark.parametrize("point", histories.DEATHS)
def test_a_vault_that_dies_during_a_step_has_done_it_once_or_not_at_all(player: Player, point: str, step: Step) -> None:
    begin = [DEPOSIT, GRANT, USE]
    assert player.play([*begin, ("crash", point, step, 1), USE, ("judge", "bank", 0)]) is None
    assert player.play([*begin, ("crash", point, step, 0), ("repeat", -1), USE]) is None


def test_two_readers_racing_for_the_last_use_get_it_exactly_once(player: Player) -> None:
    seen: list[str] = []
    steps: list[Step] = [DEPOSIT, ("grant", "alice", "bank", 0, "once"), ("race", 0), ("race", 0)]
    assert player.play(steps, lambda _step, what: seen.append(what)) is None
    assert seen[2:] == ["200 #1 + 403 grant_used_up", "403 grant_used_up + 403 grant_used_up"]


def test_a_history_follows_from_its_name_alone() -> None:
    assert history_of("a/7") == history_of("a/7")
    assert history_of("a/7") != history_of("b/7")


def test_a_difference_is_found_and_shrunk_to_the_steps_that_show_it(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Generous(World):
        """A model that is wrong: it lets a revoked grant be used."""

        def _revoke(self, grant: Grant, secret: str) -> str:
            return super()._revoke(grant, "wrong") if secret == "wrong" else "200"

    monkeypatch.setattr(histories, "World", Generous)
    steps = [DEPOSIT, DEPOSIT, GRANT, ("wait", 1), USE, ("anchor",), ("revoke", 0, "right"), USE, ("tidy",)]
    found = player.play(steps)
    assert isinstance(found, Difference)
    assert shrunk(player.play, steps) == [DEPOSIT, GRANT, ("revoke", 0, "right")]


@pytest.mark.parametrize("table", ["entries", "events"])
def test_a_log_that_was_tampered_with_is_seen(player: Player, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = histories.AllActs.anchor

    def tampering(self: histories.AllActs) -> str:
        answer = self.grant("alice", "bank", 0, "plain")
        column = "entry" if table == "entries" else "object_sha256"
        with self.rig.vault.engine.begin() as conn:
            conn.exec_driver_sql(
                f"UPDATE {table} SET {column} = zeroblob(32) WHERE idx = (SELECT max(idx) FROM entries)"
            )
        assert answer == "201"
        return real(self)

    monkeypatch.setattr(histories.AllActs, "anchor", tampering)
    found = player.play([DEPOSIT, ("anchor",)])
    assert found is not None
    assert found.place == 1
