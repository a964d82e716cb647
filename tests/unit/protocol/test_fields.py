"""Strict reading of JSON objects: each refusal names the field."""

from __future__ import annotations

import pytest

from protocol.encoding import b64u
from protocol.errors import Malformed
from protocol.fields import MAX_TIME, Fields


def refusal(value: object, read: str, *args: object, **kwargs: object) -> Malformed:
    fields = Fields(value, "thing")
    with pytest.raises(Malformed) as caught:
        list(getattr(fields, read)(*args, **kwargs))
    return caught.value


def test_every_kind_of_field_reads() -> None:
    fields = Fields(
        {
            "t": "text",
            "ts": ["a", "b"],
            "n": 5,
            "at": MAX_TIME,
            "b": True,
            "h": b64u(bytes(32)),
            "hs": [b64u(bytes(32))],
            "s": b64u(bytes(4)),
            "l": [1],
            "o": {"x": 1},
            "os": [{"x": 1}, {"x": 2}],
            "raw": None,
            "null": None,
        },
        "thing",
    )
    assert fields.text("t", pattern="[a-z]+") == "text"
    assert fields.texts("ts", most=2) == ("a", "b")
    assert fields.uint("n") == 5
    assert fields.time("at") == MAX_TIME
    assert fields.boolean("b") is True
    assert fields.bytes32("h") == bytes(32)
    assert fields.bytes32s("hs", most=1) == (bytes(32),)
    assert fields.octets("s", 4) == bytes(4)
    assert fields.array("l", most=1) == [1]
    inner = fields.object("o")
    assert inner.uint("x") == 1
    inner.done()
    assert [f.uint("x") for f in fields.objects("os", most=2)] == [1, 2]
    assert fields.is_null("null")
    assert not fields.is_null("null")
    assert fields.has("raw")
    assert fields.take("raw") is None
    assert not fields.has("raw")
    fields.done()


@pytest.mark.parametrize(
    ("value", "read", "args", "kwargs", "code"),
    [
        ({}, "take", ("x",), {}, "field_missing"),
        ({"x": 1}, "text", ("x",), {}, "field_type"),
        ({"x": ""}, "text", ("x",), {}, "field_length"),
        ({"x": "ab"}, "text", ("x",), {"limit": 1}, "field_length"),
        ({"x": "ab"}, "text", ("x",), {"pattern": "a"}, "field_form"),
        ({"x": "ab"}, "texts", ("x",), {"most": 1}, "field_type"),
        ({"x": ["a", "a"]}, "texts", ("x",), {"most": 2}, "field_duplicate"),
        ({"x": [1]}, "texts", ("x",), {"most": 2}, "field_type"),
        ({"x": []}, "array", ("x",), {"most": 2, "least": 1}, "field_count"),
        ({"x": [1, 2]}, "array", ("x",), {"most": 1}, "field_count"),
        ({"x": True}, "uint", ("x",), {}, "field_type"),
        ({"x": "1"}, "uint", ("x",), {}, "field_type"),
        ({"x": -1}, "uint", ("x",), {}, "field_range"),
        ({"x": 9}, "uint", ("x",), {"most": 8}, "field_range"),
        ({"x": MAX_TIME + 1}, "time", ("x",), {}, "field_range"),
        ({"x": 1}, "boolean", ("x",), {}, "field_type"),
        ({"x": "AA"}, "bytes32", ("x",), {}, "length"),
        ({"x": [b64u(bytes(32))] * 2}, "bytes32s", ("x",), {"most": 2}, "field_duplicate"),
        ({"x": []}, "object", ("x",), {}, "field_type"),
        ({"x": [1]}, "objects", ("x",), {"most": 1}, "field_type"),
        ({"x": 1}, "done", (), {}, "field_unknown"),
    ],
)
def test_a_field_of_another_form_is_malformed(
    value: object, read: str, args: tuple[object, ...], kwargs: dict[str, object], code: str
) -> None:
    error = refusal(value, read, *args, **kwargs)
    assert error.code == code
    assert "thing.x" in str(error)


@pytest.mark.parametrize("value", [None, 1, "x", []])
def test_what_is_no_object_is_refused_at_once(value: object) -> None:
    with pytest.raises(Malformed, match="thing: expected object"):
        Fields(value, "thing")
