"""A holder's walk through the history of a dossier: complete, in order, and its own."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from protocol.entries import AccessRecord, Entry, Opening, dossier_entry, entry_hash
from protocol.errors import Malformed, Untrusted
from protocol.hashing import ZERO32
from protocol.history import HistoryHead, Logged, verify_history

TAG_KEY = b"\x01" * 32
GRANT = b"\x02" * 32


def record(use_no: int) -> bytes:
    return AccessRecord(b"\x03" * 32, GRANT, None, use_no, (), 1_800_000_000).serialise()


KINDS = [
    ("issue", b"slip"),
    ("grant", b"grant"),
    ("access", record(1)),
    ("from-the-future", b"?"),
    ("access", record(2)),
]


def history(tag_key: bytes = TAG_KEY) -> list[Logged]:
    steps: list[Logged] = []
    prev = ZERO32
    for n, (t, raw) in enumerate(KINDS):
        salt = bytes([n]) * 32
        entry = dossier_entry(t, tag_key=tag_key, n=n, prev_entry_hash=prev, salt=salt, object_bytes=raw).serialise()
        prev = entry_hash(entry)
        steps.append(Logged(10 * n + 3, entry, Opening(n, salt, hashlib.sha256(raw).digest(), t, 10 * n + 3), raw))
    return steps


def erased(step: Logged) -> Logged:
    return Logged(step.index, step.entry, None, None)


def test_a_whole_history_is_walked_to_its_head() -> None:
    head = verify_history(TAG_KEY, history())
    assert head == HistoryHead(5, entry_hash(history()[-1].entry), 43)


def test_a_walk_goes_on_from_where_it_stopped() -> None:
    middle = verify_history(TAG_KEY, history()[:2])
    assert verify_history(TAG_KEY, history()[2:], middle) == verify_history(TAG_KEY, history())
    assert verify_history(TAG_KEY, [], middle) == middle


def test_an_opening_without_its_object_must_open_the_entry_all_the_same() -> None:
    alone = [replace(step, object_bytes=None) for step in history()]
    assert verify_history(TAG_KEY, alone) == verify_history(TAG_KEY, history())
    opening = alone[1].opening
    assert opening is not None
    for wrong, code in (
        (replace(opening, salt=b"\x09" * 32), "opening_commitment"),
        (replace(opening, object_sha256=b"\x09" * 32), "opening_commitment"),
        (replace(opening, t="issue"), "opening_type"),
    ):
        with pytest.raises(Untrusted) as caught:
            verify_history(TAG_KEY, [alone[0], replace(alone[1], opening=wrong), *alone[2:]])
        assert caught.value.code == code


def test_an_erased_entry_still_stands_in_its_place() -> None:
    steps = [erased(step) for step in history()]
    assert verify_history(TAG_KEY, steps) == verify_history(TAG_KEY, history())
    withheld = replace(history()[2], object_bytes=None)
    assert verify_history(TAG_KEY, [*history()[:2], withheld, *history()[3:]]).n == 5


@pytest.mark.parametrize("gap", range(4))
def test_a_missing_entry_is_named(gap: int) -> None:
    steps = history()
    del steps[gap]
    with pytest.raises(Untrusted, match=f"entry {gap} of the dossier") as caught:
        verify_history(TAG_KEY, steps)
    assert caught.value.code == "history_order"
    with pytest.raises(Untrusted, match=f"entry {gap} of the dossier") as caught:
        verify_history(TAG_KEY, [erased(step) for step in steps])
    assert caught.value.code == "history_link"


def test_entries_out_of_the_logs_order_are_named() -> None:
    opening = history()[3].opening
    assert opening is not None
    for step in (
        replace(history()[3], index=23, opening=replace(opening, index=23)),
        replace(history()[3], opening=replace(opening, index=34)),
        replace(history()[3], index=23, opening=None, object_bytes=None),
    ):
        with pytest.raises(Untrusted) as caught:
            verify_history(TAG_KEY, [*history()[:3], step])
        assert (caught.value.code, caught.value.facts["n"]) == ("history_order", 3)


def test_the_history_of_another_dossier_is_not_ours() -> None:
    with pytest.raises(Untrusted) as caught:
        verify_history(TAG_KEY, history(b"\x09" * 32))
    assert (caught.value.code, caught.value.facts["n"]) == ("history_link", 0)


@pytest.mark.parametrize("n", [1, 4])
def test_a_tag_that_is_not_ours_is_named(n: int) -> None:
    steps = history()
    steps[n] = replace(steps[n], entry=replace(Entry.parse(steps[n].entry), tag=bytes(32)).serialise())
    with pytest.raises(Untrusted) as caught:
        verify_history(TAG_KEY, steps)
    assert (caught.value.code, caught.value.facts["n"]) == ("history_tag", n)


def test_an_object_that_was_exchanged_is_named() -> None:
    steps = history()
    steps[1] = replace(steps[1], object_bytes=b"another grant")
    with pytest.raises(Untrusted) as caught:
        verify_history(TAG_KEY, steps)
    assert caught.value.code == "opening_object"


def test_bytes_that_are_no_entry_are_malformed() -> None:
    with pytest.raises(Malformed):
        verify_history(TAG_KEY, [replace(history()[0], entry=b"{}")])
