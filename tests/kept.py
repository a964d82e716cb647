"""A vault with something in it, its backup, and what a restore of it gives: for the tests of ``vault_api/keeping``."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from tests.vault_stage import VaultStage, vault_stage
from vault_api.blobs import BlobStore, open_blobs
from vault_api.db.engine import open_engine
from vault_api.keeping.archive import ArchiveWriter, read_members
from vault_api.keeping.backup import Backed, Source, back_up
from vault_api.keeping.loading import RESTORED, loading
from vault_api.keeping.manifest import MANIFEST
from vault_api.keeping.restore import Restored, restore
from vault_api.keeping.rows import kept_tables, parts_of
from vault_api.keeping.storing import storing


def source_of(stage: VaultStage) -> Source:
    return Source(stage.vault.engine, stage.vault.blobs, stage.vault.log.vkey)


def backed_up(stage: VaultStage, **options: Any) -> tuple[bytes, Backed]:
    """A backup of the stage, and what it says of itself."""
    out = io.BytesIO()
    done = back_up(source_of(stage), out, at=stage.clock.now(), **options)
    return out.getvalue(), done


def restored(
    raw: bytes, home: Path, *, database: str | None = None, blobs: BlobStore | None = None, **o: Any
) -> Restored:
    """Restore a stream below ``home``, where a stage with the same settings would look."""
    store = blobs or open_blobs(str(home / "vault" / "blobs"))
    (home / "vault").mkdir(parents=True, exist_ok=True)
    with loading(database or f"sqlite:///{home}/vault/vault.db") as load, storing(store) as stored:
        return restore(io.BytesIO(raw), load, stored, **o)


@contextmanager
def engine_of(home: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{home}/vault/vault.db")
    try:
        yield engine
    finally:
        engine.dispose()


def all_rows(engine: Engine) -> dict[str, list[bytes]]:
    """Every kept row as a backup writes it, but for the mark of a restore."""
    with engine.connect() as conn:
        found = {table.name: b"".join(raw for _n, raw in parts_of(conn, table)) for table in kept_tables()}
    mark = f'["{RESTORED}"'.encode()
    return {name: [line for line in raw.splitlines() if not line.startswith(mark)] for name, raw in found.items()}


def members(raw: bytes) -> dict[str, bytes]:
    """What an archive holds."""
    return {member.name: b"".join(member.chunks()) for member in read_members(io.BytesIO(raw))}


def rewritten(raw: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The same archive with changed members, in their order; the manifest stays as it was unless changed too."""
    found = members(raw)
    change(found)
    out = io.BytesIO()
    archive = ArchiveWriter(out)
    for name, data in found.items():
        archive.add(name, len(data), [data])
    archive.end()
    return out.getvalue()


def remanifested(found: dict[str, bytes]) -> None:
    """Write the manifest anew, so that only what a member says is wrong."""
    import hashlib
    import json

    lines = found[MANIFEST].splitlines(keepends=True)
    absent = [line for line in lines[1:] if json.loads(line)[2] in {"earlier", "gone", "lost"}]
    here = [
        json.dumps([name, len(data), hashlib.sha256(data).hexdigest()], separators=(",", ":")).encode() + b"\n"
        for name, data in found.items()
        if name != MANIFEST
    ]
    found[MANIFEST] = b"".join([lines[0], *here, *absent])


@dataclass(frozen=True)
class Written:
    """One backup for all the tests that only spoil it."""

    raw: bytes
    told: Backed
    vkey: str


def written_at(folder: Path) -> Written:
    """The backup of a small vault."""
    with vault_stage(folder) as stage:
        holder, issuer = stage.holder(), stage.issuer()
        holder.deposited(issuer, b"a credential", b"a document " * 500)
        raw, told = backed_up(stage)
        return Written(raw, told, stage.vault.log.vkey)


def blobs_below(home: Path) -> dict[str, bytes]:
    """Every file of a home's blob store."""
    folder = home / "vault" / "blobs"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
