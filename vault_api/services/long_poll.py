"""Waiting for something to change, for a bounded time and without holding a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from protocol import wire
from vault_api.vault import Vault

LOOK_S = 1.0  # time alone changes a session too, so it is looked at again now and then
Seen = TypeVar("Seen")


async def poll(
    vault: Vault,
    session: bytes,
    wait_s: float,
    look: Callable[[], wire.Show],
    unchanged: str,
    gone: Callable[[], Awaitable[bool]],
) -> wire.Show:
    """What ``look`` sees as soon as the state is not ``unchanged``, or after ``wait_s`` seconds."""
    return await until(vault, session, wait_s, look, lambda show: show.state != unchanged, gone)


async def until(
    vault: Vault,
    name: bytes,
    wait_s: float,
    look: Callable[[], Seen],
    enough: Callable[[Seen], bool],
    gone: Callable[[], Awaitable[bool]],
) -> Seen:
    """What ``look`` sees as soon as it is ``enough``, or after ``wait_s`` seconds; ``name`` is what wakes it.

    A process that is told to end does not let anybody wait longer: whoever asks again finds another one, or the next.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + wait_s
    with vault.waiters.listening(name) as changed:
        while True:
            changed.clear()
            seen = await asyncio.to_thread(look)
            left = ends - loop.time()
            if enough(seen) or left <= 0 or vault.waiters.closed or await gone():
                return seen
            try:
                await asyncio.wait_for(changed.wait(), min(left, LOOK_S))
            except TimeoutError:
                continue
