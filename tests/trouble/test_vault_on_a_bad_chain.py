"""A vault as it runs, on a real chain with a hostile server in between; its process dies and starts again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from chain.anchored import anchored_heads
from chain.ledger import Ledger
from chain.signer import open_or_create
from protocol.errors import Malformed, OneFileError
from protocol.hashing import keccak256, sha256
from tests.chain_fixture import LocalChain
from tests.chain_stage import EvmStage
from tests.trouble.rpc_proxy import EVERYTHING, Trouble, rpc_proxy
from tests.vault_stage import lay_schema
from vault_api.build import build_vault, outside_of
from vault_api.clock import SystemClock
from vault_api.db import tables as t
from vault_api.logbook import log_event
from vault_api.loops import Following
from vault_api.publishing import Publishing
from vault_api.running import connect, fund_on_devnet
from vault_api.settings import Settings, load_settings
from vault_api.vault import Vault

TRIES = 200


@pytest.fixture
def evm(local_chain: LocalChain) -> Iterator[EvmStage]:
    stage = EvmStage(local_chain)
    yield stage
    stage.close()


def settings_of(evm: EvmStage, home: Path, rpc_url: str, quorum: int = 1) -> Settings:
    settings = load_settings(
        home=home,
        rpc_url=rpc_url,
        rpc_quorum=quorum,
        deployment_file=evm.path,
        tx_raise_after_s=0.5,
        clock_lag_s=600,
    )
    lay_schema(settings)
    return settings


class ClockOfTheChain:
    """The machine's clock, put forward to the chain's: other tests on this chain may have let years go by."""

    def __init__(self, evm: EvmStage) -> None:
        self._ahead = max(0, evm.ledger("anybody").head().time - SystemClock().now())

    def now(self) -> int:
        return SystemClock().now() + self._ahead


@contextmanager
def process(settings: Settings, evm: EvmStage) -> Iterator[Vault]:
    """A vault from its start to its end; what it leaves behind is its home."""
    ledger: Ledger = connect(settings)
    vault = build_vault(settings, replace(outside_of(settings, ledger), clock=ClockOfTheChain(evm)))
    vault.sequencer.start()
    try:
        yield vault
    finally:
        vault.sequencer.stop()
        vault.engine.dispose()
        ledger.close()  # type: ignore[attr-defined]  # the ledger on a chain has connections


def grow(vault: Vault) -> None:
    vault.sequencer.call(lambda tx: log_event(tx, 1, "note", b"{}").index)


def persisted(work: Callable[[], object]) -> None:
    for _ in range(TRIES):
        try:
            work()
        except OneFileError:
            continue
        return
    raise AssertionError("it never came through")


def anchored(vault: Vault, evm: EvmStage) -> list[int]:
    reads = evm.ledger("anybody")
    events = anchored_heads(reads, vault.origin_hash, evm.deployment.deploy_block, reads.head().number)
    return [event.size for event in events]


def test_a_vault_anchors_once_over_a_bad_line_and_two_restarts_and_a_reorganisation(
    evm: EvmStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chain.sender.FAULT_GRACE_S", 0.2)
    evm.chain.devnet.fund(open_or_create(tmp_path / "vault" / "relayer.key").account, 10)
    with rpc_proxy(evm.chain.url, Trouble(), seed=5) as proxy:
        settings = settings_of(evm, tmp_path, f"{proxy.url},{evm.chain.url}")
        with process(settings, evm) as vault:
            fund_on_devnet(settings, vault.ledger)
            persisted(Following(vault).round)
            prepare(vault)
            proxy.trouble = EVERYTHING
            grow(vault)
            persisted(Publishing(vault).round)
            assert anchored(vault, evm) == [1, 2]
        evm.mine(3)
        with process(settings, evm) as vault:
            grow(vault)
            persisted(Publishing(vault).round)
            evm.chain.devnet.rpc("anvil_reorg", [2, []])
        with process(settings, evm) as vault:
            persisted(Following(vault).round)
            persisted(Publishing(vault).round)
            persisted(Following(vault).round)
            assert anchored(vault, evm) == [1, 2, 3]
            assert vault.log.size == 3


def prepare(vault: Vault) -> None:
    """A dossier's row, so that something can be logged."""
    row = {name: bytes(32) for name in ("dossier", "tag_key", "last_entry")}
    row |= {"row": 1, "next_n": 0, "opened_at": 1}
    vault.sequencer.call(lambda tx: tx.conn.execute(insert(t.dossiers), row).rowcount)


def test_a_vault_takes_no_facts_from_one_liar_of_two(evm: EvmStage, tmp_path: Path) -> None:
    evm.chain.devnet.fund(open_or_create(tmp_path / "vault" / "relayer.key").account, 10)
    with rpc_proxy(evm.chain.url, Trouble(), seed=5) as proxy:
        settings = settings_of(evm, tmp_path, f"{evm.chain.url} {proxy.url}", quorum=2)
        with process(settings, evm) as vault:
            Following(vault).round()
            head = vault.facts.block_number
            proxy.trouble = Trouble(lying_block=1.0)
            evm.mine()
            with pytest.raises(OneFileError) as lied:
                Following(vault).round()
            assert lied.value.code == "chain_disagreement"
            assert vault.facts.block_number == head
            proxy.as_it_is()
            Following(vault).round()
            assert vault.facts.block_number == head + 1


def test_the_vaults_own_revocations_go_through_the_journal(evm: EvmStage, tmp_path: Path) -> None:
    evm.chain.devnet.fund(open_or_create(tmp_path / "vault" / "relayer.key").account, 10)
    settings = settings_of(evm, tmp_path, evm.chain.url)
    secret = sha256(b"secret of this test")
    with process(settings, evm) as vault:
        sent = vault.ledger.revoke(secret)
    with process(settings, evm) as vault:
        evm.chain.devnet.rpc("anvil_reorg", [1, []])
        assert vault.ledger.nullified_at(keccak256(secret)) is None
        vault.ledger.tend()  # a process that knows of it from the journal alone
        evm.mine()  # it is in the pool now; the chain takes it into a block a moment later
        assert vault.ledger.nullified_at(keccak256(secret)) is not None
        assert sent.block != vault.ledger.head()


@pytest.mark.parametrize("quorum", [2, 3])
def test_a_quorum_of_more_endpoints_than_there_are_is_refused_by_name(quorum: int) -> None:
    with pytest.raises(Malformed) as wrong:
        load_settings(rpc_url="http://one:1", rpc_quorum=quorum)
    assert wrong.value.facts["name"] == "ONEFILE_RPC_QUORUM"
