"""A large document is sealed once, however often its command is started; a small one and a changed one are sealed anew."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

import pytest

from client.kept import KEPT_S, Kept
from client.sealing import Draft, drafts
from protocol.envelope import open_bytes
from protocol.hashing import sha256
from protocol.recipients import HybridIdentity
from protocol.wire_uploads import SEGMENT_BYTES

READER = HybridIdentity(b"\x07" * 32)
CARD, OTHER = bytes(32), b"\x01" * 32
DATA = secrets.token_bytes(SEGMENT_BYTES + 5)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "scan.pdf"
    path.write_bytes(DATA)
    return path


def draft_of(path: Path) -> Draft:
    return drafts([path], 1 << 30)[0]


def sealed(folder: Path, path: Path, card: bytes = CARD, label: str = "own") -> bytes:
    """The payload's digest of one run that was broken off before its deposit."""
    with Kept(folder) as kept:
        entry, part = kept.seal(draft_of(path), READER.recipient(), card, label)
        assert entry.sha256 == sha256(path.read_bytes())
        assert open_bytes(part.header, part.path.read_bytes(), [READER]) == path.read_bytes()
    return part.object.payload


def test_the_same_document_is_found_sealed_by_the_next_run(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "sealed"
    first = sealed(folder, source)
    assert sealed(folder, source) == first
    assert (folder.stat().st_mode & 0o777, len(list(folder.glob("*.payload")))) == (0o700, 1)


def test_what_was_deposited_is_not_kept(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "sealed"
    with Kept(folder) as kept:
        _entry, part = kept.seal(draft_of(source), READER.recipient(), CARD, "own")
        kept.done([part])
    assert list(folder.iterdir()) == []
    assert sealed(folder, source) != part.object.payload


def test_a_changed_document_another_reader_and_another_purpose_are_sealed_anew(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "sealed"
    found = {sealed(folder, source), sealed(folder, source, OTHER), sealed(folder, source, label="other")}
    source.write_bytes(DATA[::-1])
    found.add(sealed(folder, source))
    assert len(found) == 4


def test_a_small_document_is_not_kept(tmp_path: Path) -> None:
    folder, small = tmp_path / "sealed", tmp_path / "small.txt"
    small.write_bytes(b"small")
    sealed(folder, small)
    with Kept(folder) as kept:
        listing = kept.seal_bytes(b"a list", READER.recipient())
        assert open_bytes(listing.header, listing.path.read_bytes(), [READER]) == b"a list"
    assert list(folder.iterdir()) == []


def test_a_document_that_another_process_works_with_is_sealed_for_oneself(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "sealed"
    with Kept(folder) as first, Kept(folder) as second:
        one = first.seal(draft_of(source), READER.recipient(), CARD, "own")[1]
        two = second.seal(draft_of(source), READER.recipient(), CARD, "own")[1]
        three = first.seal(draft_of(source), READER.recipient(), CARD, "own")[1]
        assert len({one.object.payload, two.object.payload, three.object.payload}) == 3
    assert sealed(folder, source) == one.object.payload


@pytest.mark.parametrize("damage", [b"", b"{", b'{"v": 1}'])
def test_a_record_that_can_not_be_read_is_sealed_anew(tmp_path: Path, source: Path, damage: bytes) -> None:
    folder = tmp_path / "sealed"
    first = sealed(folder, source)
    next(folder.glob("*.json")).write_bytes(damage)
    assert sealed(folder, source) != first


def test_a_payload_that_was_cut_is_sealed_anew(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "sealed"
    first = sealed(folder, source)
    os.truncate(next(folder.glob("*.payload")), 100)
    assert sealed(folder, source) != first


def test_what_nobody_came_back_for_goes_after_a_day(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "sealed"
    sealed(folder, source)
    for path in folder.iterdir():
        os.utime(path, (time.time(), time.time() - KEPT_S - 1))
    with Kept(folder):
        assert list(folder.iterdir()) == []
