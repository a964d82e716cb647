"""Documents on their way into a dossier: named, sealed and measured in one pass, then uploaded.

One pass, because what stands in the list of documents must be what was sealed, also if somebody writes to the
source meanwhile. Constant memory: a payload goes to a file below ``folder`` and waits there for its upload.
What waits there is ciphertext; its file key is in the header alone.
"""

from __future__ import annotations

import errno
import mimetypes
import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives import hashes

from client.api import VaultApi
from client.files import PRIVATE_FILE
from client.http import Step
from client.uploading import send_payload
from protocol.credential import MAX_FILES, FileEntry
from protocol.envelope import SealedInfo, seal
from protocol.errors import Denied, Malformed, Unavailable
from protocol.hashing import sha256
from protocol.recipients import Recipient
from protocol.slips import SlipObject
from protocol.stream import payload_size
from protocol.wire_uploads import SEGMENT_BYTES

_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MAX_NAME = 180
_FALLBACK_TYPE = "application/octet-stream"
_OWN_TYPES = {".ofd": "application/ofd"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that is going to be sealed: where it lies, and the name and type that it will have."""

    path: Path
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class SealedPart:
    """One sealed object: what a slip says of it, its header, and where its payload waits."""

    object: SlipObject
    header: bytes
    path: Path

    def reader(self) -> BinaryIO:
        """The payload from its beginning."""
        return self.path.open("rb")


class _MeasuringReader:
    """A reader that keeps SM3 of everything that was read through it."""

    def __init__(self, reader: BinaryIO) -> None:
        self._reader = reader
        self._state = hashes.Hash(hashes.SM3())

    def read(self, size: int, /) -> bytes:
        data = self._reader.read(size)
        self._state.update(data)
        return data

    def sm3(self) -> bytes:
        return self._state.finalize()


def drafts(paths: Sequence[Path], payload_limit: int) -> list[Draft]:
    """The documents under names that can be written anywhere; refuses before anything is read.

    ``Denied("document_too_large")`` if one does not fit into a payload of ``payload_limit`` bytes.
    """
    if len(paths) > MAX_FILES:
        raise Malformed(
            "too_many_documents", "an item has at most {limit} documents, got {got}", limit=MAX_FILES, got=len(paths)
        )
    found: list[Draft] = []
    for path in paths:
        with _readable(path):
            size = path.stat().st_size
        if payload_size(size) > payload_limit:
            raise Denied(
                "document_too_large",
                "{name} needs {got} bytes sealed; the vault takes {limit}",
                name=path.name,
                got=payload_size(size),
                limit=payload_limit,
            )
        found.append(Draft(path, safe_name(path.name, [draft.name for draft in found]), media_type(path), size))
    return found


def seal_document(draft: Draft, folder: Path, recipient: Recipient) -> tuple[FileEntry, SealedPart]:
    """Seal a document; the entry says what was sealed, whatever the source has become meanwhile."""
    with _readable(draft.path):
        source = draft.path.open("rb")
    with source:
        measured = _MeasuringReader(source)
        part, info = _sealed(measured, folder, recipient)
    entry = FileEntry(draft.name, draft.media_type, info.plaintext_size, info.plaintext_sha256, measured.sm3())
    return entry, part


def seal_stream(reader: BinaryIO, folder: Path, recipient: Recipient) -> SealedPart:
    """Seal what is no document: a credential, a list."""
    return _sealed(reader, folder, recipient)[0]


def upload(api: VaultApi, parts: Sequence[SealedPart], step: Step | None = None) -> None:
    """Bring the payloads to the vault, one after the other; large ones go on where they broke off."""
    for part in parts:
        if part.object.payload_size > SEGMENT_BYTES:
            send_payload(api, part.object.payload, part.object.payload_size, part.reader, step)
        else:
            api.upload(part.object.payload, part.reader, part.object.payload_size, step)


def safe_name(name: str, taken: Sequence[str]) -> str:
    """A name that can be written anywhere: no path, no control or direction characters, not hidden, not taken."""
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).lstrip(".").strip()[:_MAX_NAME] or "document"
    stem, dot, ending = plain.rpartition(".")
    found, number = plain, 2
    while found in taken:
        found = f"{stem}-{number}.{ending}" if dot else f"{plain}-{number}"
        number += 1
    return found


def media_type(path: Path) -> str:
    """The media type by the ending of the name."""
    own = _OWN_TYPES.get(path.suffix.lower())
    if own is not None:
        return own
    guessed, encoding = mimetypes.guess_type(path.name)
    return guessed if guessed and encoding is None else _FALLBACK_TYPE


def _sealed(reader: BinaryIO | _MeasuringReader, folder: Path, recipient: Recipient) -> tuple[SealedPart, SealedInfo]:
    path = folder / f"{secrets.token_hex(16)}.payload"
    with _disk_space(folder):
        path.touch(mode=PRIVATE_FILE, exist_ok=False)
        try:
            with path.open("r+b") as target:
                info = seal(reader, target, [recipient])
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    part = SlipObject(info.payload_sha256, info.payload_size, sha256(info.header))
    return SealedPart(part, info.header, path), info


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # a ValueError: no name that a file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise Denied("document_missing", "{name} can't be read: {reason}", name=path.name, reason=reason) from None


@contextmanager
def _disk_space(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise Unavailable("not_enough_disk", "there is no space left in {folder}", folder=str(folder)) from None
