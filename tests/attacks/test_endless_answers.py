"""Answers without end, from the vault to our programs: bounded in bytes, in memory and in time, on every kind of route."""

from __future__ import annotations

import gzip
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx2
import pytest

from client.api import VaultApi
from client.http import Call, Http
from client.http_answer import MIN_PACE
from client.store import Store
from protocol import wire
from protocol.errors import Malformed, OneFileError, Unavailable
from tests.attacks.liar import Body
from tests.unit.client.support import HandClock

MB = 1 << 20
TIMEOUT_S = 30.0


class Stopwatch:
    """Time that only passes while a server drips."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Server(httpx2.BaseTransport):
    """Gives the same answer always; counts the parts of bodies that were taken from it."""

    def __init__(self, parts: Callable[[], Iterator[bytes]], status: int = 200, **headers: str) -> None:
        self.parts, self.status = parts, status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.taken = 0
        self.requests: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self.status, headers=self.headers, stream=Body(self._counted()))

    def _counted(self) -> Iterator[bytes]:
        for part in self.parts():
            self.taken += 1
            yield part


def api(server: Server, watch: Stopwatch | None = None) -> VaultApi:
    clock = HandClock()
    http = Http(
        "http://vault.test", clock=clock, transport=server, tries=1, timeout_s=TIMEOUT_S, timer=watch or Stopwatch()
    )
    return VaultApi(http)


@contextmanager
def memory(most: int) -> Iterator[None]:
    """What happens inside takes at most so many bytes more than was there."""
    tracemalloc.start()
    try:
        yield
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak >> 20} MB"


def payload(api: VaultApi, target: BinaryIO, size: int = 1000) -> object:
    return api.payload(bytes(32), size, target)


ASKED: dict[str, tuple[Callable[[VaultApi], object], int]] = {
    "a model": (lambda vault: vault.info(), 64 * MB),
    "a page": (lambda vault: vault.log(), 64 * MB),
    "bytes": (lambda vault: vault.checkpoint(), 1 * MB),
    "a proof": (lambda vault: vault.proof(1), 1 * MB),
    "a tile": (lambda vault: vault.tile("tile/0/000"), 1 * MB),
    "a status list": (lambda vault: vault.status_list(bytes(20), 0), 1 * MB),
}


@pytest.mark.parametrize(("ask", "limit"), ASKED.values(), ids=ASKED)
def test_a_body_without_end_is_cut_off_at_its_bound(ask: Callable[[VaultApi], object], limit: int) -> None:
    server = Server(lambda: iter(lambda: b" " * (MB // 4), None))
    with memory(2 * limit + 8 * MB), pytest.raises(Malformed) as caught:
        ask(api(server))
    assert caught.value.code == "vault_answer_too_large"
    assert server.taken * (MB // 4) <= limit + MB


def test_a_problem_without_end_is_cut_off_long_before(tmp_path: Path) -> None:
    server = Server(lambda: iter(lambda: b"x" * 4096, None), status=500)
    with memory(4 * MB), pytest.raises(Malformed) as caught:
        api(server).info()
    assert caught.value.code == "vault_answer_too_large"
    with (tmp_path / "p").open("w+b") as target, pytest.raises(Malformed):
        payload(api(server), target)


@pytest.mark.parametrize(("ask", "limit"), ASKED.values(), ids=ASKED)
def test_a_body_that_drips_is_given_up(ask: Callable[[VaultApi], object], limit: int) -> None:
    watch = Stopwatch()

    def drip() -> Iterator[bytes]:
        while True:
            watch.now += TIMEOUT_S - 1  # each byte comes before the timeout of one read
            yield b"x"

    server = Server(drip)
    with pytest.raises(Unavailable) as caught:
        ask(api(server, watch))
    assert caught.value.code == "vault_unreachable"
    assert server.taken <= 3
    assert limit > 0


def test_a_slow_line_that_keeps_the_pace_is_not_given_up(tmp_path: Path) -> None:
    watch, whole = Stopwatch(), b"x" * (MIN_PACE * 600)

    def slowly() -> Iterator[bytes]:
        for i in range(0, len(whole), MIN_PACE):
            watch.now += 1.0
            yield whole[i : i + MIN_PACE]

    with (tmp_path / "p").open("w+b") as target:
        from protocol.hashing import sha256

        call = Call("GET", "/v1/me/payloads/x")
        server = Server(slowly)
        http = Http("http://vault.test", clock=HandClock(), transport=server, tries=1, timer=watch)
        assert http.download(call, target, sha256(whole), limit=len(whole)) == len(whole)
    assert watch.now == 600


def test_a_dripping_download_is_given_up(tmp_path: Path) -> None:
    watch = Stopwatch()

    def drip() -> Iterator[bytes]:
        while True:
            watch.now += TIMEOUT_S - 1
            yield b"x"

    with (tmp_path / "p").open("w+b") as target, pytest.raises(Unavailable):
        payload(api(Server(drip), watch), target)
    assert watch.now < 5 * TIMEOUT_S


def test_a_download_beyond_what_its_slip_says_ends_there_and_is_gone(tmp_path: Path) -> None:
    server, store = Server(lambda: iter(lambda: b"x" * 4096, None)), Store(tmp_path)
    with pytest.raises(Malformed) as caught, store.new_payload(bytes(32)) as target:
        payload(api(server), target, size=100_000)
    assert caught.value.code == "vault_answer_too_large"
    assert server.taken < 30
    assert list((tmp_path / "objects").iterdir()) == []


PACKED = {
    "gzip": gzip.compress(bytes(256 * MB), 9),
    "deflate": zlib.compress(bytes(64 * MB), 9),
    "br": b"\x1b" * 1000,
    "zstd": bytes.fromhex("28b52ffd") + bytes(1000),
    "gzip, gzip": gzip.compress(gzip.compress(bytes(64 * MB), 9), 9),
    "identity, gzip": gzip.compress(bytes(MB), 9),
}


@pytest.mark.parametrize("packing", PACKED)
def test_a_packed_bomb_is_refused_before_it_is_opened(packing: str) -> None:
    server = Server(lambda: iter([PACKED[packing]]), content_encoding=packing)
    with memory(4 * MB), pytest.raises(Malformed) as caught:
        api(server).info()
    assert caught.value.code == "vault_answer_packed"
    with memory(4 * MB), tempfile.TemporaryFile() as target, pytest.raises(Malformed) as caught:
        payload(api(server), target)
    assert caught.value.code == "vault_answer_packed"


def test_every_request_says_that_it_wants_nothing_packed() -> None:
    server = Server(lambda: iter([b"{}"]))
    for ask, _limit in ASKED.values():
        try:
            ask(api(server))
        except OneFileError:
            continue
    assert {request.headers["accept-encoding"] for request in server.requests} == {"identity"}


def test_no_cookie_ties_one_request_to_the_next() -> None:
    server = Server(lambda: iter([b"{}"]), set_cookie="who=you; Path=/; Max-Age=99999999")
    vault = api(server)
    for _ in range(3):
        with pytest.raises(OneFileError):
            vault.info()
    assert [request.headers.get("cookie") for request in server.requests] == [None] * 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["http://elsewhere.test/", "//elsewhere.test/", "file:///etc/passwd", "/v1/info"])
def test_no_redirect_is_followed_not_even_to_the_same_host(status: int, where: str) -> None:
    server = Server(lambda: iter([b""]), status=status, location=where)
    with pytest.raises(Malformed) as caught:
        api(server).state(wire.Statement(statement="a.b.c"))
    assert caught.value.code == "vault_garbage"
    assert [request.url.host for request in server.requests] == ["vault.test"]
