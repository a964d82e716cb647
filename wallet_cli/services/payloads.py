"""Sealed bytes: from the vault into the store, once; named by their digest, which is checked on the way."""

from __future__ import annotations

from collections.abc import Callable

from client.session import Session

Step = Callable[[int], None]


def fetch_payload(session: Session, digest: bytes, size: int, *, anew: bool = False, step: Step | None = None) -> None:
    """Have a payload of ``size`` bytes in the store; ``anew`` fetches it even if it is there, so that the vault's copy
    is checked."""
    store = session.store
    if store.payload_path(digest).exists() and not anew:
        return
    with store.new_payload(digest) as target:
        session.api.payload(digest, size, target, step)
