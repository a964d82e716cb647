"""What the matrix plays: one write of a vault at a time, and the points at which it can fail or be killed.

A *point* is a moment within a write, named by kind and number: at ``worked 2`` the work of the second group is done and
not committed. A vault can be killed at every point; a fault is set where the outside world is spoken to. What must hold
afterwards stands in ``tests/crashes/whole.py``.
"""

from __future__ import annotations

import pickle
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from chain.world import World as ChainState
from protocol.encoding import b64u
from protocol.errors import Unavailable
from tests.crashes.forks import Ended, FolderBlobs, Tell, die, in_child
from tests.crashes.whole import Told, check_bytes, check_log, check_repeated, check_whole
from tests.vault_stage import VaultStage, raw_scenario, vault_stage
from vault_api.outbox import DatabaseOutbox

SILENT = Unavailable("chain_unreachable", "the chain does not answer")
FAILS, PERSISTED = "fails", "fails but was persisted"
USES = 1_000
IN_MEMORY = Path("/dev/shm")  # what is killed is a process: what it wrote stays here, too
# The points that belong to each write; the first is before it, the last after it.
ENTRY = ("begun", "worked", "committed", "answered")
POINTS: dict[str, tuple[str, ...]] = {
    "deposit": ("begun", "half a payload", "put a payload", "worked", "committed", "answered"),
    "grant": ENTRY,
    "release": ENTRY,
    "revoke": ENTRY,
    "sequence": ("stored", "signed", "answered"),
    "tile": ("committed", "half a tile", "put a tile", "answered"),
    "anchor": ("begun", "worked", "sent", "committed", "answered"),
}
# After these points the outside world is spoken to: the next commit, the bytes, the transaction.
FAULTS: dict[str, tuple[str, ...]] = {
    "deposit": ("worked", "putting a payload"),
    "grant": ("worked",),
    "release": ("worked",),
    "revoke": ("worked",),
    "sequence": ("stored",),
    "tile": ("putting a tile",),
    "anchor": ("worked", "sending"),
}
ASKED = {"sequence": "note", "tile": "note"}  # the request that leads to the write, where it is no request itself


class Points:
    """Passes the points of a write, once it is armed, and does something at one of them."""

    def __init__(self) -> None:
        self.armed = False
        self.answer_lost = False  # of the transaction that is on its way
        self.passed: list[str] = []
        self._at, self._act = "", die
        self._counts: Counter[str] = Counter()

    def arm(self, at: str, act: Callable[[], None]) -> None:
        """From now on count the points, and act when ``at`` is passed."""
        self.armed, self._at, self._act = True, at, act
        self.passed = []
        self._counts.clear()

    def __call__(self, kind: str) -> None:
        if not self.armed:
            return
        self._counts[kind] += 1
        name = f"{kind} {self._counts[kind]}"
        self.passed.append(name)
        if name == self._at:
            self._act()


@dataclass(slots=True)
class Request:
    """One write as it is sent: each time the same bytes under the same Idempotency-Key."""

    kind: str
    path: str
    body: dict[str, Any]
    party: Any = None
    key: str | None = None
    about: Any = None
    before: tuple[str, dict[str, Any]] | None = None  # what the holder posts first, safely

    def prepare(self, stage: VaultStage) -> None:
        if self.kind == "anchor":
            stage.publish()  # what waits from before
        if self.before is not None:
            assert stage.post(self.party, *self.before).status_code == 201

    def send(self, stage: VaultStage) -> Told | None:
        """The answer; None if it is "come back later"."""
        if self.kind == "anchor":
            return _anchored(stage)
        party = None if self.kind == "revoke" else self.party
        answer = stage.post(party, self.path, self.body, key=self.key)
        assert answer.status_code in {200, 201, 202, 503}, answer.text
        return answer.json() if answer.status_code < 202 else None


def _anchored(stage: VaultStage) -> Told | None:
    try:
        record = stage.publish()
    except Unavailable:
        return None
    newest = record or DatabaseOutbox(stage.vault).last_recorded()
    assert newest is not None
    return {"size": newest.size, "root": newest.root.hex()}


@dataclass(slots=True)
class Case:
    """A request and where it is to be hit."""

    request: Request
    point: str = ""
    mode: str = "killed"
    told: Told | None = None


