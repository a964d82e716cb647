"""Local state of a dossier's wallet: what was synced, still sealed; nothing here is opened or secret.

    items/<item>.json          slip, salts, headers, opening, entry, proof, claim
    items.lock                 held while one of them is read and written
    objects/<sha256>.payload   payloads as the vault sent them: ciphertext, named by their digest
    history/<n>.json           one page of the dossier's log, from n on
    grants/<grant>.json        grants that this device made
    log.json                   how far the log was walked, and the newest checkpoint
    invited.json               which agencies this device invited to issue, and when last

Files are private and replaced whole. Opened copies exist only where a person asked for one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from client.files import PRIVATE_FILE, private_folder, read_json, write_json
from client.partial import arriving
from protocol.encoding import b64u, unb64u
from protocol.entries import Opening
from protocol.errors import Denied, Malformed
from protocol.history import HistoryHead

_VERSION = 1


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """One item as it was synced. ``state``: present or deleted; ``damaged`` holds the code of what is wrong.

    ``slip`` and ``salt`` are None once it is deleted. ``rewrap`` is the holder's word on headers that were wrapped
    anew; None while they are the ones that the slip names. ``proof`` is a tlog-proof of its entry. ``claimed_at``
    is None until the holder has accepted it.
    """

    item: bytes
    state: str
    at: int
    index: int
    slip: str | None = None
    salt: bytes | None = None
    headers: tuple[bytes, ...] = ()
    opening: Opening | None = None
    entry: bytes = b""
    proof: bytes = b""
    claimed_at: int | None = None
    damaged: str | None = None
    rewrap: str | None = None

    @property
    def id(self) -> str:
        """The item's id as people and paths see it."""
        return b64u(self.item)

    def to_json(self) -> dict[str, Any]:
        return {
            "v": _VERSION,
            "item": b64u(self.item),
            "state": self.state,
            "at": self.at,
            "index": self.index,
            "slip": self.slip,
            "salt": None if self.salt is None else b64u(self.salt),
            "headers": [b64u(header) for header in self.headers],
            "opening": None if self.opening is None else self.opening.to_json(),
            "entry": b64u(self.entry),
            "proof": b64u(self.proof),
            "claimed_at": self.claimed_at,
            "damaged": self.damaged,
            "rewrap": self.rewrap,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ItemRecord:
        """Read ``to_json``'s object; ``Malformed`` on anything else."""
        try:
            if value["v"] != _VERSION:
                raise Malformed("store_version", "a local file is of another version")
            return cls(
                item=unb64u(value["item"], length=32, what="item"),
                state=str(value["state"]),
                at=int(value["at"]),
                index=int(value["index"]),
                slip=value["slip"],
                salt=None if value["salt"] is None else unb64u(value["salt"], length=32, what="salt"),
                headers=tuple(unb64u(header, what="header") for header in value["headers"]),
                opening=None if value["opening"] is None else Opening.from_json(value["opening"]),
                entry=unb64u(value["entry"], what="entry"),
                proof=unb64u(value["proof"], what="proof"),
                claimed_at=value["claimed_at"],
                damaged=value["damaged"],
                rewrap=value.get("rewrap"),
            )
        except (KeyError, TypeError, ValueError):
            raise Malformed("store", "a local file of the wallet is garbled: run sync again") from None


@dataclass(frozen=True, slots=True)
class LogHead:
    """How far this device has walked the dossier's history, and the newest checkpoint that it believes.

    ``page`` is the vault's token of the page that was read last, which begins at n = ``page_first``: the next walk
    begins there again, since the page may have grown.
    """

    head: HistoryHead = field(default_factory=HistoryHead)
    checkpoint: bytes = b""
    synced_at: int = 0
    page: str | None = None
    page_first: int = 0


class Store:
    """The local files of one wallet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # --- items --------------------------------------------------------------------------------------

    def items(self) -> list[ItemRecord]:
        """All items, in the order in which they came."""
        found = [ItemRecord.from_json(read_json(path)) for path in self._folder("items").glob("*.json")]
        return sorted(found, key=lambda record: (record.index, record.item))

    def item(self, wanted: str) -> ItemRecord:
        """The item of this id, or the one whose id begins so; ``Denied("item_not_found")`` if not one."""
        found = [record for record in self.items() if record.id.startswith(wanted)] if wanted else []
        exact = [record for record in found if record.id == wanted]
        if len(exact or found) != 1:
            raise Denied(
                "item_not_found", "{count} items here have an id that begins with {item}", count=len(found), item=wanted
            )
        return (exact or found)[0]

    def known_item(self, item: bytes) -> ItemRecord | None:
        """The record of an item, if it was synced."""
        path = self._folder("items") / f"{b64u(item)}.json"
        return ItemRecord.from_json(read_json(path)) if path.exists() else None

    def save_item(self, record: ItemRecord, seen: ItemRecord | None = None) -> None:
        """Keep a record; what was claimed stays claimed.

        ``seen``: what was here when ``record`` was made, if ``record`` brings other headers. Headers that another
        process has wrapped anew since then stay: they are the newer ones.
        """
        with self._items_held():
            before = self.known_item(record.item)
            if before is not None and record.claimed_at is None:
                record = replace(record, claimed_at=before.claimed_at)
            if before is not None and before.slip == record.slip and before.rewrap != (seen or record).rewrap:
                record = replace(record, headers=before.headers, rewrap=before.rewrap)
            self._write_item(record)

    def save_headers(self, seen: ItemRecord, headers: tuple[bytes, ...], rewrap: str) -> None:
        """Put headers that were wrapped anew in place of those of ``seen``, unless the item changed since then."""
        with self._items_held():
            before = self.known_item(seen.item)
            if before is not None and (before.slip, before.rewrap) == (seen.slip, seen.rewrap):
                self._write_item(replace(before, headers=headers, rewrap=rewrap))

    def _write_item(self, record: ItemRecord) -> None:
        write_json(self._folder("items") / f"{record.id}.json", record.to_json())

    @contextlib.contextmanager
    def _items_held(self) -> Iterator[None]:
        """Between reading a record and writing it no other process writes one."""
        path = private_folder(self.folder) / "items.lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    # --- payloads -----------------------------------------------------------------------------------

    def payload_path(self, digest: bytes) -> Path:
        """Where the payload of this digest lies, or would lie."""
        return self._folder("objects") / f"{b64u(digest)}.payload"

    @contextlib.contextmanager
    def new_payload(self, digest: bytes) -> Iterator[BinaryIO]:
        """A file that becomes the payload of this digest if the block ends well; it begins with what came before."""
        with arriving(self.payload_path(digest)) as stream:
            yield stream

    def drop_payload(self, digest: bytes) -> None:
        """Forget a payload that turned out damaged, or whose item was deleted."""
        self.payload_path(digest).unlink(missing_ok=True)

    # --- history and log head -----------------------------------------------------------------------

    def log_head(self) -> LogHead:
        """How far the log was walked; the beginning if never."""
        path = self.folder / "log.json"
        if not path.exists():
            return LogHead()
        value = read_json(path)
        try:
            head = HistoryHead(
                int(value["n"]), unb64u(value["entry_hash"], length=32, what="entry_hash"), int(value["index"])
            )
            checkpoint = unb64u(value["checkpoint"], what="checkpoint")
            return LogHead(head, checkpoint, int(value["synced_at"]), value["page"], int(value["page_first"]))
        except (KeyError, TypeError, ValueError):
            raise Malformed("store", "a local file of the wallet is garbled: run sync again") from None

    def save_log_head(self, state: LogHead) -> None:
        """Keep how far the log was walked."""
        write_json(
            self.folder / "log.json",
            {
                "v": _VERSION,
                "n": state.head.n,
                "entry_hash": b64u(state.head.entry_hash),
                "index": state.head.index,
                "checkpoint": b64u(state.checkpoint),
                "synced_at": state.synced_at,
                "page": state.page,
                "page_first": state.page_first,
            },
        )

    def save_checkpoint(self, raw: bytes) -> None:
        """Keep a newer checkpoint, which extends the one kept so far."""
        self.save_log_head(replace(self.log_head(), checkpoint=raw))

    def add_history(self, first: int, rows: list[dict[str, Any]]) -> None:
        """Keep one verified page of the dossier's log, whose first row has n = ``first``."""
        write_json(self._folder("history") / f"{first:012d}.json", {"v": _VERSION, "first": first, "rows": rows})

    def history_page(self, first: int) -> list[dict[str, Any]]:
        """The rows of the kept page that begins with n = ``first``; none if it was never kept."""
        path = self._folder("history") / f"{first:012d}.json"
        return _rows(path) if path.exists() else []

    def keep_pages(self, firsts: set[int]) -> None:
        """Forget every kept page but those that begin with these n."""
        wanted = {f"{first:012d}" for first in firsts}
        for path in self._folder("history").glob("*.json"):
            if path.stem not in wanted:
                path.unlink()

    def history(self) -> Iterator[dict[str, Any]]:
        """All rows (``wire.LogRow`` as JSON), in the order of n."""
        for path in sorted(self._folder("history").glob("*.json")):
            yield from _rows(path)

    # --- grants -------------------------------------------------------------------------------------

    def save_grant(self, grant: bytes, value: dict[str, Any]) -> None:
        """Keep what this device granted."""
        write_json(self._folder("grants") / f"{b64u(grant)}.json", {"v": _VERSION, **value})

    def grants(self) -> list[dict[str, Any]]:
        """The grants that this device made."""
        return [read_json(path) for path in sorted(self._folder("grants").glob("*.json"))]

    # --- invitations --------------------------------------------------------------------------------

    def invited(self) -> dict[str, int]:
        """The agencies (urn) that were invited from here → when last, in seconds."""
        path = self.folder / "invited.json"
        found = read_json(path).get("agencies", {}) if path.exists() else {}
        if not isinstance(found, dict) or not all(isinstance(at, int) for at in found.values()):
            raise Malformed("store", "a local file of the wallet is garbled: run sync again")
        return found

    def add_invited(self, urn: str, at: int) -> None:
        """Remember that the agency was told which dossier is ours."""
        write_json(self.folder / "invited.json", {"v": _VERSION, "agencies": {**self.invited(), urn: at}})

    def _folder(self, name: str) -> Path:
        return private_folder(self.folder / name)


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = read_json(path).get("rows")
    if not isinstance(rows, list):
        raise Malformed("store", "a local file of the wallet is garbled: run sync again")
    return rows
