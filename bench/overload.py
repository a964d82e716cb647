"""Ten times what the vault can do, for some seconds: ``make overload``. Writes nothing.

A real process with its own chain, and a mix of cheap and dear requests: anybody's small reads, signed reads that cost a
signature, the database and a thread, and releases that wait for the log. First as much as some connections ask for that
wait for each answer: that is what the vault can do, and how long it takes. Then ten times as many requests a second,
sent when their time has come and not when the last one was answered, as crowds do. Of what is accepted then, 99 of 100
answers shall take no longer than five times those of before; everything else shall be refused early; and memory shall
stay below 1 GB. Rates by address and caller are off: here one address asks for a crowd.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench.local_chain import local_chain
from bench.parties import Town
from bench.rows.release import Desk
from bench.vaults import vault_process
from client.http import sign_headers

AT_EASE = 8  # connections that wait for each answer
TIMES = 10
LINES = 300  # connections of the crowd
RELEASES = 1_500  # then the same receipts again, which are answered again
MOST_S = 20.0
GOAL_RATIO, GOAL_BYTES = 5.0, 1 << 30
Asked = Iterator[tuple[str, bytes]]  # kinds and requests
MIX = (("info", 3), ("signed", 5), ("release", 2))


@dataclass(slots=True)
class Answers:
    """What came of one phase: milliseconds of accepted answers and of refusals, and how many of each status."""

    seconds: float = 0.0
    accepted: list[float] = field(default_factory=list)
    by_kind: dict[str, list[float]] = field(default_factory=dict)
    refused: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lags: list[float] = field(default_factory=list)  # how much too late our own loop woke up
    unsent: int = 0  # no connection of ours was free: they would have come later than they were due

    def note(self, kind: str, status: int, ms: float) -> None:
        self.statuses[status] += 1
        (self.accepted if status < 400 else self.refused).append(ms)
        if status < 400:
            self.by_kind.setdefault(kind, []).append(ms)

    @property
    def count(self) -> int:
        return len(self.accepted) + len(self.refused)


class Line(asyncio.Protocol):
    """One connection that stays open: a request, its answer, the next."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._answer: asyncio.Future[int] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = bytes(self._got).partition(b"\r\n\r\n")
        if not found or self._answer is None:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._got.clear()
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, _error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the vault closed a connection"))

    async def ask(self, request: bytes) -> int:
        self._answer = asyncio.get_running_loop().create_future()
        assert self.transport is not None
        self.transport.write(request)
        return await self._answer


class Mix:
    """Requests in a mix that is drawn once, each kind from its own store."""

    def __init__(self, desk: Desk, url: str) -> None:
        self._desk, self._url = desk, url
        self._host = urlsplit(url).netloc
        self._releases = itertools.cycle(desk.requests(url, RELEASES))
        self._kinds = random.Random(1).choices([k for k, _ in MIX], [w for _, w in MIX], k=10_000)
        self._signed: Iterator[bytes] = iter(())

    def sign(self) -> None:
        """Signed reads are good for a minute; reads may be sent again, so that the crowd costs no signatures here."""
        self._signed = itertools.cycle([self._read(holder) for holder in self._desk.holders for _ in range(4)])

    def requests(self) -> Iterator[tuple[str, bytes]]:
        info = f"GET /v1/info HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode()
        for kind in itertools.cycle(self._kinds):
            yield kind, info if kind == "info" else next(self._signed if kind == "signed" else self._releases)

    def _read(self, holder: object) -> bytes:
        path = "/v1/me/items"
        headers = sign_headers("GET", self._url + path, {}, holder.present, int(time.time()))  # type: ignore[attr-defined]  # a Party
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n{lines}\r\n".encode()


async def lines_to(url: str, count: int) -> list[Line]:
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    host, port = parts.hostname or "", parts.port or 0
    return [(await loop.create_connection(Line, host, port))[1] for _ in range(count)]


