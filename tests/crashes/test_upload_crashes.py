"""An upload in segments to a vault that is killed at every point of it: what was acknowledged need not be sent again.

After each death the upload stands where the vault had last said or further on, goes on from there, and becomes the
payload that was announced.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from protocol.encoding import b64u
from protocol.hashing import sha256
from tests.crashes.forks import Ended, Tell, die, in_child
from tests.crashes.matrix import Points, World, fresh_world
from tests.crashes.whole import check_bytes
from tests.vault_stage import DAY, VaultStage
from vault_api.services import garbage, uploads
from vault_api.services.payloads import remove_doomed

SEGMENT = 500
SIZE = 2 * SEGMENT + 7
EVERY = {
    "begun",
    "worked",
    "committed",
    "half a segment",
    "put a segment",
    "half a payload",
    "put a payload",
    "answered",
}

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with fresh_world() as made:
        yield made


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SEGMENT_BYTES", SEGMENT)


def send(stage: VaultStage, issuer: Any, payload: bytes, tell: Tell, points: Points) -> None:
    """What a client does: ask how far it is, send the rest, have it put together."""
    asked = {"sha256": b64u(sha256(payload)), "size": len(payload)}
    state = stage.post(issuer, "/v1/uploads", asked).json()
    tell({"at": state["offset"]})
    for offset in range(state["offset"], len(payload), SEGMENT):
        part = payload[offset : offset + SEGMENT]
        answer = stage.send(issuer, "PATCH", f"/v1/uploads/{state['upload']}?offset={offset}", content=part)
        assert answer.status_code == 200, answer.text
        tell({"kept": answer.json()["offset"]})
        points("answered")
    done = stage.post(issuer, f"/v1/uploads/{state['upload']}/complete")
    assert done.status_code in {200, 201}, done.text
    tell({"whole": True})
    points("answered")


def life(world: World, payload: bytes, at: str) -> Ended:
    """A vault that takes the upload, or the rest of it, and is killed at a point."""

    def work(tell: Tell) -> None:
        points = Points()
        with world.vault(points, tell) as stage:
            check_bytes(stage)
            if stored(stage, payload):
                tell({"at": SIZE, "whole": True})
                return
            world.remind(stage)
            _name_segments(stage, points)
            points.arm(at, die)
            send(stage, world.issuer, payload, tell, points)
            tell({"passed": points.passed})

    return in_child(work)


def stored(stage: VaultStage, payload: bytes) -> bool:
    """Whether the vault counts the payload as its own."""
    with stage.vault.engine.connect() as conn:
        found = conn.exec_driver_sql("SELECT count(*) FROM payloads WHERE sha256 = ?", (sha256(payload),)).scalar()
    return bool(found)


def _name_segments(stage: VaultStage, points: Points) -> None:
    """As `World.vault` names its points, with segments told from tiles."""

    def what(name: str) -> str:
        return {"payloads": "a payload", "incoming": "a segment"}.get(name.partition("/")[0], "a tile")

    blobs: Any = stage.vault.blobs
    blobs.files.half = lambda name: points(f"half {what(name)}")
    blobs.fail_after = lambda operation, name: points(f"put {what(name)}") if operation == "put" else None


def test_an_upload_goes_on_where_it_was_acknowledged_whenever_the_vault_is_killed(world: World) -> None:
    points = life(world, secrets.token_bytes(SIZE), "").word("passed")
    assert {point.rpartition(" ")[0] for point in points} >= EVERY
    for point in points:
        payload = secrets.token_bytes(SIZE)
        first = life(world, payload, point)
        assert first.killed, point
        second = life(world, payload, "")
        assert second.word("whole"), point
        acknowledged = SIZE if first.word("whole") else first.word("kept") or 0
        assert second.word("at") >= acknowledged, point
    ended = in_child(lambda tell: clean(world, tell))
    assert ended.word("left") == {"incoming": 0, "payloads": 1}


def clean(world: World, tell: Tell) -> None:
    """A day later nothing is left of all these uploads, and what an item names is there."""
    with world.vault(Points(), tell) as stage:
        stage.clock.advance(2 * DAY)
        uploads.end_idle(stage.vault)
        while stage.vault.sequencer.call(lambda tx: remove_doomed(stage.vault, tx)):
            pass
        garbage.sweep(stage.vault)
        blobs: Any = stage.vault.blobs
        tell(
            {"left": {kind: sum(name.startswith(kind) for name in blobs.objects) for kind in ("incoming", "payloads")}}
        )
