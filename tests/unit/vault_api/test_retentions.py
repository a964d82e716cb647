"""What must be deleted when, and who is told that nobody reported it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.encoding import b64u
from protocol.wire_notices import RETENTION_GRACE_S
from tests.unit.vault_api.test_notices import World
from tests.unit.vault_api.test_shows import Window
from tests.vault_stage import DAY, VaultStage, vault_stage
from vault_api.services import retentions


@pytest.fixture
def world(stage: VaultStage) -> World:
    return World(stage)


def test_a_report_that_is_late_is_told_to_both_sides_once(world: World) -> None:
    retentions.look_after(world.stage.vault)
    assert "retention_overdue" not in world.kinds(world.bank)
    world.later(DAY + RETENTION_GRACE_S + 1)  # the receipt says a day
    retentions.look_after(world.stage.vault)
    retentions.look_after(world.stage.vault)
    for party in (world.bank, world.alice):
        late = [row for row in world.feed(party)["rows"] if row["kind"] == "retention_overdue"]
        assert [(row["about"], row["grant"]) for row in late] == [(b64u(world.receipt), world.grant.name)]


def test_a_report_ends_the_waiting_before_and_after_the_receipt_was_read(world: World) -> None:
    assert world.say(world.bank, "retention", about=world.receipt).status_code == 201
    retentions.look_after(world.stage.vault)
    second = world.use(world.grant)
    retentions.look_after(world.stage.vault)
    assert world.say(world.bank, "retention", about=second).status_code == 201
    world.later(DAY + RETENTION_GRACE_S + 1)
    retentions.look_after(world.stage.vault)
    assert "retention_overdue" not in world.kinds(world.alice)


def test_many_receipts_are_read_in_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retentions, "BATCH", 1)
    monkeypatch.setattr(retentions, "MOST_BATCHES", 1)
    world.use(world.grant)
    for _ in range(3):
        retentions.look_after(world.stage.vault)
    world.later(DAY + RETENTION_GRACE_S + 1)
    for _ in range(3):
        retentions.look_after(world.stage.vault)
    assert world.kinds(world.bank).count("retention_overdue") == 2


def test_housekeeping_does_all_of_it(world: World) -> None:
    world.later(DAY + RETENTION_GRACE_S + 1)
    world.stage.sweep()
    assert "retention_overdue" in world.kinds(world.bank)


@pytest.fixture
def collected(tmp_path: Path) -> Iterator[Window]:
    with vault_stage(tmp_path) as stage:
        window = Window(stage)
        assert window.collect(receipt=window.receipt()).status_code == 200
        yield window


@pytest.mark.parametrize("delivered", [True, False])
def test_of_a_show_only_what_was_delivered_must_be_deleted(collected: Window, delivered: bool) -> None:
    stage = collected.stage
    if delivered:
        assert collected.present().status_code == 200
    stage.clock.advance(DAY + RETENTION_GRACE_S + 1)
    stage.follow()
    retentions.look_after(stage.vault)
    rows = stage.get(collected.clerk, "/v1/notices").json()["rows"]
    assert [(row["kind"], row["show"]) for row in rows] == [("retention_overdue", collected.name)] * delivered