@dataclass(slots=True)
class World:
    """Parties on a chain in memory, and a vault on the disk that runs in children alone."""

    folder: Path
    stage: VaultStage
    issuer: Any
    bank: Any
    alice: Any
    scenario: str = ""
    item: Any = None
    grant: Any = None
    number: int = 0
    known: dict[str, list[str]] = field(default_factory=dict)
    answered: list[tuple[Request, Told]] = field(default_factory=list)

    @classmethod
    def at(cls, folder: Path) -> World:
        """Everybody is there; the vault is stopped."""
        with vault_stage(folder, blobs=FolderBlobs(folder / "blobs")) as stage:
            world = cls(folder, stage, stage.issuer(), stage.bank(), stage.holder())
            authority = stage.authority()
            world.scenario = raw_scenario(stage.a_scenario(authority, max_uses=USES), authority)
            assert stage.post(authority, "/v1/scenarios", {"scenario": world.scenario}).status_code == 201
            world.item = world.alice.deposited(world.issuer)
            world.grant = world.alice.grant(world.bank, world.scenario, world.item, max_uses=USES)
            assert world.grant.send().status_code == 201
            check_whole(stage, world.alice, [])  # here also what is made at first use: no child has to
        return world

    # --- what is asked ------------------------------------------------------------------------------

    def request(self, write: str) -> Request:
        """A new request of this kind."""
        self.number += 1
        made: Request = getattr(self, f"_{ASKED.get(write, write)}")(b64u(self.number.to_bytes(16, "big")))
        return made

    def _deposit(self, key: str) -> Request:
        deposit = self.alice.deposit(self.issuer)
        body = deposit.body(payloads=[b64u(sealed.payload) for sealed in deposit.sealed])
        return Request("deposit", "/v1/deposits", body, self.issuer, key, deposit)

    def _grant(self, key: str) -> Request:
        grant = self._new_grant()
        return Request("grant", "/v1/grants", grant.body(), self.alice, key, grant)

    def _new_grant(self) -> Any:
        return self.alice.grant(self.bank, self.scenario, self.item, max_uses=USES)

    def _release(self, _key: str) -> Request:
        receipt = self.grant.receipt()
        path = f"/v1/grants/{self.grant.name}/release"
        return Request("release", path, {"receipt": receipt}, about=receipt)

    def _revoke(self, _key: str) -> Request:
        grant = self._new_grant()
        path, body = f"/v1/grants/{grant.name}/revoke", {"secret": b64u(grant.secret)}
        return Request("revoke", path, body, self.alice, about=grant, before=("/v1/grants", grant.body()))

    def _note(self, key: str) -> Request:
        said = self.alice.statement("notice", text="sample")
        return Request("note", "/v1/me/statements", {"statement": said}, self.alice, key, said)

    def _anchor(self, _key: str) -> Request:
        before = ("/v1/me/statements", {"statement": self.alice.statement("notice", text="sample")})
        return Request("anchor", "", {}, self.alice, before=before)

    # --- the vault, in a child ----------------------------------------------------------------------

    def points(self, write: str) -> list[str]:
        """The points of a write, in the order in which it passes them; found out by watching one."""
        if write not in self.known:
            case = Case(self.request(write), mode="watched")
            self.known[write] = self.turn([], [case]).word("passed")
            self.turn([case], [])
        return self.known[write]

    def turn(self, done: Sequence[Case], todo: Sequence[Case]) -> Ended:
        """Start the vault on what the last child left, check what became of ``done``, then play ``todo``."""
        ended = in_child(lambda tell: self._turn(tell, done, todo))
        self._keep_chain(ended)
        for case, told in zip(done, ended.words("repeated"), strict=True):
            self.answered.append((case.request, told))
        for case, told in zip(todo, ended.words("answer"), strict=False):  # who was killed told no more
            case.told = told
        return ended

    def _turn(self, tell: Tell, done: Sequence[Case], todo: Sequence[Case]) -> None:
        points = Points()
        with self.vault(points, tell) as stage:
            self.remind(stage)
            check_log(stage)
            check_bytes(stage)
            for case in done:
                tell({"repeated": check_repeated(stage, case.request, case.told)})
            check_whole(stage, self.alice, self.answered[-2:] if todo else self.answered)
            for case in todo:
                self._play(stage, points, tell, case)

    def remind(self, stage: VaultStage) -> None:
        """Ask the chain now for what a write would keep of it, and wait until it is kept: a write that comes later
        passes the same points each time, no group more and none less."""
        stage.vault.facts.dossier(self.alice.dossier)
        stage.vault.facts.agency(self.issuer.address)
        stage.vault.facts.agency(self.bank.address)
        stage.vault.sequencer.call(lambda _tx: None)  # behind what was handed in to be kept

    def _play(self, stage: VaultStage, points: Points, tell: Tell, case: Case) -> None:
        case.request.prepare(stage)
        points.arm(case.point, self._act(stage, points, case))
        answer = case.request.send(stage)
        tell({"answer": answer})
        points("answered")
        points.armed = False
        tell({"passed": points.passed})
        if case.mode in {FAILS, PERSISTED}:
            assert case.point in points.passed
            tell({"again": check_repeated(stage, case.request, answer)})

    def _act(self, stage: VaultStage, points: Points, case: Case) -> Callable[[], None]:
        if case.mode == "killed":
            return die
        return lambda: _fault(stage, points, case)

    @contextmanager
    def vault(self, points: Points, tell: Tell) -> Iterator[VaultStage]:
        blobs = FolderBlobs(self.folder / "blobs")
        blobs.files.half = lambda name: points(f"half {_what(name)}")
        blobs.fail = lambda operation, name: points(f"putting {_what(name)}") if operation == "put" else None
        blobs.fail_after = lambda operation, name: points(f"put {_what(name)}") if operation == "put" else None
        _outlive(self.stage.chain, points, tell)
        with vault_stage(self.folder, blobs=blobs, chain=self.stage.chain, on_step=points) as stage:
            yield stage

    def _keep_chain(self, ended: Ended) -> None:
        """The chain is not the vault's: what was sent there stays, whoever died."""
        if ended.word("chain") is not None:
            chain = self.stage.chain
            chain._blocks = pickle.loads(bytes.fromhex(ended.word("chain")))
            chain._world = ChainState.after(chain.events(0, chain.head.number))


