"""The vault on PostgreSQL and S3 does what it does on SQLite and a folder: its own unit tests, told there again.

Here is a cross-section; `make conformance` tells all of them there.
"""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from protocol.errors import Unavailable
from scripts.servers.seaweed import S3
from tests.unit.vault_api import (
    test_chain_side,
    test_deposit_batch,
    test_deposits,
    test_mine,
    test_notices,
    test_rings,
    test_shows,
    test_signed_requests,
    test_story,
    test_uses,
)
from tests.unit.vault_api.test_shows import Window
from tests.vault_stage import VaultStage, vault_stage
from vault_api.db import tables as t
from vault_api.db.engine import ERASED

Story = Callable[..., None]

STORIES: tuple[Story, ...] = (
    test_story.test_a_deposit_is_used_three_times_and_then_refused,
    test_deposits.test_uploads_that_nobody_used_are_cleared_after_a_day,
    test_deposits.test_a_payload_is_given_whole_or_in_ranges,
    test_deposit_batch.test_a_deposit_that_fails_inside_a_batch_leaves_nothing_and_harms_no_other,
    test_uses.test_revoking_destroys_headers_and_parcels_and_is_logged_once,
    test_shows.test_the_wallet_learns_who_collected_with_a_proof_and_answers_to_them_alone,
    test_rings.test_only_who_names_the_ring_that_is_there_replaces_it,
    test_notices.test_who_read_all_notices_before_they_were_forgotten_misses_none_that_come,
    test_mine.test_a_deletion_destroys_everything_but_the_entry,
    test_signed_requests.test_the_same_idempotency_key_with_other_bytes_is_a_conflict,
    test_chain_side.test_the_newest_head_is_anchored_and_recorded_once,
    test_chain_side.test_a_reorganisation_takes_back_facts_and_anchors,
)


@pytest.fixture
def elsewhere(postgres_url: str, s3_server: S3) -> dict[str, Any]:
    """The settings of a vault on PostgreSQL and S3, both empty."""
    environment = s3_server.environment(s3_server.shared_bucket, secrets.token_hex(8))
    blobs = {name.removeprefix("ONEFILE_").lower(): value for name, value in environment.items()}
    return {"database_url": postgres_url, **blobs}


@pytest.fixture
def stage(tmp_path: Path, elsewhere: dict[str, Any]) -> Iterator[VaultStage]:
    with vault_stage(tmp_path, **elsewhere) as made:
        yield made


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.removeprefix("test_"))
def test_it_is_the_same_on_postgresql_and_s3(stage: VaultStage, story: Story) -> None:
    story(**{name: _asked(story, name, stage) for name in inspect.signature(story).parameters})
    assert stage.vault.engine.dialect.name == "postgresql"
    assert not list((stage.folder / "vault").rglob("vault.db"))
    assert not (stage.folder / "vault" / "blobs").exists()


def _asked(story: Story, name: str, stage: VaultStage) -> Any:
    """What the story's own fixtures would give it."""
    world = story.__globals__.get("World")
    made: dict[str, Callable[[], Any]] = {
        "stage": lambda: stage,
        "alice": stage.holder,
        "issuer": stage.issuer,
        "people": lambda: (stage.holder("alice"), stage.holder("gina"), stage.holder("gustav")),
        "window": lambda: Window(stage),
        "world": lambda: world(stage),
    }
    return made[name]()


def test_a_vault_goes_on_where_another_process_left_it(tmp_path: Path, elsewhere: dict[str, Any]) -> None:
    with vault_stage(tmp_path, **elsewhere) as before:
        alice = before.holder()
        issuer = before.issuer()
        alice.deposited(issuer, b"credential")
        size, chain = before.vault.log.size, before.chain
    with vault_stage(tmp_path, chain=chain, **elsewhere) as after:
        assert after.vault.log.size == size
        alice.stage = after
        after.follow()
        alice.deposited(issuer, b"another")
        assert after.vault.log.size == size + 1
        assert len(after.get(alice, "/v1/me/items").json()["rows"]) == 2


def test_old_versions_of_what_a_deletion_destroys_are_removed_by_housekeeping(stage: VaultStage) -> None:
    alice = stage.holder()
    deposit = alice.deposited(stage.issuer(), b"credential", b"scan")
    assert test_mine.delete(stage, alice, deposit.item).status_code == 200
    before = _vacuums(stage)
    stage.sweep()
    assert {name: count > before[name] for name, count in _vacuums(stage).items()} == dict.fromkeys(ERASED, True)


def _vacuums(stage: VaultStage) -> dict[str, int]:
    counted = text("SELECT relname, vacuum_count FROM pg_stat_user_tables WHERE relname = ANY(:names)")
    with stage.vault.engine.connect() as conn:
        return {row.relname: row.vacuum_count for row in conn.execute(counted, {"names": list(ERASED)})}


def test_a_database_that_went_away_is_told_and_back_again(stage: VaultStage) -> None:
    vault = stage.vault
    ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def work(tx: Any) -> int:
        with vault.engine.connect() as conn:
            conn.execute(ended)
        return int(tx.conn.execute(select(t.entries.c.idx)).first() is not None)

    with pytest.raises(Unavailable) as refused:
        vault.sequencer.call(work)
    assert refused.value.code == "database_unreachable"
    alice = stage.holder()
    assert stage.get(alice, "/v1/me").status_code == 200
