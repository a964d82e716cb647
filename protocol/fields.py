"""Strict reading of one JSON object: every member is asked for once, and an unknown one is refused.

Not a schema language: a parser calls one method for each field and ``done`` at the end, and the code
reads as the format's own list of fields. Every refusal is ``Malformed`` and names the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from protocol.canonical import Json
from protocol.encoding import unb64u
from protocol.errors import Malformed

MAX_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z: a time beyond it is a unit mistake, not a time


class Fields:
    """The members of one JSON object, each of which must be read before ``done``."""

    def __init__(self, value: Json, what: str) -> None:
        if not isinstance(value, dict):
            raise Malformed("field_type", "{field}: expected {want}", field=what, want="object")
        self._left = dict(value)
        self.what = what

    def has(self, name: str) -> bool:
        """Whether an optional member is there (and not read yet)."""
        return name in self._left

    def names(self) -> tuple[str, ...]:
        """The members that were not read yet, for an object whose keys are data."""
        return tuple(self._left)

    def is_null(self, name: str) -> bool:
        """Whether a member is there and null; if so, it counts as read."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return True
        return False

    def take(self, name: str) -> Json:
        """The member as it stands; prefer the typed readers below."""
        if name not in self._left:
            raise Malformed("field_missing", "{field}: missing", field=f"{self.what}.{name}")
        return self._left.pop(name)

    def text(self, name: str, *, limit: int = 256, least: int = 1, pattern: str | None = None) -> str:
        """A string of ``least`` to ``limit`` characters that matches ``pattern`` as a whole."""
        value = self.take(name)
        return text_of(value, f"{self.what}.{name}", limit=limit, least=least, pattern=pattern)

    def texts(
        self, name: str, *, most: int, least: int = 0, limit: int = 256, pattern: str | None = None
    ) -> tuple[str, ...]:
        """A list of distinct strings."""
        where = f"{self.what}.{name}"
        found = tuple(text_of(v, where, limit=limit, pattern=pattern) for v in self.array(name, most=most, least=least))
        if len(set(found)) != len(found):
            raise Malformed("field_duplicate", "{field}: an entry stands twice", field=where)
        return found

    def uint(self, name: str, *, most: int = 2**53 - 1, least: int = 0) -> int:
        """An integer from ``least`` to ``most``; a boolean is not one."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._type(name, "integer")
        if not least <= value <= most:
            raise Malformed(
                "field_range",
                "{field}: expected {least} to {most}, got {got}",
                field=f"{self.what}.{name}",
                least=least,
                most=most,
                got=value,
            )
        return value

    def time(self, name: str) -> int:
        """Seconds since 1970, UTC."""
        return self.uint(name, most=MAX_TIME)

    def boolean(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            raise self._type(name, "true or false")
        return value

    def bytes32(self, name: str) -> bytes:
        """32 bytes as unpadded base64url."""
        return self.octets(name, 32)

    def octets(self, name: str, length: int) -> bytes:
        """Exactly ``length`` bytes as unpadded base64url."""
        return unb64u(self.take(name), length=length, what=f"{self.what}.{name}")

    def bytes32s(self, name: str, *, most: int, least: int = 0) -> tuple[bytes, ...]:
        """A list of distinct 32-byte values."""
        where = f"{self.what}.{name}"
        found = tuple(unb64u(v, length=32, what=where) for v in self.array(name, most=most, least=least))
        if len(set(found)) != len(found):
            raise Malformed("field_duplicate", "{field}: an entry stands twice", field=where)
        return found

    def array(self, name: str, *, most: int, least: int = 0) -> list[Json]:
        value = self.take(name)
        if not isinstance(value, list):
            raise self._type(name, "list")
        if not least <= len(value) <= most:
            raise Malformed(
                "field_count",
                "{field}: expected {least} to {most} entries, got {got}",
                field=f"{self.what}.{name}",
                least=least,
                most=most,
                got=len(value),
            )
        return value

    def object(self, name: str) -> Fields:
        """A nested object, to be read and closed with its own ``done``."""
        return Fields(self.take(name), f"{self.what}.{name}")

    def objects(self, name: str, *, most: int, least: int = 0) -> Iterator[Fields]:
        """A list of nested objects."""
        for i, value in enumerate(self.array(name, most=most, least=least)):
            yield Fields(value, f"{self.what}.{name}[{i}]")

    def done(self) -> None:
        """Refuse what nobody asked for: an unknown member is a newer format or a smuggled claim."""
        for name in self._left:
            raise Malformed("field_unknown", "{field}: unknown member", field=f"{self.what}.{name}"[:200])

    def _type(self, name: str, want: str) -> Malformed:
        return Malformed("field_type", "{field}: expected {want}", field=f"{self.what}.{name}", want=want)


def text_of(value: Json, where: str, *, limit: int = 256, least: int = 1, pattern: str | None = None) -> str:
    """``value`` if it is a string of this length and form, else ``Malformed`` naming ``where``."""
    if not isinstance(value, str):
        raise Malformed("field_type", "{field}: expected {want}", field=where, want="string")
    if not least <= len(value) <= limit:
        raise Malformed(
            "field_length",
            "{field}: expected {least} to {most} characters, got {got}",
            field=where,
            least=least,
            most=limit,
            got=len(value),
        )
    if pattern is not None and not re.fullmatch(pattern, value):
        raise Malformed("field_form", "{field}: not of the expected form", field=where)
    return value
