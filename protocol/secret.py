"""Bytes that must not leak: masked in every print, refused by pickle, compared in constant time.

This is a belt, not a vault: Python copies bytes freely and cannot wipe them. It keeps secrets out of
logs, tracebacks and caches, and makes each place that takes the bytes out easy to find.
"""

from __future__ import annotations

import secrets
from typing import ClassVar, NoReturn, Self

from protocol.errors import Malformed
from protocol.hashing import same


class Secret:
    """Secret bytes of a fixed length; a subclass names the length and what they are."""

    __slots__ = ("_value",)
    LENGTH: ClassVar[int] = 32

    def __init__(self, value: bytes) -> None:
        if len(value) != self.LENGTH:
            raise Malformed(
                "secret_length",
                "{what}: expected {want} bytes, got {got}",
                what=type(self).__name__,
                want=self.LENGTH,
                got=len(value),
            )
        self._value = bytes(value)

    @classmethod
    def random(cls) -> Self:
        """A fresh one from the operating system's generator."""
        return cls(secrets.token_bytes(cls.LENGTH))

    @property
    def unsafe_bytes(self) -> bytes:
        """The bytes themselves: for a cipher, a MAC or a key store, never for a message or a log."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and same(self._value, other._value)

    # A hash of a secret in a dictionary would outlive it and would not compare in constant time.
    __hash__ = None  # type: ignore[assignment]  # the documented way to make a type unhashable

    def __repr__(self) -> str:
        return f"{type(self).__name__}(****)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is secret: it is not pickled or copied")