@contextmanager
def fresh_world() -> Iterator[World]:
    """A world in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
    yield World.at(folder)
    shutil.rmtree(folder)


def _what(name: str) -> str:
    return "a payload" if name.startswith("payloads/") else "a tile"


def _outlive(chain: Any, points: Points, tell: Tell) -> None:
    """Tell the parent of every block: the chain goes on when this process is killed."""
    honest = chain.transact

    def transact(*given: Any, **named: Any) -> Any:
        points("sending")  # may raise
        done = honest(*given, **named)
        tell({"chain": pickle.dumps(chain._blocks).hex()})
        points("sent")
        if points.answer_lost:
            points.answer_lost = False
            raise SILENT
        return done

    chain.transact = transact


def _fault(stage: VaultStage, points: Points, case: Case) -> None:
    """Let what comes next fail: at once, or when it is done."""
    if case.point.startswith("putting"):
        _blob_fault(stage, case.mode)
    elif not case.point.startswith("sending"):
        _commit_fault(stage.vault.engine, case.mode)
    elif case.mode == FAILS:
        raise SILENT
    else:
        points.answer_lost = True


def _blob_fault(stage: VaultStage, mode: str) -> None:
    error = Unavailable("blobs_unreachable", "the blob store does not answer")
    if mode == FAILS:
        raise error
    blobs: Any = stage.vault.blobs

    def fail_after(_operation: str, _name: str) -> None:
        blobs.fail_after = lambda _operation, _name: None
        raise error

    blobs.fail_after = fail_after


def _commit_fault(engine: Engine, mode: str) -> None:
    """The next commit of a writer gives an error; whether it was done, only the disk knows."""

    def commit(conn: Connection) -> None:
        if not conn.get_execution_options().get("onefile_writer"):
            return
        event.remove(engine, "commit", commit)
        if mode == PERSISTED:
            conn.connection.dbapi_connection.commit()  # type: ignore[union-attr]  # it is open
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    event.listen(engine, "commit", commit)
