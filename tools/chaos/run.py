"""One run: a chain, a vault, clients, so many kills; then the checker. Bounded in kills and in seconds.

The seed decides when the vault is killed and what the clients do; keys and ids are drawn fresh each time. One kill in
six comes while the vault is still starting. A run that has no time left for all its kills says how many it made.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.local_chain import local_chain
from bench.parties import Town
from protocol.entries import origin_hash
from protocol.note import Checkpoint, parse_note
from tools.chaos.evidence import Evidence, Watcher, gather
from tools.chaos.journal import KINDS, Journal
from tools.chaos.judge import judge
from tools.chaos.load import Stage, Worker
from tools.chaos.server import Server

LIVES_S = (0.05, 1.2)  # how long the vault lives between being ready and being killed
BY_TIME = 1 / 3  # of the kills; the others come when so many operations were acknowledged
MOST_ANSWERS, LAST_ANSWERS, ANSWERS_S, MOMENT_S = 30, 20, 8.0, 0.04
EARLY = 1 / 6  # of the kills: before it is ready
EARLY_S = 2.0
GOAL_S = 3.0
SETTLE_S = 20.0
PATIENCE_S = 30.0  # of a client that repeats its last request, after the last restart
POLL_S = 0.2
SETTINGS: dict[str, object] = {
    "anchor_interval_s": 0.2,
    "chain_poll_s": POLL_S,
    "sequencer_wait_s": 2.0,
    "address_requests_per_s": 0,  # all clients have one address here, and one issuer
    "caller_requests_per_s": 0,
}


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted: ``kills`` of them in at most ``seconds``."""

    kills: int
    seed: int
    seconds: float
    workers: int = 4


@dataclass(slots=True)
class Report:
    """What came of it. ``faults``: one line each."""

    order: Order
    kills: int = 0
    early: int = 0
    took_s: float = 0.0
    restarts_s: list[float] = field(default_factory=list)
    restarts_cpu_s: list[float] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    found: Evidence | None = None
    faults: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report as text; the verdict is the last line."""
        order, journal = self.order, self.journal
        each = ", ".join(
            f"{kind} {journal.count('answered', kind)}/{journal.count('given up', kind)}" for kind in KINDS
        )
        silences = ", ".join(f"{code} {count}" for code, count in sorted(journal.silences.items())) or "none"
        return [
            f"seed {order.seed}: {self.kills} of {order.kills} kills, {self.early} while starting, {self.took_s:.0f} s",
            f"operations, acknowledged/given up: {each}",
            f"tries without an answer: {silences}",
            _log(self.found),
            f"restart: {_restarts(self.restarts_s, self.restarts_cpu_s)}",
            *(f"FAULT {line}" for line in self.faults[:50]),
            self._verdict(),
        ]

    def _verdict(self) -> str:
        if self.faults:
            return f"chaos: {len(self.faults)} FAULTS, seed {self.order.seed}"
        return f"chaos: {self.kills} kills, {self.journal.told} acknowledged operations, none lost, none doubled"


def play(
    order: Order,
    tell: Callable[[str], None] = lambda _line: None,
    killed: Callable[[Report], None] = lambda _report: None,
) -> Report:
    """Make the run; programs that were started are ended in any case. ``killed`` hears how far it is."""
    began, report = time.monotonic(), Report(order)
    draw = random.Random(order.seed)
    with ExitStack() as stack:
        chain = stack.enter_context(local_chain())
        server = Server.of(chain, **SETTINGS)
        server.start()
        server.wait_ready()
        town = Town.of(chain, server.url)
        stack.callback(town.close)
        stage = Stage.of(town, order.workers)
        tell(f"ready after {time.monotonic() - began:.1f} s; killing")
        crew = Crew(stage, report.journal, draw)
        crew.start()
        try:
            _killing(server, draw, report, began + order.seconds, killed)
        finally:
            notes = crew.stop()
        settle(town)
        found = gather(town, stage.holders, notes)
        report.found, report.faults = found, judge(found, report.journal.acts)
    report.restarts_s, report.restarts_cpu_s = server.restarts_s, server.restarts_cpu_s
    report.took_s = time.monotonic() - began
    return report


@dataclass(slots=True)
class Crew:
    """The clients and the watcher, each in a thread of its own."""

    stage: Stage
    journal: Journal
    draw: random.Random
    ended: threading.Event = field(default_factory=threading.Event)
    hopeless: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    watcher: Watcher = field(init=False)

    def start(self) -> None:
        """Put the vault under load."""
        lock = threading.Lock()
        self.watcher = Watcher(self.stage.town.vault_url)
        self.watcher.start()
        for number in range(len(self.stage.holders)):
            draw = random.Random(self.draw.random())
            worker = Worker(self.stage, number, self.journal, draw, self.ended, self.hopeless, lock)
            self.threads.append(threading.Thread(target=worker.run, name=f"client {number}", daemon=True))
        for thread in self.threads:
            thread.start()

    def stop(self) -> list[bytes]:
        """Let every client finish its last operation; the signed heads that were seen."""
        self.ended.set()
        deadline = time.monotonic() + PATIENCE_S
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.hopeless.set()
        for thread in self.threads:
            thread.join(PATIENCE_S)
        return self.watcher.stop()


def _killing(
    server: Server, draw: random.Random, report: Report, deadline: float, killed: Callable[[Report], None]
) -> None:
    """Kill and start again; the vault runs when this returns."""
    while report.kills < report.order.kills and time.monotonic() < deadline:
        _live(report.journal, draw)
        server.kill()
        report.kills += 1
        while report.kills < report.order.kills and draw.random() < EARLY:
            server.start()
            time.sleep(draw.uniform(0, EARLY_S))
            server.kill()
            report.kills += 1
            report.early += 1
        server.restart()
        killed(report)
    _answers(report.journal, LAST_ANSWERS)


def _live(journal: Journal, draw: random.Random) -> None:
    """Let the vault work: for a time, or for so many answers and then a moment, so that a slow machine works too."""
    if draw.random() < BY_TIME:
        time.sleep(draw.uniform(*LIVES_S))
    else:
        _answers(journal, draw.randrange(1, MOST_ANSWERS))
        time.sleep(draw.uniform(0, MOMENT_S))


def _answers(journal: Journal, more: int) -> None:
    """Wait until so many more operations were acknowledged, for as long as a client would."""
    wanted, deadline = journal.told + more, time.monotonic() + ANSWERS_S
    while journal.told < wanted and time.monotonic() < deadline:
        time.sleep(0.005)


def settle(town: Town) -> None:
    """Wait until the chain has the newest head, and with it every revocation; the checker says what is missing then."""
    deadline, log = time.monotonic() + SETTLE_S, origin_hash(town.log)
    api = town.api()
    while time.monotonic() < deadline:
        state, newest = town.ledger.log_state(log), parse_note(api.checkpoint())
        if state is not None and Checkpoint.parse_text(newest.text).size == state.size:
            break
        time.sleep(POLL_S)


def _log(found: Evidence | None) -> str:
    if found is None:
        return "log: not read"
    return f"log: {len(found.entries)} entries, {len(found.notes)} signed heads seen, {len(found.anchors)} anchored"


def _restarts(seconds: Sequence[float], cpu: Sequence[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    late = sum(one > GOAL_S for one in ordered)
    return (
        f"median {statistics.median(ordered):.2f} s, p99 {p99:.2f} s, max {ordered[-1]:.2f} s; "
        f"{late} of {len(ordered)} over {GOAL_S:.0f} s; of it {statistics.median(cpu):.2f} s of a processor"
    )