async def at_ease(url: str, requests: Asked, seconds: float) -> Answers:
    """As fast as answers come, over a few connections."""
    found, began = Answers(), time.perf_counter()

    async def one(line: Line) -> None:
        while time.perf_counter() - began < seconds:
            kind, request = next(requests)
            sent = time.perf_counter()
            status = await line.ask(request)
            found.note(kind, status, (time.perf_counter() - sent) * 1e3)

    await asyncio.gather(*(one(line) for line in await lines_to(url, AT_EASE)))
    found.seconds = time.perf_counter() - began
    return found


async def crowd(url: str, requests: Asked, rate: float, seconds: float) -> Answers:
    """``rate`` requests a second, whether or not those before were answered."""
    found, free = Answers(), await lines_to(url, LINES)
    asking: set[asyncio.Task[None]] = set()

    async def one(line: Line) -> None:
        kind, request = next(requests)
        asked = time.perf_counter()
        status = await line.ask(request)
        found.note(kind, status, (time.perf_counter() - asked) * 1e3)
        free.append(line)

    began, sent = time.perf_counter(), 0
    while (now := time.perf_counter()) - began < seconds:
        while sent < (now - began) * rate:
            sent += 1
            if not free:
                found.unsent += 1
                continue
            task = asyncio.ensure_future(one(free.pop()))
            asking.add(task)
            task.add_done_callback(asking.discard)
        slept = time.perf_counter()
        await asyncio.sleep(0.001)
        found.lags.append((time.perf_counter() - slept) * 1e3 - 1)
    await asyncio.wait_for(asyncio.gather(*asking), MOST_S)
    found.seconds = time.perf_counter() - began
    return found


def percentile(values: Sequence[float], number: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[number - 1] if len(values) > 1 else 0.0


def peak_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def told(name: str, found: Answers) -> str:
    share = 100 * len(found.refused) / max(1, found.count)
    text = f"{name}: {found.count / found.seconds:,.0f} answers a second"
    text += f", {len(found.accepted) / found.seconds:,.0f} accepted"
    text += f"; accepted p50 {percentile(found.accepted, 50):.1f} ms, p99 {percentile(found.accepted, 99):.1f} ms"
    text += f"; refused {share:.0f} %, p99 of a refusal {percentile(found.refused, 99):.1f} ms"
    kinds = (f"{kind} {percentile(ms, 50):.0f}/{percentile(ms, 99):.0f}" for kind, ms in sorted(found.by_kind.items()))
    text += f"; p50/p99 by kind: {', '.join(kinds)}"
    return f"{text}; statuses {dict(sorted(found.statuses.items()))}"


def run(seconds: float) -> int:
    with local_chain() as chain, vault_process(chain) as (settings, child):
        url = settings.public_origin
        mix = Mix(Desk(Town.of(chain, url)), url)
        mix.sign()
        uvloop.run(at_ease(url, mix.requests(), 1.0))
        base = uvloop.run(at_ease(url, mix.requests(), seconds / 2))
        rate = TIMES * base.count / base.seconds
        print(told(f"at ease ({AT_EASE} connections)", base))
        mix.sign()
        many = uvloop.run(crowd(url, mix.requests(), rate, seconds))
        print(told(f"crowd ({rate:,.0f} requests a second asked for)", many))
        peak = peak_bytes(child.process.pid)
        mix.sign()
        after = uvloop.run(at_ease(url, mix.requests(), 2.0))
        print(told("at ease again", after))
    ratio = percentile(many.accepted, 99) / percentile(base.accepted, 99)
    print(
        f"never sent, as no connection was free: {many.unsent}; "
        f"our own lateness p99: {percentile(many.lags, 99):.0f} ms"
    )
    print(f"p99 in the crowd over p99 at ease: {ratio:.2f} (at most {GOAL_RATIO:.0f}); peak memory {peak >> 20} MB")
    return 0 if ratio <= GOAL_RATIO and peak < GOAL_BYTES and set(many.statuses) <= {200, 429, 503} else 1


def main() -> None:
    parser = argparse.ArgumentParser(description="Ten times what the vault can do, for some seconds.")
    parser.add_argument("--seconds", type=float, default=10.0)
    sys.exit(run(min(parser.parse_args().seconds, MOST_S)))


if __name__ == "__main__":
    main()
