"""Several processes of one vault, played in one: each has a writer, a view of the log and threads of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from tests.grant_world import World
from tests.vault_stage import ORIGIN_URL, VaultStage, vault_stage
from vault_api.app import create_app
from vault_api.build import build_vault
from vault_api.db.engine import open_engine
from vault_api.duties import API, Duties
from vault_api.leases import SEQUENCER
from vault_api.loops import Following, Housekeeping, Publishing
from vault_api.sharing import Elsewhere
from vault_api.writer import Writer

WAIT_S = 20.0


def soon(true: Callable[[], bool]) -> bool:
    """Whether it becomes true within the bound."""
    until = time.monotonic() + WAIT_S
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


class Process:
    """One of them. ``use`` makes the stage's parties talk to it."""

    def __init__(self, stage: VaultStage, role: str, on_step: Callable[[str], None] = lambda _step: None) -> None:
        engine = open_engine(stage.settings.database)
        self.outside = replace(stage.outside, engine=engine, on_step=on_step)
        self.vault = build_vault(stage.settings, self.outside, first_start=False, shared=True)
        self.duties = Duties(self.vault, self.outside, role, shared=True)
        self.app = create_app(self.vault)
        self.client = TestClient(self.app, base_url=ORIGIN_URL, raise_server_exceptions=False)

    def start(self) -> None:
        self.duties.start()
        self.client.__enter__()

    def stop(self) -> None:
        self.client.__exit__(None, None, None)
        self.duties.stop()

    def deafen(self) -> None:
        """From now on it hears nothing of what the others do."""
        writer = self.vault.sequencer
        assert isinstance(writer, Writer)
        ending = writer._ending
        assert isinstance(ending, Elsewhere)
        assert ending._listener is not None
        ending._listener.stop()

    def call(self, work: Callable[[Any], Any]) -> Any:
        return self.vault.sequencer.call(work)


class Cluster:
    """A stage whose own vault has gone, and processes in its place."""

    def __init__(self, stage: VaultStage, last: ExitStack) -> None:
        self.stage, self._last = stage, last
        self.alice = stage.holder()
        stage.vault.sequencer.stop()

    def world(self, holder: str) -> World:
        """Parties and a scenario, brought to the process that is in use."""
        return World(self.stage, holder)

    def process(self, role: str = API) -> Process:
        """Start one more; it is stopped at the end, unless it was before."""
        process = Process(self.stage, role)
        process.start()
        self._last.callback(process.stop)
        return process

    def sequencer(self) -> Process:
        return self.process(SEQUENCER)

    def use(self, process: Process) -> None:
        """From now on the parties of the stage talk to this process, and its rounds are done there."""
        stage = self.stage
        stage.client = process.client
        stage.vault = process.vault
        stage.following, stage.publishing = Following(process.vault), Publishing(process.vault)
        stage.housekeeping = Housekeeping(process.vault)


@contextmanager
def cluster(folder: Path, url: str | None = None, **settings: Any) -> Iterator[Cluster]:
    """A cluster without processes yet, on PostgreSQL if ``url`` names a database."""
    given = {"database_url": url} if url is not None else {}
    with vault_stage(folder, lease_s=2.0, **given, **settings) as stage:
        own = stage.vault, stage.client
        with ExitStack() as last:
            yield Cluster(stage, last)
        stage.vault, stage.client = own
