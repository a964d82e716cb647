"""Backup and restore in one process: what comes back, what is refused, and that nothing is half done."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from console.frame import invoke
from protocol.errors import Conflict, Unavailable
from tests.kept import all_rows, backed_up, blobs_below, engine_of, members, restored, source_of
from tests.vault_stage import VaultStage
from vault_api.blobs import payload_name
from vault_api.db import tables as t
from vault_api.fakes import MemoryBlobs
from vault_api.keeping import backup as backup_module
from vault_api.keeping import restore as restore_module
from vault_api.keeping import rows, tiling
from vault_api.keeping.backup import back_up
from vault_api.main import cli


@pytest.fixture
def kept(stage: VaultStage) -> VaultStage:
    """A stage with a dossier, two items and their payloads."""
    holder, issuer = stage.holder(), stage.issuer()
    holder.deposited(issuer, b"a credential", b"a document " * 500)
    holder.deposited(issuer, b"another credential")
    stage.publish()
    return stage


def test_a_restored_vault_has_the_same_rows_payloads_and_tiles(kept: VaultStage, tmp_path: Path) -> None:
    raw, done = backed_up(kept)
    found = restored(raw, tmp_path / "new", vkey=kept.vault.log.vkey, expect=done.manifest)
    assert (found.entries, found.payloads, found.lost, found.backups) == (kept.vault.log.size, 3, 0, 1)
    with engine_of(tmp_path / "new") as engine:
        assert all_rows(engine) == all_rows(kept.vault.engine)
    assert blobs_below(tmp_path / "new") == blobs_below(kept.folder)


def test_a_stranger_reads_a_backup_with_tar_and_json(kept: VaultStage) -> None:
    raw, _ = backed_up(kept)
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r|") as archive:
        found = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    begin = json.loads(found["begin.json"])
    assert begin["origin"] == kept.origin
    names = [name for name, _kind in begin["tables"]["entries"]]
    first = dict(zip(names, json.loads(found["rows/entries.000000.jsonl"].splitlines()[0]), strict=True))
    assert first["idx"] == 0
    assert list(found)[-1] == "manifest.jsonl"


def test_a_backup_is_of_one_moment_whatever_is_written_meanwhile(kept: VaultStage, tmp_path: Path) -> None:
    class Busy(io.BytesIO):
        """A slow reader: while it takes the stream, somebody deposits."""

        deposits = 0

        def write(self, data: Any) -> int:
            if b"rows/anchors" in bytes(data[:100]) and not self.deposits:
                self.deposits += 1
                kept.holder("bob")
            return super().write(data)

    before = all_rows(kept.vault.engine)
    out = Busy()
    back_up(source_of(kept), out, at=1)
    restored(out.getvalue(), tmp_path / "new")
    with engine_of(tmp_path / "new") as engine:
        assert all_rows(engine) == before
    assert out.deposits == 1
    assert all_rows(kept.vault.engine) != before


def test_small_parts_and_pieces_lead_to_the_same(
    kept: VaultStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        kept.holder(f"holder {number}")
    monkeypatch.setattr(rows, "PART_BYTES", 1)
    monkeypatch.setattr(tiling, "PIECE", 2)
    raw, _ = backed_up(kept)
    restored(raw, tmp_path / "new")
    assert blobs_below(tmp_path / "new") == blobs_below(kept.folder)


# --- incremental ----------------------------------------------------------------------------------


@pytest.mark.parametrize("short", [restore_module.SHORT_BYTES, 1], ids=["lists in memory", "lists in files"])
def test_an_incremental_backup_leaves_out_what_an_earlier_one_has(
    kept: VaultStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: int
) -> None:
    monkeypatch.setattr(restore_module, "SHORT_BYTES", short)
    full, _ = backed_up(kept, keep_manifest=tmp_path / "1")
    kept.holder("bob").deposited(kept.issuer("another issuer"), b"new")
    second, told = backed_up(kept, since=tmp_path / "1", keep_manifest=tmp_path / "2")
    kept.clock.advance(5)
    third, last = backed_up(kept, since=tmp_path / "2")
    assert (told.payloads, told.earlier) == (1, 3)
    assert (last.payloads, last.earlier) == (0, 4)
    found = restored(third + second + full, tmp_path / "new")
    assert (found.payloads, found.backups) == (4, 3)
    assert blobs_below(tmp_path / "new") == blobs_below(kept.folder)


def test_a_chain_without_its_beginning_is_refused_and_names_what_is_missing(kept: VaultStage, tmp_path: Path) -> None:
    _, first = backed_up(kept, keep_manifest=tmp_path / "1")
    second, _ = backed_up(kept, since=tmp_path / "1")
    with pytest.raises(Unavailable) as refused:
        restored(second, tmp_path / "new")
    assert (refused.value.code, refused.value.facts) == ("backup_earlier_needed", {"count": 3, "name": first.manifest})
    assert not (tmp_path / "new" / "vault" / "vault.db").exists()


def test_payloads_that_the_store_still_has_need_no_earlier_backup(kept: VaultStage, tmp_path: Path) -> None:
    backed_up(kept, keep_manifest=tmp_path / "1")
    second, _ = backed_up(kept, since=tmp_path / "1")
    found = restored(second, tmp_path / "new", blobs=kept.vault.blobs)
    assert (found.payloads, found.lost) == (0, 0)


def test_a_backup_out_of_its_chain_is_refused(kept: VaultStage, tmp_path: Path) -> None:
    full, _ = backed_up(kept, keep_manifest=tmp_path / "1")
    kept.clock.advance(1)
    other, _ = backed_up(kept)
    second, _ = backed_up(kept, since=tmp_path / "1")
    with pytest.raises(Conflict) as refused:
        restored(second + other + full, tmp_path / "new")
    assert refused.value.code == "backup_chain"


def test_a_payload_that_was_deleted_since_does_not_come_back(kept: VaultStage, tmp_path: Path) -> None:
    full, _ = backed_up(kept, keep_manifest=tmp_path / "1")
    with kept.vault.engine.connect() as conn:
        gone = conn.execute(t.payloads.select().order_by(t.payloads.c.sha256)).first()
        assert gone is not None
        conn.execute(t.payloads.delete().where(t.payloads.c.sha256 == gone.sha256))
        conn.commit()
    second, told = backed_up(kept, since=tmp_path / "1")
    assert told.earlier == 2
    restored(second + full, tmp_path / "new")
    assert payload_name(gone.sha256) not in blobs_below(tmp_path / "new")


# --- what the vault has lost ----------------------------------------------------------------------


def a_payload(stage: VaultStage) -> tuple[bytes, int]:
    with stage.vault.engine.connect() as conn:
        row = conn.execute(t.payloads.select().order_by(t.payloads.c.size.desc())).first()
    assert row is not None
    return row.sha256, row.size


def test_a_vault_with_a_lost_payload_can_be_backed_up_and_says_so(kept: VaultStage, tmp_path: Path) -> None:
    digest, _size = a_payload(kept)
    kept.vault.blobs.delete(payload_name(digest))
    raw, told = backed_up(kept)
    assert (told.payloads, told.lost) == (2, 1)
    assert restored(raw, tmp_path / "new").lost == 1
    with engine_of(tmp_path / "new") as engine:
        assert all_rows(engine) == all_rows(kept.vault.engine)


def test_a_garbled_payload_is_backed_up_as_what_it_is_and_not_restored(kept: VaultStage, tmp_path: Path) -> None:
    digest, size = a_payload(kept)
    kept.vault.blobs.put(payload_name(digest), bytes(size))
    raw, told = backed_up(kept)
    assert told.lost == 1
    assert restored(raw, tmp_path / "new").lost == 1
    assert payload_name(digest) not in blobs_below(tmp_path / "new")


def test_a_payload_that_its_holder_deletes_while_the_backup_runs_is_forgotten(
    kept: VaultStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, _size = a_payload(kept)
    real = backup_module._list_payloads

    def then_deleted(conn: Any, listed: Any) -> None:
        real(conn, listed)
        kept.vault.blobs.delete(payload_name(digest))
        with kept.vault.engine.connect() as other, other.begin():
            other.execute(t.payloads.delete().where(t.payloads.c.sha256 == digest))

    monkeypatch.setattr(backup_module, "_list_payloads", then_deleted)
    raw, told = backed_up(kept)
    assert (told.payloads, told.lost) == (2, 0)
    assert restored(raw, tmp_path / "new").lost == 0
    with engine_of(tmp_path / "new") as engine, engine.connect() as conn:
        headers = list(conn.execute(t.objects.select().where(t.objects.c.payload == digest)))
        assert [row.header for row in headers] == [None]
        assert conn.execute(t.payloads.select().where(t.payloads.c.sha256 == digest)).first() is None


def test_a_payload_that_goes_while_it_is_read_spoils_only_itself(kept: VaultStage, tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    blobs.objects = {f"payloads/{name[9:]}": data for name, data in blobs_below(kept.folder).items()}

    def gone(operation: str, name: str) -> None:
        if operation == "read" and name == payload_name(a_payload(kept)[0]):
            raise FileNotFoundError(name)

    blobs.fail = gone
    out = io.BytesIO()
    told = back_up(backup_module.Source(kept.vault.engine, blobs, None), out, at=1)
    assert (told.payloads, told.lost) == (2, 1)
    assert restored(out.getvalue(), tmp_path / "new").payloads == 2


# --- the commands ---------------------------------------------------------------------------------


class Streams:
    """Bytes on standard input and output, as a pipe has them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def run(self, *words: str, given: bytes = b"") -> tuple[int, bytes]:
        out = io.TextIOWrapper(io.BytesIO())
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        with self._monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", out)
            code = invoke(cli, words, prog="vault-api")
        out.flush()
        return code, out.buffer.getvalue()  # type: ignore[attr-defined]  # the BytesIO above


