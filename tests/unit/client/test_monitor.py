"""``monitor``: a log is followed without a key, and what lies about it leaves evidence that anyone can check."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from client.api import VaultApi
from client.http import Http
from client.monitoring import main as program
from client.monitoring.looking import Place, Watch
from client.monitoring.watching import Post, read_gossip
from console import frame
from protocol.encoding import b64
from protocol.errors import Malformed, Untrusted
from protocol.log_evidence import parse_log_evidence, verify_log_evidence
from protocol.merkle import leaf_hash
from protocol.merkle import root as tree_root
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tiles import build_bundle, parse_bundle
from tests.unit.wallet_cli.conftest import Lying
from tests.wallet_stage import ORIGIN, Stage
from vault_api.log_key import read_secret

OTHER = "http://mirror.test"
Run = Callable[..., "Outcome"]


@dataclass
class Outcome:
    """One run: exit code, and the lines that it told."""

    code: int
    lines: list[dict[str, Any]]

    @property
    def last(self) -> dict[str, Any]:
        return self.lines[-1]


@dataclass
class Tower:
    """A monitor's place: its stage, and what each address answers."""

    stage: Stage
    folder: Path
    ways: dict[str, Any] = field(default_factory=dict)
    gossip: tuple[bytes, ...] = ()
    ledger: Any = None

    @property
    def origin(self) -> str:
        return self.stage.vault.origin

    def signer(self) -> Ed25519NoteSigner:
        """The log's own key: what a vault that lies on purpose has."""
        return Ed25519NoteSigner(self.origin, read_secret(self.stage.vault.settings.log_key) or b"")

    def signed(self, size: int, root: bytes) -> bytes:
        return sign_checkpoint(Checkpoint(self.origin, size, root), self.signer())

    def grow(self, count: int = 1) -> None:
        """More entries: status tokens of an issuer, which anyone may see."""
        issuer = getattr(self, "_issuer", None) or self.stage.issuer()
        self._issuer = issuer
        for _ in range(count):
            self.stage.clock.time += 1
            issuer.publish_statuses()

    @contextmanager
    def opened(self, vaults: tuple[str, ...], folder: Path | None, gossip: Path | None) -> Iterator[tuple[Watch, Post]]:
        places = [
            Place(url, VaultApi(Http(url, clock=self.stage.clock, transport=self.ways.get(url) or self.stage.transport, tries=1)))
            for url in vaults or (ORIGIN,)
        ]
        seen = read_gossip(gossip) if gossip else self.gossip
        yield (
            Watch(self.ledger or self.stage.ledger, self.origin, places, seen, program.tell),
            Post(folder or self.folder / "monitor", self.stage.home, self.stage.clock),
        )


@pytest.fixture
def tower(tmp_path: Path) -> Iterator[Tower]:
    stage = Stage(tmp_path)
    made = Tower(stage, tmp_path)
    made.grow(2)
    stage.clock.time += 10
    stage.tick()
    yield made
    stage.close()


