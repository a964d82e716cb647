"""Our log in the hands of Go's checksum-database packages (sumdb/note, sumdb/tlog), and theirs in ours."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from protocol.encoding import b64, unb64
from protocol.errors import OneFileError
from protocol.merkle import Frontier, consistency_proof, inclusion_proof, leaf_hash, leaf_hashes, root
from protocol.merkle import verify_consistency as check_consistency
from protocol.note import Checkpoint, Vkey, sign_checkpoint, verify_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tiles import TileReader, VerifiedTileReader, appended_bundles, appended_tiles
from protocol.tlog_proof import TlogProof, verify_tlog_proof
from tests.interop.logcheck import built

ORIGIN = "onefile/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3/main"
SIGNER = Ed25519NoteSigner(ORIGIN, bytes(range(32)))


@pytest.fixture(scope="session")
def logcheck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built once."""
    return built(tmp_path_factory.mktemp("go"))


def write_log(folder: Path, size: int, portions: int) -> None:
    """A log of ours, appended in portions, with every proof case that the stranger shall check."""
    entries = [b'{"v":1,"n":%d}' % i for i in range(size)]
    hashes = leaf_hashes(entries)

    def read(path: str) -> bytes | None:
        file = folder / path
        return file.read_bytes() if file.is_file() else None

    at = 0
    while at < size:
        end = min(size, at + portions)
        new = appended_bundles(at, entries[at:end], read) | appended_tiles(at, hashes[at:end], read)
        for path, raw in new.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(raw)
        at = end
    reader = TileReader(size, read)
    signed = sign_checkpoint(Checkpoint(ORIGIN, size, reader.root()), SIGNER)
    picks = sorted({0, 1 % size, size // 3, size // 2, size - 1})
    inclusion = {i: inclusion_proof(i, size, reader.node) for i in picks}
    consistency = {i + 1: consistency_proof(i + 1, size, reader.node) for i in picks}
    cases = {
        "inclusion": [{"index": i, "proof": [b64(h) for h in proof]} for i, proof in inclusion.items()],
        "consistency": [
            {"first": m, "root": b64(Frontier().extend(hashes[:m]).root()), "proof": [b64(h) for h in proof]}
            for m, proof in consistency.items()
        ],
    }
    (folder / "cases.json").write_text(json.dumps(cases))
    (folder / "vkey").write_text(f"{SIGNER.vkey}\n")
    (folder / "checkpoint").write_bytes(signed)
    (folder / "last.tlog-proof").write_bytes(TlogProof(size - 1, tuple(inclusion[size - 1]), signed).serialise())


def ask(program: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, "verify", folder], capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    ("size", "portions"), [(1, 1), (2, 1), (255, 100), (256, 256), (257, 64), (1000, 333), (70_000, 9999)]
)
def test_go_reads_our_checkpoints_tiles_entries_and_proofs(
    logcheck: Path, tmp_path: Path, size: int, portions: int
) -> None:
    write_log(tmp_path, size, portions)
    done = ask(logcheck, tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    cases = json.loads((tmp_path / "cases.json").read_text())
    assert said == {
        "size": size,
        "entries": size,
        "inclusion": len(cases["inclusion"]),
        "consistency": len(cases["consistency"]),
        "files": 1,
    }


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000", "tile/1/000.p/3", "tile/entries/002", "last.tlog-proof"])
def test_go_refuses_our_log_when_one_byte_is_changed(logcheck: Path, tmp_path: Path, name: str) -> None:
    write_log(tmp_path, 1000, 1000)
    raw = bytearray((tmp_path / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / name).write_bytes(raw)
    assert ask(logcheck, tmp_path).returncode == 1


def load_log(folder: Path) -> tuple[Vkey, bytes, dict[str, Any]]:
    cases: dict[str, Any] = json.loads((folder / "cases.json").read_text())
    return Vkey.parse((folder / "vkey").read_text()), (folder / "checkpoint").read_bytes(), cases


@pytest.mark.parametrize("size", [1, 2, 256, 257, 1000, 66_000])
def test_we_read_a_log_that_go_has_written(logcheck: Path, tmp_path: Path, size: int) -> None:
    subprocess.run([logcheck, "make", tmp_path, str(size)], check=True, timeout=120)
    vkey, raw, cases = load_log(tmp_path)
    head = verify_checkpoint(raw, "go.example/log", vkey)
    assert head.size == size
    reader = VerifiedTileReader(size, head.root, lambda path: (tmp_path / path).read_bytes())
    entries = [entry for n in range(-(-size // 256)) for entry in reader.entries(n)]
    assert root(leaf_hashes(entries)) == head.root
    for case in cases["inclusion"]:
        index, hashes = case["index"], tuple(unb64(h) for h in case["proof"])
        assert reader.leaf(index) == leaf_hash(entries[index])
        assert list(hashes) == inclusion_proof(index, size, reader.node)
        proof = TlogProof(index, hashes, raw).serialise()
        assert verify_tlog_proof(proof, entries[index], "go.example/log", vkey) == (index, head)
    for case in cases["consistency"]:
        first, steps = case["first"], [unb64(h) for h in case["proof"]]
        assert steps == consistency_proof(first, size, reader.node)
        assert check_consistency(first, size, unb64(case["root"]), head.root, steps) is None


def test_we_refuse_a_log_of_go_when_one_byte_is_changed(logcheck: Path, tmp_path: Path) -> None:
    subprocess.run([logcheck, "make", tmp_path, "300"], check=True, timeout=120)
    vkey, raw, _ = load_log(tmp_path)
    with pytest.raises(OneFileError):
        verify_checkpoint(raw[:-4] + b"AAA\n", "go.example/log", vkey)
    head = verify_checkpoint(raw, "go.example/log", vkey)
    tile = tmp_path / "tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    with pytest.raises(OneFileError):
        VerifiedTileReader(300, head.root, lambda path: (tmp_path / path).read_bytes()).leaf(7)
