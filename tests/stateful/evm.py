"""A local chain in place of the one in memory, for fewer histories: the real contracts, blocks a second apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chain.deploy import deploy
from chain.ethereum import connect
from chain.signer import TxSigner
from tests.chain_fixture import LocalChain
from tests.vault_stage import seed

READS = frozenset(
    [
        "account",
        "deployment",
        "head",
        "block",
        "agency",
        "agencies",
        "dossier",
        "dossier_cards",
        "dossier_history",
        "guardians",
        "attested_at",
        "nullified_at",
        "log_state",
        "verify_inclusion",
        "verify_older",
        "anchors",
        "events",
    ]
)


class EvmChain:
    """What a rig asks of a chain. It is taken back to where it was prepared before each history."""

    def __init__(self, local: LocalChain, folder: Path) -> None:
        self.local = local
        self.clock: Callable[[], int] = lambda: 0
        self._keys = {key.account: key for key in (TxSigner(seed(name)) for name in ("governor", "relayer"))}
        for account in self._keys:
            local.devnet.fund(account, 1_000)
        local.devnet.rpc("anvil_setBlockTimestampInterval", [1])
        governor = next(iter(self._keys.values()))
        self.deployment = deploy(local.url, governor, folder / "deployment-evm.json")[0]
        self._open: dict[bytes, Any] = {}
        self._prepared = ""

    @property
    def head(self) -> Any:
        return self.ledger(next(iter(self._keys))).head()

    def ledger(self, account: bytes) -> Any:
        """The ledger of the governor or of the relayer, whose blocks are never behind the vault's clock."""
        if account not in self._open:
            self._open[account] = _Timed(self, connect(self.deployment, self.local.url, self._keys[account]))
        return self._open[account]

    def next_block(self) -> None:
        """Let the next block come a second after now: a message is tried on the newest block before it is sent."""
        if self.clock() > self.head.time:
            self.local.devnet.rpc("evm_setNextBlockTimestamp", [self.clock()])
            self.local.devnet.mine()

    def prepared(self) -> None:
        """Come back to this state before each history."""
        self._prepared = self.local.devnet.rpc("evm_snapshot")

    def back(self) -> None:
        self.close()
        self.local.devnet.rpc("evm_revert", [self._prepared])
        self.prepared()

    def close(self) -> None:
        for ledger in self._open.values():
            ledger.close()
        self._open.clear()


class _Timed:
    """A ledger whose writes come in a block of the right time."""

    def __init__(self, chain: EvmChain, ledger: Any) -> None:
        self._chain, self._ledger = chain, ledger

    def __getattr__(self, name: str) -> Any:
        if name not in READS and name != "close":
            self._chain.next_block()
        return getattr(self._ledger, name)
