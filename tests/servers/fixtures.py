"""``postgres_server`` and ``s3_server`` run for the session; ``postgres_url`` and ``s3_environment`` are for one test.

What a server needs is imported when the first test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scripts.servers.postgres import Postgres
    from scripts.servers.seaweed import S3

__all__ = ["postgres_server", "postgres_template", "postgres_url", "s3_environment", "s3_server"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A server of its own for this pytest process."""
    from scripts.servers.postgres import postgres

    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Postgres) -> Iterator[str]:
    """The name of a migrated database; a copy of it is there in a tenth of a second."""
    from vault_api.db.engine import open_engine
    from vault_api.db.migrate import migrate

    name = postgres_server.create()
    engine = open_engine(postgres_server.url(name))
    migrate(engine)
    engine.dispose()
    yield name
    postgres_server.drop(name)


@pytest.fixture
def postgres_url(postgres_server: Postgres, postgres_template: str) -> Iterator[str]:
    """A migrated database for one test (``ONEFILE_DATABASE_URL``), dropped afterwards."""
    with postgres_server.database(postgres_template) as url:
        yield url


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    """A server of its own for this pytest process."""
    from scripts.servers.seaweed import seaweed

    with seaweed() as server:
        yield server


@pytest.fixture
def s3_environment(s3_server: S3) -> Iterator[dict[str, str]]:
    """A bucket for one test, as the vault's settings (``ONEFILE_BLOB_…``), removed afterwards."""
    with s3_server.bucket() as name:
        yield s3_server.environment(name)
