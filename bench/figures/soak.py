"""The figure ``soak``: 58 exchanges a second, minute after minute, and the vault's memory stays flat.

An exchange is what a use takes: the reader asks for the verdict on a grant, signs a receipt and is handed the parcel.
Each second one holder gives a new grant, says a word and revokes an old grant. The vault is ``vault-api serve`` with
its defaults, over a real chain; the clients are ours, each thread with its own connections. An exchange is begun when
it is due, whether or not those before it have ended, as long as there is a thread to begin it.

*Flat*: after a warm-up, in which caches of a bounded size fill, the straight line through the samples of the resident
set (all its processes together) rises by no more than ``FLAT_MIB_A_MINUTE``. At this rate that is 150 bytes an
exchange, less than the row that each one leaves in the database: whatever keeps exchanges in memory rises faster.
"""

from __future__ import annotations

import itertools
import re
import secrets
import statistics
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random

from bench.figures.canaries import LICENCE, reader_of
from bench.figures.figure import Tally
from bench.figures.needles import processes_of
from bench.figures.standing import Standing, standing
from bench.grant_case import PURPOSE, small_loan
from bench.parties import Party, ReadyGrant, Town
from chain.ledger import ROLE_ISSUER, ROLE_READER, ROLE_SCENARIO
from client.api import VaultApi
from protocol import wire
from protocol.encoding import b64u
from protocol.errors import OneFileError
from protocol.scenario import parse_scenario, sign_scenario
from protocol.slips import Slip
from protocol.statements import Statement, sign_statement
from vault_api.settings import Settings

RATE = 58
THREADS = 12
READERS = 4
HOLDERS = 4
GRANTS = 64  # that are alive at a time
USES = 1_000_000
KEPT = 0.98  # of the rate
SAMPLE_S = 1.0
WARM_UP_MINUTES = 5.0
LEAST_MINUTES = 5.0  # of samples behind the warm-up: before that a line says nothing
FLAT_MIB_A_MINUTE = 0.5
# The benches switch these off; here the service is as whoever runs it has it.
LIMITS = {name: Settings.model_fields[name].default for name in ("address_requests_per_s", "caller_requests_per_s")}


class Soak:
    """One vault process for all minutes. ``minute_s``: how long one is; shorter, with fewer grants, only for tests."""

    def __init__(self, minute_s: float = 60.0, grants: int = GRANTS, stand: Standing | None = None) -> None:
        self._minute_s = minute_s
        self._open = ExitStack()
        stand = stand or self._open.enter_context(standing(**LIMITS))
        self._office = Office(stand.town, grants)
        self._pool = self._open.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="reader"))
        self._memory = Memory(stand.process.process.pid)
        self._open.callback(self._memory.stop)

    def close(self) -> None:
        self._open.close()

    def batch(self, _draw: Random, size: int) -> Tally:
        tally = Tally()
        for _ in range(size):
            self._minute(tally)
        return tally

    def end(self) -> Tally:
        """Whether the memory was flat, if it was watched for long enough."""
        tally = Tally()
        slope, minutes = self._memory.slope()
        if minutes >= LEAST_MINUTES:
            tally.measures["memory, MiB a minute"] = slope
            tally.measures["minutes watched"] = minutes
            tally.control(slope <= FLAT_MIB_A_MINUTE, f"the memory rose by {slope:.2f} MiB a minute")
        return tally

    def _minute(self, tally: Tally) -> None:
        count = round(RATE * self._minute_s)
        numbers, took, refused = itertools.count(), list[float](), list[str]()
        start = time.monotonic()

        def work(_thread: int) -> None:
            while (number := next(numbers)) < count:
                due = start + number / RATE
                time.sleep(max(0.0, due - time.monotonic()))
                try:
                    self._office.exchange(number)
                    if number % RATE == 0:
                        self._office.change()
                except OneFileError as error:
                    refused.append(error.code)
                took.append(time.monotonic() - due)

        list(self._pool.map(work, range(THREADS)))
        rate = count / (time.monotonic() - start)
        cuts = statistics.quantiles(took, n=100, method="inclusive")
        tally.measures |= {"p50 ms": cuts[49] * 1e3, "p99 ms": cuts[98] * 1e3, "memory MiB": self._memory.last()}
        tally.measures["exchanges a second"] = rate
        _judge(count, refused, rate, tally)


def _judge(count: int, refused: list[str], rate: float, tally: Tally) -> None:
    """A minute counts if no exchange was refused and the rate was kept; one that was too slow is told, and no try."""
    tally.outcomes["exchanges"] += count - len(refused)
    if refused:
        tally.broke(f"{len(refused)} exchanges were refused: {', '.join(sorted(set(refused)))}")
    elif rate >= KEPT * RATE:
        tally.controls += 1
        tally.held("minutes without a refusal")
    else:
        tally.outcomes["minutes that were too slow, not counted"] += 1


