"""Documents are named safely, sealed in one pass, and uploaded; what does not fit is refused before it is read."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pytest

from client import sealing
from client.sealing import Draft, drafts, media_type, safe_name, seal_document, seal_stream, upload
from protocol.envelope import open_bytes
from protocol.errors import Denied, Malformed, Unavailable
from protocol.hashing import sha256, sm3
from protocol.recipients import HybridIdentity
from protocol.stream import payload_size

READER = HybridIdentity(b"\x07" * 32)
DATA = b"%PDF" + bytes(200_000)


def document(folder: Path, name: str, data: bytes = DATA) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_sealed_document_opens_again_and_is_described_as_it_was_sealed(tmp_path: Path) -> None:
    [draft] = drafts([document(tmp_path, "证明.pdf")], 1 << 20)
    entry, part = seal_document(draft, tmp_path, READER.recipient())
    payload = part.path.read_bytes()
    assert open_bytes(part.header, payload, [READER]) == DATA
    assert (entry.name, entry.media_type, entry.size) == ("证明.pdf", "application/pdf", len(DATA))
    assert (entry.sha256, entry.sm3) == (sha256(DATA), sm3(DATA))
    assert (part.object.payload, part.object.payload_size) == (sha256(payload), len(payload))
    assert part.object.header == sha256(part.header)
    assert part.path.stat().st_mode & 0o777 == 0o600


def test_a_source_that_changed_meanwhile_is_described_as_it_was_when_sealed(tmp_path: Path) -> None:
    path = document(tmp_path, "a.txt")
    [draft] = drafts([path], 1 << 20)
    path.write_bytes(b"other")
    entry, part = seal_document(draft, tmp_path, READER.recipient())
    assert (entry.size, entry.sha256) == (5, sha256(b"other"))
    assert open_bytes(part.header, part.path.read_bytes(), [READER]) == b"other"


def test_what_does_not_fit_into_a_payload_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = document(tmp_path, "big.pdf")
    limit = payload_size(len(DATA))
    assert len(drafts([path], limit)) == 1
    with pytest.raises(Denied) as caught:
        drafts([path], limit - 1)
    assert caught.value.code == "document_too_large"
    assert caught.value.facts == {"name": "big.pdf", "got": limit, "limit": limit - 1}


def test_more_documents_than_an_item_holds_are_refused(tmp_path: Path) -> None:
    path = document(tmp_path, "a.pdf", b"")
    assert len(drafts([path] * 63, 1 << 20)) == 63
    with pytest.raises(Malformed, match="at most 63 documents, got 64"):
        drafts([path] * 64, 1 << 20)


def test_a_document_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Denied, match=r"a\.pdf can't be read: No such file"):
        drafts([tmp_path / "a.pdf"], 1 << 20)
    with pytest.raises(Denied, match="null byte"):
        drafts([tmp_path / "a\0.pdf"], 1 << 20)
    gone = Draft(tmp_path / "a.pdf", "a.pdf", "application/pdf", 3)
    with pytest.raises(Denied) as caught:
        seal_document(gone, tmp_path, READER.recipient())
    assert caught.value.code == "document_missing"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        (".hidden", "hidden"),
        ("a\u202efdp.exe", "a_fdp.exe"),
        ("a\nb.pdf", "a_b.pdf"),
        ("...", "document"),
        ("x" * 300, "x" * 180),
        ("e\u0301.pdf", "\u00e9.pdf"),
    ],
)
def test_names_can_be_written_anywhere(name: str, safe: str) -> None:
    assert safe_name(name, []) == safe


def test_a_second_document_of_one_name_gets_another(tmp_path: Path) -> None:
    assert safe_name("a.pdf", ["a.pdf"]) == "a-2.pdf"
    assert safe_name("a.pdf", ["a.pdf", "a-2.pdf"]) == "a-3.pdf"
    assert safe_name("scan", ["scan"]) == "scan-2"
    (tmp_path / "b").mkdir()
    paths = [document(tmp_path, "a.pdf"), document(tmp_path / "b", "a.pdf")]
    assert [draft.name for draft in drafts(paths, 1 << 20)] == ["a.pdf", "a-2.pdf"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.PDF", "application/pdf"),
        ("a.ofd", "application/ofd"),
        ("a.jpg", "image/jpeg"),
        ("a.pdf.gz", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_media_type_follows_from_the_name(name: str, kind: str) -> None:
    assert media_type(Path(name)) == kind


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def full(*_: Any) -> None:
        raise OSError(number, "full")

    monkeypatch.setattr(sealing, "seal", full)
    with pytest.raises(Unavailable) as caught:
        seal_stream(io.BytesIO(b""), tmp_path, READER.recipient())
    assert caught.value.code == "not_enough_disk"
    assert list(tmp_path.iterdir()) == []


def test_another_fault_of_the_disk_is_not_taken_for_a_full_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        seal_stream(io.BytesIO(b""), tmp_path / "nowhere", READER.recipient())


class Uploads:
    """Stands for the vault: keeps what is uploaded."""

    def __init__(self) -> None:
        self.kept: list[tuple[bytes, bytes, int]] = []

    def upload(self, digest: bytes, source: Any, size: int, step: Any) -> None:
        with source() as stream:
            self.kept.append((digest, stream.read(), size))
        step(size)


def test_every_payload_is_uploaded_and_counted(tmp_path: Path) -> None:
    parts = [seal_stream(io.BytesIO(data), tmp_path, READER.recipient()) for data in (b"a", b"bb")]
    vault, counted = Uploads(), []
    upload(vault, parts, counted.append)  # type: ignore[arg-type]  # a stand-in with the one method that is used
    assert [sha256(data) for _digest, data, _size in vault.kept] == [part.object.payload for part in parts]
    assert counted == [part.object.payload_size for part in parts]
