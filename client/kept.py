"""Large documents that were sealed and wait for their upload: a command that is started again goes on with them.

Sealing again would draw another file key, and with it another payload, of which the vault has nothing. So what is
larger than a segment is kept for a day: ciphertext, and a record of what it was made from. A record is believed only
for the very file it was made from (place, size, times, inode) and for the same reader. The file key is in the header.

    <key>.json      what was sealed, from what
    <key>.payload   the payload
    <key>.lock      held by the process that works with both; another one seals for itself
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from client.files import PRIVATE_FILE, private_folder, read_json, write_json
from client.sealing import Draft, SealedPart, seal_document, seal_stream
from protocol import canonical
from protocol.credential import FileEntry, parse_file_entry
from protocol.encoding import b64u, unb64u
from protocol.errors import OneFileError
from protocol.hashing import sha256
from protocol.recipients import Recipient
from protocol.slips import SlipObject
from protocol.stream import payload_size
from protocol.wire_uploads import SEGMENT_BYTES

KEPT_S = 24 * 3600  # as long as a vault keeps an upload that nobody goes on with, by its default
_VERSION = 1

Sealed = tuple[FileEntry, SealedPart]


class Kept:
    """The sealed documents of one profile. Use it in ``with``; ``done`` when the deposit stands."""

    def __init__(self, folder: Path, loose: Path | None = None) -> None:
        """``loose``: where that is sealed which is not kept; there it is gone at the end."""
        self.folder = folder
        self._beside = loose or folder
        self._held: dict[str, int] = {}
        self._loose: list[Path] = []  # what nobody will look for again

    def __enter__(self) -> Self:
        for path in self.folder.iterdir() if self.folder.exists() else ():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > KEPT_S:
                    path.unlink()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for handle in self._held.values():
            os.close(handle)
        self._held.clear()
        for path in self._loose:
            path.unlink(missing_ok=True)

    def seal(self, draft: Draft, recipient: Recipient, card: bytes, label: str) -> Sealed:
        """The document sealed for the reader whose key card has the hash ``card``; as it was sealed before, if it was.

        ``label`` tells apart what is sealed for different purposes.
        """
        key = _key(draft, card, label) if payload_size(draft.size) > SEGMENT_BYTES else None
        if key is not None and self._hold(key):
            return self._before(key) or self._anew(key, draft, recipient)
        entry, part = seal_document(draft, private_folder(self._beside), recipient)
        self._loose.append(part.path)
        return entry, part

    def seal_bytes(self, data: bytes, recipient: Recipient) -> SealedPart:
        """What is no document: sealed, and gone at the end."""
        part = seal_stream(io.BytesIO(data), private_folder(self._beside), recipient)
        self._loose.append(part.path)
        return part

    def done(self, parts: Sequence[SealedPart]) -> None:
        """These are deposited: nothing of them is kept here any more."""
        for part in parts:
            for path in (part.path, part.path.with_suffix(".json"), part.path.with_suffix(".lock")):
                if path.parent == self.folder:
                    path.unlink(missing_ok=True)

    def _hold(self, key: str) -> bool:
        if key in self._held:
            return False
        handle = os.open(
            private_folder(self.folder) / f"{key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE
        )
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        os.utime(handle)
        self._held[key] = handle
        return True

    def _before(self, key: str) -> Sealed | None:
        record, payload = self.folder / f"{key}.json", self.folder / f"{key}.payload"
        try:
            found = _parsed(read_json(record), payload)
            whole = payload.stat().st_size == found[1].object.payload_size
        except (OneFileError, OSError, KeyError, TypeError, ValueError):
            return None  # none, or none that can be read: it is sealed anew
        if not whole:
            return None
        os.utime(payload)
        return found

    def _anew(self, key: str, draft: Draft, recipient: Recipient) -> Sealed:
        record = self.folder / f"{key}.json"
        record.unlink(missing_ok=True)
        entry, part = seal_document(draft, self.folder, recipient)
        kept = SealedPart(part.object, part.header, part.path.replace(self.folder / f"{key}.payload"))
        write_json(record, _to_json(entry, kept))
        return entry, kept


def _key(draft: Draft, card: bytes, label: str) -> str | None:
    """What a document is known by; None for one that is not there any more: sealing it says so."""
    try:
        state = draft.path.stat()
        source = [str(draft.path.resolve()), state.st_dev, state.st_ino, state.st_size]
        times = [str(state.st_mtime_ns), str(state.st_ctime_ns)]
    except OSError:
        return None
    told = [_VERSION, label, b64u(card), draft.name, draft.media_type, *map(str, source), *times]
    return sha256(canonical.dumps(told)).hex()[:40]


def _to_json(entry: FileEntry, part: SealedPart) -> dict[str, Any]:
    return {
        "v": _VERSION,
        "entry": entry.to_json(),
        "header": b64u(part.header),
        "payload": b64u(part.object.payload),
        "payload_size": part.object.payload_size,
    }


def _parsed(value: dict[str, Any], payload: Path) -> Sealed:
    header = unb64u(value["header"], what="header")
    digest = unb64u(value["payload"], length=32, what="payload")
    part = SlipObject(digest, int(value["payload_size"]), sha256(header))
    return parse_file_entry(value["entry"], "kept"), SealedPart(part, header, payload)
