"""Files that are whole or not there: written beside, flushed, and put in place by rename."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from chain.deployment import MAX_BYTES, Deployment
from protocol.errors import Malformed, Unavailable


def write_atomically(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` at `path`: whoever reads sees the old bytes or the new, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=path.name + ".", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(mode)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_deployment(path: Path) -> Deployment:
    """The deployment recorded at `path`; `Unavailable("deployment_missing")` if there is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError:
        raise Unavailable(
            "deployment_missing", "there is no deployment record at {path}: run `chain deploy`", path=str(path)
        ) from None
    if len(raw) > MAX_BYTES:
        raise Malformed("deployment", "{path} is too long for a deployment record", path=str(path))
    return Deployment.parse(raw)


def write_deployment(path: Path, deployment: Deployment) -> None:
    """Record the deployment at `path`, atomically; anyone may read it."""
    write_atomically(path, deployment.serialise(), mode=0o644)
