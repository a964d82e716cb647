"""Readers' present keys in memory, by key card."""

from __future__ import annotations

from protocol.jose import PublicJwk

MAX_KEYS = 4096


class ReaderKeys:
    """Present keys by key card: a card never changes, so what was found once is found for ever."""

    def __init__(self) -> None:
        self._keys: dict[tuple[bytes, str], PublicJwk] = {}

    def get(self, card: bytes, issuer: str) -> PublicJwk | None:
        """The key of a card that was looked up before."""
        return self._keys.get((card, issuer))

    def put(self, card: bytes, issuer: str, key: PublicJwk) -> None:
        """Remember the key of a card."""
        if len(self._keys) >= MAX_KEYS:
            self._keys.pop(next(iter(self._keys)))
        self._keys[card, issuer] = key
