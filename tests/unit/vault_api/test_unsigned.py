"""What is committed and not signed yet is shown to nobody: readers could not have it proven, and nobody was told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from protocol.encoding import b64u
from tests.unit.vault_api.test_notices import World
from tests.unit.vault_api.test_shows import Window
from tests.vault_stage import VaultStage, raw_scenario, vault_stage
from vault_api.fakes import MemoryBlobs, unreachable

_PATHS = {
    "alice": ("/v1/me/items", "/v1/me/log", "/v1/me/grants", "/v1/me/notices"),
    "bank": ("/v1/grants", "/v1/notices"),
    "authority": ("/v1/scenarios",),
}


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def stage(tmp_path: Path, blobs: MemoryBlobs) -> Any:
    with vault_stage(tmp_path, blobs=blobs) as made:
        yield made


def seen(world: World) -> dict[str, list[Any]]:
    """The rows that everybody of the world is shown, by path."""
    rows = {}
    for name, paths in _PATHS.items():
        for path in paths:
            answer = world.stage.get(getattr(world, name), path)
            assert answer.status_code == 200, answer.text
            rows[path] = answer.json()["rows"]
    return rows


def test_readers_see_what_was_committed_once_it_is_signed_and_not_before(stage: VaultStage, blobs: MemoryBlobs) -> None:
    world = World(stage)
    deposit = world.alice.deposit(world.issuer, b"credential", b"another document")
    deposit.upload()
    grant = world.alice.grant(world.bank, world.scenario, world.deposit)
    later = raw_scenario(stage.a_scenario(world.authority, scenario_id="another"), world.authority)
    before = seen(world)
    blobs.fail = unreachable("put")
    late = [
        stage.post(world.issuer, "/v1/deposits", deposit.body()),
        grant.send(),
        stage.post(world.authority, "/v1/scenarios", {"scenario": later}),
    ]
    assert [answer.json()["code"] for answer in late] == ["sequencer_late"] * len(late)
    assert seen(world) == before
    item, given = b64u(deposit.item), grant.name
    assert stage.get(world.alice, f"/v1/me/items/{item}").status_code == 404
    assert stage.get(world.bank, f"/v1/grants/{given}").status_code == 404
    blobs.fail = unreachable()
    world.holder_says("claim", item=world.deposit.item)
    grown = {path: len(rows) - len(before[path]) for path, rows in seen(world).items()}
    assert grown == {
        "/v1/me/items": 1,
        "/v1/me/log": 3,
        "/v1/me/grants": 1,
        "/v1/me/notices": 0,
        "/v1/grants": 1,
        "/v1/notices": 1,
        "/v1/scenarios": 1,
    }
    assert stage.get(world.alice, f"/v1/me/items/{item}").status_code == 200
    assert stage.get(world.bank, f"/v1/grants/{given}").status_code == 200


def test_a_code_that_was_collected_is_open_until_the_use_is_signed(stage: VaultStage, blobs: MemoryBlobs) -> None:
    """A wallet that saw it as collected, without the log's word for it, would refuse an honest window."""
    window = Window(stage)
    receipt = window.receipt()
    blobs.fail = unreachable("put")
    assert window.collect(receipt=receipt).json()["code"] == "sequencer_late"
    for shown in (window.mine().json(), window.theirs().json()):
        assert (shown["state"], shown["receipt"], shown["proof"]) == ("open", None, None)
    blobs.fail = unreachable()
    assert window.collect(receipt=receipt).json()["state"] == "collected"
    shown = window.mine().json()
    assert (shown["state"], shown["receipt"]) == ("collected", receipt)
    assert shown["proof"]
