"""The story of ``test_memory``: this process is the client, and starts the vault as another one.

``python -m tests.unit.vault_api.memory_story FOLDER SIZE`` prints JSON: peaks and idle levels in KiB, bytes opened.
``… --vault FOLDER PORT`` is the vault: it keeps the dossier of the story's holder, serves, and deposits what it is told
on its standard input, a line each.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import structlog

from client.api import VaultApi
from client.http import Http
from client.partial import arriving
from client.uploading import send_payload
from protocol.encoding import b64u, unb64u
from protocol.envelope import open_stream, seal
from protocol.hashing import sha256
from protocol.slips import SlipObject
from tests.vault_parties import ORIGIN_URL, T0, Party

SMALL = 100_000
MIB = 1 << 20


class Standing:
    """A clock that stands where the vault's does."""

    def now(self) -> int:
        return T0

    def sleep(self, _seconds: float) -> None:
        """Nobody waits here."""


class Way(httpx2.BaseTransport):
    """To the vault on this port, whatever origin it is known by."""

    def __init__(self, port: int) -> None:
        self._port, self._inner = port, httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return self._inner.handle_request(request)


def vault(folder: Path) -> None:
    """Serve on a free port, which is told; deposit what comes on standard input."""
    import uvicorn

    from tests.vault_stage import VaultStage
    from vault_api.app import create_app

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    stage = VaultStage(folder)
    alice = stage.holder()
    server = uvicorn.Server(uvicorn.Config(create_app(stage.vault), port=0, log_config=None, lifespan="off"))
    serving = threading.Thread(target=server.run)
    serving.start()
    while not server.started:
        serving.join(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        header = unb64u(told["header"])
        deposit = alice.deposit(alice, b"in place of this")
        part = SlipObject(unb64u(told["payload"]), told["size"], sha256(header))
        deposit.slip = replace(deposit.slip, objects=(part,))
        answer = stage.post(alice, "/v1/deposits", deposit.body(headers=[told["header"]]))
        print(answer.status_code, flush=True)
    server.should_exit = True
    serving.join()
    stage.close()


class Story:
    """One document after the other through one vault."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._folder, self._process = folder, process
        self._alice = Party("alice")
        way = Way(int(process.stdout.readline()))
        self._api = VaultApi(Http(ORIGIN_URL, clock=Standing(), signer=self._alice.present, transport=way))

    def tell(self, size: int) -> int:
        """A document of ``size`` bytes sealed, sent, deposited, fetched and opened; how many bytes came out."""
        source, sealed, opened = (self._folder / name for name in ("source", "sealed", "opened"))
        digest = _written(source, size)
        with source.open("rb") as reader, sealed.open("wb") as writer:
            info = seal(reader, writer, [self._alice.sealing.recipient()])
        send_payload(self._api, info.payload_sha256, info.payload_size, lambda: sealed.open("rb"))
        self._deposit({"header": b64u(info.header), "payload": b64u(info.payload_sha256), "size": info.payload_size})
        fetched = self._folder / "fetched"
        with arriving(fetched) as target:
            self._api.payload(info.payload_sha256, info.payload_size, target)
        with fetched.open("rb") as payload, opened.open("wb") as result:
            open_stream(info.header, payload, result, [self._alice.sealing], payload_sha256=info.payload_sha256)
        with opened.open("rb") as result:
            assert hashlib.file_digest(result, "sha256").digest() == digest
        return opened.stat().st_size

    def _deposit(self, told: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == "201"


def client(folder: Path, size: int) -> dict[str, Any]:
    """Both levels after a small document, and both peaks with a large one."""
    command = [sys.executable, "-m", "tests.unit.vault_api.memory_story", "--vault", str(folder / "vault")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        story = Story(folder, process)
        story.tell(SMALL)
        pids = {"vault": process.pid, "client": None}
        found: dict[str, Any] = {name: {"idle": _status(pid, "VmRSS")} for name, pid in pids.items()}
        for pid in pids.values():
            _folder_of(pid).joinpath("clear_refs").write_text("5")
        found["opened"] = story.tell(size)
        for name, pid in pids.items():
            found[name]["peak"] = _status(pid, "VmHWM")
        return found
    finally:
        process.kill()
        process.wait()


def _written(path: Path, size: int) -> bytes:
    digest, block = hashlib.sha256(), secrets.token_bytes(MIB)
    with path.open("wb") as target:
        for start in range(0, size, MIB):
            part = (start.to_bytes(8, "big") + block[8:])[: size - start]
            digest.update(part)
            target.write(part)
    return digest.digest()


def _folder_of(pid: int | None) -> Path:
    return Path("/proc") / ("self" if pid is None else str(pid))


def _status(pid: int | None, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+)", (_folder_of(pid) / "status").read_text())
    assert found is not None
    return int(found[1])


def main(arguments: list[str]) -> None:
    if arguments[0] == "--vault":
        vault(Path(arguments[1]))
    else:
        print(json.dumps(client(Path(arguments[0]), int(arguments[1]))))


if __name__ == "__main__":
    main(sys.argv[1:])
