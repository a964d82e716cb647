"""How long ``wallet audit --full`` takes over a log of many entries: ``python -m bench.audit_log --size 100000``.

The vault is the real one, behind a real server, and its log is filled by its own sequencer with entries of the form and
length of every other; heads are anchored on the way. Vault and wallet share one interpreter here, so that on two cores
apart they are not slower. The wallet's own program does the audit, from an empty profile state: fetch, hash, compare,
find the dossier's own events. Nothing is kept of the result but what is printed.
"""

from __future__ import annotations

import argparse
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from protocol.entries import Entry
from tests.unit.wallet_cli.conftest import make_world
from tests.wallet_stage import Stage
from vault_api.app import create_app
from vault_api.sequencer import Tx
from wallet_cli.services import auditing

STEP = 2_000  # entries of one transaction
ANCHORS = 20


def fill(stage: Stage, size: int) -> None:
    """Entries up to ``size``, of which nobody holds the keys."""
    every = max(STEP, size // ANCHORS)
    while (left := size - stage.vault.log.size) > 0:
        entries = [_entry() for _ in range(min(STEP, left))]
        stage.vault.sequencer.call(_appending(entries))
        if stage.vault.log.size % every < STEP:
            stage.clock.time += 10
            stage.tick()
    stage.clock.time += 10
    stage.tick()


class Way(httpx2.BaseTransport):
    """To the server on this port, whatever origin the vault is known by."""

    def __init__(self, port: int) -> None:
        self._port, self._inner = port, httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@contextmanager
def served(stage: Stage) -> Iterator[int]:
    """The vault behind a real server on a port of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(stage.vault), log_level="error", ws="none", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def measure(size: int) -> dict[str, Any]:
    """Seconds of one audit from the first entry, and of the next one, which goes on."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        try:
            world = make_world(stage)
            began = time.perf_counter()
            fill(stage, size)
            filled = time.perf_counter() - began
            with served(stage) as port:
                session = stage.session("alice")
                session.transport = Way(port)
                session.use_keys(world.alice.keys)
                found = []
                heads = 0
                for anew in (True, False):
                    began = time.perf_counter()
                    done = auditing.audit(session, anew=anew)
                    assert not done.findings
                    heads = heads or done.anchors
                    found.append(time.perf_counter() - began)
                session.close()
        finally:
            stage.close()
    return {
        "entries": done.size,
        "anchored heads": heads,
        "filled in": round(filled, 1),
        "seconds": round(found[0], 2),
        "seconds again": round(found[1], 2),
    }


def _appending(entries: list[bytes]) -> Callable[[Tx], list[int]]:
    return lambda tx: [tx.append(entry) for entry in entries]


def _entry() -> bytes:
    return Entry("note", *(secrets.token_bytes(32) for _ in range(3))).serialise()


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=100_000)
    for name, value in measure(parser.parse_args().size).items():
        print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
