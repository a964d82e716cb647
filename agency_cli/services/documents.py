"""The documents of a use: fetched sealed, opened in constant memory, and kept only if they are what the issuer signed.

Header and payload of two documents for one reader can be swapped unnoticed by age; here the payload is the one that
the deposit slip and the grant name, and the plaintext the one that the credential names, or nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from agency_cli.services.folders import document_path
from agency_cli.services.parcels import Document, Handed
from client.files import private_folder, replacing
from client.http import Step
from client.session import Session
from protocol.credential import FileEntry
from protocol.envelope import open_stream
from protocol.errors import Untrusted
from protocol.hashing import same
from protocol.recipients import Identity
from protocol.stream import HashingReader, HashingWriter

Meter = Callable[[int], AbstractContextManager[Step]]  # total bytes → something that counts them
Headers = Mapping[tuple[bytes, bytes], bytes]  # (item, payload) → header
_CHUNK = 256 << 10


@contextmanager
def no_meter(_total: int) -> Iterator[Step]:
    """Counts nothing."""
    yield lambda _count: None


def take_documents(
    session: Session,
    grant: bytes,
    handed: Sequence[Handed],
    headers: Headers,
    folder: Path,
    meter: Meter,
) -> None:
    """Download and open every document that was handed over into ``folder``, which is still being built."""
    identities = session.keys.identities(session.party.card_seq)
    total = sum(document.payload_size for one in handed for document in one.documents)
    with meter(total) as step:
        for number, one in enumerate(handed, 1):
            for document in one.documents:
                header = headers[one.slip.body.item, document.payload]
                target = document_path(folder, number, document.entry.name)
                private_folder(target.parent)
                _take(session, grant, document, header, target, identities, step)


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
    session: Session,
    grant: bytes,
    document: Document,
    header: bytes,
    target: Path,
    identities: Sequence[Identity],
    step: Step,
) -> None:
    sealed = target.with_name(".sealed")  # no document's name begins with a dot
    try:
        with sealed.open("x+b") as payload, replacing(target) as opened:
            session.api.grant_payload(grant, document.payload, document.payload_size, payload, step)
            payload.seek(0)
            writer = HashingWriter(opened)
            open_stream(header, payload, writer, identities, payload_sha256=document.payload)
            _same(document.entry, writer)
    finally:
        sealed.unlink(missing_ok=True)


def _same(entry: FileEntry, got: HashingReader | HashingWriter) -> None:
    if got.size != entry.size or not same(got.sha256, entry.sha256):
        raise Untrusted(
            "document_other", "the document {name} is not the one that the credential names", name=entry.name
        )
