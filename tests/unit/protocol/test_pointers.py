"""Pointers and claims paths."""

from __future__ import annotations

import pytest

from protocol.errors import Malformed
from protocol.pointers import covers, format_pointer, leaves, parse_pointer, selects, within


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("/a", ("a",)), ("/a/0", ("a", "0")), ("/a~1b/~0", ("a/b", "~")), ("/", ("",)), ("/信", ("信",))],
)
def test_a_pointer_reads_and_writes_back(text: str, tokens: tuple[str, ...]) -> None:
    assert parse_pointer(text) == tokens
    assert format_pointer(tokens) == text


@pytest.mark.parametrize("text", ["", "a", "/~", "/~2", "/~~01", "/" + "a" * 512, 7, None])
def test_what_is_no_pointer_is_malformed(text: object) -> None:
    with pytest.raises(Malformed):
        parse_pointer(text)


def test_a_pointer_lies_within_itself_and_its_ancestors_only() -> None:
    assert within("/a", "/a")
    assert within("/a/b", "/a")
    assert not within("/ab", "/a")
    assert not within("/a", "/a/b")


def test_leaves_are_the_deepest_pointers() -> None:
    assert leaves(["/b", "/a/c", "/a", "/ab"]) == ("/a/c", "/ab", "/b")


@pytest.mark.parametrize(
    ("path", "pointer", "covered", "selected"),
    [
        (("holder",), "/holder", True, True),
        (("holder",), "/holder/name", True, False),
        (("holder", "name"), "/holder", False, False),
        (("holder",), "/holders", False, False),
        (("files", None), "/files/3", True, True),
        (("files", None), "/files/3/name", True, False),
        (("files", None), "/files/x", False, False),
        (("files", None), "/files/03", False, False),
        (("files", 1), "/files/1", True, True),
        (("files", 1), "/files/2", False, False),
    ],
)
def test_a_path_covers_what_lies_at_or_below_it(
    path: tuple[str | int | None, ...], pointer: str, covered: bool, selected: bool
) -> None:
    assert covers(path, pointer) is covered
    assert selects(path, pointer) is selected
