"""``monitor``: a log is followed without a key, and what lies about it leaves evidence that anyone can check."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from protocol.encoding import b64
from protocol.errors import Malformed, Untrusted
from protocol.log_evidence import parse_log_evidence, verify_log_evidence
from protocol.merkle import leaf_hash
from protocol.merkle import root as tree_root
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tiles import build_bundle, parse_bundle
from tests.unit.client.tower import OTHER, Run, Tower, checked, lying, run, tower
from tests.unit.wallet_cli.conftest import Lying
from tests.wallet_stage import ORIGIN

__all__ = ["run", "tower"]


def test_an_honest_log_is_followed_and_gone_on_with(tower: Tower, run: Run) -> None:
    first = run("watch", "--once")
    assert first.code == 0, first.lines
    assert first.last["size"] == tower.stage.vault.log.size == first.last["entries"]
    assert first.last["anchored"] > 1
    tower.grow()
    tower.stage.clock.time += 10
    tower.stage.tick()
    second = run("watch", "--once")
    assert second.code == 0
    assert second.last["entries"] < second.last["size"]


def test_two_heads_of_one_size_are_proven_by_the_logs_own_key(tower: Tower, run: Run) -> None:
    fork = tower.signed(tower.stage.vault.log.size, b"\x07" * 32)
    lying(tower, "/v1/log/checkpoint", lambda _note: fork, OTHER)
    alarm = run("watch", ORIGIN, OTHER, "--once")
    assert alarm.last["code"] == "equivocation"
    assert checked(run, alarm)["proves"] == "log"


def test_a_head_that_others_saw_is_compared(tower: Tower, run: Run, tmp_path: Path) -> None:
    fork = tower.signed(tower.stage.vault.log.size, b"\x08" * 32)
    gossip = tmp_path / "gossip.json"
    gossip.write_text(json.dumps({"checkpoints": [b64(fork)]}))
    alarm = run("watch", "--once", "--gossip", str(gossip))
    assert alarm.last["code"] == "equivocation"
    gossip.write_text(json.dumps({"checkpoints": [b64(tower.stage.vault.log.head.note)]}))
    assert run("watch", "--once", "--gossip", str(gossip)).code == 0


def test_a_head_that_the_chain_does_not_have_is_shown_beside_the_chains(tower: Tower, run: Run) -> None:
    size = tower.stage.ledger.log_state(tower.stage.vault.origin_hash).size
    forged = tower.signed(size, b"\x09" * 32)
    lying(tower, "/v1/log/checkpoint", lambda _note: forged)
    alarm = run("watch", "--once")
    assert alarm.last["code"] == "anchor_conflict"
    assert checked(run, alarm)["proves"] == "chain"


def test_a_log_that_grew_from_another_past_is_noticed(tower: Tower, run: Run) -> None:
    assert run("watch", "--once").code == 0
    leaves = [leaf_hash(b"never logged %d" % n) for n in range(tower.stage.vault.log.size + 2)]
    forged = tower.signed(len(leaves), tree_root(leaves))
    entries = build_bundle([b"never logged %d" % n for n in range(len(leaves))])
    made = Lying(tower.stage.transport)
    made.rules["/v1/log/checkpoint"] = lambda _note: forged
    tower.ways[ORIGIN] = _Everything(made, entries)
    alarm = run("watch", "--once")
    assert alarm.last["code"] == "log_forked"
    assert checked(run, alarm)["proves"] == "word"


class _Everything(httpx2.BaseTransport):
    """Answers every bundle with these bytes, also one that the honest vault does not have."""

    def __init__(self, inner: httpx2.BaseTransport, entries: bytes) -> None:
        self.inner, self.entries = inner, entries

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/v1/log/tile/entries"):
            return httpx2.Response(200, content=self.entries)
        return self.inner.handle_request(request)


def test_entries_that_are_not_the_heads_are_noticed(tower: Tower, run: Run) -> None:
    def other(raw: bytes) -> bytes:
        entries = parse_bundle(raw, len(_entries(raw)))
        return build_bundle([*entries[:-1], entries[-1][:-1] + b" "])

    lying(tower, "/v1/log/tile/entries", other)
    alarm = run("watch", "--once")
    assert alarm.last["code"] in {"entries_other", "log_forked"}
    assert checked(run, alarm)["proves"] == "word"


def _entries(raw: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 2], "big")
        found.append(raw[at + 2 : at + 2 + size])
        at += 2 + size
    return found


@pytest.mark.parametrize("garbage", [b"", b"\xff" * 70_000, b"\x00\x05abc"], ids=["nothing", "much", "cut off"])
def test_garbage_in_the_place_of_entries_is_an_alarm(tower: Tower, run: Run, garbage: bytes) -> None:
    lying(tower, "/v1/log/tile/entries", lambda _raw: garbage)
    assert run("watch", "--once").code == 3


def test_a_tile_that_is_withheld_is_an_alarm(tower: Tower, run: Run) -> None:
    gone = json.dumps(
        {"code": "tile_unknown", "fault": "denied", "status": 404, "detail": "", "title": "", "type": "x"}
    )
    lying(
        tower,
        "/v1/log/tile/entries",
        lambda _raw: httpx2.Response(404, content=gone, headers={"content-type": "application/problem+json"}),
    )
    alarm = run("watch", "--once")
    assert (alarm.code, alarm.last["code"]) == (3, "tile_missing")


def test_a_vault_that_goes_back_is_an_alarm(tower: Tower, run: Run) -> None:
    early = tower.stage.vault.log.head.note
    tower.grow()
    tower.stage.clock.time += 10
    tower.stage.tick()
    assert run("watch", "--once").code == 0
    lying(tower, "/v1/log/checkpoint", lambda _note: early)
    alarm = run("watch", "--once")
    assert alarm.last["code"] == "rolled_back"
    assert checked(run, alarm)["proves"] == "word"


def test_a_checkpoint_of_another_key_is_an_alarm(tower: Tower, run: Run) -> None:
    thief = Ed25519NoteSigner(tower.origin, b"\x01" * 32)
    forged = sign_checkpoint(Checkpoint(tower.origin, 3, b"\x02" * 32), thief)
    lying(tower, "/v1/log/checkpoint", lambda _note: forged)
    alarm = run("watch", "--once")
    assert (alarm.code, alarm.last["code"]) == (3, "note_unsigned")


def test_a_head_that_is_never_anchored_becomes_an_alarm(tower: Tower, run: Run) -> None:
    assert run("watch", "--once").code == 0
    tower.grow()
    assert run("watch", "--once").code == 0  # it waits
    tower.stage.clock.time += 7_200
    alarm = run("watch", "--once")
    assert (alarm.code, alarm.last["code"]) == (3, "anchor_late")
    tower.stage.tick()
    assert run("watch", "--once").code == 0


def test_silence_is_no_alarm(tower: Tower, run: Run) -> None:
    lying(tower, "/v1/log", lambda _raw: httpx2.Response(503, content=b""))
    done = run("watch", "--once")
    assert (done.code, done.last["event"]) == (7, "silence")
    tower.ways[OTHER] = tower.ways.pop(ORIGIN)
    half = run("watch", ORIGIN, OTHER, "--once")
    assert (half.code, half.last["silent"]) == (7, [OTHER])


def test_freeze_and_rotation_of_the_key_are_told(tower: Tower, run: Run) -> None:
    assert run("watch", "--once").code == 0
    owner = tower.stage.ledger
    owner.rotate_log_vkey(tower.stage.vault.origin_hash, str(Ed25519NoteSigner(tower.origin, b"\x05" * 32).vkey))
    told = run("watch", "--once")
    assert told.lines[0]["event"] == "log_key_rotated"
    assert told.code == 0  # what the key before has signed is anchored
    tower.grow()
    alarm = run("watch", "--once")
    assert alarm.last["code"] == "checkpoint_key_former"  # the vault still signs with it
    owner.rotate_log_vkey(tower.stage.vault.origin_hash, str(tower.signer().vkey))
    owner.freeze_log(tower.stage.vault.origin_hash)
    done = run("watch", "--once")
    assert "log_frozen" in {line["event"] for line in done.lines}


def test_it_follows_for_ever_until_the_alarm(tower: Tower, run: Run, tmp_path: Path) -> None:
    looks: list[int] = []
    lying(tower, "/v1/log/tile/entries", lambda raw: b"garbage" if len(looks) == 2 else raw)

    def meanwhile() -> None:
        looks.append(tower.stage.clock.now())
        if len(looks) == 2:
            tower.grow()

    tower.stage.clock.on_sleep = meanwhile
    told = tmp_path / "monitor.prom"
    done = run("watch", "--every", "30", "--metrics", str(told))
    assert done.code == 3
    assert [line["event"] for line in done.lines] == ["look", "look", "alarm"]
    assert looks[1] - looks[0] == 30
    assert "onefile_monitor_alarms_total 1" in told.read_text()


def test_forged_evidence_is_refused(tower: Tower, run: Run, tmp_path: Path) -> None:
    fork = tower.signed(tower.stage.vault.log.size, b"\x07" * 32)
    lying(tower, "/v1/log/checkpoint", lambda _note: fork, OTHER)
    raw = Path(run("watch", ORIGIN, OTHER, "--once").last["evidence"]).read_text().strip()
    with pytest.raises(Malformed):
        parse_log_evidence(raw[:-10])
    flipped = raw[:-4] + ("AAAA" if raw[-4:] != "AAAA" else "BBBB")
    with pytest.raises((Untrusted, Malformed)):
        verify_log_evidence(flipped)
    path = tmp_path / "flipped.jws"
    path.write_text(flipped)
    assert run("check", str(path)).code == 3


def test_a_garbled_state_is_not_forgotten(tower: Tower, run: Run) -> None:
    assert run("watch", "--once").code == 0
    (tower.folder / "monitor" / "monitor.json").write_text("{}")
    assert run("watch", "--once").code == 3
