"""A log as a vault that lies would serve it, signed with the log's own key; and the ways to show it to a monitor."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, cast

import httpx2

from chain.events import Anchored, LogEvent
from chain.ledger import LedgerReads
from protocol.encoding import b64u
from protocol.merkle import consistency_proof, leaf_hashes, root, tree_levels
from protocol.note import Checkpoint, NoteSigner, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tiles import TILE_WIDTH, build_bundle, parse_tile_path

LOG = "/v1/log/"


class Book(httpx2.BaseTransport):
    """Serves these entries as the log, whatever else was ever served."""

    def __init__(self, origin: str, entries: Sequence[bytes], signer: NoteSigner) -> None:
        self._entries = tuple(entries)
        hashes = leaf_hashes(entries)
        self._levels = tree_levels(hashes)
        self.note = sign_checkpoint(Checkpoint(origin, len(entries), root(hashes)), signer)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix(LOG)
        if path == "checkpoint":
            return httpx2.Response(200, content=self.note)
        if path == "consistency":
            first, second = (int(request.url.params[name]) for name in ("first", "second"))
            return self._consistency(first, second)
        return self._bundle(path)

    def _consistency(self, first: int, second: int) -> httpx2.Response:
        if not 0 < first <= second <= len(self._entries):
            return httpx2.Response(404, json=GONE)
        proof = consistency_proof(first, second, lambda level, index: self._levels[level][index])
        return httpx2.Response(200, json={"first": first, "second": second, "proof": [b64u(part) for part in proof]})

    def _bundle(self, path: str) -> httpx2.Response:
        ref = parse_tile_path(path)
        first = ref.n * TILE_WIDTH
        part = self._entries[first : first + ref.width]
        if ref.level is not None or len(part) < ref.width:
            return httpx2.Response(404, json=GONE)
        return httpx2.Response(200, content=build_bundle(part))


GONE: dict[str, Any] = {
    "code": "tile_unknown", "fault": "denied", "status": 404, "detail": "", "title": "", "type": "urn:x"
}  # fmt: skip


class Bent(httpx2.BaseTransport):
    """An honest vault on whose way back the bundles are changed."""

    def __init__(self, honest: httpx2.BaseTransport, change: Callable[[bytes], bytes]) -> None:
        self._honest, self._change = honest, change

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._honest.handle_request(request)
        if not request.url.path.startswith(f"{LOG}tile/entries") or answer.status_code != 200:
            return answer
        return httpx2.Response(200, content=self._change(answer.read()))


class Turned:
    """A chain that has another root for its newest anchored head."""

    def __init__(self, ledger: LedgerReads, other: bytes) -> None:
        self._ledger, self._other = ledger, other

    def log_events(self, origin_hash: bytes, first: int, last: int) -> list[LogEvent]:
        found = list(self._ledger.log_events(origin_hash, first, last))
        for place, event in reversed(list(enumerate(found))):
            if isinstance(event, Anchored):
                found[place] = replace(event, root=self._other)
                break
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a lie begins: what the honest vault has, what the monitor kept, what is anchored."""

    origin: str
    entries: Sequence[bytes]
    kept: int
    anchored: int
    signer: NoteSigner
    honest: httpx2.BaseTransport
    ledger: LedgerReads

    def book(self, entries: Sequence[bytes]) -> Book:
        return Book(self.origin, entries, self.signer)

    def told(self) -> Sequence[bytes]:
        """The entries up to what the monitor has seen."""
        return self.entries[: self.kept]


@dataclass(frozen=True, slots=True)
class Lie:
    """What a monitor is shown: by each place it asks, in the gossip file, and by the chain."""

    places: Sequence[httpx2.BaseTransport]
    gossip: Sequence[bytes] = ()
    ledger: LedgerReads | None = None


def fresh(draw: Random, count: int) -> list[bytes]:
    """Entries that were never logged."""
    return [json.dumps({"never": draw.randbytes(16).hex()}).encode() for _ in range(count)]


