"""Own documents: put into the dossier, and destroyed again."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives import hashes

from client.files import replacing
from client.own_document import OwnDocument
from client.session import Session
from client.store import ItemRecord
from protocol import wire
from protocol.credential import MAX_FILES, FileEntry
from protocol.encoding import b64u
from protocol.entries import Opening
from protocol.envelope import seal
from protocol.errors import Denied, Malformed, Untrusted
from protocol.hashing import sha256
from protocol.slips import Slip, SlipObject, item_commitment, parse_slip, sign_slip
from protocol.stream import payload_size
from wallet_cli.services.payloads import Step
from wallet_cli.services.registration import newest_card
from wallet_cli.services.tokens import own_urn, statement

_CHUNK = 1 << 20
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FALLBACK_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class PutOrder:
    """What is put in: files in their order, a title, and perhaps a note."""

    files: tuple[Path, ...]
    title: str
    note: str | None = None


def file_entry(path: Path, taken: Sequence[str] = ()) -> FileEntry:
    """What an own list says of a file: name, media type, size, SHA-256 and SM3; read once, in constant memory."""
    sha, sm, size = hashlib.sha256(), hashes.Hash(hashes.SM3()), 0
    with path.open("rb") as stream:
        while part := stream.read(_CHUNK):
            sha.update(part)
            sm.update(part)
            size += len(part)
    return FileEntry(safe_name(path.name, taken), _media_type(path), size, sha.digest(), sm.finalize())


def safe_name(name: str, taken: Sequence[str]) -> str:
    """A name that can be written anywhere: no path, no control or direction characters, not hidden, not taken."""
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).lstrip(".").strip()[:180] or "document"
    stem, dot, ending = plain.rpartition(".")
    found, number = plain, 2
    while found in taken:
        found = f"{stem}-{number}.{ending}" if dot else f"{plain}-{number}"
        number += 1
    return found


def put(session: Session, order: PutOrder, step: Step | None = None) -> ItemRecord:
    """Seal the files to our own key card, upload them, and deposit them with a slip of our own.

    Everything is sealed and checked before anything is sent; the deposit is one request, so that a break leaves
    no half item.
    """
    if not 1 <= len(order.files) <= MAX_FILES:
        raise Malformed(
            "own_file_count", "an own item has 1 to {limit} files, got {got}", limit=MAX_FILES, got=len(order.files)
        )
    _check_sizes(session, order.files)
    card = newest_card(session)
    entries: list[FileEntry] = []
    for path in order.files:
        entries.append(file_entry(path, [entry.name for entry in entries]))
    listing = OwnDocument(order.title, session.clock.now(), tuple(entries), order.note).serialise()
    objects, headers = _seal_all(session, listing, order.files)
    item, salt = secrets.token_bytes(32), secrets.token_bytes(32)
    slip = Slip(
        jti=b64u(secrets.token_bytes(16)),
        iat=session.clock.now(),
        iss=own_urn(session),
        aud=session.log.origin,
        dossier=session.party.subject,
        item=item,
        item_commitment=item_commitment(salt, listing.decode("utf-8")),
        card=card.hash,
        objects=tuple(objects),
    )
    for part in objects:
        _upload(session, part, step)
    raw = sign_slip(slip, session.keys.present(card.card.seq))
    answer = session.api.deposit(
        wire.Deposit(slip=raw, headers=[b64u(header) for header in headers], item_salt=b64u(salt))
    )
    record = _recorded(answer, raw, item, salt, headers)
    session.store.save_item(record)
    return record


def delete(session: Session, record: ItemRecord) -> ItemRecord:
    """Have the vault destroy payloads, headers and salts of an item, and forget our copies."""
    if record.state == "deleted":
        raise Denied("item_deleted", "the item {item} was deleted", item=record.id)
    word = statement(session, "delete", item=record.item)
    session.api.delete_item(record.item, wire.Statement(statement=word))
    gone = ItemRecord(record.item, "deleted", record.at, record.index, entry=record.entry, proof=record.proof)
    for digest in payloads_of(record):
        session.store.drop_payload(digest)
    session.store.save_item(gone)
    return gone


def payloads_of(record: ItemRecord) -> list[bytes]:
    """The digests of an item's payloads."""
    return [] if record.slip is None else [part.payload for part in parse_slip(record.slip).body.objects]


def _upload(session: Session, part: SlipObject, step: Step | None) -> None:
    path = session.store.payload_path(part.payload)
    session.api.upload(part.payload, lambda: path.open("rb"), part.payload_size, step)


def _check_sizes(session: Session, files: Sequence[Path]) -> None:
    limit = session.public_api.info().limits.payload_bytes
    for path in files:
        size = payload_size(path.stat().st_size)
        if size > limit:
            raise Denied(
                "document_too_large",
                "{name} needs {got} bytes sealed; the vault takes {limit}",
                name=path.name,
                got=size,
                limit=limit,
            )


def _seal_all(session: Session, listing: bytes, files: Sequence[Path]) -> tuple[list[SlipObject], list[bytes]]:
    sealed = [_seal_one(session, io.BytesIO(listing))]
    for path in files:
        with path.open("rb") as reader:
            sealed.append(_seal_one(session, reader))
    return [part for part, _header in sealed], [header for _part, header in sealed]


def _seal_one(session: Session, reader: BinaryIO) -> tuple[SlipObject, bytes]:
    """Seal a stream into the store, under the name of the digest that it turns out to have."""
    recipient = session.keys.sealing(session.party.card_seq).recipient()
    waiting = session.store.payload_path(secrets.token_bytes(32))
    with replacing(waiting) as target:
        info = seal(reader, target, [recipient])
    waiting.replace(session.store.payload_path(info.payload_sha256))
    return SlipObject(info.payload_sha256, info.payload_size, sha256(info.header)), info.header


def _recorded(answer: wire.Deposited, raw: str, item: bytes, salt: bytes, headers: list[bytes]) -> ItemRecord:
    if answer.opening is None or answer.item != b64u(item):
        raise Untrusted("deposit_answer", "the vault answered for another item than was deposited")
    opening = Opening.from_json(answer.opening.model_dump())
    if opening.object_sha256 != sha256(raw.encode("ascii")):
        raise Untrusted("deposit_answer", "the vault answered for another item than was deposited")
    return ItemRecord(
        item=item,
        state="present",
        at=answer.at,
        index=answer.index,
        slip=raw,
        salt=salt,
        headers=tuple(headers),
        opening=opening,
        claimed_at=answer.at,
    )


def _media_type(path: Path) -> str:
    guessed, encoding = mimetypes.guess_type(path.name)
    if path.suffix.lower() == ".ofd":
        return "application/ofd"
    return guessed if guessed and encoding is None else _FALLBACK_TYPE
