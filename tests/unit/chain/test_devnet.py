"""What the local chain does when Anvil is missing, or answers nonsense. Starting and killing: tests/crashes."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chain import devnet as module
from chain.devnet import Devnet, find_anvil
from protocol.errors import Unavailable
from tests.unit.chain.rogue import Handler, rogue


def code(answer: Any, call: Any, tmp_path: Path) -> str:
    with rogue(answer) as url:
        net = Devnet(tmp_path, port=int(url.rpartition(":")[2]))
        with pytest.raises(Unavailable) as caught:
            call(net)
        net.stop()
    return caught.value.code


def telling(answers: dict[str, Any]) -> Any:
    def answer(handler: Handler, question: dict[str, Any]) -> None:
        handler.send(json.dumps({"jsonrpc": "2.0", "id": 1, "result": answers[question["method"]]}).encode())

    return answer


def test_the_named_anvil_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "anvil"
    named.touch()
    monkeypatch.setenv("ONEFILE_ANVIL", str(named))
    assert find_anvil() == named.resolve()


def test_a_missing_anvil_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEFILE_ANVIL", "/nowhere/anvil")
    with pytest.raises(Unavailable) as caught:
        find_anvil()
    assert caught.value.code == "anvil_missing"


def test_an_anvil_on_the_path_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "anvil"
    program.touch(mode=0o755)
    monkeypatch.delenv("ONEFILE_ANVIL", raising=False)
    monkeypatch.setattr(module, "PROJECT", tmp_path / "elsewhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_anvil() == program.resolve()
    program.unlink()
    with pytest.raises(Unavailable):
        find_anvil()


@pytest.mark.parametrize("pool", [None, [], {}, {"pending": 7}, {"pending": "many"}], ids=repr)
def test_a_pool_that_cannot_be_read_is_unavailable(tmp_path: Path, pool: Any) -> None:
    assert code(telling({"txpool_status": pool}), lambda net: net.tend(), tmp_path) == "devnet_garbage"


@pytest.mark.parametrize(
    "dump",
    [None, 7, "0xzz", "0x", "0x00", "0x" + gzip.compress(b"state", mtime=0)[:-4].hex()],
    ids=repr,
)
def test_a_state_that_cannot_be_read_replaces_nothing(tmp_path: Path, dump: Any) -> None:
    (tmp_path / "anvil.json").write_text("the good state")
    answers = {"eth_getBlockByNumber": {"hash": "0x1"}, "anvil_dumpState": dump}
    assert code(telling(answers), lambda net: net.save(), tmp_path) == "devnet_garbage"
    assert (tmp_path / "anvil.json").read_text() == "the good state"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff"], ids=repr)
def test_an_answer_that_is_none_is_unavailable(tmp_path: Path, raw: bytes) -> None:
    assert code(lambda handler, _: handler.send(raw), lambda net: net.mine(), tmp_path) == "devnet_unreachable"


def test_a_process_that_does_not_listen_to_reason_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.3)
    stubborn = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    ours = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    theirs = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    for process in (ours, theirs):
        assert process.stdout is not None
        process.stdout.readline()
    module._end(ours)
    module._end_foreign(theirs.pid)
    assert ours.returncode == -9
    assert theirs.wait() == -9
    for process in (ours, theirs):
        assert process.stdout is not None
        process.stdout.close()


def test_a_process_that_is_gone_needs_no_end() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    module._end_foreign(gone.pid)
    assert not module._alive(gone.pid)
    assert module._alive(os.getpid())
