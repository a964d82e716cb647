"""JSON that a person has written: the reader of our own structures, and where a slip stands if there is one."""

from __future__ import annotations

import json

from protocol import canonical
from protocol.canonical import Json
from protocol.errors import Malformed


def loads_written(raw: bytes, *, limit: int, what: str) -> dict[str, Json]:
    """The object, by the rules of ``canonical.loads_object``; ``Malformed`` names line and column of a slip.

    A text that would be dear to read is refused before it is looked at more closely.
    """
    try:
        return canonical.loads_object(raw, limit=limit, what=what)
    except Malformed as error:
        if error.code == "json":
            _point_out(raw, what)
        raise


def _point_out(raw: bytes, what: str) -> None:
    try:
        json.loads(canonical.bound(raw, what=what))
    except json.JSONDecodeError as slip:
        raise Malformed(
            "json",
            "{what}: not valid JSON at line {line}, column {column}",
            what=what,
            line=slip.lineno,
            column=slip.colno,
        ) from None
    except UnicodeDecodeError:
        raise Malformed("json", "{what}: expected text in UTF-8", what=what) from None
    except (ValueError, RecursionError):
        pass  # a number of more digits than Python reads: as one with a fraction, it is none of ours
    raise Malformed(
        "json", "{what}: a number with a fraction or too many digits, or a member that stands twice", what=what
    )
