"""This issuer's status lists on its own disk: which indices are given away, and what stands at each.

    status/<n>.json   {"v": 1, "lst": …, "used": …, "published": {"iat", "exp", "index", "lst_sha256"} | null}

Consistency: one writer at a time (a lock file), each list replaced whole; what ``allocate`` returned is on disk and
is never given again. An index whose issuing failed stays unused for good: there are enough. Lists are shared by all
types of this issuer; when a list is half used the next one is begun.
"""

from __future__ import annotations

import fcntl
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from client.files import private_folder, read_json, write_json
from protocol.credential import StatusRef
from protocol.encoding import b64u, unb64u
from protocol.errors import Conflict, Denied, Malformed
from protocol.fields import Fields
from protocol.hashing import sha256
from protocol.status_list import MAX_ENTRIES, StatusList, parse_status_uri, status_uri

_VERSION = 1
_LIMIT = 1 << 20
FRESH_S = 1_800  # verifiers at a window want a status of the last hour


@dataclass(frozen=True, slots=True)
class Published:
    """The newest token of a list: when it was signed and ends (seconds), its log entry, and SHA-256 of its bits."""

    iat: int
    exp: int
    index: int
    lst_sha256: bytes


@dataclass(frozen=True, slots=True)
class ListState:
    """One list as it stands here; ``published`` is None if no token was ever brought to the vault."""

    n: int
    uri: str
    bits: StatusList
    published: Published | None

    @property
    def changed(self) -> bool:
        """Whether something was set since the newest token."""
        return self.published is None or self.published.lst_sha256 != self.digest

    @property
    def digest(self) -> bytes:
        """SHA-256 of the list's bits, 32 bytes."""
        return sha256(self.bits.state()[0])

    def due(self, now: int) -> bool:
        """Whether a new token is needed: something changed, or the newest is older than half an hour."""
        return self.changed or self.published is None or now - self.published.iat >= FRESH_S

    def counts(self) -> tuple[int, int, int]:
        """How many entries are revoked, suspended, under correction."""
        lst, _used = self.bits.state()
        # Four statuses a byte: counted by the byte's value, not by walking 131,072 entries.
        found = [0, 0, 0, 0]
        for value in set(lst) - {0}:
            times = lst.count(value)
            for shift in (0, 2, 4, 6):
                found[value >> shift & 3] += times
        return found[1], found[2], found[3]


class Lists:
    """The lists of one issuer below its profile."""

    def __init__(self, folder: Path, account: bytes) -> None:
        self._folder = folder / "status"
        self._account = account

    def numbers(self) -> list[int]:
        """The lists that were begun, oldest first."""
        return sorted(int(path.stem) for path in self._folder.glob("[0-9]*.json"))

    def load(self, n: int) -> ListState:
        """A list; ``Denied("status_list_missing")`` if it was never begun here."""
        path = self._path(n)
        if not path.exists():
            raise Denied("status_list_missing", "this profile keeps no status list {n}", n=n)
        return self._parse(n, read_json(path, limit=_LIMIT))

    def allocate(self, count: int = 1) -> list[StatusRef]:
        """So many random indices of one list that no credential has, or as many as it has left, one at least.

        On disk before they are returned.
        """
        with self._locked():
            state = self._newest()
            found = _drawn(state.bits, count)
            if not found:
                state = self._begin(state.n + 1)
                found = _drawn(state.bits, count)
            self._save(state)
        return [StatusRef(state.uri, idx) for idx in found]

    def of(self, ref: StatusRef) -> ListState:
        """The list that a credential's status stands in."""
        account, n = parse_status_uri(ref.uri)
        if account != self._account:
            raise Denied("status_list_missing", "this profile keeps no status list {n}", n=n)
        return self.load(n)

    def set(self, ref: StatusRef, status: int) -> ListState:
        """Set the status of one credential; the list as it then stands."""
        with self._locked():
            state = self.of(ref)
            state.bits.set(ref.idx, status)
            self._save(state)
        return state

    def note_published(self, n: int, published: Published) -> ListState:
        """Remember the newest token, whatever was set meanwhile."""
        with self._locked():
            state = replace(self.load(n), published=published)
            self._save(state)
        return state

    def _newest(self) -> ListState:
        numbers = self.numbers()
        return self.load(numbers[-1]) if numbers else self._begin(0)

    def _begin(self, n: int) -> ListState:
        return ListState(n, status_uri(self._account, n), StatusList.empty(), None)

    def _path(self, n: int) -> Path:
        return self._folder / f"{n}.json"

    def _save(self, state: ListState) -> None:
        lst, used = state.bits.state()
        published = None
        if state.published is not None:
            newest = state.published
            published = {
                "iat": newest.iat,
                "exp": newest.exp,
                "index": newest.index,
                "lst_sha256": b64u(newest.lst_sha256),
            }
        body = {"v": _VERSION, "lst": _packed(lst), "used": _packed(used), "published": published}
        write_json(self._path(state.n), body)

    def _parse(self, n: int, value: dict[str, Any]) -> ListState:
        fields = Fields(value, "status list")
        fields.uint("v", least=_VERSION, most=_VERSION)
        bits = StatusList(_unpacked(fields.take("lst")), _unpacked(fields.take("used")))
        published = None if fields.is_null("published") else _published(fields.object("published"))
        fields.done()
        return ListState(n, status_uri(self._account, n), bits, published)

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """One process of this profile publishes at a time: tokens of one list have rising times."""
        with self._holding(".publishing"):
            yield

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._holding(".lock"):
            yield

    @contextmanager
    def _holding(self, name: str) -> Iterator[None]:
        private_folder(self._folder)
        with (self._folder / name).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _drawn(bits: StatusList, count: int) -> list[int]:
    found: list[int] = []
    with suppress(Conflict):  # the list is as full as it may be
        while len(found) < count:
            found.append(bits.allocate())
    return found


def _published(fields: Fields) -> Published:
    found = Published(fields.time("iat"), fields.time("exp"), fields.uint("index"), fields.bytes32("lst_sha256"))
    fields.done()
    return found


def _packed(data: bytes) -> str:
    return b64u(zlib.compress(data))


def _unpacked(value: Any) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        return unpacker.decompress(unb64u(value, what="status list"), MAX_ENTRIES // 4)
    except zlib.error:
        raise Malformed("status_list_state", "the marks of used indices do not fit the list") from None
