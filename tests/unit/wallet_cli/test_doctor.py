"""The doctor: what is well, what does not answer, what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2

from protocol.errors import Unavailable
from tests.unit.wallet_cli.conftest import Lying, Outcome, World
from tests.unit.wallet_cli.exports import exported, folders
from tests.wallet_stage import Stage, flip
from wallet_cli.services import syncing

Wallet = Callable[..., Outcome]

__all__ = ["exported", "folders"]  # fixtures


def states(done: Outcome) -> dict[str, str]:
    return {row["name"]: row["state"] for row in done.json["findings"]}


def test_the_doctor_finds_everything_well(exported: tuple[World, Path, Wallet]) -> None:
    _world, _path, wallet = exported
    done = wallet("doctor", "--json")
    assert done.code == 0
    assert set(states(done).values()) == {"ok"}
    assert "key store" in wallet("doctor").out


def test_the_doctor_says_what_does_not_answer(exported: tuple[World, Path, Wallet]) -> None:
    world, _path, wallet = exported
    down = httpx2.MockTransport(lambda _request: httpx2.Response(502))
    world.stage.chain.faults.fail("head", times=1, error=Unavailable("chain_unreachable", "gone"))
    done = wallet("doctor", "--json", transport=down)
    assert done.code == 7
    found = states(done)
    assert (found["vault"], found["chain"], found["log"], found["keys"]) == ("warning", "warning", "warning", "ok")


def test_the_doctor_says_what_is_wrong(world: World, wallet: Wallet) -> None:
    assert set(states(wallet("doctor", "--profile", "nobody", "--json")).values()) >= {"fault"}
    lying = Lying(world.stage.transport)
    lying.rules["/v1/info"] = lambda body: {**body, "time": body["time"] - 1000}
    world.alice.profile.key_file.chmod(0o644)
    from protocol.slips import parse_slip

    slip = world.alice.store.items()[0].slip
    assert slip is not None
    flip(world.stage, parse_slip(slip).body.objects[1].payload)
    syncing.sync(world.alice, deep=True)
    done = wallet("doctor", "--json", transport=lying)
    found = states(done)
    assert done.code == 1
    assert (found["clock"], found["keys"], found["store"]) == ("fault", "fault", "fault")


def test_the_doctor_knows_a_dossier_that_is_not_open(stage: Stage, wallet: Wallet) -> None:
    wallet("init", "--yes", "--offline")
    assert states(wallet("doctor", "--json"))["dossier"] == "fault"


def test_the_doctor_knows_a_dossier_that_the_chain_lacks(world: World, wallet: Wallet) -> None:
    from tests.unit.wallet_cli.test_setup import Strange

    done = wallet("doctor", "--json", opener=lambda _settings, _record: Strange(world.stage.ledger))
    assert states(done)["dossier"] == "fault"
