"""Takes connections on one port of this machine and hands them on to several, in turn: for trying things out.

A port that does not answer is passed over. In the field a proxy with TLS does this.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from itertools import count

CHUNK = 64 << 10


class Balancer:
    """Ports that are asked in turn."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._turn = count()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either end has closed it."""
        there = await self._open()
        if there is None:
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, there[1]), _pass_on(there[0], writer))

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self._ports:
            port = self._ports[next(self._turn) % len(self._ports)]
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()


async def balance(port: int, ports: list[int]) -> None:
    """Serve on ``port`` for ever."""
    server = await asyncio.start_server(Balancer(ports), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("ports", type=int, nargs="+")
    chosen = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(balance(chosen.port, chosen.ports))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
