"""A fresh stage for each test, in memory where the machine has a folder there: commits wait for no disk.

With ``ONEFILE_TEST_BACKENDS=postgres+s3`` (`make conformance`) every stage lies on PostgreSQL and S3 instead, one database
and one prefix for each home; what is about SQLite's or a folder's own files is left out then.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import vault_stage as stages
from tests.vault_stage import VaultStage, vault_stage

ELSEWHERE = os.environ.get("ONEFILE_TEST_BACKENDS") == "postgres+s3"
IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[VaultStage]:
    with vault_stage(tmp_path) as made:
        yield made


# Tests that open SQLite's file, speak its dialect, look into a folder of blobs, or start commands on a home alone.
OWN_FILES = frozenset(
    {
        "test_a_commit_that_fails_is_told_and_the_truth_is_read_again",
        "test_a_deletion_destroys_everything_but_the_entry",
        "test_a_holder_whose_dossier_is_not_kept_here_is_refused",
        "test_a_process_that_is_told_to_end_finishes_what_is_under_way_and_ends_with_0",
        "test_a_payload_that_was_shortened_on_disk_is_unavailable",
        "test_a_payload_whose_deposit_was_refused_is_cleared_after_a_day",
        "test_a_reorganisation_of_everything_is_followed_from_the_beginning",
        "test_a_row_without_its_bytes_is_told_and_kept",
        "test_a_tile_that_is_gone_is_unavailable",
        "test_an_upload_that_was_doomed_meanwhile_has_to_be_sent_again",
        "test_old_bytes_without_a_row_go_and_all_others_stay",
        "test_new_headers_replace_the_old_ones_and_payloads_stay",
    }
)
OWN_MODULES = frozenset(
    f"test_{name}"
    for name in (
        "backup",
        "edge",
        "gc_command",
        "reconcile",
        "rotation_keeping",
        "schema",
        "scrub",
        "storage_full",
        "succession",
    )
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name, module = getattr(item, "originalname", item.name), Path(str(item.path)).stem
        if ELSEWHERE and (name in OWN_FILES or module in OWN_MODULES):
            item.add_marker(pytest.mark.skip(reason="about the files of SQLite or of a folder"))


@pytest.fixture(scope="session", autouse=ELSEWHERE)
def _on_servers(request: pytest.FixtureRequest) -> Iterator[None]:
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")
    s3 = request.getfixturevalue("s3_server")
    made: dict[Path, dict[str, Any]] = {}

    def elsewhere(home: Path) -> dict[str, Any]:
        if home not in made:
            bucket = s3.environment(s3.shared_bucket, secrets.token_hex(8))
            blobs = {name.removeprefix("ONEFILE_").lower(): value for name, value in bucket.items()}
            made[home] = {"database_url": server.url(server.create(template)), **blobs}
        return made[home]

    stages.elsewhere = elsewhere
    yield
    stages.elsewhere = stages.here
