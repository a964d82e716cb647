"""``agency uses --check``: a use stands where its holder finds it, or two checkpoints say that the log lied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agency_cli import common
from protocol.log_evidence import verify_log_evidence
from protocol.merkle import leaf_hash
from protocol.merkle import root as tree_root
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tlog_proof import TlogProof
from tests.reader_stage import ReaderStage
from tests.unit.agency_cli import reading
from tests.unit.agency_cli.reading import Run, data

run = reading.run


@pytest.fixture
def used(fresh_reader: ReaderStage, run: Run, monkeypatch: pytest.MonkeyPatch) -> ReaderStage:
    """A bank that has used a grant once."""
    reader = fresh_reader
    monkeypatch.setattr(common, "make_session", lambda *_: reader.session)
    reader.release(reader.give(reader.item), out=reader.folder / "one")
    return reader


def test_a_use_waits_and_then_stands_under_an_anchored_head(used: ReaderStage, run: Run) -> None:
    (row,) = data(run("uses", "--check", "--json"))
    assert (row["state"], row["code"], row["evidence"]) == ("waiting", None, None)
    assert "not yet anchored" in run("uses", "--check")[1]
    used.issue()
    used.anchor()
    (row,) = data(run("uses", "--check", "--json"))
    assert row["state"] == "stands"
    assert "where the holder finds it" in run("uses", "--check")[1]


def test_a_use_that_is_not_anchored_within_a_day_is_told(used: ReaderStage, run: Run) -> None:
    used.clock.sleep(86_500)

    code, out, _ = run("uses", "--check", "--json")

    assert code == 3
    assert [(row["state"], row["code"]) for row in json.loads(out)] == [("overdue", "use_not_anchored")]


def test_a_head_that_only_this_reader_was_shown_is_evidence(used: ReaderStage, run: Run) -> None:
    forge(used, used.folder / "one")
    used.issue()
    used.anchor()

    code, out, _ = run("uses", "--check", "--json")

    (row,) = json.loads(out)
    assert (code, row["state"]) == (3, "wrong")
    assert row["code"] in {"equivocation", "consistency_proof"}
    signed, proven = verify_log_evidence(Path(row["evidence"]).read_text().strip())
    assert signed.body.code == row["code"]
    assert proven.proof == "log"
    assert "evidence:" in run("uses", "--check")[2]


def test_without_the_chain_nothing_is_known_and_nothing_false(used: ReaderStage, run: Run) -> None:
    used.bridge.down = True
    code, out, _ = run("uses", "--check", "--json")
    assert (code, json.loads(out)[0]["state"]) == (7, "unknown")


def test_what_is_not_kept_is_not_checked(used: ReaderStage, run: Run) -> None:
    import shutil

    shutil.rmtree(used.folder / "one")
    assert [row["state"] for row in data(run("uses", "--check", "--json"))] == ["gone"]


def forge(reader: ReaderStage, folder: Path) -> None:
    """The proof that came with the release, as a vault makes it that logs the use for this reader alone."""
    signer = Ed25519NoteSigner(reader.vault.origin, bytes.fromhex(reader.vault.settings.log_key.read_text().strip()))
    path = folder / "proof.tlog-proof"
    index = TlogProof.parse(path.read_bytes()).index
    leaves = [leaf_hash(b"another log %d" % n) for n in range(index)] + [leaf_hash((folder / "entry.json").read_bytes())]
    hashes, low, high = [], 0, len(leaves)
    while high - low > 1:  # the last leaf's path, from the root down
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        hashes.insert(0, tree_root(leaves[low:middle]))
        low = middle
    note = sign_checkpoint(Checkpoint(reader.vault.origin, len(leaves), tree_root(leaves)), signer)
    path.write_bytes(TlogProof(index, tuple(hashes), note).serialise())
    (folder / "checkpoint").write_bytes(note)
