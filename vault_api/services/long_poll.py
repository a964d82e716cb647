"""Waiting for a change of a show session, for a bounded time and without holding a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from protocol import wire
from vault_api.vault import Vault

LOOK_S = 1.0  # time alone changes a session too, so it is looked at again now and then


async def poll(
    vault: Vault,
    session: bytes,
    wait_s: float,
    look: Callable[[], wire.Show],
    unchanged: str,
    gone: Callable[[], Awaitable[bool]],
) -> wire.Show:
    """What ``look`` sees as soon as the state is not ``unchanged``, or after ``wait_s`` seconds."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + wait_s
    with vault.waiters.listening(session) as changed:
        while True:
            changed.clear()
            show = await asyncio.to_thread(look)
            left = ends - loop.time()
            if show.state != unchanged or left <= 0 or await gone():
                return show
            try:
                await asyncio.wait_for(changed.wait(), min(left, LOOK_S))
            except TimeoutError:
                continue
