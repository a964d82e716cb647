"""A log to try things on: its entries and tree, its accounts, its name and key."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract

from tests.contracts.evm import Chain, actor, digest_of
from tests.contracts.trees import Tree, leaf_hash

ENTRIES = [b'{"c":"%d"}' % i for i in range(40)]
TREE = Tree([leaf_hash(entry) for entry in ENTRIES])
CHECKPOINT = digest_of("checkpoint")
ZERO = "0x" + "0" * 40
MAX_GROWTH = 1 << 20
Anchor = Callable[[int, int], Any]
OWNER, PUBLISHER, STRANGER = actor("log owner"), actor("publisher"), actor("stranger")


def origin_text(archive: Contract, name: str = "main") -> str:
    return f"onefile/31337/{archive.address.lower()}/{name}"


def origin_hash(archive: Contract, name: str = "main") -> bytes:
    return bytes(Web3.keccak(text=origin_text(archive, name)))


def vkey(archive: Contract, name: str = "main") -> str:
    return f"{origin_text(archive, name)}+1234abcd+{base64.b64encode(bytes([1]) + digest_of('log key')).decode()}"


def head(archive: Contract, origin: bytes) -> tuple[int, bytes]:
    state = archive.functions.state(origin).call()
    return state[2], bytes(state[1])


def open_log(chain: Chain, archive: Contract, name: str, entry0: bytes, owner: LocalAccount = OWNER) -> bytes:
    chain.send(archive.functions.open(name, entry0, vkey(archive, name), PUBLISHER.address), owner)
    return origin_hash(archive, name)
