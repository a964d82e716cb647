"""The servers that tests run against: real ones, a fresh place for each use, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from scripts.servers.postgres import Postgres, postgres
from scripts.servers.seaweed import S3


def _connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    parsed = make_url(url)
    return psycopg.connect(dbname=parsed.database, user=parsed.username, host=str(parsed.query["host"]))


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_database_is_fresh_and_is_dropped_although_somebody_is_connected(postgres_server: Postgres) -> None:
    with postgres_server.database() as url:
        connection = _connect(url)
        assert connection.info.server_version >= 150_000
        connection.execute("CREATE TABLE here (x int)")
        connection.commit()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        _connect(url)


def test_a_copy_of_the_migrated_database_has_the_tables(postgres_url: str) -> None:
    with _connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone() == (0,)
    connection.close()


def test_the_s3_server_listens_to_this_machine_alone(s3_server: S3) -> None:
    listening = [
        one.laddr.ip
        for one in psutil.Process(s3_server.child.process.pid).net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def test_a_bucket_is_removed_with_what_is_in_it(s3_server: S3) -> None:
    with s3_server.bucket() as name:
        assert name in s3_server.buckets()
        assert s3_server.environment(name)["ONEFILE_BLOB_URL"] == f"s3://{name}/vault"
    assert name not in s3_server.buckets()


def test_a_server_that_ended_leaves_no_process_and_no_folder() -> None:
    with postgres() as server:
        folder, pid = server.folder, server.pid
        assert _lives(pid)
    assert not _lives(pid)
    assert not Path(folder).exists()
