"""A local chain for contract tests: fixed accounts, fixed times, refusals by name and arguments.

Nothing here knows what the contracts should do. Every transaction sets its own block time, so that gas, hashes and
events are the same in every run. Refusals are asked by `eth_call` and decoded by the contract's own ABI.
"""

from __future__ import annotations

import hashlib
import socket
import subprocess
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi import decode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from tests.strangers import need_path

PROJECT = Path(__file__).resolve().parents[2]
GENESIS = 1_900_000_000
HARDFORK = "prague"  # the calldata floor of EIP-7623 counts in the gas table
GAS = 30_000_000


@dataclass(frozen=True)
class Refusal:
    """A revert: the error's name and its arguments in order; the name is empty for a bare revert."""

    name: str
    args: tuple[Any, ...] = ()


ACCEPTED = Refusal("(accepted)")


class Chain:
    """One anvil process, seen through web3."""

    def __init__(self, url: str) -> None:
        self.w3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 60}))

    def rpc(self, method: str, *params: Any) -> Any:
        answer = self.w3.provider.make_request(method, list(params))  # type: ignore[arg-type]  # anvil's own methods
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def now(self) -> int:
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def send(self, call: Any, sender: LocalAccount, time: int | None = None) -> Any:
        """Mine `call` in its own block, at `time` or one second after the last; the receipt of a success."""
        self.rpc("evm_setNextBlockTimestamp", time or self.now() + 1)
        tx = {"from": sender.address, "gas": GAS, "gasPrice": 10**10}
        receipt = self.w3.eth.wait_for_transaction_receipt(call.transact(tx), poll_latency=0.005)
        assert receipt["status"] == 1, self.refusal(call, sender, time)
        return receipt

    def deploy(self, abi: list[dict[str, Any]], creation: bytes, *args: Any) -> Contract:
        receipt = self.send(self.w3.eth.contract(abi=abi, bytecode=creation).constructor(*args), actor("deployer"))
        return self.w3.eth.contract(address=receipt["contractAddress"], abi=abi)

    def refusal(self, call: ContractFunction, sender: LocalAccount, time: int | None = None) -> Refusal:
        """What `call` would be refused with in a block of `time` (one second after the last by default)."""
        tx = {"from": sender.address, "to": call.address, "gas": hex(GAS), "data": call._encode_transaction_data()}
        block = {"time": hex(time or self.now() + 1)}
        answer = self.w3.provider.make_request("eth_call", [tx, "latest", {}, block])
        if "error" not in answer:
            return ACCEPTED
        return decode_refusal(call.contract_abi, bytes.fromhex(answer["error"]["data"][2:]))

    def events(self, receipt: Any, *contracts: Contract) -> list[tuple[str, dict[str, Any]]]:
        """Every event of a receipt in order; a log that no contract here knows is an error."""
        return [_event(log, {c.address: c for c in contracts}[log["address"]]) for log in receipt["logs"]]


def decode_refusal(abi: Any, data: bytes) -> Refusal:
    for item in abi:
        if item["type"] == "error":
            types = [_type(part) for part in item["inputs"]]
            if Web3.keccak(text=f"{item['name']}({','.join(types)})")[:4] == data[:4]:
                return Refusal(item["name"], tuple(_plain(value) for value in decode(types, data[4:])))
    return Refusal("", (data,)) if data else Refusal("")


def actor(name: str) -> LocalAccount:
    """The account of that name: the same in every run."""
    return Account.from_key(hashlib.sha256(b"onefile test account " + name.encode()).digest())


def digest_of(name: str) -> bytes:
    """32 bytes that stand for something, the same in every run."""
    return hashlib.sha256(b"onefile test value " + name.encode()).digest()


@contextmanager
def running_anvil() -> Iterator[Chain]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    anvil = need_path(PROJECT / "node_modules/.bin/anvil", "anvil (make setup brings it)")
    command = [
        *(str(anvil), "--port", str(port), "--hardfork", HARDFORK, "--silent"),
        *("--host", "127.0.0.1", "--timestamp", str(GENESIS), "--auto-impersonate", "--accounts", "1"),
        *("--gas-limit", "2000000000", "--no-request-size-limit"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            chain = Chain(f"http://127.0.0.1:{port}")
            _await(chain, process)
            yield chain
        finally:
            process.terminate()


def _await(chain: Chain, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        if process.poll() is not None:
            raise RuntimeError(f"anvil ended with {process.returncode}")
        if chain.w3.is_connected():
            return
        clock.sleep(0.025)
    raise RuntimeError("anvil did not answer within ten seconds")


def _event(log: Any, contract: Contract) -> tuple[str, dict[str, Any]]:
    for event in contract.events:
        if event().topic == log["topics"][0].to_0x_hex():
            data = event().process_log(log)
            return data["event"], {name: _plain(value) for name, value in data["args"].items()}
    raise AssertionError(f"no event of {contract.address} has topic {log['topics'][0].hex()}")


def _type(part: dict[str, Any]) -> str:
    if not part["type"].startswith("tuple"):
        return str(part["type"])
    return "(" + ",".join(_type(inner) for inner in part["components"]) + ")" + part["type"][5:]


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
        return Web3.to_checksum_address(value)
    return bytes(value) if isinstance(value, bytes) else value
