"""Opening what is sealed: an item's credential or own list, and its documents.

Nothing opened is kept. A document is written under a temporary name, hashed, and renamed only if it is the one
that the credential names; what fails names the item and the object.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from client.behind import Behind
from client.files import read_bounded, replacing
from client.own_document import OwnDocument
from client.session import Session
from client.store import ItemRecord
from protocol.credential import Credential, FileEntry, open_credential
from protocol.envelope import open_bytes, open_stream
from protocol.errors import Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.hashing import same
from protocol.recipients import HybridIdentity
from protocol.slips import Slip, item_commitment, parse_slip
from wallet_cli.services.payloads import Step, fetch_payload

MAX_OBJECT0 = 4 << 20


@dataclass(frozen=True, slots=True)
class Document:
    """One document of an item: what the credential says of it, and where its sealed bytes are."""

    position: int
    entry: FileEntry
    payload: bytes
    payload_size: int
    header: bytes


@dataclass(frozen=True, slots=True)
class OpenedItem:
    """An item with its first object opened: ``credential`` of an issuer, or the holder's ``own`` list."""

    record: ItemRecord
    slip: Slip
    raw: bytes
    credential: Credential | None
    own: OwnDocument | None
    documents: tuple[Document, ...]

    @property
    def kind(self) -> str:
        """The licence type, or ``own``."""
        return "own" if self.credential is None else self.credential.licence_type


def open_item(session: Session, record: ItemRecord) -> OpenedItem:
    """Open an item's first object and check that the slip commits to it.

    ``Untrusted("item_damaged")`` or ``Denied`` names the item. Signatures are not checked here (``claiming``).
    """
    if record.slip is None or record.salt is None:
        raise Denied("item_deleted", "the item {item} was deleted", item=record.id)
    slip = parse_slip(record.slip).body
    with _naming(session, record, 0):
        check_object0(slip)
        fetch_payload(session, slip.objects[0].payload, slip.objects[0].payload_size)
        payload = read_bounded(session.store.payload_path(slip.objects[0].payload), limit=MAX_OBJECT0)
        digest = slip.objects[0].payload
        raw = open_bytes(record.headers[0], payload, _identities(session), payload_sha256=digest)
        credential, own = _read(slip, raw)
        _check_commitment(record.salt, slip, credential.issuer_jwt if credential else raw.decode("utf-8"))
        entries = own.files if own else _entries(credential)
        documents = _documents(record, slip, entries)
    return OpenedItem(record, slip, raw, credential, own, documents)


def check_object0(slip: Slip) -> None:
    """Refuse an item whose first object is too large to be a credential, before it is fetched."""
    if slip.objects[0].payload_size > MAX_OBJECT0:
        raise Malformed("object_too_large", "object 0 of an item has at most {limit} bytes", limit=MAX_OBJECT0)


def open_all(session: Session) -> Iterator[OpenedItem | tuple[ItemRecord, OneFileError]]:
    """Every item that is present; those that do not open come with the reason."""
    for record in session.store.items():
        if record.state != "present":
            continue
        try:
            yield open_item(session, record)
        except (Malformed, Untrusted, Denied) as error:
            yield record, error


def find_document(item: OpenedItem, wanted: str | None) -> Document:
    """The document by its name or its number (from 1); the only one if nothing is named."""
    documents = item.documents
    if wanted is None:
        if len(documents) == 1:
            return documents[0]
        raise Denied(
            "document_not_named",
            "the item has {count} documents; name one of: {names}",
            count=len(documents),
            names=", ".join(d.entry.name for d in documents) or "-",
        )
    for number, document in enumerate(documents, 1):
        if wanted in {document.entry.name, str(number)}:
            return document
    raise Denied("document_not_found", "the item has no document {name}", name=wanted)


def save_document(
    session: Session, item: OpenedItem, document: Document, target: Path | BinaryIO, step: Step | None = None
) -> None:
    """Write a document, opened and checked against the credential's digest, to ``target``; all of it or nothing."""
    with _naming(session, item.record, document.position):
        fetch_payload(session, document.payload, document.payload_size, step=step)
        if isinstance(target, Path):
            with replacing(target) as stream:
                _open_into(session, document, stream)
        else:
            with tempfile.TemporaryFile() as hidden:
                _open_into(session, document, hidden)
                hidden.seek(0)
                shutil.copyfileobj(hidden, target)


def check_document(session: Session, item: OpenedItem, document: Document, step: Step | None = None) -> None:
    """Open a document into nothing: is it the one that the credential names?"""
    with _naming(session, item.record, document.position):
        fetch_payload(session, document.payload, document.payload_size, step=step)
        _open_into(session, document, _Nowhere())


class _Nowhere:
    def write(self, data: bytes, /) -> int:
        return len(data)


def _open_into(session: Session, document: Document, target: BinaryIO | _Nowhere) -> None:
    # The payload's own digest is not asked again: what it opens to must be what the credential names.
    with session.store.payload_path(document.payload).open("rb") as payload, Behind(target) as writer:
        open_stream(document.header, payload, writer, _identities(session))
    if writer.size != document.entry.size or not same(writer.state.digest(), document.entry.sha256):
        raise Untrusted(
            "document_other", "the document {name} is not the one that the credential names", name=document.entry.name
        )


def _identities(session: Session) -> list[HybridIdentity]:
    return session.keys.identities(session.party.card_seq)


def _read(slip: Slip, raw: bytes) -> tuple[Credential | None, OwnDocument | None]:
    if slip.own:
        return None, OwnDocument.parse(raw)
    return open_credential(raw), None


def _check_commitment(salt: bytes, slip: Slip, text: str) -> None:
    if not same(item_commitment(salt, text), slip.item_commitment):
        raise Untrusted("item_commitment", "the slip commits to another credential than the one that was sealed")


def _entries(credential: Credential | None) -> tuple[FileEntry, ...]:
    assert credential is not None
    return tuple(credential.files[pointer] for pointer in sorted(credential.files, key=_index))


def _index(pointer: str) -> int:
    return int(pointer.rpartition("/")[2])


def _documents(record: ItemRecord, slip: Slip, entries: tuple[FileEntry, ...]) -> tuple[Document, ...]:
    if len(entries) != len(slip.objects) - 1:
        raise Untrusted(
            "documents_count",
            "the credential names {want} documents, the slip has {got}",
            want=len(entries),
            got=len(slip.objects) - 1,
        )
    parts = zip(entries, slip.objects[1:], record.headers[1:], strict=True)
    return tuple(
        Document(position, entry, part.payload, part.payload_size, header)
        for position, (entry, part, header) in enumerate(parts, 1)
    )


@contextlib.contextmanager
def _naming(session: Session, record: ItemRecord, position: int) -> Iterator[None]:
    """Say which item and object is damaged, and remember it."""
    try:
        yield
    except (Malformed, Untrusted) as error:
        session.store.save_item(replace(record, damaged=error.code))
        raise Untrusted(
            "item_damaged",
            "item {item}, object {position} is damaged ({code}): {reason}",
            item=record.id,
            position=position,
            code=error.code,
            reason=str(error),
        ) from error
    except Unavailable:
        raise
    except Denied as error:
        if error.code not in {"payload_unknown", "not_found"}:
            raise
        raise Untrusted(
            "item_damaged",
            "item {item}, object {position} is damaged ({code}): {reason}",
            item=record.id,
            position=position,
            code=error.code,
            reason=str(error),
        ) from error
