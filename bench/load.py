"""Load over HTTP: prepared requests, each sent once, over connections that stay open."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvloop

ANSWER_S = 60


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: answers a second, and milliseconds from a request to the end of its answer."""

    rate: float
    p50_ms: float
    p99_ms: float


def post(url: str, path: str, body: bytes) -> bytes:
    """A request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def send_all(url: str, requests: Sequence[bytes], connections: int) -> Load:
    """Send every request, ``connections`` at a time; ``RuntimeError`` unless each is answered with 200."""
    return uvloop.run(_send_all(url, requests, connections))


async def _send_all(url: str, requests: Sequence[bytes], connections: int) -> Load:
    parts = urlsplit(url)
    streams = [await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20) for _ in range(connections)]
    waiting, took = iter(requests), list[float]()
    start = time.perf_counter()
    await asyncio.gather(*(_work(reader, writer, waiting, took) for reader, writer in streams))
    rate = len(requests) / (time.perf_counter() - start)
    for _, writer in streams:
        writer.close()
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return Load(rate, cuts[49] * 1e3, cuts[98] * 1e3)


async def _work(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, waiting: Iterator[bytes], took: list[float]
) -> None:
    for request in waiting:
        start = time.perf_counter()
        writer.write(request)
        await asyncio.wait_for(_answer(reader), ANSWER_S)
        took.append(time.perf_counter() - start)


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"refused: {head[:60]!r} {body[:500]!r}")
