"""Canonical JSON (RFC 8785, JCS) without floating point, and a strict, bounded reader.

Our structures hold strings, integers within ±(2^53−1), booleans, null, lists and objects. Floats are
refused in both directions, so that the number formatting of RFC 8785 §3.2.2.3 never matters.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

from protocol.errors import Malformed

MAX_JSON_BYTES = 4 << 20
MAX_JSON_DEPTH = 24
# How many values a document may hold: what it costs to read is their number, not its bytes. Counted by the commas and
# the opening brackets, those inside of strings too, since counting is a thousand times cheaper than reading; of our
# structures the largest, a key ring's or a grant's or a parcel's, has 13,000.
MAX_JSON_PARTS = 20_000
_MAX_INT = 2**53 - 1
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # possessive: linear in any text, also unclosed
_BRACKET = re.compile(r"[\[\]{}]")
_PART_MARKS = (b",", b"[", b"{")

Json = Any  # dict | list | str | int | bool | None, checked by `loads` and `dumps`


def dumps(value: Json) -> bytes:
    """The one JCS serialisation of ``value``; ``Malformed`` if it holds anything we do not use."""
    plain = _check(value, MAX_JSON_DEPTH)
    return (_SORTING.encode(value) if plain else _KEEPING.encode(_sorted(value))).encode("utf-8")


def loads(raw: bytes | str, *, limit: int = MAX_JSON_BYTES, parts: int = MAX_JSON_PARTS, what: str = "JSON") -> Json:
    """Parse bounded JSON: no duplicate keys, no floats, no lone surrogates, limited depth and number of values."""
    if len(raw) > limit:
        raise Malformed("too_large", "{what}: at most {limit} bytes, got {got}", what=what, limit=limit, got=len(raw))
    try:
        text = bound(raw, parts=parts, what=what)
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Malformed("json", "{what}: not valid JSON of the form that we use", what=what) from None
    # Depth, keys, numbers and floats are looked at above; a lone surrogate comes from an escape, or from a text.
    if "\\u" in text or (isinstance(raw, str) and not raw.isascii()):
        _check(value, MAX_JSON_DEPTH)
    return value


def too_many(raw: bytes | str, parts: int) -> bool:
    """Whether JSON in this text could hold more than ``parts`` values; counts and reads nothing."""
    if len(raw) <= parts:
        return False
    text = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    # A value that is no string stands behind a mark, and so do the two strings of a member, each with two quotes.
    return sum(map(text.count, _PART_MARKS)) > parts or text.count(b'"') > 4 * (parts + 1)


def bound(raw: bytes | str, *, parts: int = MAX_JSON_PARTS, depth: int = MAX_JSON_DEPTH, what: str = "JSON") -> str:
    """The text, if it is not dear to read as JSON; takes a time that only its length bounds.

    Raises ``Malformed``, or ``UnicodeDecodeError`` for bytes that are no UTF-8.
    """
    if too_many(raw, parts):
        raise Malformed("json_parts", "{what}: more than {limit} values", what=what, limit=parts)
    text = raw if isinstance(raw, str) else raw.decode("utf-8")
    if _deeper(text, depth):
        raise Malformed("json_depth", "{what}: nested deeper than {limit}", what=what, limit=depth)
    return text


def loads_object(
    raw: bytes | str, *, limit: int = MAX_JSON_BYTES, parts: int = MAX_JSON_PARTS, what: str = "JSON"
) -> dict[str, Json]:
    """As ``loads``, for a top-level object."""
    value = loads(raw, limit=limit, parts=parts, what=what)
    if not isinstance(value, dict):
        raise Malformed("json_object", "{what}: expected a JSON object", what=what)
    return value


def loads_canonical(raw: bytes, *, limit: int = MAX_JSON_BYTES, what: str = "JSON") -> dict[str, Json]:
    """As ``loads_object``, and the bytes must be the JCS form of what they say."""
    value = loads_object(raw, limit=limit, what=what)
    if dumps(value) != raw:
        raise Malformed("not_canonical", "{what}: expected canonical JSON (RFC 8785)", what=what)
    return value


def _deeper(text: str, depth: int) -> bool:
    if text.count("[") + text.count("{") <= depth:
        return False
    # An upper bound that also counts brackets inside strings would refuse honest text, so strings
    # are left out; it runs before the parser so that depth is never spent on the C stack.
    steps = (1 if bracket in "[{" else -1 for bracket in _BRACKET.findall(_STRING.sub("", text)))
    return max(accumulate(steps), default=0) > depth


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def _no_float(text: str) -> Json:
    raise ValueError(text)


def _integer(text: str) -> int:
    value = int(text)
    _check_single(value)
    return value


def _check(value: Json, depth: int) -> bool:
    """Whether all keys are ASCII, so that any order of characters is the order of RFC 8785."""
    if not isinstance(value, dict | list | tuple):
        _check_single(value)
        return True
    if not depth:
        raise Malformed("json_depth", "JSON is nested deeper than {limit}", limit=MAX_JSON_DEPTH)
    plain = _check_keys(value) if isinstance(value, dict) else True
    for item in value.values() if isinstance(value, dict) else value:
        if not isinstance(item, dict | list | tuple):
            _check_single(item)
        elif not _check(item, depth - 1):
            plain = False
    return plain


def _check_keys(value: dict[Any, Json]) -> bool:
    plain = True
    for key in value:
        if not isinstance(key, str):
            raise Malformed("json_key", "an object key is not a string")
        if not key.isascii():
            _check_text(key)
            plain = False
    return plain


def _check_single(value: Json) -> None:
    if isinstance(value, str):
        if not value.isascii():
            _check_text(value)
    elif value is not None and not isinstance(value, int):  # a boolean is an int to Python
        raise Malformed("json_type", "a value of type {type} has no canonical form", type=type(value).__name__)
    elif value is not None and not -_MAX_INT <= value <= _MAX_INT:
        raise Malformed("json_integer", "an integer is outside ±(2^53-1)")


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("json_text", "a string holds a lone surrogate") from None


def _sorted(value: Json) -> Json:
    if isinstance(value, dict):
        return {k: _sorted(value[k]) for k in sorted(value, key=_utf16)}
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_int=_integer, parse_float=_no_float, parse_constant=_no_float
)
# What they are given was looked at: it holds no cycle, no float, and no key that is no string.
_KEEPING = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
_SORTING = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, sort_keys=True)
