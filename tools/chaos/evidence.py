"""What anybody can read of a vault afterwards, and each holder of its own dossier: over HTTP, and from the chain.

Nothing here looks at the vault's files, and nothing is judged here: ``tools/chaos/judge.py`` does that.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bench.parties import Party, Town
from client.api import VaultApi
from client.clock import SystemClock
from client.facts import AnchorHistory
from client.http import Http
from protocol import wire
from protocol.encoding import unb64u
from protocol.entries import Opening, origin_hash
from protocol.errors import OneFileError, Unavailable
from protocol.grant import AccessGrant, GrantEnvelope
from protocol.history import Logged
from protocol.note import Vkey, verify_checkpoint
from protocol.slips import parse_slip
from protocol.tiles import VerifiedTileReader, tile_at

LOOK_S = 0.02
AWAY_S = 0.1  # before a vault that does not answer is asked again


@dataclass(frozen=True, slots=True)
class Step:
    """The vault's proof that the head of ``second`` entries extends the one of ``first``."""

    first: int
    second: int
    proof: tuple[bytes, ...]


@dataclass(slots=True)
class Dossier:
    """What one holder reads of its own: the history, the items, the grants, and the payloads that came back whole."""

    tag_key: bytes
    history: list[Logged] = field(default_factory=list)
    receipts: dict[int, str] = field(default_factory=dict)  # by the index of the use that they are for
    items: list[wire.Item] = field(default_factory=list)
    grants: list[wire.GrantRow] = field(default_factory=list)
    payloads: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class Evidence:
    """Everything that was read. ``notes``: signed heads in the order in which they were seen, the newest last."""

    origin: str
    vkey: Vkey
    notes: list[bytes] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    dossiers: list[Dossier] = field(default_factory=list)
    anchors: list[tuple[int, bytes]] = field(default_factory=list)
    nullified: set[bytes] = field(default_factory=set)


class Watcher:
    """Keeps every signed head that a vault shows while it runs, dies and comes back."""

    def __init__(self, url: str) -> None:
        self._api = VaultApi(Http(url, clock=SystemClock(), timeout_s=5.0, tries=1))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self.notes: list[bytes] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> list[bytes]:
        """The heads, in the order in which they were seen."""
        self._ended.set()
        self._thread.join(30)
        self._api.http.close()
        return self.notes

    def _run(self) -> None:
        while not self._ended.wait(LOOK_S):
            try:
                note = self._api.checkpoint()
            except Unavailable:
                self._ended.wait(AWAY_S)
                continue
            if not self.notes or note != self.notes[-1]:
                self.notes.append(note)


def gather(town: Town, holders: Sequence[Party], notes: Sequence[bytes]) -> Evidence:
    """Read everything from the running vault and the chain. Whatever it refuses to tell is raised."""
    state = town.ledger.log_state(origin_hash(town.log))
    if state is None:
        raise RuntimeError("the chain knows no such log")
    found = Evidence(town.log, Vkey.parse(state.vkey), list(notes))
    with town.api().http as http:
        api = VaultApi(http)
        found.notes.append(api.checkpoint())
        heads = [verify_checkpoint(note, found.origin, found.vkey) for note in found.notes]
        sizes = sorted({head.size for head in heads})
        found.steps = [_step(api, first, second) for first, second in pairwise(sizes)]
        newest = heads[-1]
        reader = VerifiedTileReader(newest.size, newest.root, api.tile)
        for n in range(-(-newest.size // 256)):
            found.entries += reader.entries(n)[: tile_at(newest.size, None, n).width]
    found.dossiers = [_dossier(town, holder) for holder in holders]
    history = AnchorHistory()
    history.read_on(town.ledger, town.log)
    found.anchors = [(head.size, head.root) for head in history.heads]
    found.nullified = {grant.nullifier for grant in _granted(found) if town.ledger.nullified_at(grant.nullifier)}
    return found


def _step(api: VaultApi, first: int, second: int) -> Step:
    answer = api.consistency(first, second)
    return Step(first, second, tuple(unb64u(part) for part in answer.proof))


def _granted(found: Evidence) -> Iterator[AccessGrant]:
    for dossier in found.dossiers:
        for row in dossier.grants:
            if row.state == "revoked":
                yield GrantEnvelope.from_json(row.envelope).grant


def _dossier(town: Town, holder: Party) -> Dossier:
    found = Dossier(holder.tag_key)
    with town.api(holder).http as http:
        api = VaultApi(http)
        for row in _rows(api):
            logged = row.logged
            opening = None if logged.opening is None else Opening.from_json(logged.opening.model_dump())
            body = None if logged.object is None else unb64u(logged.object)
            found.history.append(Logged(logged.index, unb64u(logged.entry), opening, body))
            if row.receipt is not None:
                found.receipts[logged.index] = row.receipt
        found.items, found.grants = list(api.items()), list(api.my_grants())
        for item in found.items:
            found.payloads |= _payloads(api, item)
    return found


def _rows(api: VaultApi) -> Iterator[wire.LogRow]:
    page: str | None = None
    while True:
        answer = api.log(page)
        yield from answer.rows
        if answer.next is None:
            return
        page = answer.next


def _payloads(api: VaultApi, item: wire.Item) -> set[bytes]:
    """Those of an item that come back with the digest of their name."""
    found: set[bytes] = set()
    for part in parse_slip(item.slip or "").body.objects:
        try:
            api.payload(part.payload, part.payload_size, io.BytesIO())
        except OneFileError:
            continue
        found.add(part.payload)
    return found
