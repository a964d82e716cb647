"""A vault as a process: the real outside world, the threads, the HTTP server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from chain.files import read_deployment
from chain.ledger import Ledger
from chain.signer import TxSigner, open_or_create
from protocol.errors import OneFileError
from vault_api.app import create_app
from vault_api.build import build_vault, outside_of
from vault_api.journal import DatabaseJournal
from vault_api.loops import Rounds, loops_of
from vault_api.settings import Settings
from vault_api.vault import Vault

DEVNET_ETHER = 1_000


def connect(settings: Settings) -> Ledger:
    """The ledger of the recorded deployment, written to from the relayer's account."""
    from chain.ethereum import connect_all

    payer = relayer(settings)
    return connect_all(
        read_deployment(settings.deployment),
        settings.rpc_endpoints,
        settings.rpc_quorum,
        payer,
        journal=DatabaseJournal(settings.database, payer.account),
        policy=settings.fees,
    )


def relayer(settings: Settings) -> TxSigner:
    """The account that pays. Outside of development its key must have been put there."""
    if settings.environment == "development":
        return open_or_create(settings.relayer_key)
    return TxSigner.from_file(settings.relayer_key)


def fund_on_devnet(settings: Settings, ledger: Ledger) -> None:
    """Give the relayer ether on a local Anvil chain; on any other chain nothing happens."""
    from chain.devnet import CHAIN_ID, fund

    if settings.environment != "development" or ledger.deployment.chain_id != CHAIN_ID:
        return
    try:
        fund(settings.rpc_endpoint, ledger.account, DEVNET_ETHER)
    except OneFileError:
        return  # not Anvil: whoever runs this chain gives the relayer its ether


def run_server(settings: Settings, ready: Callable[[], None]) -> None:
    """Serve until told to end. ``ready`` is called when everything is wired, before the first request."""
    from vault_api.serving import serve

    app = build_app(settings, ready)
    vault: Vault = app.state.vault
    serve(app, settings, vault.load.addresses, vault.waiters.close)


def build_app(settings: Settings, ready: Callable[[], None] = lambda: None) -> FastAPI:
    """The application with its real outside world; its threads run as long as it does."""
    ledger = connect(settings)
    fund_on_devnet(settings, ledger)
    vault = build_vault(settings, outside_of(settings, ledger))
    loops: list[Rounds] = []

    def start() -> None:
        vault.sequencer.start()
        loops.extend(loops_of(vault))
        for loop in loops:
            loop.start()
        ready()

    def stop() -> None:
        for loop in loops:
            loop.stop()
        vault.sequencer.stop()
        vault.engine.dispose()

    return create_app(vault, on_start=start, on_stop=stop)


@contextmanager
def stopped_vault(settings: Settings) -> Iterator[Vault]:
    """A vault whose log is open already, with its sequencer and nothing else running."""
    vault = build_vault(settings, outside_of(settings, connect(settings)), first_start=False)
    vault.sequencer.start()
    try:
        yield vault
    finally:
        vault.sequencer.stop()
        vault.engine.dispose()
