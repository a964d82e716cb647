"""An exported item: a folder that anybody can verify with programs that are not ours.

    credential.sd-jwt   the SD-JWT VC with all disclosures   (own documents: own.json instead)
    <name>.age          each document as a standard age file
    slip.jwt            the deposit slip: the object that the log entry commits to
    entry.json          the log entry's bytes
    opening.json        what opens its commitment: n, salt, object_sha256, t, index
    proof.tlog-proof    C2SP tlog-proof of the entry
    checkpoint          the signed checkpoint in it
    status.jwt          the issuer's status list at the time of export
    facts.json          item salt, key cards, names of the documents: needed to check, and true only if the
                        verifier's own chain or trust file says so

Reading is bounded and strict; it verifies nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client.files import read_if_file, write_private
from protocol import canonical
from protocol.encoding import b64u, unb64u
from protocol.entries import Opening
from protocol.errors import Denied, Malformed
from protocol.fields import Fields
from protocol.keycard import KeyCardEnvelope

CREDENTIAL, OWN = "credential.sd-jwt", "own.json"
MAX_TEXT = 4 << 20
MAX_CARDS = 1000
_VERSION = 1


@dataclass(frozen=True, slots=True)
class ExportedDocument:
    """A document of the folder: its file, its name in the credential, and SHA-256 of its payload."""

    file: str
    name: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Exported:
    """What a folder holds. ``credential`` is None for an own item, then ``own`` is its list (bytes)."""

    credential: str | None
    own: bytes | None
    slip: str
    item_salt: bytes
    entry: bytes
    opening: Opening
    proof: bytes
    checkpoint: bytes
    status: str | None
    issuer_cards: tuple[KeyCardEnvelope, ...] = ()
    dossier_cards: tuple[KeyCardEnvelope, ...] = ()
    documents: tuple[ExportedDocument, ...] = field(default=())
    exported_at: int = 0


def write_folder(folder: Path, exported: Exported) -> None:
    """Write everything but the documents; the folder must be empty or new."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in _files(exported):
        write_private(folder / name, data)


def read_folder(folder: Path) -> Exported:
    """Read a folder strictly; ``Denied("export_not_found")``, or ``Malformed`` for anything that is not one."""
    said = _read_if(folder, "facts.json")
    if said is None:
        raise Denied("export_not_found", "{path} is no exported item: it has no facts.json", path=str(folder))
    facts = Fields(canonical.loads_object(said, what="facts.json"), "facts")
    facts.uint("v", least=_VERSION, most=_VERSION)
    credential, status = _read_if(folder, CREDENTIAL), _read_if(folder, "status.jwt")
    exported = Exported(
        credential=None if credential is None else _ascii(credential, CREDENTIAL),
        own=_read(folder, OWN) if credential is None else None,
        slip=_ascii(_read(folder, "slip.jwt"), "slip.jwt"),
        item_salt=facts.bytes32("item_salt"),
        entry=_read(folder, "entry.json"),
        opening=Opening.from_json(canonical.loads_object(_read(folder, "opening.json"), what="opening.json")),
        proof=_read(folder, "proof.tlog-proof"),
        checkpoint=_read(folder, "checkpoint"),
        status=None if status is None else _ascii(status, "status.jwt"),
        issuer_cards=_cards(facts, "issuer_cards"),
        dossier_cards=_cards(facts, "dossier_cards"),
        documents=tuple(_document(part) for part in facts.objects("documents", most=64)),
        exported_at=facts.time("exported_at"),
    )
    facts.done()
    return exported


def document_path(folder: Path, document: ExportedDocument) -> Path:
    """Where a document lies; its file name was checked when the folder was read."""
    return folder / document.file


def _files(exported: Exported) -> Iterator[tuple[str, bytes]]:
    if exported.credential is not None:
        yield CREDENTIAL, exported.credential.encode("ascii")
    elif exported.own is not None:
        yield OWN, exported.own
    yield "slip.jwt", exported.slip.encode("ascii")
    yield "entry.json", exported.entry
    yield "opening.json", canonical.dumps(exported.opening.to_json())
    yield "proof.tlog-proof", exported.proof
    yield "checkpoint", exported.checkpoint
    if exported.status is not None:
        yield "status.jwt", exported.status.encode("ascii")
    facts: dict[str, Any] = {
        "v": _VERSION,
        "exported_at": exported.exported_at,
        "item_salt": b64u(exported.item_salt),
        "issuer_cards": [card.to_json() for card in exported.issuer_cards],
        "dossier_cards": [card.to_json() for card in exported.dossier_cards],
        "documents": [{"file": d.file, "name": d.name, "payload": b64u(d.payload)} for d in exported.documents],
    }
    yield "facts.json", (json.dumps(facts, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _read(folder: Path, name: str) -> bytes:
    found = _read_if(folder, name)
    if found is None:
        raise Malformed("export_incomplete", "the folder lacks {name}", name=name)
    return found


def _read_if(folder: Path, name: str) -> bytes | None:
    return read_if_file(folder / name, limit=MAX_TEXT)


def _ascii(raw: bytes, name: str) -> str:
    try:
        return raw.decode("ascii").strip()
    except UnicodeDecodeError:
        raise Malformed("export_text", "{name} is not the text that it should be", name=name) from None


def _cards(fields: Fields, name: str) -> tuple[KeyCardEnvelope, ...]:
    return tuple(KeyCardEnvelope.from_json(value) for value in fields.array(name, most=MAX_CARDS))


def _document(fields: Fields) -> ExportedDocument:
    found = ExportedDocument(
        file=fields.text("file", limit=255, pattern=r"[^/\\.\x00-\x1f][^/\\\x00-\x1f]*"),
        name=fields.text("name", limit=255),
        payload=unb64u(fields.take("payload"), length=32, what="facts.documents.payload"),
    )
    fields.done()
    return found
