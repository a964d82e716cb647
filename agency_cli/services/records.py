"""What this agency issued: one private file for each item, so that its status can be set later. No secrets.

    issued/<item>.json                {"v", "item", "certificate_id", "vct", "dossier", "jti", "status", …}
    issued/by-certificate/<sha256>    the item of a certificate id

A record is written before the deposit is sent (``unsure``) and marked when the vault has answered (``deposited``):
a credential whose deposit may have arrived is never without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from client.files import private_folder, read_bounded, read_json, write_json, write_private
from protocol.credential import StatusRef
from protocol.encoding import b64u, hex0x, unb64u, unhex0x
from protocol.errors import Denied, Malformed
from protocol.fields import Fields
from protocol.hashing import sha256

State = Literal["unsure", "deposited"]
_VERSION = 1
_LIMIT = 64 << 10


@dataclass(frozen=True, slots=True)
class Issued:
    """``index`` is the log index of the deposit, None while (or if) it is not known. Times in seconds.

    ``content``: a keyed digest of what was ordered, to tell a repeated order from a changed one. ``card``: hash of the
    holder's key card that it is bound to; ``signer``: of ours, whose key signed it. Both None in older records.
    """

    item: bytes
    certificate_id: str
    vct: str
    dossier: bytes
    jti: bytes
    status: StatusRef
    content: bytes
    issued_at: int
    state: State = "unsure"
    index: int | None = None
    card: bytes | None = None
    signer: bytes | None = None

    @property
    def id(self) -> str:
        """The item's id as people and paths see it."""
        return b64u(self.item)

    def to_json(self) -> dict[str, Any]:
        return {
            "v": _VERSION,
            "item": self.id,
            "certificate_id": self.certificate_id,
            "vct": self.vct,
            "dossier": hex0x(self.dossier),
            "jti": b64u(self.jti),
            "status": {"uri": self.status.uri, "idx": self.status.idx},
            "content": b64u(self.content),
            "issued_at": self.issued_at,
            "state": self.state,
            "index": self.index,
            "card": None if self.card is None else hex0x(self.card),
            "signer": None if self.signer is None else hex0x(self.signer),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Issued:
        """Read ``to_json``'s object; ``Malformed`` on anything else."""
        fields = Fields(value, "issued")
        fields.uint("v", least=_VERSION, most=_VERSION)
        status = fields.object("status")
        record = cls(
            item=fields.bytes32("item"),
            certificate_id=fields.text("certificate_id"),
            vct=fields.text("vct"),
            dossier=unhex0x(fields.take("dossier"), length=32, what="issued.dossier"),
            jti=fields.octets("jti", 16),
            status=StatusRef(status.text("uri"), status.uint("idx")),
            content=fields.bytes32("content"),
            issued_at=fields.time("issued_at"),
            state=_state(fields.text("state")),
            index=None if fields.is_null("index") else fields.uint("index"),
            card=_card(fields, "card"),
            signer=_card(fields, "signer"),
        )
        status.done()
        fields.done()
        return record


class Records:
    """The records of one profile."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "issued"

    def save(self, record: Issued) -> None:
        """Keep a record, then let its certificate id lead to it."""
        write_json(self._path(record.item), record.to_json())
        if self._pointed(record.certificate_id) != record.item:
            write_private(self._pointer(record.certificate_id), record.id.encode("ascii"))

    def drop(self, record: Issued) -> None:
        """Forget an order that was refused."""
        self._path(record.item).unlink(missing_ok=True)
        if self._pointed(record.certificate_id) == record.item:
            self._pointer(record.certificate_id).unlink(missing_ok=True)

    def of_certificate(self, certificate_id: str) -> Issued | None:
        """The record of a certificate id."""
        item = self._pointed(certificate_id)
        return self.of_item(item) if item is not None else None

    def of_item(self, item: bytes) -> Issued | None:
        """The record of an item."""
        path = self._path(item)
        return Issued.from_json(read_json(path, limit=_LIMIT)) if path.exists() else None

    def find(self, text: str) -> Issued:
        """By certificate id, item id, or the beginning of one; ``Denied("issued_not_found")`` if not one."""
        found = self.of_certificate(text)
        if found is not None:
            return found
        paths = [path for path in self._folder.glob("*.json") if text and path.stem.startswith(text)]
        if len(paths) != 1:
            raise Denied(
                "issued_not_found",
                "{count} issued items have an id that begins with {text}",
                count=len(paths),
                text=text,
            )
        return Issued.from_json(read_json(paths[0], limit=_LIMIT))

    def all(self) -> Iterator[Issued]:
        """Every record, in no order that tells anything."""
        for path in sorted(self._folder.glob("*.json")):
            yield Issued.from_json(read_json(path, limit=_LIMIT))

    def _path(self, item: bytes) -> Path:
        return self._folder / f"{b64u(item)}.json"

    def _pointer(self, certificate_id: str) -> Path:
        folder = private_folder(self._folder / "by-certificate")
        return folder / sha256(certificate_id.encode("utf-8")).hex()

    def _pointed(self, certificate_id: str) -> bytes | None:
        path = self._pointer(certificate_id)
        if not path.exists():
            return None
        return unb64u(read_bounded(path, limit=100).decode("ascii", "replace"), length=32, what="issued")


def _card(fields: Fields, name: str) -> bytes | None:
    if not fields.has(name) or fields.is_null(name):
        return None
    return unhex0x(fields.take(name), length=32, what=f"issued.{name}")


def _state(text: str) -> State:
    states: tuple[State, ...] = ("unsure", "deposited")
    for known in states:
        if known == text:
            return known
    raise Malformed("field_form", "{field}: not of the expected form", field="issued.state")
