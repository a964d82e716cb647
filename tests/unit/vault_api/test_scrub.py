"""A scrub names what is damaged, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, delete, select, update

from console.frame import invoke
from protocol.tiles import bundle_path, tile_path
from tests.vault_stage import VaultStage, raw_scenario
from vault_api import running
from vault_api.blobs import payload_name
from vault_api.db import tables as t
from vault_api.fakes import MemoryBlobs, unreachable
from vault_api.keeping.scrub import Damage, Pace, Scrubbed, scrub
from vault_api.main import cli

LOG = "log/"


class Kept:
    """A vault in which every kind of row is there, all blobs in memory."""

    def __init__(self, folder: Path) -> None:
        self.blobs = MemoryBlobs()
        self.stage = stage = VaultStage(folder, blobs=self.blobs)
        holder, issuer, bank, authority = stage.holder(), stage.issuer(), stage.bank(), stage.authority()
        scenario = raw_scenario(stage.a_scenario(authority), authority)
        assert stage.post(authority, "/v1/scenarios", {"scenario": scenario}).status_code == 201
        deposit = holder.deposited(issuer, b"a credential", b"a document")
        self.payload = deposit.slip.objects[0].payload
        grant = holder.grant(bank, scenario, deposit)
        assert grant.send().status_code == 201
        assert grant.release().status_code == 200
        stage.publish()
        stage.follow()
        self.size = stage.vault.log.size
        self._blobs = dict(self.blobs.objects)
        self.ledger: Any = stage.vault.ledger

    def scrubbed(self, spoil: Callable[[Connection], object] = lambda _conn: None) -> list[tuple[str, str]]:
        """What a scrub names after ``spoil``, done to a copy."""
        vault = self.stage.vault
        copy = self.stage.folder / "copy.db"
        with closing(sqlite3.connect(self.stage.folder / "vault" / "vault.db")) as source:
            copy.unlink(missing_ok=True)
            with closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        engine = create_engine(f"sqlite:///{copy}")  # which holds no row to the keys of others
        try:
            with engine.connect() as conn, conn.begin():
                spoil(conn)
            what = Scrubbed(engine, self.blobs, self.ledger, vault.origin, vault.log.vkey)
            return [(found.kind, found.name) for found in scrub(what, Pace()) if isinstance(found, Damage)]
        finally:
            engine.dispose()
            self.blobs.objects = dict(self._blobs)
            self.blobs.fail = lambda _operation, _name: None


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Kept(tmp_path_factory.mktemp("kept"))
    yield made
    made.stage.close()


def test_a_whole_vault_has_no_damage(kept: Kept) -> None:
    assert kept.scrubbed() == []


def test_a_partial_tile_that_a_wider_one_replaced_is_no_damage(kept: Kept) -> None:
    def grow(_conn: Connection) -> None:
        for path in (bundle_path(0, kept.size), tile_path(0, 0, kept.size)):
            raw = kept.blobs.objects.pop(LOG + path)
            more = b"\0\1x" if "entries" in path else bytes(32)
            wider = path.replace(f"/{kept.size}", f"/{kept.size + 1}")
            kept.blobs.objects[LOG + wider] = raw + more

    assert kept.scrubbed(grow) == []


def flip(kept: Kept, name: str) -> None:
    raw = kept.blobs.objects[name]
    kept.blobs.objects[name] = raw[:-1] + bytes([raw[-1] ^ 1])


BLOBS: dict[str, tuple[Callable[[Kept], object], Callable[[Kept], list[tuple[str, str]]]]] = {
    "a garbled payload": (
        lambda kept: flip(kept, payload_name(kept.payload)),
        lambda kept: [("payload", kept.payload.hex())],
    ),
    "a missing payload": (
        lambda kept: kept.blobs.objects.pop(payload_name(kept.payload)),
        lambda kept: [("payload", kept.payload.hex())],
    ),
    "a short payload": (
        lambda kept: kept.blobs.objects.update({payload_name(kept.payload): b"x"}),
        lambda kept: [("payload", kept.payload.hex())],
    ),
    "a garbled bundle": (
        lambda kept: flip(kept, LOG + bundle_path(0, kept.size)),
        lambda kept: [("bundle", bundle_path(0, kept.size))],
    ),
    "a cut bundle": (
        lambda kept: kept.blobs.objects.update({LOG + bundle_path(0, kept.size): b"\0"}),
        lambda kept: [("bundle", bundle_path(0, kept.size))],
    ),
    "a missing bundle": (
        lambda kept: kept.blobs.objects.pop(LOG + bundle_path(0, kept.size)),
        lambda kept: [("bundle", bundle_path(0, kept.size))],
    ),
    "a garbled tile": (
        lambda kept: flip(kept, LOG + tile_path(0, 0, kept.size)),
        lambda _kept: [("tile", "the partial tiles at the log's edge")],
    ),
    "a missing tile": (
        lambda kept: kept.blobs.objects.pop(LOG + tile_path(0, 0, kept.size)),
        lambda kept: [("tile", tile_path(0, 0, kept.size))],
    ),
}


@pytest.mark.parametrize("name", BLOBS)
def test_a_damaged_blob_is_named(name: str, kept: Kept) -> None:
    spoil, named = BLOBS[name]
    assert kept.scrubbed(lambda _conn: spoil(kept)) == named(kept)


def entry(conn: Connection, kind: str) -> int:
    """The first event of a kind."""
    return int(
        conn.execute(select(t.events.c.idx).where(t.events.c.t == kind).order_by(t.events.c.idx)).scalars().first()
    )  # type: ignore[arg-type]  # it is there


def changed(table: Any, column: str, value: Any) -> Callable[[Connection], object]:
    return lambda conn: conn.execute(update(table), {column: value})


ROWS: dict[str, tuple[Callable[[Connection], object], set[str]]] = {
    "an entry of other bytes": (
        lambda conn: conn.execute(update(t.entries).where(t.entries.c.idx == 2), {"entry": b"{}"}),
        {"entry", "checkpoint", "log", "event", "public entry"},
    ),
    "a missing entry": (
        lambda conn: conn.execute(delete(t.entries).where(t.entries.c.idx == 0)),
        {"checkpoint", "log"},
    ),
    "an opening of another salt": (changed(t.events, "salt", bytes(32)), {"event"}),
    "another object": (changed(t.events, "object", b"{}"), {"event"}),
    "another kind": (lambda conn: conn.execute(update(t.events).where(t.events.c.t == "grant"), {"t": "note"}), {"event"}),
    "a dossier that goes on too late": (changed(t.dossiers, "next_n", 99), {"dossier"}),
    "an uncounted use": (changed(t.grants, "uses", 0), {"grant"}),
    "another envelope": (lambda conn: conn.execute(update(t.grants), {"envelope": b"{}"}), {"grant"}),
    "another parcel": (changed(t.grant_parcels, "parcel", b"x"), {"grant"}),
    "another header": (lambda conn: conn.execute(update(t.objects).where(t.objects.c.pos == 0), {"header": b"x"}), {"item"}),
    "another payload": (lambda conn: conn.execute(update(t.objects).where(t.objects.c.pos == 0), {"payload": bytes(32)}), {"item"}),
    "another slip": (changed(t.items, "slip", "x.y.z"), {"item"}),
    "another receipt": (changed(t.releases, "receipt", "x"), {"receipt"}),
    "another scenario": (changed(t.scenarios, "jws", "x"), {"scenario"}),
    "another public object": (changed(t.public_entries, "object", b"x"), {"public entry"}),
    "a head that nobody signed": (changed(t.checkpoints, "note", b"x"), {"checkpoint"}),
    "a head beyond the end": (
        lambda conn: conn.execute(t.checkpoints.insert(), {"size": 999, "root": bytes(32), "note": b"x", "at": 1}),
        {"checkpoint", "tile"},
    ),
    "an anchor of another root": (changed(t.anchors, "root", bytes(32)), {"anchor"}),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_damaged_row_is_named_by_its_kind(name: str, kept: Kept) -> None:
    spoil, kinds = ROWS[name]
    named = kept.scrubbed(spoil)
    assert {kind for kind, _name in named} <= kinds
    assert named


def test_a_note_of_another_head_is_named(kept: Kept) -> None:
    def swap(conn: Connection) -> None:
        notes = conn.execute(select(t.checkpoints).order_by(t.checkpoints.c.size)).all()
        conn.execute(update(t.checkpoints).where(t.checkpoints.c.size == notes[0].size), {"note": notes[1].note})

    assert kept.scrubbed(swap) == [("checkpoint", "1")]


def test_erased_openings_and_deleted_headers_are_no_damage(kept: Kept) -> None:
    def erase(conn: Connection) -> None:
        conn.execute(update(t.events), {"salt": None, "object": None})
        conn.execute(update(t.objects), {"header": None})
        conn.execute(update(t.grant_parcels), {"parcel": None})
        conn.execute(update(t.items), {"slip": None})

    assert kept.scrubbed(erase) == []


def test_what_the_chain_says_otherwise_is_named(kept: Kept) -> None:
    from dataclasses import replace

    real, vault = kept.ledger, kept.stage.vault
    state = real.log_state(vault.origin_hash)

    class Other:
        def __init__(self, said: Any) -> None:
            self.said = said

        def log_state(self, _origin: bytes) -> Any:
            return self.said

    try:
        kept.ledger = Other(replace(state, root=bytes(32)))
        assert kept.scrubbed() == [("anchor", str(state.size))]
        kept.ledger = Other(replace(state, size=state.size + 5))
        assert kept.scrubbed() == [("anchor", str(state.size + 5))]
        kept.ledger = Other(None)
        assert kept.scrubbed() == [("chain", vault.origin)]
        kept.ledger = None
        assert kept.scrubbed() == []
        kept.ledger = real
        kept.stage.chain.faults.fail("log_state")
        assert kept.scrubbed() == [("chain", vault.origin)]
    finally:
        kept.ledger = real


def test_a_payload_that_cannot_be_read_is_named_and_one_deleted_meanwhile_is_not(kept: Kept) -> None:
    def cannot(_conn: Connection) -> None:
        kept.blobs.fail = unreachable("read")

    assert {kind for kind, _name in kept.scrubbed(cannot)} == {"payload"}


def test_a_scrub_keeps_to_its_pace() -> None:
    slept: list[float] = []
    pace = Pace(100, now=lambda: 0.0, sleep=slept.append)
    pace.spent(50)
    pace.spent(150)
    assert slept == [0.5, 2.0]
    Pace().spent(10**9)


def test_the_command_names_the_damage_and_exits_3(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONEFILE_HOME", str(kept.stage.folder))
    monkeypatch.setattr(running, "connect", lambda _settings: kept.ledger)
    monkeypatch.setattr("vault_api.build.blobs_of", lambda _settings: kept.blobs)
    assert invoke(cli, ["scrub", "--json"], prog="vault-api") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["damaged"] == []
    assert told["looked"]["entry"] == kept.size
    del kept.blobs.objects[payload_name(kept.payload)]
    try:
        assert invoke(cli, ["scrub", "--json", "--no-chain", "--rate", "1000"], prog="vault-api") == 3
        assert json.loads(capsys.readouterr().out)["damaged"][0]["kind"] == "payload"
    finally:
        kept.blobs.objects = dict(kept._blobs)
