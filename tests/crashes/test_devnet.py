"""The local chain survives what kills it: SIGKILL of Anvil, of its parent, in the middle of a save."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.devnet import Devnet, fund
from chain.signer import TxSigner
from protocol.errors import Conflict, Unavailable
from tests.chain_fixture import free_port
from tests.strangers import need_path

ACCOUNT = b"\x07" * 20


@pytest.fixture
def state(tmp_path: Path) -> Path:
    need_path(Path("node_modules/.bin/anvil"), "anvil")
    return tmp_path / "chain"


@pytest.fixture
def net(state: Path) -> Iterator[Devnet]:
    devnet = Devnet(state, port=free_port())
    devnet.start()
    yield devnet
    devnet.kill()
    devnet.stop()


def balance(devnet: Devnet) -> int:
    return int(devnet.rpc("eth_getBalance", ["0x" + ACCOUNT.hex(), "latest"]), 16)


def restarted(devnet: Devnet) -> Devnet:
    again = Devnet(devnet.state, port=devnet.port)
    again.start()
    return again


def test_a_new_chain_has_a_governor_with_ether_and_no_known_accounts(net: Devnet, state: Path) -> None:
    assert net.rpc("eth_accounts") == []
    governor = net.governor.account
    assert int(net.rpc("eth_getBalance", ["0x" + governor.hex(), "latest"]), 16) == 1_000 * 10**18
    assert (state / "governor.key").stat().st_mode & 0o777 == 0o600
    assert TxSigner.from_file(state / "governor.key").account == governor


def test_a_chain_goes_on_after_a_stop(net: Devnet) -> None:
    net.fund(ACCOUNT, 5)
    net.mine(3)
    head = net.rpc("eth_getBlockByNumber", ["latest", False])["hash"]
    net.stop()
    assert net.pid is None
    again = restarted(net)
    assert again.rpc("eth_getBlockByNumber", ["latest", False])["hash"] == head
    assert balance(again) == 5 * 10**18
    again.stop()


def test_a_killed_chain_goes_on_where_it_was_saved(net: Devnet) -> None:
    net.fund(ACCOUNT, 5)
    net.mine()
    net.save()
    pid = net.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while net.pid is not None:
        time.sleep(0.01)
    with pytest.raises(Unavailable):
        net.tend()
    again = restarted(net)
    assert balance(again) == 5 * 10**18
    again.stop()


def test_blocks_before_the_last_are_still_told_after_a_restart(net: Devnet) -> None:
    net.mine(60)
    old = net.rpc("eth_getBlockByNumber", ["0x5", False])["hash"]
    net.stop()
    again = restarted(net)
    assert again.rpc("eth_getBlockByNumber", ["0x5", False])["hash"] == old
    again.stop()


def test_a_chain_is_saved_only_when_it_has_grown(net: Devnet, state: Path) -> None:
    net.mine()
    net.save()
    before = (state / "anvil.json").stat().st_mtime_ns
    net.save()
    assert (state / "anvil.json").stat().st_mtime_ns == before
    net.mine()
    net.save()
    assert (state / "anvil.json").stat().st_mtime_ns > before


def test_a_saved_state_is_whole_at_every_moment(net: Devnet, state: Path) -> None:
    net.mine()
    net.save()
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import json,sys\nfor _ in range(100): json.loads(open(sys.argv[1],'rb').read())",
            str(state / "anvil.json"),
        ]
    )
    while reader.poll() is None:
        net.mine()
        net.save()
    assert reader.returncode == 0


def test_a_stranded_transaction_gets_its_block(net: Devnet) -> None:
    net.rpc("evm_setAutomine", [False])
    net.rpc("anvil_impersonateAccount", ["0x" + net.governor.account.hex()])
    sent = net.rpc(
        "eth_sendTransaction", [{"from": "0x" + net.governor.account.hex(), "to": "0x" + ACCOUNT.hex()}]
    )
    net.tend()
    assert net.rpc("eth_getTransactionReceipt", [sent]) is None
    net.tend()
    assert net.rpc("eth_getTransactionReceipt", [sent]) is not None


def test_blocks_can_come_by_the_clock(state: Path) -> None:
    devnet = Devnet(state, port=free_port(), block_time=1)
    devnet.start()
    try:
        until = time.monotonic() + 20
        while int(devnet.rpc("eth_blockNumber"), 16) < 1:
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        devnet.stop()


def test_two_chains_do_not_share_a_port(net: Devnet, tmp_path: Path) -> None:
    other = Devnet(tmp_path / "other", port=net.port)
    with pytest.raises(Conflict) as caught:
        other.start()
    other.stop()
    assert caught.value.code == "port_taken"
    assert net.rpc("eth_chainId") == "0x7a69"


def test_an_anvil_whose_parent_was_killed_is_saved_and_replaced(state: Path) -> None:
    port = free_port()
    orphaning = (
        "import os,sys\nfrom pathlib import Path\nfrom chain.devnet import Devnet\n"
        "d = Devnet(Path(sys.argv[1]), port=int(sys.argv[2])); d.start(); d.fund(bytes([7])*20, 5); d.mine()\n"
        "print(d.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", orphaning, str(state), str(port)], capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    orphan = int(ended.stdout)
    devnet = Devnet(state, port=port)
    devnet.start()
    try:
        assert devnet.pid != orphan
        assert not _runs(orphan)
        assert balance(devnet) == 5 * 10**18
    finally:
        devnet.stop()


def test_a_foreign_process_with_the_noted_id_is_left_alone(state: Path) -> None:
    state.mkdir()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (state / "anvil.pid").write_text(json.dumps({"pid": stranger.pid, "port": 1}))
        devnet = Devnet(state, port=free_port())
        devnet.start()
        devnet.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("note", ["", "{}", "[]", '{"pid": "x", "port": 1}', '{"pid": 999999999, "port": 1}'])
def test_a_torn_note_of_an_earlier_run_is_no_hindrance(state: Path, note: str) -> None:
    state.mkdir()
    (state / "anvil.pid").write_text(note)
    devnet = Devnet(state, port=free_port())
    devnet.start()
    devnet.stop()
    assert not (state / "anvil.pid").exists()


def test_an_anvil_that_does_not_start_is_told_with_its_log(state: Path) -> None:
    state.mkdir()
    (state / "anvil.json").write_text("torn")
    devnet = Devnet(state, port=free_port())
    with pytest.raises(Unavailable) as caught:
        devnet.start()
    devnet.stop()
    assert caught.value.code == "anvil_failed"
    assert "anvil.log" in str(caught.value)
    assert devnet.pid is None


def test_only_a_local_chain_gives_ether_away() -> None:
    with pytest.raises(Unavailable):
        fund("http://127.0.0.1:1", ACCOUNT, 1)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
