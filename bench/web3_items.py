"""The usual way: one transaction for each item, with web3.py, to OpenAttestation's document store.

``one by one``: ``issue(digest).transact()``, then its receipt, as web3.py's documentation shows it: an item is done
when its transaction is in a block. ``in a row``: everything that web3.py asks the node is answered beforehand (number,
gas, fees), the transactions are signed and handed over without waiting, and the receipts come last.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from eth_account import Account
from eth_typing import HexStr
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.types import TxParams, Wei

from bench.harness import enough
from bench.local_chain import LocalChain, deployed
from chain.devnet import fund
from chain.signer import TxSigner

POLL_S = 0.001
PROBE, MOST = 20, 2_000
GAS = 100_000
FEE = Wei(100 * 10**9)


class Items:
    """A document store of its own, and an account that issues."""

    def __init__(self, chain: LocalChain) -> None:
        w3 = chain.web3()
        self._plain = w3
        self._store = deployed(w3, "DocumentStore", "Sample", w3.eth.default_account).functions
        self._w3 = Web3(HTTPProvider(chain.url, request_kwargs={"timeout": 60}))
        key = secrets.token_bytes(32)
        self._account = Account.from_key(key)
        fund(chain.url, TxSigner(key).account, 1_000)
        own = deployed(w3, "DocumentStore", "Sample", self._account.address)
        self._own = self._w3.eth.contract(address=own.address, abi=own.abi).functions
        self._chain_id = self._w3.eth.chain_id

    def sizes(self, seconds: float) -> tuple[int, int]:
        """How many items of each way take about so many seconds."""
        one, row = self.one_by_one(PROBE), self.in_a_row(PROBE)
        return enough(one, seconds, most=MOST), enough(row, seconds, most=MOST)

    def one_by_one(self, count: int) -> float:
        """Items a second."""
        start = time.perf_counter()
        for _ in range(count):
            self._done(self._plain, self._store.issue(secrets.token_bytes(32)).transact())
        return count / (time.perf_counter() - start)

    def in_a_row(self, count: int) -> float:
        """Items a second."""
        start = time.perf_counter()
        nonce = self._w3.eth.get_transaction_count(self._account.address)
        hashes = [self._w3.eth.send_raw_transaction(HexStr(self._signed(nonce + i))) for i in range(count)]
        for tx_hash in hashes:
            self._done(self._w3, tx_hash)
        return count / (time.perf_counter() - start)

    def _signed(self, nonce: int) -> str:
        fields: dict[str, Any] = {"nonce": nonce, "gas": GAS, "chainId": self._chain_id, "value": 0}
        given: TxParams = {**fields, "maxFeePerGas": FEE, "maxPriorityFeePerGas": Wei(10**9)}  # type: ignore[typeddict-item]  # the fields above are of that type
        call = self._own.issue(secrets.token_bytes(32)).build_transaction(given)
        return str(self._account.sign_transaction(dict(call)).raw_transaction.to_0x_hex())

    @staticmethod
    def _done(w3: Web3, tx_hash: HexBytes) -> None:
        receipt = w3.eth.wait_for_transaction_receipt(tx_hash, poll_latency=POLL_S)
        assert receipt["status"] == 1
