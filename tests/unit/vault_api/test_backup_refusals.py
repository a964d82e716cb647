"""What a restore refuses: streams that were cut, changed, reordered or never made by a backup."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import Conflict, Malformed, OneFileError, Unavailable, Untrusted
from tests.kept import Written, backed_up, blobs_below, members, remanifested, restored, rewritten, written_at
from tests.vault_stage import VaultStage
from vault_api.fakes import MemoryBlobs
from vault_api.keeping import storing as storing_module
from vault_api.keeping.archive import BLOCK, header_of, read_members
from vault_api.keeping.loading import NoLoading
from vault_api.keeping.manifest import BEGIN, MANIFEST, Head, file_lines, lines_of, read_manifest
from vault_api.keeping.restore import restore
from vault_api.keeping.storing import storing
from vault_api.log_store import PREFIX

HEAD = Head("o", 1, 1, None).serialise()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return written_at(tmp_path_factory.mktemp("written"))


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


def test_a_restore_never_writes_into_a_vault(stage: VaultStage) -> None:
    raw, _ = backed_up(stage)
    before = stage.snapshot()
    with pytest.raises(Conflict) as refused:
        restored(raw, stage.folder, database=stage.settings.database)
    assert refused.value.code == "restore_not_empty"
    assert stage.snapshot() == before


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


def test_a_reference_to_nothing_is_refused(written: Written, tmp_path: Path) -> None:
    def change(found: dict[str, bytes]) -> None:
        del found["rows/dossiers.000000.jsonl"]
        remanifested(found)

    with pytest.raises(Malformed):
        restored(rewritten(written.raw, change), tmp_path)
    assert not (tmp_path / "vault" / "vault.db").exists()
