"""A vault as a process: the real outside world, the threads, the HTTP server.

What serves HTTP is imported by who serves it: a sequencer, a publisher and a worker start without it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chain.files import read_deployment
from chain.ledger import Ledger
from chain.signer import TxSigner, open_or_create
from protocol.errors import OneFileError
from vault_api import metrics
from vault_api.build import build_vault, outside_of
from vault_api.db.carrier import lay_tables
from vault_api.db.engine import open_engine
from vault_api.db.migrate import check_schema
from vault_api.duties import ALL, Duties, check_role, is_shared, opens_the_log, wait_for_log
from vault_api.journal import DatabaseJournal
from vault_api.keeping.standing import check_standing
from vault_api.opening import log_origin
from vault_api.settings import Settings
from vault_api.vault import Vault

if TYPE_CHECKING:
    from fastapi import FastAPI

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


def run_server(settings: Settings, ready: Callable[[], None], role: str = ALL) -> None:
    """Serve until told to end. ``ready`` is called when everything is wired, before the first request."""
    from vault_api.serving import serve

    app = build_app(settings, ready, role)
    vault: Vault = app.state.vault
    serve(app, settings, vault.load, vault.waiters.close)


def build_app(settings: Settings, ready: Callable[[], None] = lambda: None, role: str = ALL) -> FastAPI:
    """The application with its real outside world; its threads run as long as it does."""
    from vault_api.app import create_app

    vault, duties = wired(settings, role)

    def start() -> None:
        duties.start()
        ready()

    return create_app(vault, on_start=start, on_stop=duties.stop)


def run_duties(settings: Settings, role: str, ready: Callable[[], None]) -> None:
    """Do the duties of a role that serves no HTTP, until the process is told to end (SIGTERM, Ctrl-C)."""
    _, duties = wired(settings, role)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    duties.start()
    with metrics.offered(settings.metrics_port):
        ready()
        ended.wait()
    duties.stop()


def wired(settings: Settings, role: str) -> tuple[Vault, Duties]:
    """The vault and the duties of one process, not started. Where others open the log, it is waited for."""
    engine = open_engine(settings.database)
    check_role(engine, role)
    ledger = connect(settings)
    fund_on_devnet(settings, ledger)
    outside = outside_of(settings, ledger)
    shared, opens = is_shared(engine), opens_the_log(role)
    try:
        check_schema(engine)
        if shared:
            lay_tables(engine)
        if not opens:
            wait_for_log(engine)
            check_standing(engine, ledger, log_origin(ledger, settings.log_name))
    finally:
        engine.dispose()
    vault = build_vault(settings, outside, first_start=opens, shared=shared)
    return vault, Duties(vault, outside, role, shared=shared)


@contextmanager
def stopped_vault(settings: Settings) -> Iterator[Vault]:
    """A vault whose log is open already, with its sequencer and nothing else running."""
    outside = outside_of(settings, connect(settings))
    vault = build_vault(settings, outside, first_start=False, shared=is_shared(outside.engine))
    vault.sequencer.start()
    try:
        yield vault
    finally:
        vault.sequencer.stop()
        vault.engine.dispose()