def _rolled_back(draw: Random, scene: Scene) -> Lie:
    """An older head, behind what is anchored."""
    return Lie([scene.book(scene.entries[: draw.randrange(1, scene.anchored)])])


def _regrown(draw: Random, scene: Scene) -> Lie:
    """Rolled back, and grown again beyond what was seen."""
    back = draw.randrange(1, scene.kept)
    return Lie([scene.book([*scene.entries[:back], *fresh(draw, scene.kept - back + draw.randrange(1, 40))])])


def _same_size(draw: Random, scene: Scene) -> Lie:
    """Another head of the size that was seen."""
    back = draw.randrange(scene.kept)
    return Lie([scene.book([*scene.entries[:back], *fresh(draw, scene.kept - back)])])


def _changed(draw: Random, scene: Scene) -> Lie:
    """One old entry is another."""
    entries = [*scene.entries, *fresh(draw, draw.randrange(1, 10))]
    entries[draw.randrange(scene.kept)] = fresh(draw, 1)[0]
    return Lie([scene.book(entries)])


def _dropped(draw: Random, scene: Scene) -> Lie:
    """One old entry is missing."""
    entries = [*scene.entries, *fresh(draw, draw.randrange(2, 10))]
    del entries[draw.randrange(scene.kept)]
    return Lie([scene.book(entries)])


def _swapped(draw: Random, scene: Scene) -> Lie:
    """Two old entries have changed places."""
    entries = [*scene.entries, *fresh(draw, draw.randrange(1, 10))]
    one, two = draw.sample(range(scene.kept), 2)
    entries[one], entries[two] = entries[two], entries[one]
    return Lie([scene.book(entries)])


def _split(draw: Random, scene: Scene) -> Lie:
    """Two places show two histories that part after what was seen; of one size, or of two."""
    size = len(scene.entries)
    back = draw.randrange(scene.kept, size)
    grown = max(back + 1, size + draw.choice((0, 0, draw.randrange(-5, 20))))
    other = scene.book([*scene.entries[:back], *fresh(draw, grown - back)])
    return Lie(draw.sample([scene.honest, other], 2))


def _gossip(draw: Random, scene: Scene) -> Lie:
    """Somebody else was shown another head."""
    size = draw.randrange(max(1, scene.anchored), len(scene.entries) + 1)
    back = draw.randrange(size)
    other = scene.book([*scene.entries[:back], *fresh(draw, size - back)])
    return Lie([scene.honest], gossip=[other.note])


def _bent(draw: Random, scene: Scene) -> Lie:
    """The head is the true one, a byte of its newest bundle is not."""

    def change(raw: bytes) -> bytes:
        out = bytearray(raw)
        out[-1 - draw.randrange(30)] ^= 1 << draw.randrange(8)
        return bytes(out)

    return Lie([Bent(scene.honest, change)])


def _foreign_key(draw: Random, scene: Scene) -> Lie:
    """Another key signs under the log's name."""
    thief = Ed25519NoteSigner(scene.origin, draw.randbytes(32))
    return Lie([Book(scene.origin, [*scene.entries, *fresh(draw, 1)], thief)])


def _turned(draw: Random, scene: Scene) -> Lie:
    """The chain has another root for the head that the vault shows."""
    turned = cast("LedgerReads", Turned(scene.ledger, draw.randbytes(32)))
    return Lie([scene.honest], ledger=turned)


LIES: dict[str, Callable[[Random, Scene], Lie]] = {
    "rolled back behind an anchor": _rolled_back,
    "rolled back and regrown": _regrown,
    "another head of one size": _same_size,
    "an entry changed": _changed,
    "an entry left out": _dropped,
    "two entries swapped": _swapped,
    "a split view": _split,
    "a fork that others saw": _gossip,
    "a bundle bent": _bent,
    "another key": _foreign_key,
    "another root on chain": _turned,
}
