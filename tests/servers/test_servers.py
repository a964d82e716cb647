"""The servers that tests run against: real ones, a fresh place for each use, nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from scripts.processes import ROOT
from scripts.servers.postgres import Postgres
from scripts.servers.seaweed import S3
from scripts.servers.watching import ended_with_us
from tests.servers.waiting import soon


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


def test_a_server_whose_user_was_killed_ends_and_leaves_nothing() -> None:
    told = "from scripts.servers.postgres import postgres\n"
    told += "with postgres() as server:\n    print(server.pid, server.folder, flush=True)\n    input()\n"
    user = subprocess.Popen([sys.executable, "-c", told], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert user.stdout is not None
    pid, folder = user.stdout.readline().decode().split()
    assert _lives(int(pid))
    user.kill()
    user.communicate()
    assert soon(lambda: not _lives(int(pid)) and not Path(folder).exists())


def test_a_server_that_ended_is_watched_no_longer(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as watched:
        with ended_with_us(watched.pid, signal.SIGTERM, tmp_path):
            assert watched.poll() is None
        assert watched.poll() is None
        watched.kill()
    assert tmp_path.exists()
