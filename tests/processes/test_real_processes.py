"""Real processes on PostgreSQL: two serve, one signs, one works; one is paused in the middle, and wakes up too late."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from protocol.note import Vkey, verify_checkpoint
from protocol.tiles import VerifiedTileReader
from tests.crashes.forks import FolderBlobs
from tests.grant_world import World
from tests.processes.forked import Child, Family
from tests.processes.shared import soon
from tests.vault_stage import Grant, VaultStage, vault_stage
from vault_api.db import tables as t
from vault_api.db import tables_processes as p
from vault_api.db.carrier import lay_tables
from vault_api.db.engine import open_engine

RACES = 3
READERS = 4


@pytest.fixture
def stage(postgres_url: str, tmp_path: Path) -> Iterator[VaultStage]:
    engine = open_engine(postgres_url)
    lay_tables(engine)
    engine.dispose()
    blobs = FolderBlobs(tmp_path / "blobs")
    with vault_stage(tmp_path, blobs=blobs, database_url=postgres_url, lease_s=1.0) as made:
        yield made


@pytest.fixture
def family(stage: VaultStage) -> Iterator[Family]:
    own = stage.client
    with Family(stage) as made:
        yield made
    stage.client = own


def race(grant: Grant, apis: list[Child]) -> list[tuple[int, str]]:
    """Readers ask for the last use at both processes at once; what they were answered."""
    receipts = [grant.receipt() for _ in range(READERS)]
    gate, told = threading.Barrier(READERS), list[tuple[int, str]]()

    def ask(api: Child, receipt: str) -> None:
        gate.wait()
        answer = api.request("POST", f"/v1/grants/{grant.name}/release", json={"receipt": receipt})
        told.append((answer.status_code, answer.json().get("code", "")))

    threads = [threading.Thread(target=ask, args=(apis[i % 2], receipt)) for i, receipt in enumerate(receipts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def signed_whole(stage: VaultStage, checkpoint: bytes) -> int:
    """The size of the log, after every entry has been read back from the tiles and found in the database."""
    head = verify_checkpoint(checkpoint, stage.origin, Vkey.parse(stage.vault.log.vkey))
    stage.vault.log.refresh()
    reader = VerifiedTileReader(head.size, head.root, stage.vault.log.read_tile)
    entries = [entry for n in range(-(-head.size // 256)) for entry in reader.entries(n)]
    with stage.vault.engine.connect() as conn:
        assert list(conn.execute(select(t.entries.c.entry).order_by(t.entries.c.idx)).scalars())[: head.size] == entries
    return head.size


def sequencer_lease(conn: Connection) -> Any:
    return conn.execute(select(p.leases).where(p.leases.c.name == "sequencer")).one()


def test_the_last_use_is_given_once_by_two_api_processes(stage: VaultStage, family: Family) -> None:
    world = World(stage)
    grants = [world.granted(max_uses=1) for _ in range(RACES)]
    stage.vault.sequencer.stop()
    family.child("sequencer")
    family.child("worker")
    apis = [family.child("api"), family.child("api")]
    for grant in grants:
        told = race(grant, apis)
        assert Counter(told) == {(200, ""): 1, (403, "grant_used_up"): READERS - 1}
    with stage.vault.engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM releases").scalar() == RACES
    newest = [api.request("GET", "/v1/log/checkpoint").content for api in apis]
    assert signed_whole(stage, newest[0]) == signed_whole(stage, newest[1])


def test_a_sequencer_that_sleeps_between_storing_and_signing_signs_nothing_when_it_wakes(
    stage: VaultStage, family: Family
) -> None:
    alice = stage.holder()
    stage.vault.sequencer.stop()

    def falls_asleep(step: str) -> None:
        if step == "stored":
            os.kill(os.getpid(), signal.SIGSTOP)

    asleep = family.child("sequencer", falls_asleep)
    awake = family.child("sequencer")
    stage.client = api = family.child("api")
    with stage.vault.engine.connect() as conn:
        first = sequencer_lease(conn)

    def say(text: str) -> Any:
        return stage.post(alice, "/v1/me/statements", {"statement": alice.statement("notice", text=text)})

    # The first to sign is paused when it has stored; the answer waits for the second, which takes over.
    assert say("one").json()["index"] == 2
    assert soon(asleep.stopped)
    assert not awake.stopped()
    assert say("two").json()["index"] == 3
    asleep.signal(signal.SIGCONT)
    assert soon(lambda: "LeaseLost" in asleep.log.read_text())
    assert say("three").json()["index"] == 4
    with stage.vault.engine.connect() as conn:
        now = sequencer_lease(conn)
        sizes = list(conn.execute(select(t.checkpoints.c.size)).scalars())
    assert (now.epoch, now.holder != first.holder) == (first.epoch + 1, True)
    assert len(sizes) == len(set(sizes))
    assert signed_whole(stage, api.request("GET", "/v1/log/checkpoint").content) == 5