class Office:
    """Readers with grants to use, and holders who give and revoke them."""

    def __init__(self, town: Town, grants: int) -> None:
        self._town, self._alive = town, grants
        self._own = threading.local()
        authority = town.agency(ROLE_SCENARIO, division="data-bureau")
        issuer = town.agency(ROLE_ISSUER, types=(LICENCE,))
        raw = sign_scenario(small_loan(authority.urn, int(time.time()), uses=USES), authority.present)
        town.api(authority).post_scenario(raw)
        self._scenario = parse_scenario(raw).hash
        self._readers = [town.agency(ROLE_READER) for _ in range(READERS)]
        self._holders = [self._with_item(issuer) for _ in range(HOLDERS)]
        self._grants = deque(self._grant(number) for number in range(grants))
        self._given = itertools.count(grants)
        self._turn = threading.Lock()

    def exchange(self, number: int) -> None:
        """The verdict is asked for, a receipt is given, the parcel is handed over."""
        reader, _, grant = self._grants[-1 - number % (self._alive // 2)]  # the younger half: none that ends now
        api, signed = self._api(reader), grant.envelope.grant
        assert api.verify_grant(signed.grant_id).verdict == "accept"
        released = api.release(signed.grant_id, self._town.receipt(reader, signed))
        assert isinstance(released, wire.Released)
        assert released.parcels == [b64u(grant.parcel)]

    def change(self) -> None:
        """A new grant, a word of its holder, and the end of the oldest grant."""
        with self._turn:
            fresh = self._grant(next(self._given))
            self._grants.append(fresh)
            _, holder, oldest = self._grants.popleft()
        api, now = self._api(holder), int(time.time())
        said = Statement(b64u(secrets.token_bytes(16)), now, holder.urn, self._town.log, "notice", text="a word")
        api.state(wire.Statement(statement=sign_statement(said, holder.present)))
        api.revoke(oldest.envelope.grant.grant_id, oldest.secret)

    def _with_item(self, issuer: Party) -> tuple[Party, Slip]:
        holder = self._town.holder()
        deposit = self._town.deposit(issuer, holder, b"credential")
        for part, sealed in zip(deposit.slip.objects, deposit.sealed, strict=True):
            self._town.api(issuer).upload(part.payload, reader_of(sealed.payload), part.payload_size, None)
        self._town.api(issuer).deposit(deposit.body)
        return holder, deposit.slip

    def _grant(self, number: int) -> tuple[Party, Party, ReadyGrant]:
        reader, (holder, slip) = self._readers[number % READERS], self._holders[number % HOLDERS]
        ready = self._town.grant(holder, reader, slip, self._scenario, PURPOSE["en"], USES)
        self._api(holder).post_grant(ready.body())
        return reader, holder, ready

    def _api(self, party: Party) -> VaultApi:
        """This thread's own connections, one for each party."""
        known: dict[str, VaultApi] | None = getattr(self._own, "known", None)
        if known is None:
            known = self._own.known = {}
        if party.urn not in known:
            known[party.urn] = self._town.api(party)
        return known[party.urn]


class Memory:
    """Samples the resident set of a process and of all that it started, from a thread, until ``stop``."""

    def __init__(self, pid: int) -> None:
        self._pid, self._start = pid, time.monotonic()
        self.samples: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def last(self) -> float:
        """The newest sample, MiB."""
        return self.samples[-1][1] if self.samples else 0.0

    def slope(self) -> tuple[float, float]:
        """MiB a minute by least squares over all samples behind the warm-up, and how many minutes they span."""
        return slope_of([sample for sample in self.samples if sample[0] >= WARM_UP_MINUTES])

    def _run(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            resident = sum(resident_mib(pid) for pid in processes_of(self._pid))
            self.samples.append(((time.monotonic() - self._start) / 60, resident))


def slope_of(samples: list[tuple[float, float]]) -> tuple[float, float]:
    """The slope of the line through (minutes, MiB), and the minutes between the first and the last."""
    if len(samples) < 2:
        return 0.0, 0.0
    minutes, resident = zip(*samples, strict=True)
    return statistics.linear_regression(minutes, resident).slope, minutes[-1] - minutes[0]


def resident_mib(pid: int) -> float:
    """The resident set of a process in MiB; 0 if it has ended."""
    try:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0


def open_work() -> Soak:
    return Soak()
