"""A vault on a ``LocalChain``: as a process of its own, or in this process with its parts in reach."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.local_chain import LocalChain
from scripts.processes import Child, free_port, listening, program
from vault_api.app import create_app
from vault_api.build import build_vault, outside_of
from vault_api.cli import SWITCH_S
from vault_api.loops import Following
from vault_api.running import connect, fund_on_devnet
from vault_api.settings import Settings
from vault_api.vault import Vault

WAIT_S = 60.0
# One machine asks for everybody: how often one address or caller may ask is not what is measured.
UNCOUNTED: dict[str, object] = {"address_requests_per_s": 0, "caller_requests_per_s": 0}


def settings_of(chain: LocalChain, **given: object) -> Settings:
    """Settings of a vault below the chain's folder, with the defaults of a real one but for what is given."""
    port = free_port()
    known: dict[str, object] = {
        "home": chain.folder / "home",
        "deployment_file": chain.folder / "deployment.json",
        "rpc_url": chain.url,
        "port": port,
        "public_origin": f"http://127.0.0.1:{port}",
        **UNCOUNTED,
    }
    return Settings(**{**known, **given})  # type: ignore[arg-type]  # pydantic checks each value itself


@contextmanager
def vault_here(
    chain: LocalChain, *, on_step: Callable[[str], None] = lambda _step: None, **given: object
) -> Iterator[Vault]:
    """The vault in this process, served over HTTP from a thread; follower and publisher run when they are asked to."""
    import uvicorn

    settings = settings_of(chain, sequencer_wait_s=WAIT_S, **given)
    ledger = connect(settings)
    fund_on_devnet(settings, ledger)
    vault = build_vault(settings, replace(outside_of(settings, ledger), on_step=on_step))
    sys.setswitchinterval(SWITCH_S)  # as the program vault-api does
    vault.sequencer.start()
    Following(vault).round()
    config = uvicorn.Config(create_app(vault), port=settings.port, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield vault
    finally:
        server.should_exit = True
        thread.join(20)
        vault.sequencer.stop()
        vault.engine.dispose()


@contextmanager
def vault_process(chain: LocalChain, **given: object) -> Iterator[tuple[Settings, Child]]:
    """``vault-api serve`` as it is started by whoever runs it; its settings are the defaults but for what is given."""
    settings = settings_of(chain, **given)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEFILE_")}
    own = {
        "ONEFILE_HOME": str(settings.home),
        "ONEFILE_DEPLOYMENT_FILE": str(settings.deployment),
        "ONEFILE_RPC_URL": chain.url,
        "ONEFILE_PUBLIC_ORIGIN": settings.public_origin,
        **{f"ONEFILE_{name.upper()}": str(value) for name, value in {**UNCOUNTED, **given}.items()},
    }
    command = [program("vault-api"), "serve", "--port", str(settings.port)]
    child = chain.children.start("vault-api", command, {**kept, **own})
    child.wait_ready(lambda: listening(settings.port))
    try:
        yield settings, child
    finally:
        child.stop()
