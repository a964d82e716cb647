"""Backup and restore in one process: what comes back, what is refused, and that nothing is half done."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.frame import invoke
from protocol.errors import Conflict, Malformed, OneFileError, Unavailable, Untrusted
from tests.kept import all_rows, backed_up, engine_of, members, remanifested, restored, rewritten, source_of
from tests.vault_stage import VaultStage, vault_stage
from vault_api.blobs import payload_name
from vault_api.db import tables as t
from vault_api.fakes import MemoryBlobs
from vault_api.keeping import backup as backup_module
from vault_api.keeping import rows, tiling
from vault_api.keeping import storing as storing_module
from vault_api.keeping.archive import BLOCK, header_of, read_members
from vault_api.keeping.backup import Backed, back_up
from vault_api.keeping.loading import NoLoading
from vault_api.keeping.manifest import BEGIN, MANIFEST, Head, file_lines, lines_of, read_manifest
from vault_api.keeping.restore import restore
from vault_api.keeping.storing import storing
from vault_api.log_store import PREFIX
from vault_api.main import cli


@pytest.fixture
def kept(stage: VaultStage) -> VaultStage:
    """A stage with a dossier, two items and their payloads."""
    holder, issuer = stage.holder(), stage.issuer()
    holder.deposited(issuer, b"a credential", b"a document " * 500)
    holder.deposited(issuer, b"another credential")
    stage.publish()
    return stage


HEAD = Head("o", 1, 1, None).serialise()


@dataclass(frozen=True)
class Written:
    """One backup for all the tests that only spoil it."""

    raw: bytes
    told: Backed
    vkey: str


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    with vault_stage(tmp_path_factory.mktemp("written")) as stage:
        holder, issuer = stage.holder(), stage.issuer()
        holder.deposited(issuer, b"a credential", b"a document " * 500)
        raw, told = backed_up(stage)
        return Written(raw, told, stage.vault.log.vkey)


def blobs_below(home: Path) -> dict[str, bytes]:
    folder = home / "vault" / "blobs"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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


def test_an_incremental_backup_leaves_out_what_an_earlier_one_has(kept: VaultStage, tmp_path: Path) -> None:
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


# --- what is refused ------------------------------------------------------------------------------


def flipped(name: str, at: int) -> Callable[[dict[str, bytes]], None]:
    def change(found: dict[str, bytes]) -> None:
        data = bytearray(found[name])
        data[at] ^= 1
        found[name] = bytes(data)

    return change


def without(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda found: found.__delitem__(name)


def row_changed(table: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(found: dict[str, bytes]) -> None:
        name = f"rows/{table}.000000.jsonl"
        assert old in found[name]
        found[name] = found[name].replace(old, new, 1)
        remanifested(found)

    return change


def begun(**changes: Any) -> Callable[[dict[str, bytes]], None]:
    def change(found: dict[str, bytes]) -> None:
        found[BEGIN] = json.dumps({**json.loads(found[BEGIN]), **changes}).encode()
        remanifested(found)

    return change


def renamed(old: str, new: str) -> Callable[[dict[str, bytes]], None]:
    def change(found: dict[str, bytes]) -> None:
        kept_order = [(new if name == old else name, data) for name, data in found.items()]
        found.clear()
        found.update(kept_order)
        remanifested(found)

    return change


def reordered(found: dict[str, bytes]) -> None:
    blob = next(name for name in found if name.startswith("blobs/"))
    moved = found.pop(blob)
    manifest = found.pop(MANIFEST)
    found[blob] = moved
    found[MANIFEST] = manifest
    remanifested(found)


REFUSED: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "a changed row": (flipped("rows/entries.000000.jsonl", -3), "backup_digest"),
    "a manifest that says less": (lambda found: found.update({MANIFEST: found[MANIFEST].rsplit(b"\n", 2)[0] + b"\n"}), "backup_digest"),
    "no manifest": (without(MANIFEST), "backup_format"),
    "no begin.json": (without(BEGIN), "backup_format"),
    "something behind the manifest": (lambda found: found.update({"rows/meta.000001.jsonl": b"[]\n"}), "backup_format"),
    "a missing table": (without("rows/entries.000000.jsonl"), "backup_digest"),
    "payloads out of order": (reordered, "backup_format"),
    "an entry of another log": (row_changed("entries", b"eyJ", b"eyK"), "backup_log"),
    "a missing entry": (row_changed("entries", b"[0,", b"[7,"), "backup_format"),
    "a column too many": (row_changed("entries", b"[0,", b"[0,0,"), "backup_format"),
    "a text for a number": (row_changed("entries", b"[0,", b'["0",'), "backup_format"),
    "a huge number": (row_changed("entries", b"[0,", b"[9223372036854775808,"), "backup_format"),
    "a NUL in a text": (row_changed("meta", b"log_origin", b"log_orig\\u0000n"), "backup_format"),
    "a lone surrogate": (row_changed("meta", b"log_origin", b"log_orig\\ud800n"), "backup_format"),
    "a number for bytes": (row_changed("payloads", b"[1,", b'["x",'), "backup_format"),
    "a row that is no JSON": (row_changed("payloads", b"[1,", b"["), "backup_format"),
    "a table of nobody": (renamed("rows/meta.000000.jsonl", "rows/nobody.000000.jsonl"), "backup_format"),
    "another schema": (begun(schema="0001"), "backup_schema"),
    "another version": (begun(v=2), "backup_format"),
    "another log's key": (begun(vkey="x"), "backup_log_key"),
    "a begin.json of another kind": (begun(size="3"), "backup_format"),
    "a begin.json with a number for a name": (begun(origin=1), "backup_format"),
    "a begin.json that lacks something": (begun(signed={"size": 1}), "backup_format"),
    "a begin.json that is no JSON": (lambda found: found.update({BEGIN: b"{"}), "backup_format"),
    "a signed head of other entries": (begun(signed={"size": 0, "note": ""}, size=1), "backup_log"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_changed_backup_is_refused(name: str, written: Written) -> None:
    change, code = REFUSED[name]
    with storing(None) as store, pytest.raises(OneFileError) as refused:
        restore(io.BytesIO(rewritten(written.raw, change)), NoLoading(), store, vkey=written.vkey)
    assert refused.value.code == code


def test_a_refused_backup_leaves_no_database(written: Written, tmp_path: Path) -> None:
    with pytest.raises(Untrusted):
        restored(rewritten(written.raw, flipped("rows/entries.000000.jsonl", -3)), tmp_path)
    assert not (tmp_path / "vault" / "vault.db").exists()


def test_a_backup_cut_anywhere_is_refused(written: Written) -> None:
    raw = written.raw
    ends = [0, 100, BLOCK, BLOCK + 1, len(raw) // 2, len(raw) - 2 * BLOCK, len(raw) - 1]
    for end in ends:
        with storing(None) as store, pytest.raises(Malformed):
            restore(io.BytesIO(raw[:end]), NoLoading(), store)
    with storing(None) as store:
        assert restore(io.BytesIO(raw + bytes(20 * BLOCK)), NoLoading(), store).lost == 0  # tar programs fill up


@pytest.mark.parametrize(
    "header",
    [
        header_of("rows/../../etc/passwd", 1)[:-1] + b"x",
        header_of("/etc/passwd", 1),
        header_of("begin.json", 1)[:156] + b"2" + header_of("begin.json", 1)[157:],  # a link
        header_of("begin.json", 1).replace(b"00000000001", b"8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"),
        header_of("begin.json", 8 << 30),
        header_of("UPPER", 1),
        b"\xff" * BLOCK,
    ],
)
def test_a_header_that_we_do_not_write_is_refused(header: bytes) -> None:
    with storing(None) as store, pytest.raises(Malformed) as refused:
        restore(io.BytesIO(header + bytes(BLOCK * 3)), NoLoading(), store)
    assert refused.value.code == "backup_format"


def test_another_manifest_than_the_expected_one_is_refused(written: Written) -> None:
    with storing(None) as store, pytest.raises(Untrusted) as refused:
        restore(io.BytesIO(written.raw), NoLoading(), store, expect="0" * 64)
    assert refused.value.code == "backup_unexpected"


def test_a_restore_never_writes_into_a_vault(kept: VaultStage) -> None:
    raw, _ = backed_up(kept)
    before = kept.snapshot()
    with pytest.raises(Conflict) as refused:
        restored(raw, kept.folder)
    assert refused.value.code == "restore_not_empty"
    assert kept.snapshot() == before


def test_a_restore_begins_anew_where_one_was_interrupted(written: Written, tmp_path: Path) -> None:
    raw = written.raw
    blobs = MemoryBlobs()

    def fails(operation: str, name: str) -> None:
        if operation == "put" and name.startswith(PREFIX):
            raise Unavailable("blobs_unreachable", "the blob store does not answer")

    blobs.fail = fails
    with pytest.raises(Unavailable):
        restored(raw, tmp_path / "new", blobs=blobs)
    assert [path.name for path in (tmp_path / "new" / "vault").iterdir()] == ["vault.db.restoring"]
    assert restored(raw, tmp_path / "new").lost == 0


MANIFESTS = (
    b"",
    b"{}\n",
    b"[]\n",
    b"no json\n",
    b'{"v":1,"origin":1,"made_at":1,"size":1,"since":null}\n',
    b'{"v":1,"origin":"o","made_at":-1,"size":1,"since":null}\n',
    b'{"v":1,"origin":"o","made_at":1,"size":1,"since":"short"}\n',
    b'{"origin":"o","v":1,"made_at":1,"size":1,"since":null}\n',
    b"x" * 5_000,
    b"no end",
    *(HEAD + line for line in (
        b"{}\n", b"[1,2]\n", b'["a",-1,"lost"]\n', b'["A",1,"lost"]\n', b'["a",1,"found"]\n', b'["a",1,2]\n',
        b'["a", 1,"lost"]\n', b'["' + b"a" * 600 + b'",1,"lost"]\n',
    )),
)  # fmt: skip


@pytest.mark.parametrize("raw", MANIFESTS)
def test_a_manifest_of_another_spelling_is_refused(raw: bytes) -> None:
    for lines in (lines_of([raw[:3], raw[3:]]), file_lines(io.BytesIO(raw))):
        with pytest.raises(Malformed) as refused:
            list(read_manifest(lines))
        assert refused.value.code == "backup_format"


def test_an_archive_of_another_spelling_is_refused() -> None:
    whole = header_of("begin.json", 3) + b"abc" + bytes(509) + bytes(1024)
    assert [b"".join(member.chunks()) for member in read_members(io.BytesIO(whole))] == [b"abc"]
    for wrong in (whole[:-600] + b"x" + whole[-599:], whole[:515] + b"x" + whole[516:]):
        with pytest.raises(Malformed):
            [b"".join(member.chunks()) for member in read_members(io.BytesIO(wrong))]
    with pytest.raises(Malformed):
        next(read_members(io.BytesIO(whole))).whole(2)


@pytest.mark.parametrize("garbled", [False, True])
def test_a_large_payload_is_streamed_into_the_store(
    garbled: bool, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(found: dict[str, bytes]) -> None:
        name = max(found, key=lambda one: len(found[one]) if one.startswith("blobs/") else 0)
        found[name] = bytes(len(found[name]))
        remanifested(found)

    monkeypatch.setattr(storing_module, "SMALL_BYTES", 1_000)
    raw = rewritten(written.raw, change) if garbled else written.raw
    found = restored(raw, tmp_path)
    assert (found.payloads, found.lost) == ((1, 1) if garbled else (2, 0))
    kept = [name for name in blobs_below(tmp_path) if name.startswith("payloads/")]
    assert len(kept) == found.payloads
    assert not [name for name in blobs_below(tmp_path) if name.startswith("incoming/")]


def test_a_large_payload_that_is_cut_leaves_nothing(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing_module, "SMALL_BYTES", 1_000)
    large = max((data for name, data in members(written.raw).items() if name.startswith("blobs/")), key=len)
    with pytest.raises(Malformed):
        restored(written.raw[: written.raw.index(large) + 2_000], tmp_path)
    assert not [name for name in blobs_below(tmp_path) if name.startswith("incoming/")]


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


def test_a_reference_to_nothing_is_refused(written: Written, tmp_path: Path) -> None:
    def change(found: dict[str, bytes]) -> None:
        del found["rows/dossiers.000000.jsonl"]
        remanifested(found)

    with pytest.raises(Malformed):
        restored(rewritten(written.raw, change), tmp_path)
    assert not (tmp_path / "vault" / "vault.db").exists()
