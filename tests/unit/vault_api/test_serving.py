"""The server over real sockets: connections that are counted and in a hurry, and an end that lets nobody wait."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from tests.vault_stage import VaultStage, vault_stage
from vault_api.limits.addresses import Addresses
from vault_api.limits.load import Load
from vault_api.running import run_server
from vault_api.serving import MAX_HEAD_BYTES, Connections, Server, config_of, serve
from vault_api.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


def until(true: Callable[[], Any], seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it never came true"
        threading.Event().wait(0.005)


@contextlib.contextmanager
def served(
    app: Any, settings: Settings, stopping: Callable[[], None] = lambda: None, load: Load | None = None
) -> Iterator[tuple[Server, int]]:
    """A server in a thread, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = config_of(app, settings, load or Load.of(settings))
    config.lifespan = "off"
    server = Server(config, stopping)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield server, port
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


async def plain(scope: Any, _receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": str(scope["client"][0] == "127.0.0.1").encode()[:2]})


def settings_of(tmp_path: Path, **given: Any) -> Settings:
    return Settings(home=tmp_path, **{"stop_s": 2, **given})


def said(line: socket.socket) -> bytes:
    """Everything until the other end closes."""
    line.settimeout(10)
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while part := line.recv(65536):
            got += part
    return got


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def test_a_connection_too_many_is_told_so_and_closed(tmp_path: Path) -> None:
    with served(plain, settings_of(tmp_path, connections_per_address=2)) as (server, port):
        kept = [connected(port) for _ in range(2)]
        until(lambda: len(server.server_state.connections) == 2)
        with connected(port) as third:
            got = said(third)
        assert got.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"retry-after: 2" in got.lower()
        assert b'"code":"busy"' in got
        for line in kept:
            line.close()
        until(lambda: not server.server_state.connections)
        with connected(port) as again:
            again.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert said(again).startswith(b"HTTP/1.1 200")


def test_a_trusted_proxy_may_have_more_connections_and_the_process_has_its_own_bound(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, connections=3, connections_per_address=1)
    counted = Connections(settings, Addresses(()), None)  # type: ignore[arg-type]  # nobody is refused for a crowd here
    assert [counted.opened("10.0.0.1", proxy=True) for _ in range(4)] == [True, True, True, False]
    for _ in range(4):
        counted.closed("10.0.0.1")
    assert [counted.opened("a", proxy=False), counted.opened("a", proxy=False)] == [True, False]
    assert (counted.open, len(counted.by_line)) == (2, 1)


def test_a_head_that_comes_too_slowly_is_given_up(tmp_path: Path) -> None:
    with served(plain, settings_of(tmp_path, head_s=0.1)) as (_server, port), connected(port) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        got = said(line)
        assert got.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b'"code":"head_late"' in got


def test_who_says_nothing_is_given_up_too_and_who_has_asked_is_not(tmp_path: Path) -> None:
    with (
        served(plain, settings_of(tmp_path, head_s=0.5)) as (_server, port),
        connected(port) as silent,
        connected(port) as asked,
    ):
        asked.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.recv(100).startswith(b"HTTP/1.1 200")
        assert b"head_late" in said(silent)
        asked.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"200" in said(asked)


def test_a_head_that_never_ends_is_refused(tmp_path: Path) -> None:
    with served(plain, settings_of(tmp_path)) as (_server, port), connected(port) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            for _ in range(MAX_HEAD_BYTES // 1000 + 2):
                line.sendall(b"X: " + b"a" * 1000 + b"\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"head_too_large" in said(line)


def test_a_large_body_is_not_taken_for_a_head(tmp_path: Path) -> None:
    async def swallows(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await plain(scope, receive, send)

    with served(swallows, settings_of(tmp_path)) as (_server, port), connected(port) as line:
        body = b"a" * (3 * MAX_HEAD_BYTES)
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n".encode()
        line.sendall(head + b"Connection: close\r\n\r\n" + body)
        assert said(line).startswith(b"HTTP/1.1 200")


def test_who_takes_nothing_of_an_answer_is_cut_off(tmp_path: Path) -> None:
    ended = threading.Event()

    async def endless(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with contextlib.suppress(asyncio.CancelledError):
            for _ in range(100):
                await send({"type": "http.response.body", "body": b"a" * (1 << 20), "more_body": True})
        ended.set()

    with served(endless, settings_of(tmp_path, read_s=0.2)) as (server, port), connected(port) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: not server.server_state.connections)
        assert ended.wait(10)


def test_who_would_be_refused_is_told_so_before_its_body_is_read_and_may_ask_again(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, work_at_once=1, work_waiting=0)
    load = Load.of(settings)
    load.gates["work"].within = 1
    with served(plain, settings, load=load) as (_server, port):
        asks = HTTPConnection("127.0.0.1", port, timeout=10)
        asks.request("POST", "/v1/verify", body=b"x" * 100_000)
        answer = asks.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (503, "busy")
        load.gates["work"].within = 0
        asks.request("GET", "/v1/info")  # on the same connection: the body before it was dropped
        assert asks.getresponse().read() == b"Tr"
        load.gates["work"].within = 1
        asks.request("GET", "/v1/info", headers={"connection": "close"})
        assert asks.getresponse().status == 503
        asks.close()
        with connected(port) as waits:
            waits.sendall(b"PUT /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
            assert said(waits).startswith(b"HTTP/1.1 503")


def test_a_header_about_the_address_is_not_believed_by_the_server_itself(tmp_path: Path) -> None:
    with served(plain, settings_of(tmp_path)) as (_server, port):
        asks = HTTPConnection("127.0.0.1", port, timeout=10)
        asks.request("GET", "/", headers={"X-Forwarded-For": "203.0.113.9"})
        assert asks.getresponse().read() == b"Tr"
        asks.close()


def test_a_poll_ends_when_the_process_does(tmp_path: Path) -> None:
    with vault_stage(tmp_path, stop_s=5) as stage:
        alice = stage.holder()
        path = "/v1/me/notices?wait=25"
        headers = stage.signed(alice, "GET", path, b"", {})
        with served(stage.client.app, stage.settings, stage.vault.waiters.close) as (server, port):
            poll = HTTPConnection("127.0.0.1", port, timeout=20)
            poll.request("GET", path, headers=headers)
            until(lambda: stage.vault.waiters._waiting)
            server.should_exit = True
            answer = poll.getresponse()
            assert (answer.status, json.loads(answer.read())["rows"]) == (200, [])
            assert answer.headers["connection"] == "close"
            poll.close()


def test_the_server_is_run_with_the_vaults_own_limits(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    app, given = stage.client.app, list[Any]()
    monkeypatch.setattr("vault_api.running.build_app", lambda *_: app)
    monkeypatch.setattr("vault_api.serving.serve", lambda *what: given.extend(what))
    run_server(stage.settings, lambda: None)
    assert given[:3] == [app, stage.settings, stage.vault.load]
    given[3]()
    assert stage.vault.waiters.closed


def test_serving_puts_the_signal_back_and_takes_an_interruption_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, during = signal.getsignal(signal.SIGTERM), list[Any]()

    def run(_self: Any, sockets: Any = None) -> None:
        during.append(signal.getsignal(signal.SIGTERM))
        if during[0] is not before:
            during[0](signal.SIGTERM, None)
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "run", run)
    listener = socket.create_server(("127.0.0.1", 0))
    serve(plain, settings_of(tmp_path), Load.of(settings_of(tmp_path)), lambda: None, listener)
    assert signal.getsignal(signal.SIGTERM) is before
    assert during[0] is not before
    elsewhere = threading.Thread(target=serve, args=(plain, settings_of(tmp_path), Load.of(settings_of(tmp_path)), lambda: None))
    elsewhere.start()
    elsewhere.join(10)
    assert len(during) == 2
    listener.close()


@pytest.mark.timeout(60)
def test_a_process_that_is_told_to_end_finishes_what_is_under_way_and_ends_with_0(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.vault_api.served_child", str(tmp_path)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        told = json.loads(child.stdout.readline())
        port = told["port"]
        poll, post, idle = (HTTPConnection("127.0.0.1", port, timeout=20) for _ in range(3))
        idle.request("GET", "/healthz")
        assert idle.getresponse().read() == b"ok\n"
        poll.request("GET", "/v1/me/notices?wait=25", headers=told["poll"])
        headers = {"content-type": "application/json", **told["post"]}
        post.request("POST", "/v1/me/statements", body=told["body"], headers=headers)
        assert child.stdout.readline() == "begun\n"
        until(lambda: polls(port) == 1)

        child.send_signal(signal.SIGTERM)
        # (1) Nothing more is accepted.
        until(lambda: refused_connection(port))
        # (2) Who waits for a change is told what there is.
        waited = poll.getresponse()
        assert (waited.status, json.loads(waited.read())["rows"]) == (200, [])
        # (3) What is under way is finished, signed and answered.
        child.stdin.write("go on\n")
        child.stdin.flush()
        done: HTTPResponse = post.getresponse()
        assert done.status == 201, done.read()
        assert json.loads(done.read())["index"] == 2
        # (4) The process ends in peace.
        _, errors = child.communicate(timeout=20)
        assert child.returncode == 0, errors
        assert [json.loads(line)["event"] for line in errors.splitlines()] == ["stopping", "stopped"]
        for line in (poll, post, idle):
            line.close()
    finally:
        child.kill()
        child.communicate()
    with vault_stage(tmp_path) as stage:
        assert stage.vault.log.size == 3  # its tail was signed before it ended


def polls(port: int) -> int:
    asks = HTTPConnection("127.0.0.1", port, timeout=20)
    asks.request("GET", "/metrics", headers={"connection": "close"})
    text = asks.getresponse().read().decode()
    asks.close()
    return int(float(re.findall(r'^onefile_gate_within\{gate="poll"\} (\S+)', text, re.MULTILINE)[0]))


def refused_connection(port: int) -> bool:
    try:
        connected(port).close()
    except ConnectionRefusedError:
        return True
    return False