def test_the_commands_stream_and_talk_on_standard_error(
    kept: VaultStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    streams = Streams(monkeypatch)
    monkeypatch.setenv("ONEFILE_HOME", str(kept.folder))
    code, raw = streams.run("backup", "--json", "--manifest", str(tmp_path / "m"))
    assert code == 0
    told = json.loads(capsys.readouterr().err)
    assert (told["payloads"], told["lost"]) == (3, 0)
    assert streams.run("restore", given=raw)[0] == 1  # it is not empty

    monkeypatch.setenv("ONEFILE_HOME", str(tmp_path / "new"))
    code, said = streams.run("restore", "--dry-run", "--expect", told["manifest"], "--json", given=raw)
    assert (code, json.loads(said)["dry_run"]) == (0, True)
    assert not (tmp_path / "new").exists()
    assert streams.run("restore", given=raw)[0] == 0
    assert "vault-api reconcile" in capsys.readouterr().err
    assert streams.run("restore", "--expect", "zz", given=raw)[0] == 2


def test_the_backup_of_a_damaged_vault_warns(
    kept: VaultStage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.vault.blobs.delete(payload_name(a_payload(kept)[0]))
    monkeypatch.setenv("ONEFILE_HOME", str(kept.folder))
    assert Streams(monkeypatch).run("backup")[0] == 0
    assert "vault-api scrub" in capsys.readouterr().err


def test_no_backup_is_written_to_a_terminal(kept: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("ONEFILE_HOME", str(kept.folder))
    monkeypatch.setattr(sys, "stdout", Screen())
    assert invoke(cli, ["backup"], prog="vault-api") == 2


def test_a_database_without_a_log_or_of_another_program_is_not_backed_up(kept: VaultStage) -> None:
    with kept.vault.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("DELETE FROM log_head")
    with pytest.raises(Unavailable):
        backed_up(kept)
    with kept.vault.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'other'")
    with pytest.raises(Conflict):
        backed_up(kept)


def test_no_secret_and_no_upload_on_its_way_is_in_a_backup(kept: VaultStage) -> None:
    raw, _ = backed_up(kept)
    secret = (kept.folder / "vault" / "log.key").read_bytes().strip()
    assert secret not in raw
    assert bytes.fromhex(secret.decode()) not in raw
    assert not [name for name in members(raw) if "uploads" in name or "leases" in name]
