"""Canonical JSON: one spelling out, a strict and bounded reader in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.canonical import (
    MAX_JSON_DEPTH,
    MAX_JSON_PARTS,
    bound,
    dumps,
    loads,
    loads_canonical,
    loads_object,
    too_many,
)
from protocol.errors import Malformed

LARGEST = 2**53 - 1
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def code_of(raw: bytes | str, **options: int) -> str:
    with pytest.raises(Malformed) as caught:
        loads(raw, **options)
    return caught.value.code


@given(VALUES)
def test_what_is_written_reads_back_and_is_written_the_same(value: object) -> None:
    assert loads(dumps(value)) == value
    assert dumps(loads(dumps(value))) == dumps(value)


def test_keys_sort_by_utf16_units_as_rfc_8785_says() -> None:
    # U+1F600 is a surrogate pair (D83D…) and sorts before U+FB33, though its code point is larger.
    assert dumps({"\ufb33": 1, "\U0001f600": 2, "a": 3}) == '{"a":3,"\U0001f600":2,"\ufb33":1}'.encode()


def test_a_tuple_is_written_as_a_list() -> None:
    assert dumps({"a": (1, "x", None, True)}) == b'{"a":[1,"x",null,true]}'


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1.5, "json_type"),
        ({"a": b"bytes"}, "json_type"),
        (LARGEST + 1, "json_integer"),
        ([-LARGEST - 1], "json_integer"),
        ({1: "x"}, "json_key"),
        ({"a": "\ud800"}, "json_text"),
        ({"\ud800": 1}, "json_text"),
    ],
)
def test_what_has_no_canonical_form_is_not_written(value: object, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        dumps(value)
    assert caught.value.code == code


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}, lambda inner: [1, inner, "x"]])
def test_what_is_written_is_nested_no_deeper_than_what_is_read(wrap: Callable[[object], object]) -> None:
    value: object = 1
    for _ in range(MAX_JSON_DEPTH):
        value = wrap(value)
    assert loads(dumps(value)) == value
    with pytest.raises(Malformed) as caught:
        dumps(wrap(value))
    assert (caught.value.code, caught.value.facts) == ("json_depth", {"limit": MAX_JSON_DEPTH})


@pytest.mark.parametrize(
    "wrap", [lambda inner: [inner], lambda inner: {"a": inner}, lambda inner: ["x", [], inner, {}]]
)
def test_keys_sort_by_utf16_units_however_deep_they_lie(wrap: Callable[[object], object]) -> None:
    low, high = '{"\U0001f600":2,"\ufb33":1}', {"\ufb33": 1, "\U0001f600": 2}
    assert low.encode() in dumps(wrap(high))
    assert low.encode() in dumps(wrap(wrap(high)))


def test_the_largest_integers_are_written() -> None:
    assert dumps([LARGEST, -LARGEST]) == b"[9007199254740991,-9007199254740991]"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"\xff", "json"),
        (b'{"a":1,"a":1}', "json"),
        (b"1.0", "json"),
        (b"1e3", "json"),
        (b"NaN", "json"),
        (b"Infinity", "json"),
        (b'"\x01"', "json"),
        (b"1" * 5000, "json"),
        (b"9007199254740992", "json_integer"),
        (b'"\\ud800"', "json_text"),
        (b'{"\\udfff":1}', "json_text"),
        ('"\ud800"', "json_text"),
        ('["a",{"b":["\udfff"]}]', "json_text"),
        ("[" * 100, "json_depth"),
        ("[" * (MAX_JSON_DEPTH + 1) + "]" * (MAX_JSON_DEPTH + 1), "json_depth"),
    ],
)
def test_only_the_json_that_we_use_is_read(raw: bytes | str, code: str) -> None:
    assert code_of(raw) == code


def test_json_of_exactly_the_deepest_nesting_is_read() -> None:
    assert loads("[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH) is not None


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[]", 1), ('{"a":{}}', 2), ("[[],[]]", 2), ('[{},[],{"a":[]}]', 3), ("[[[]],[],[]]", 3), ('{"a":{"b":{"c":[]}}}', 4),
        ('[["[[[[", "{{{{"]]', 2), ('"[[[["', 0), ('"]"', 0), ('["]]]]",[["[["]]]', 3), ("7", 0),
    ],
)  # fmt: skip
def test_depth_is_that_of_what_is_open_at_once(text: str, deep: int) -> None:
    assert bound(text, depth=deep) == bound(text.encode(), depth=deep) == text
    for less in range(deep):
        with pytest.raises(Malformed) as caught:
            bound(text, depth=less)
        assert (caught.value.code, caught.value.facts["limit"]) == ("json_depth", less)


def test_brackets_inside_strings_are_not_depth() -> None:
    text = "[" * 1000
    assert loads(dumps({"a": text + '\\"' + text})) == {"a": text + '\\"' + text}


@pytest.mark.parametrize("raw", ['"' + "[" * 1000, '"' + "\\" * 1001, "[" + '"\\' * 500])
def test_an_unclosed_string_is_refused_as_bad_json(raw: str) -> None:
    assert code_of(raw) == "json"


def test_input_over_the_limit_is_refused_before_it_is_parsed() -> None:
    assert code_of(b"[1,2,3]", limit=6) == "too_large"
    assert loads(b"[1,2,3]", limit=7) == [1, 2, 3]


def test_a_top_level_list_is_no_object() -> None:
    assert loads_object(b'{"a":1}') == {"a": 1}
    with pytest.raises(Malformed, match="expected a JSON object"):
        loads_object(b"[]")


@pytest.mark.parametrize("raw", [b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":"\\u0041"}'])
def test_another_spelling_of_the_same_value_is_not_canonical(raw: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        loads_canonical(raw)
    assert caught.value.code == "not_canonical"
    assert loads_canonical(dumps(loads(raw))) == loads(raw)


@given(st.binary(max_size=60))
def test_any_bytes_read_or_are_malformed(raw: bytes) -> None:
    try:
        value = loads(raw)
    except Malformed:
        return
    assert loads(dumps(value)) == value


def test_values_are_counted_by_their_marks_and_quotes() -> None:
    for mark in ",[{":
        assert not too_many(mark * 3 + " " * 9, 3)
        assert too_many(mark * 4 + " " * 9, 3)
        assert too_many((mark * 4 + " " * 9).encode(), 3)
    assert not too_many('"' * 16, 3)
    assert too_many('"' * 17, 3)
    assert not too_many("\ud800" * 9, 3)  # what is no text is no more to count


@pytest.mark.parametrize("read", [loads, loads_object, loads_canonical, bound])
def test_what_has_no_name_is_called_json(read: Callable[[bytes], object]) -> None:
    with pytest.raises(Malformed, match=r"^JSON: "):
        read(b"[" * (MAX_JSON_DEPTH + 1))


@pytest.mark.parametrize("read", [loads_object, loads_canonical])
def test_limits_and_names_hold_for_objects_too(read: Callable[..., object]) -> None:
    assert read(b'{"a":1}', limit=7, what="ring") == {"a": 1}
    for raw, limit, code in ((b'{"a":1}', 6, "too_large"), (b"[]", 7, "json_object"), (b"{", 7, "json")):
        with pytest.raises(Malformed, match=r"^ring: ") as caught:
            read(raw, limit=limit, what="ring")
        assert caught.value.code == code


def test_a_document_of_too_many_values_is_refused_before_it_is_read() -> None:
    most = b"[" + b"0," * (MAX_JSON_PARTS - 1) + b"0]"
    assert len(loads(most)) == MAX_JSON_PARTS
    assert code_of(b"[0," + most[1:]) == "json_parts"
    assert code_of('{"a":"' + "," * MAX_JSON_PARTS + '"}') == "json_parts"  # in a string too: counting is cheap
    assert loads_object(b'{"a":[0,0]}', parts=3) == {"a": [0, 0]}
    assert code_of(b'{"a":[0,0]}', parts=2) == "json_parts"
    with pytest.raises(Malformed, match="more than 2 values"):
        loads_object(b'{"a":[0,0]}', parts=2)
