"""The documents of a use: fetched sealed, opened in constant memory, and kept only if they are what the issuer signed.

Header and payload of two documents for one reader can be swapped unnoticed by age; here the payload is the one that
the deposit slip and the grant name, and the plaintext the one that the credential names, or nothing is kept.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from agency_cli.services.folders import document_path
from agency_cli.services.parcels import Document, Handed
from client.files import private_folder, replacing
from client.http import Step
from client.partial import arriving
from client.session import Session
from protocol import wire
from protocol.credential import FileEntry
from protocol.encoding import b64u, unb64u
from protocol.envelope import open_stream
from protocol.errors import Untrusted
from protocol.hashing import same
from protocol.recipients import Identity
from protocol.stream import HashingReader, HashingWriter
from protocol.wire_uploads import SEGMENT_BYTES

Meter = Callable[[int], AbstractContextManager[Step]]  # total bytes → something that counts them
Headers = Mapping[tuple[bytes, bytes], bytes]  # (item, payload) → header
Fetch = Callable[[bytes, int, BinaryIO, Step], int]  # a payload by its digest and size, into a file
PICTURE_TYPES = frozenset({"image/jpeg", "image/png"})
MAX_PICTURE_BYTES = 4 << 20
_CHUNK = 256 << 10


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was shown: opened, checked against the credential, and held in memory alone."""

    media_type: str
    raw: bytes = field(repr=False)


@contextmanager
def no_meter(_total: int) -> Iterator[Step]:
    """Counts nothing."""
    yield lambda _count: None


def headers_of(extra: Iterable[wire.ExtraHeader]) -> Headers:
    """Headers as they travel, by item and payload."""
    return {
        (unb64u(one.item, what="item"), unb64u(one.payload, what="payload")): unb64u(one.header, what="header")
        for one in extra
    }


def check_headers(headers: Headers, wanted: Collection[tuple[bytes, bytes]]) -> None:
    """Raise ``Untrusted`` unless there is one header for each document, and none beside."""
    if set(headers) != set(wanted):
        raise Untrusted("headers_other", "expected {want} headers of documents, got others", want=len(wanted))


def take_documents(
    session: Session,
    fetch: Fetch,
    handed: Sequence[Handed],
    headers: Headers,
    folder: Path,
    meter: Meter,
) -> None:
    """Download and open every document that was handed over into ``folder``, which is still being built."""
    identities = session.keys.identities(session.party.card_seq)
    arrivals = session.profile.folder / "tmp" / "arriving"
    total = sum(document.payload_size for one in handed for document in one.documents)
    with meter(total) as step:
        for number, one in enumerate(handed, 1):
            for document in one.documents:
                header = headers[one.slip.body.item, document.payload]
                target = document_path(folder, number, document.entry.name)
                private_folder(target.parent)
                _take(fetch, document, header, target, identities, step, arrivals)


def take_pictures(session: Session, fetch: Fetch, handed: Sequence[Handed], headers: Headers) -> dict[bytes, Picture]:
    """The first picture of each item, by the item, if it is small enough to be drawn beside a verdict."""
    found: dict[bytes, Picture] = {}
    identities = session.keys.identities(session.party.card_seq)
    for one in handed:
        document = next((d for d in one.documents if _drawn(d.entry)), None)
        if document is not None:
            header, opened = headers[one.slip.body.item, document.payload], io.BytesIO()
            with tempfile.TemporaryFile() as payload:
                _open_into(opened, fetch, document, header, payload, identities, lambda _count: None)
            found[one.slip.body.item] = Picture(document.entry.media_type, opened.getvalue())
    return found


def kept_pictures(folder: Path, handed: Sequence[Handed]) -> dict[bytes, Picture]:
    """``take_pictures`` of documents that a use has kept in ``folder``."""
    found: dict[bytes, Picture] = {}
    for number, one in enumerate(handed, 1):
        entry = next((d.entry for d in one.documents if _drawn(d.entry)), None)
        if entry is not None:
            raw = document_path(folder, number, entry.name).read_bytes()
            found[one.slip.body.item] = Picture(entry.media_type, raw)
    return found


def _drawn(entry: FileEntry) -> bool:
    return entry.media_type in PICTURE_TYPES and entry.size <= MAX_PICTURE_BYTES


def check_document(path: Path, entry: FileEntry) -> None:
    """Raise ``Untrusted`` unless the file is the document that the credential names."""
    try:
        with path.open("rb") as stream:
            reader = HashingReader(stream)
            while reader.read(_CHUNK):
                pass
    except FileNotFoundError:
        raise Untrusted("document_missing", "the document {name} is not in the folder", name=entry.name) from None
    _same(entry, reader)


def _take(
    fetch: Fetch,
    document: Document,
    header: bytes,
    target: Path,
    identities: Sequence[Identity],
    step: Step,
    arrivals: Path,
) -> None:
    if document.payload_size > SEGMENT_BYTES:
        _take_large(fetch, document, header, target, identities, step, arrivals)
        return
    sealed = target.with_name(".sealed")  # no document's name begins with a dot
    try:
        with sealed.open("x+b") as payload, replacing(target) as opened:
            _open_into(opened, fetch, document, header, payload, identities, step)
    finally:
        sealed.unlink(missing_ok=True)


def _take_large(
    fetch: Fetch,
    document: Document,
    header: bytes,
    target: Path,
    identities: Sequence[Identity],
    step: Step,
    arrivals: Path,
) -> None:
    """A large payload arrives where a later run of the same use finds what has come of it."""
    sealed = arrivals / b64u(document.payload)
    with arriving(sealed) as payload:
        fetch(document.payload, document.payload_size, payload, step)
    try:
        with sealed.open("rb") as payload, replacing(target) as opened:
            _open(opened, document, header, payload, identities)
    finally:
        sealed.unlink(missing_ok=True)


def _open_into(
    opened: BinaryIO,
    fetch: Fetch,
    document: Document,
    header: bytes,
    payload: BinaryIO,
    identities: Sequence[Identity],
    step: Step,
) -> None:
    fetch(document.payload, document.payload_size, payload, step)
    payload.seek(0)
    _open(opened, document, header, payload, identities)


def _open(
    opened: BinaryIO, document: Document, header: bytes, payload: BinaryIO, identities: Sequence[Identity]
) -> None:
    writer = HashingWriter(opened)
    open_stream(header, payload, writer, identities, payload_sha256=document.payload)
    _same(document.entry, writer)


def _same(entry: FileEntry, got: HashingReader | HashingWriter) -> None:
    if got.size != entry.size or not same(got.sha256, entry.sha256):
        raise Untrusted(
            "document_other", "the document {name} is not the one that the credential names", name=entry.name
        )
