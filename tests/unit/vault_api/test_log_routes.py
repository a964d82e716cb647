"""The log over HTTP: as C2SP serves it, and readable by our own verified reader."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.encoding import unb64u
from protocol.entries import Entry
from protocol.merkle import verify_consistency
from protocol.note import Vkey, verify_checkpoint
from protocol.tiles import VerifiedTileReader
from protocol.tlog_proof import verify_tlog_proof
from tests.vault_stage import ORIGIN_URL, VaultStage, refused


def checkpoint(stage: VaultStage) -> Any:
    raw = stage.get(None, "/v1/log/checkpoint").content
    return verify_checkpoint(raw, stage.origin, Vkey.parse(stage.vault.log.vkey))


def read_tile(stage: VaultStage, path: str) -> bytes | None:
    answer = stage.client.get(f"{ORIGIN_URL}/v1/log/{path}")
    return answer.content if answer.status_code == 200 else None


def fill(stage: VaultStage, alice: Any, count: int) -> None:
    from vault_api.logbook import log_event

    for future in [
        stage.vault.sequencer.submit(lambda tx: log_event(tx, 1, "note", b"{}")) for _ in range(count)
    ]:
        future.result(30)
    assert alice.name == "alice"


def test_the_checkpoint_is_signed_by_the_logs_key(stage: VaultStage) -> None:
    stage.holder()
    answer = stage.get(None, "/v1/log/checkpoint")
    assert answer.headers["content-type"].startswith("text/plain")
    assert checkpoint(stage).size == 2


@pytest.mark.parametrize("count", [3, 254, 300])
def test_every_entry_is_read_from_tiles_and_verified(stage: VaultStage, count: int) -> None:
    alice = stage.holder()
    fill(stage, alice, count)
    head = checkpoint(stage)
    assert head.size == count + 2
    reader = VerifiedTileReader(head.size, head.root, lambda path: read_tile(stage, path))
    entries = [entry for n in range(-(-head.size // 256)) for entry in reader.entries(n)]
    assert len(entries) == head.size
    assert Entry.parse(entries[0]).t == "log"


def test_an_older_checkpoint_can_still_be_read(stage: VaultStage) -> None:
    alice = stage.holder()
    fill(stage, alice, 3)
    old = checkpoint(stage)
    fill(stage, alice, 300)
    reader = VerifiedTileReader(old.size, old.root, lambda path: read_tile(stage, path))
    assert len(reader.entries(0)) == old.size


def test_full_tiles_are_cached_for_ever_and_partial_ones_briefly(stage: VaultStage) -> None:
    fill(stage, stage.holder(), 300)
    full = stage.get(None, "/v1/log/tile/0/000")
    assert "immutable" in full.headers["cache-control"]
    assert len(full.content) == 256 * 32
    part = stage.get(None, "/v1/log/tile/entries/001.p/40")
    assert "immutable" not in part.headers["cache-control"]


@pytest.mark.parametrize("path", ["0/000", "0/000.p/3", "1/000.p/1", "entries/001.p/1", "0/x001/000"])
def test_a_tile_beyond_the_log_is_not_there(stage: VaultStage, path: str) -> None:
    stage.holder()
    refused(stage.get(None, f"/v1/log/tile/{path}"), 404, "tile_unknown")


@pytest.mark.parametrize("path", ["8/000", "0/0", "0/000.p/0", "0/000.p/256", "x", "%2e%2e/x", "entries/"])
def test_a_path_that_is_no_tile_is_refused(stage: VaultStage, path: str) -> None:
    answer = stage.get(None, f"/v1/log/tile/{path}")
    assert answer.status_code in {400, 404}
    assert answer.json()["code"] in {"tile", "tile_path", "route_unknown"}


def test_proofs_verify_under_any_persisted_checkpoint(stage: VaultStage) -> None:
    alice = stage.holder()
    fill(stage, alice, 5)
    vkey = Vkey.parse(stage.vault.log.vkey)
    entry = stage.vault.log.node_reader(7).entry(1)
    for query in ("", "?size=2"):
        raw = stage.get(None, f"/v1/log/proof/1{query}").content
        index, head = verify_tlog_proof(raw, entry, stage.origin, vkey)
        assert (index, head.size) == (1, 2 if query else 7)
    for size in (99, 2**63, 10**30):
        refused(stage.get(None, f"/v1/log/proof/1?size={size}"), 404, "checkpoint_unknown")
    refused(stage.get(None, "/v1/log/proof/7"), 400, "leaf_index")
    refused(stage.get(None, "/v1/log/proof/-1"), 400, "leaf_index")
    refused(stage.get(None, "/v1/log/proof/x"), 400, "request")


def test_consistency_proofs_verify(stage: VaultStage) -> None:
    alice = stage.holder()
    first = checkpoint(stage)
    fill(stage, alice, 9)
    second = checkpoint(stage)
    answer = stage.get(None, f"/v1/log/consistency?first={first.size}&second={second.size}").json()
    proof = [unb64u(node) for node in answer["proof"]]
    verify_consistency(first.size, second.size, first.root, second.root, proof)
    refused(stage.get(None, "/v1/log/consistency?first=1&second=99"), 404, "checkpoint_unknown")
    refused(stage.get(None, "/v1/log/consistency?first=3&second=2"), 400, "tree_sizes")


def test_a_tile_that_is_gone_is_unavailable(stage: VaultStage) -> None:
    stage.holder()
    stage.vault.log._edge.clear()
    for path in (stage.folder / "vault" / "blobs" / "log").rglob("2"):
        path.unlink()
    refused(stage.get(None, "/v1/log/tile/0/000.p/2"), 503, "tile_missing")
