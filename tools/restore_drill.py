"""How long backup and restore take: ``python -m tools.restore_drill --entries N --bytes B`` (docs/operations.md §7).

Makes a synthetic state of that size in a folder of its own (rows and log as a vault writes them, payloads of random
bytes), backs it up with the real command into a file, restores that into an empty folder with the real command, and
prints seconds and peak memory of both. Whoever ends it early loses nothing: the folder is a temporary one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from protocol.encoding import b64u
from protocol.entries import Entry, commitment, entry_hash, first_entry, opening_statement, origin, pv_n, tag_n
from protocol.hashing import ZERO32, sha256
from protocol.merkle import Frontier, leaf_hashes
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from vault_api.blobs import payload_name
from vault_api.db import tables as t
from vault_api.db.engine import open_engine
from vault_api.db.migrate import migrate

PAYLOAD_BYTES = 200_000
EVENTS_OF_A_DOSSIER = 10
PIECE = 20_000
AT = 1_800_000_000
ORIGIN = origin(31337, b"\xa4" * 20, "drill")
GOAL_S = 300
LOOK_S = 0.1


@dataclass(frozen=True)
class Run:
    """What one command took."""

    seconds: float
    peak_mib: int
    told: dict[str, Any]


def main() -> int:
    """Make, back up, restore, say."""
    parser = argparse.ArgumentParser(description="Measure backup and restore of a synthetic state.")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=200_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = drill(Path(folder), given.entries, given.bytes)
    print(json.dumps(found, indent=1))
    return 0 if found["restore_s"] < GOAL_S else 1


def drill(folder: Path, entries: int, size: int) -> dict[str, Any]:
    """The whole of it below ``folder``."""
    make_state(folder / "old", entries, size)
    stream = folder / "backup.tar"
    with stream.open("wb") as out:
        back = command(folder / "old", "backup", out=out)
    with stream.open("rb") as source:
        again = command(folder / "new", "restore", given=source)
    return {
        "entries": entries,
        "payload_bytes": size,
        "stream_bytes": stream.stat().st_size,
        "backup_s": round(back.seconds, 1),
        "backup_peak_mib": back.peak_mib,
        "restore_s": round(again.seconds, 1),
        "restore_peak_mib": again.peak_mib,
        "lost": again.told["lost"],
    }


def command(home: Path, name: str, *, given: Any = None, out: Any = None) -> Run:
    """One ``vault-api`` command as a process."""
    env = {**os.environ, "ONEFILE_HOME": str(home)}
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "vault_api.main", name, "--json"],
        env=env, stdin=given or subprocess.DEVNULL, stdout=out or subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        peak = 0
        while process.poll() is None:  # what it says fits into a pipe
            peak = max(peak, _held_mib(process.pid))
            time.sleep(LOOK_S)
        seconds = time.monotonic() - began
        said = [pipe.read() if pipe is not None else b"" for pipe in (process.stdout, process.stderr)]
    assert process.returncode == 0, said
    return Run(seconds, peak, json.loads(said[0] or said[1]))


def _held_mib(pid: int) -> int:
    """The most that a running process has held so far; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))


# --- the state ------------------------------------------------------------------------------------


def make_state(home: Path, entries: int, size: int) -> None:
    """A vault's database and payloads. Tiles are not made: no backup holds them."""
    engine = open_engine(f"sqlite:///{home}/vault/vault.db")
    migrate(engine)
    with engine.connect() as conn, conn.begin():
        signer = Ed25519NoteSigner(ORIGIN, b"\x09" * 32)
        frontier = _log(conn, entries, signer)
        head = {"id": 1, "frontier": frontier.serialise(), "last_at": AT}
        conn.execute(insert(t.log_head), head)
        note = sign_checkpoint(Checkpoint(ORIGIN, frontier.size, frontier.root()), signer)
        row = {"size": frontier.size, "root": frontier.root(), "note": note, "at": AT}
        conn.execute(insert(t.checkpoints), row)
        conn.execute(insert(t.meta), {"name": "log_origin", "value": ORIGIN})
        for count in range(max(1, size // PAYLOAD_BYTES)):
            conn.execute(insert(t.payloads), _payload(home / "vault" / "blobs", count))
    engine.dispose()


def _log(conn: Connection, count: int, signer: Ed25519NoteSigner) -> Frontier:
    first = first_entry(ORIGIN, opening_statement(ORIGIN, str(signer.vkey))).serialise()
    conn.execute(insert(t.entries), {"idx": 0, "entry": first, "at": AT})
    frontier = Frontier().extend(leaf_hashes([first]))
    events = _events(count - 1)
    while piece := list(islice(events, PIECE)):
        conn.execute(insert(t.entries), [entry for entry, _event, _dossier in piece])
        opened = [dossier for _entry, _event, dossier in piece if dossier]
        if opened:
            conn.execute(insert(t.dossiers), opened)
        conn.execute(insert(t.events), [event for _entry, event, _dossier in piece])
        frontier = frontier.extend(leaf_hashes(entry["entry"] for entry, _event, _dossier in piece))
    return frontier


def _events(count: int) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Entries with their events, dossier by dossier; with the first of each, its dossier's row as it will be."""
    last = ZERO32
    for number in range(count):
        dossier, n = divmod(number, EVENTS_OF_A_DOSSIER)
        key = sha256(b"drill", dossier.to_bytes(8, "big"))
        last = last if n else ZERO32
        salt, said = secrets.token_bytes(32), _object()
        entry = Entry("issue", tag_n(key, n), pv_n(key, n, last), commitment(salt, said)).serialise()
        last = entry_hash(entry)
        row: dict[str, Any] = {}
        if n == 0:
            row = {"row": dossier + 1, "dossier": sha256(b"id", key), "tag_key": key, "next_n": EVENTS_OF_A_DOSSIER,
                   "last_entry": last, "opened_at": AT}  # fmt: skip
        event = {"idx": number + 1, "dossier_row": dossier + 1, "n": n, "t": "issue", "salt": salt,
                 "object_sha256": sha256(said), "object": said, "grant_row": None, "show_row": None}  # fmt: skip
        yield {"idx": number + 1, "entry": entry, "at": AT}, event, row


def _object() -> bytes:
    """As large as a deposit slip."""
    return b64u(secrets.token_bytes(600)).encode()


def _payload(blobs: Path, number: int) -> dict[str, Any]:
    data = hashlib.shake_256(number.to_bytes(8, "big")).digest(PAYLOAD_BYTES)
    digest = sha256(data)
    path = blobs / payload_name(digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"sha256": digest, "size": len(data), "stored_at": AT}


if __name__ == "__main__":
    sys.exit(main())