@pytest.fixture
def run(tower: Tower, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr(program, "opened", tower.opened)

    def go(*argv: str) -> Outcome:
        capsys.readouterr()
        code = frame.invoke(program.cli, [*argv, "--json"], prog="monitor")
        told = capsys.readouterr().out
        if argv[0] == "check":
            return Outcome(code, [json.loads(told)] if told else [])
        return Outcome(code, [json.loads(line) for line in told.splitlines()])

    return go


def lying(tower: Tower, path: str, rule: Callable[[Any], Any], url: str = ORIGIN) -> None:
    made = Lying(tower.stage.transport)
    made.rules[path] = rule
    tower.ways[url] = made


def checked(run: Run, alarm: Outcome) -> dict[str, Any]:
    """What the evidence of an alarm proves."""
    assert alarm.code == 3
    done = run("check", alarm.last["evidence"])
    assert done.code == 0
    assert done.last["code"] == alarm.last["code"]
    return done.last


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
    gone = json.dumps({"code": "tile_unknown", "fault": "denied", "status": 404, "detail": "", "title": "", "type": "x"})
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
    alarm = run("watch", "--once")
    assert alarm.lines[0]["event"] == "log_key_rotated"
    assert alarm.last["code"] == "note_unsigned"  # the vault still signs with the key before
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


def test_an_older_head_of_another_history_is_an_alarm(tower: Tower, run: Run, tmp_path: Path) -> None:
    size = tower.stage.vault.log.size
    tower.grow()
    tower.stage.clock.time += 10
    tower.stage.tick()
    assert run("watch", "--once").code == 0
    gossip = tmp_path / "gossip.json"
    odd = next(n for n in range(size - 1, 1, -1) if n not in anchored(tower))
    gossip.write_text(json.dumps({"checkpoints": [b64(tower.signed(odd, b"\x04" * 32))]}))
    alarm = run("watch", "--once", "--gossip", str(gossip))
    assert (alarm.code, alarm.last["code"]) == (3, "consistency_proof")


def anchored(tower: Tower) -> set[int]:
    ledger = tower.stage.ledger
    return {event.size for event in ledger.anchors(tower.stage.vault.origin_hash, 0, ledger.head().number)}


def test_a_block_that_is_gone_makes_it_look_at_everything_again(tower: Tower, run: Run) -> None:
    assert run("watch", "--once").code == 0
    path = tower.folder / "monitor" / "monitor.json"
    state = json.loads(path.read_text())
    state["upto"][1] = "0x" + "ab" * 32
    path.write_text(json.dumps(state))
    done = run("watch", "--once")
    assert done.code == 0
    assert [line["event"] for line in done.lines] == ["chain_reorganised", "look"]
    assert done.last["entries"] == done.last["size"]


def test_a_state_of_another_log_is_begun_anew(tower: Tower, run: Run) -> None:
    assert run("watch", "--once").code == 0
    path = tower.folder / "monitor" / "monitor.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "origin": state["origin"].replace("main", "side")}))
    done = run("watch", "--once")
    assert [line["event"] for line in done.lines] == ["log_other", "look"]


def test_a_log_that_goes_on_elsewhere_is_told(tower: Tower, run: Run) -> None:
    class Succeeded:
        def __getattr__(self, name: str) -> Any:
            return getattr(tower.stage.ledger, name)

        def log_state(self, origin: bytes) -> Any:
            import dataclasses

            found = tower.stage.ledger.log_state(origin)
            return found and dataclasses.replace(found, frozen=True, successor=b"\x01" * 32)

    tower.ledger = Succeeded()
    done = run("watch", "--once")
    assert {"log_frozen", "log_succeeded"} <= {line["event"] for line in done.lines}


def test_a_log_that_the_chain_does_not_know_is_refused(tower: Tower, run: Run) -> None:
    class Empty:
        def __getattr__(self, name: str) -> Any:
            return getattr(tower.stage.ledger, name)

        def log_state(self, _origin: bytes) -> None:
            return None

    tower.ledger = Empty()
    assert run("watch", "--once").code == 6


def test_an_answer_without_end_is_an_alarm(tower: Tower, run: Run) -> None:
    lying(tower, "/v1/log/checkpoint", lambda _note: b"x" * (2 << 20))
    assert run("watch", "--once").code == 3


def test_a_vault_that_breaks_off_in_the_middle_is_silent(tower: Tower, run: Run) -> None:
    lying(tower, "/v1/log/tile", lambda _raw: httpx2.Response(503, content=b""))
    done = run("watch", "--once")
    assert (done.code, done.last["event"]) == (7, "silence")


def test_a_person_is_told_in_words(
    tower: Tower, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "opened", tower.opened)
    assert frame.invoke(program.cli, ["watch", "--once"], prog="monitor") == 0
    assert "look at=" in capsys.readouterr().err
    fork = tower.signed(tower.stage.vault.log.size, b"\x07" * 32)
    lying(tower, "/v1/log/checkpoint", lambda _note: fork, OTHER)
    assert frame.invoke(program.cli, ["watch", ORIGIN, OTHER, "--once"], prog="monitor") == 3
    told = capsys.readouterr().err
    assert "two different heads" in told
    evidence = next((tower.folder / "monitor" / "evidence").iterdir())
    assert frame.invoke(program.cli, ["check", str(evidence)], prog="monitor") == 0
    assert "contradict each other" in capsys.readouterr().out


def test_it_is_opened_from_the_environment(tower: Tower, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tower.stage.home
    monkeypatch.setenv("ONEFILE_HOME", str(home))
    monkeypatch.setenv("ONEFILE_VAULT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ONEFILE_RPC_URL", "http://127.0.0.1:9")
    assert frame.invoke(program.cli, ["watch", "--once", "--json"], prog="monitor") == 7  # nobody names the log
    named = tower.stage.ledger.deployment.with_log(tower.origin, str(tower.signer().vkey))
    (home / "deployment.json").write_bytes(named.serialise())
    with program.opened((), None, None) as (watch, post):
        assert (watch.origin, [place.url for place in watch.places]) == (tower.origin, ["http://127.0.0.1:9"])
        assert post.folder == home / "monitor"
