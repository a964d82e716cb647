"""Row j: bytes that the vault serves, beside starlette's ``FileResponse`` of the same file.

Ours is ``vault-api serve`` as it is run: signature, caller and right are checked, the length is compared with the row.
The other is an application of one route without any check, in a process of its own under the same server. Both send the
stored payload of one document; it is read from a bare socket and thrown away. Reads are from the page cache.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.harness import interleave
from bench.local_chain import local_chain
from bench.programs import Programs
from bench.results import Outcome, ratio_goal
from bench.vaults import vault_process
from client.http import Call
from client.passphrase import PassphraseSource
from client.session import Session
from protocol.encoding import b64u
from scripts.processes import Children, free_port, listening
from wallet_cli.services.opening import find_document, open_item

PROFILE = "sample"
GOAL = 2.0
OURS, THEIRS = "vault", "FileResponse"
BUFFER = 1 << 20
THEIR_APP = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route
app = Starlette(routes=[Route("/", lambda request: FileResponse(sys.argv[1]))])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_config=None, access_log=False)
"""


def run(*, quick: bool) -> Outcome:
    rounds, mib = (3, 64) if quick else (9, 512)
    with local_chain() as chain, vault_process(chain) as (settings, _):
        programs = Programs.of(chain, settings)
        path, url, headers = _document(programs, chain.folder, mib)
        port = free_port()
        with Children(chain.folder / "logs") as children:
            command = [sys.executable, "-c", THEIR_APP, str(_stored(settings.vault_home / "blobs", path)), str(port)]
            children.start("file-response", command, dict(os.environ)).wait_ready(lambda: listening(port))
            trials: dict[str, Callable[[], float]] = {
                OURS: lambda: _rate(settings.port, url, headers(), mib),
                THEIRS: lambda: _rate(port, "/", {}, mib),
            }
            found = interleave(trials, rounds=rounds, warm_up=1)
    return Outcome(
        unit="MiB a second",
        series=tuple(found.values()),
        goals=(ratio_goal("over FileResponse", found[OURS], found[THEIRS], GOAL),),
        ours=(OURS,),
        facts={"MiB": mib},
    )


def _document(programs: Programs, folder: Path, mib: int) -> tuple[str, str, Callable[[], dict[str, str]]]:
    """A document of the wallet: its payload's digest in hex, its path at the vault, and what signs a request for it."""
    source = folder / "document.bin"
    with source.open("wb") as target:
        for _ in range(mib):
            target.write(os.urandom(1 << 20))
    phrase = ("--phrase-file", str(folder / "phrase"), "--yes", "--unlock", "2h")
    programs.run("wallet", "init", "--profile", PROFILE, *phrase)
    item = programs.run("wallet", "put", str(source), "--profile", PROFILE)["item"]
    passphrase = PassphraseSource(Path(programs.env["ONEFILE_PASSPHRASE_FILE"]))
    session = Session.of("wallet", PROFILE, environ=programs.env, passphrase=passphrase)
    payload = find_document(open_item(session, session.store.item(item)), None).payload
    url = f"/v1/me/payloads/{b64u(payload)}"
    return payload.hex(), url, lambda: session.api.http.signed_headers(Call("GET", url))


def _stored(blobs: Path, digest: str) -> Path:
    return next(blobs.rglob(digest))


def _rate(port: int, url: str, headers: dict[str, str], mib: int) -> float:
    """MiB a second of one download, from the request to the last byte."""
    lines = [f"GET {url} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    buffer = bytearray(BUFFER)
    began, got = time.perf_counter(), 0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        head = connection.recv(12)
        while count := connection.recv_into(buffer):
            got += count
    took = time.perf_counter() - began
    assert head == b"HTTP/1.1 200", head
    assert got > mib << 20
    return mib / took
