"""An S3 store for ``vault_api/blobs.py``: which bucket, whose keys, how long to wait. Shows no key in any message.

The keys come from the environment, from a secret file of two lines (access key, secret key), or, if neither is named,
from where obstore looks by itself: the ``AWS_…`` variables or the machine's role.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.store import S3Store

from protocol.errors import Malformed

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

    from vault_api.settings import Settings

CONNECT_TIMEOUT_S = 5
REQUEST_TIMEOUT_S = 60  # for one part of an upload, or one piece of a download
MAX_RETRIES = 3
RETRY_TIMEOUT_S = 20  # after which no further try begins
MAX_CREDENTIALS_BYTES = 4096


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach an S3 store. ``endpoint`` None: Amazon's of ``region``. Without keys obstore finds its own."""

    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)


def access_of(settings: Settings) -> S3Access:
    """What the settings say; ``Malformed("setting")`` where one contradicts another or lacks it."""
    secret = settings.blob_secret_key.get_secret_value() if settings.blob_secret_key is not None else None
    access = settings.blob_access_key
    if settings.blob_credentials_file is not None:
        if access is not None or secret is not None:
            raise _wrong("ONEFILE_BLOB_CREDENTIALS_FILE", "keys are given in the environment, too")
        access, secret = _read(settings.blob_credentials_file)
    if (access is None) != (secret is None):
        raise _wrong("ONEFILE_BLOB_ACCESS_KEY", "expected both keys or none")
    return S3Access(settings.blob_endpoint, settings.blob_region, access, secret)


def s3_store(url: str, access: S3Access) -> S3Store:
    """The store of ``s3://bucket/prefix``."""
    parts = urlsplit(url)
    if not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise _wrong("ONEFILE_BLOB_URL", "expected s3://bucket/prefix")
    config: S3Config = {"region": access.region}
    if access.access_key is not None and access.secret_key is not None:
        config |= {"access_key_id": access.access_key, "secret_access_key": access.secret_key}
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT_S),
        "timeout": timedelta(seconds=REQUEST_TIMEOUT_S),
    }
    if access.endpoint is not None:
        config["endpoint"] = _checked(access.endpoint)
        client["allow_http"] = access.endpoint.startswith("http://")
    retry: RetryConfig = {
        "max_retries": MAX_RETRIES,
        "retry_timeout": timedelta(seconds=RETRY_TIMEOUT_S),
    }
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config=config,
        client_options=client,
        retry_config=retry,
    )


def _checked(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/") or parts.query:
        raise _wrong("ONEFILE_BLOB_ENDPOINT", "expected scheme://host[:port]")
    return endpoint.rstrip("/")


def _read(path: Path) -> tuple[str, str]:
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_CREDENTIALS_BYTES).decode("ascii").split()
    except (OSError, UnicodeDecodeError):
        lines = []
    if len(lines) != 2:
        raise _wrong("ONEFILE_BLOB_CREDENTIALS_FILE", "expected a file of two lines: access key, secret key")
    return lines[0], lines[1]


def _wrong(name: str, problem: str) -> Malformed:
    return Malformed("setting", "{name}: {problem}", name=name, problem=problem)
