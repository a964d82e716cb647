"""Random histories: the same steps to the reference model and to the real vault; every difference is a fault.

    python -m tests.stateful.histories 10000 --seed 20261122     as many as asked, on every core, with progress
    python -m tests.stateful.histories --replay 20261122/417     one of them again, step by step

A history follows from its name, ``seed/number``, alone. One that fails is shrunk: steps are left out as long as it
still fails, which is possible since a step names what it speaks of by number, modulo what there is (ADR 24).
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import Any

from chain.values import ROLE_ISSUER, ROLE_READER, ROLE_SCENARIO
from protocol.dcql import parse_query
from tests.chain_fixture import LocalChain, start_chain
from tests.scenario_samples import DIPLOMA_VCT, INSURANCE_VCT
from tests.stateful.acts_grants import AllActs
from tests.stateful.evm import EvmChain
from tests.stateful.model_world import PEOPLE, READERS, World
from tests.stateful.reference import EXPIRES_DAYS, MOST_DAYS, MOST_RETENTION, MOST_USES, Step
from tests.stateful.rig import DEATHS, Prepared, Rig, Workplace, quiet
from tests.stateful.sight import Sight
from tests.vault_stage import DAY, HOUR, T0, raw_scenario

BEGIN = T0 + DAY  # a day after everything was laid: so far back no history's clock goes
LEAST_STEPS, MOST_STEPS = 3, 30
RECOVERIES = 0.1  # how many histories go the whole way of a recovery
Draw = random.Random

QUERY: dict[str, Any] = {
    "credentials": [
        {
            "id": name,
            "format": "dc+sd-jwt",
            "meta": {"vct_values": [vct]},
            "claims": [{"path": [claim]}, {"path": ["files", None], "optional": True}],
        }
        for name, vct, claim in (("insurance", INSURANCE_VCT, "months_paid"), ("education", DIPLOMA_VCT, "school"))
    ],
}

# --- drawing --------------------------------------------------------------------------------------

WAYS = ("relay", "direct")
WHO = ("alice", "alice", "alice", "bob", "carol")
READER = ("bank", "bank", "bank", "credit", "tax")
TERMS = ("plain",) * 8 + ("once", "once", "spaced", "later", "two", "two")
ODD_TERMS = ("past", "long", "many", "wide", "epoch", "former", "officer", "twin")
KINDS = ("fresh",) * 8 + ("again", "again", "reused", "other", "stale", "scenario", "wide", "long")
WAITS = (1, 20, 61, 150, 3_600, DAY + 1, 2 * DAY, 7 * DAY, -1, -20, -31, -3_600, 40, 3_600, 60)


def pick(draw: Draw, *choices: Any) -> Any:
    return choices[int(draw.random() * len(choices))]


def some(draw: Draw) -> int:
    return int(draw.random() * 1000)


def _deposit(draw: Draw) -> Step:
    kind = pick(draw, *["plain"] * 8, "no_token", "no_token", "old_card", "missing", "twin")
    return "deposit", pick(draw, "hr", "hr", "hr", "hr", "self", "bank"), pick(draw, *WHO), kind


def _grant(draw: Draw) -> Step:
    return "grant", pick(draw, *WHO), pick(draw, *READER), some(draw), pick(draw, *TERMS, *TERMS, *ODD_TERMS)


def _card(draw: Draw) -> Step:
    who = pick(draw, *PEOPLE, *READERS, "hr")
    return "card", who, pick(draw, "put", "put", "put", "later"), pick(draw, 0, 0, 1)


def _crash(draw: Draw) -> Step:
    return "crash", pick(draw, *DEATHS), drawn(draw, MORTAL), pick(draw, 0, 1, 1)


Maker = Callable[[Draw], Step]
STEPS: dict[str, tuple[int, Maker]] = {
    "open": (2, lambda d: ("open", pick(d, "carol", "carol", "carol", "alice"))),
    "deposit": (14, _deposit),
    "grant": (16, _grant),
    "use": (24, lambda d: ("use", some(d), pick(d, *KINDS))),
    "race": (3, lambda d: ("race", some(d))),
    "revoke": (4, lambda d: ("revoke", some(d), pick(d, "right", "right", "wrong"))),
    "nullify": (2, lambda d: ("nullify", some(d), pick(d, "relay", "direct"))),
    "bump": (2, lambda d: ("bump", pick(d, *WHO), pick(d, "relay", "direct"))),
    "rotate": (2, lambda d: ("rotate", pick(d, *WHO), pick(d, "relay", "direct"))),
    "card": (4, _card),
    "put_card": (2, lambda d: ("put_card", pick(d, *PEOPLE, *READERS))),
    "guard": (3, lambda d: ("guard", pick(d, *WHO), pick(d, HOUR, 2 * DAY), pick(d, *WAYS))),
    "freeze": (2, lambda d: ("freeze", pick(d, *WHO), pick(d, *WAYS))),
    "recover": (3, lambda d: ("recover", pick(d, *WHO), pick(d, 1, 2, 2, 3), pick(d, 0, 0, 0, 1), pick(d, *WAYS))),
    "veto": (1, lambda d: ("veto", pick(d, *WHO), pick(d, *WAYS))),
    "ripe": (3, lambda d: ("ripe", pick(d, *WHO), pick(d, "execute", "execute", "apply"), pick(d, *WAYS))),
    "role": (
        2,
        lambda d: ("role", *pick(d, ("bank", "reader"), ("credit", "reader"), ("hr", "issuer")), pick(d, 0, 1)),
    ),
    "compromise": (1, lambda d: ("compromise", pick(d, *READERS, "hr"))),
    "delete": (3, lambda d: ("delete", pick(d, *WHO), some(d))),
    "state": (2, lambda d: ("state", pick(d, *WHO), some(d))),
    "judge": (4, lambda d: ("judge", pick(d, *READER), some(d))),
    "fetch": (4, lambda d: ("fetch", pick(d, *READER), some(d))),
    "wait": (10, lambda d: ("wait", pick(d, *WAITS))),
    "tidy": (2, lambda d: ("tidy",)),
    "anchor": (3, lambda d: ("anchor",)),
    "repeat": (4, lambda d: ("repeat", some(d))),
    "replay": (3, lambda d: ("replay", some(d))),
    "crash": (6, _crash),
}
MORTAL = ("open", "deposit", "deposit", "grant", "grant", "use", "use", "use", "revoke", "nullify", "bump", "rotate")
MORTAL += ("guard", "freeze", "recover", "ripe", "card", "put_card", "delete", "state")
_NAMES = [name for name, (weight, _) in STEPS.items() for _ in range(weight)]


def drawn(draw: Draw, names: Sequence[str] = ()) -> Step:
    return STEPS[pick(draw, *(names or _NAMES))][1](draw)


def history_of(name: str) -> list[Step]:
    """The steps of the history of that name. A dossier with an item comes first: most steps need one."""
    draw = random.Random(f"onefile/{name}")
    many = LEAST_STEPS + int(draw.random() * (MOST_STEPS - LEAST_STEPS))
    first: list[Step] = [("deposit", "hr", "alice", "plain"), ("grant", "alice", "bank", 0, pick(draw, *TERMS))]
    rest = [drawn(draw) for _ in range(many)]
    if draw.random() < RECOVERIES:
        at = int(draw.random() * len(rest))
        rest[at:at] = directions(draw)
    return first + rest


# --- running --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """Where model and vault part."""

    place: int
    step: Step
    what: str

    def __str__(self) -> str:
        return f"step {self.place}, {self.step}: {self.what}"


Watch = Callable[[Step, str], None]


class Player:
    """Plays histories in one process."""

    def __init__(self, local: LocalChain | None = None) -> None:
        self.place = Workplace.open()
        self.evm = None if local is None else EvmChain(local, self.place.folder)
        self.cards: dict[str, list[Any]] = {}
        rig = Rig(self.place, evm=self.evm)
        self.scenario = self._lay(rig)
        self.base: Prepared = rig.prepare()
        rig.close()

    def close(self) -> None:
        if self.evm is not None:
            self.evm.close()
        self.place.close()

    def _lay(self, rig: Rig) -> str:
        """Agencies, a scenario, alice and bob with dossiers: where every history begins."""
        for name, division in READERS.items():
            self.cards[name] = rig.agency(name, ROLE_READER, division=division).envelopes
        self.cards["hr"] = rig.agency("hr", ROLE_ISSUER, division="hr").envelopes
        authority = rig.agency("authority", ROLE_SCENARIO, division="data-bureau")
        rig.clock.at = max(T0, rig.chain.head.time)  # the contracts' blocks are apart
        scenario = rig.a_scenario(
            authority,
            query=parse_query(QUERY),
            max_uses=MOST_USES,
            max_validity_days=MOST_DAYS,
            retention_days=MOST_RETENTION,
            effective=BEGIN - DAY,
            expires=BEGIN + EXPIRES_DAYS * DAY,
        )
        raw = raw_scenario(scenario, authority)
        answer = rig.post(authority, "/v1/scenarios", {"scenario": raw})
        assert answer.status_code == 201, answer.text
        acts = AllActs(rig, raw)
        for name, at in (("alice", T0), ("bob", BEGIN)):
            rig.clock.at = max(at, acts._block_time())
            answer = acts.do(("open", name))
            assert answer == "201", answer
            self.cards[name] = acts.people[name].envelopes
        return raw

    def play(self, steps: Sequence[Step], watch: Watch = lambda _step, _what: None) -> Difference | None:
        """The first difference between model and vault, or None."""
        rig = Rig(self.place, self.base, self.evm)
        model, acts = World(BEGIN, tick=0 if self.evm is None else 1), AllActs(rig, self.scenario)
        for name, envelopes in self.cards.items():
            for envelope in envelopes:
                acts.party(name).took(envelope)
        sight = Sight(acts)
        try:
            for place, step in enumerate(steps):
                what = self._step(model, acts, sight, step)
                watch(step, what)
                if what.startswith("DIFFERS"):
                    return Difference(place, step, what)
        finally:
            sight.close()
            rig.close()
        return None

    def _step(self, model: World, acts: AllActs, sight: Sight, step: Step) -> str:
        want = model.do(step)
        try:
            got = acts.do(step)
            seen = sight.visible()
        except Exception as fault:  # noqa: BLE001 (whatever breaks is what a history is to find)
            return f"DIFFERS: {type(fault).__name__}: {fault}\n{traceback.format_exc(limit=-4)}"
        if got != want:
            return f"DIFFERS: the model says {want!r}, the vault {got!r}"
        expected = model.visible()
        for name, value in expected.items():
            if seen[name] != value:
                return f"DIFFERS: {name}: the model has {value!r}, the vault {seen[name]!r}"
        return got


def shrunk(play: Callable[[Sequence[Step]], Difference | None], steps: Sequence[Step]) -> list[Step]:
    """A part of a failing history that fails too, and of which no single step can be left out (delta debugging)."""
    least = list(steps)
    found = play(least)
    assert found is not None
    least = least[: found.place + 1]
    size = max(1, len(least) // 2)
    while True:
        for start in range(len(least) - size, -1, -size):
            fewer = least[:start] + least[start + size :]
            found = play(fewer)
            if found is not None:
                least = fewer[: found.place + 1]
        if size == 1:
            return least
        size //= 2


# --- many -----------------------------------------------------------------------------------------

BATCH = 20
SHOWN = 3  # failing histories that are shrunk and shown


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of some histories."""

    played: int
    steps: int
    answers: Counter[str]
    failed: tuple[str, ...]


_player: list[Player] = []


def _begin(evm: bool) -> None:
    quiet()
    if evm:
        chain = start_chain()
        Finalize(None, chain.end, exitpriority=0)
        _player.append(Player(chain))
    else:
        _player.append(Player())
    Finalize(None, _player[0].close, exitpriority=1)  # a process of a pool leaves by no other door


def _batch(names: Sequence[str]) -> Outcome:
    return played(_player[0], names)


def played(player: Player, names: Sequence[str]) -> Outcome:
    """Play the histories of these names; what the vault answered to each kind of step, how often."""
    answers: Counter[str] = Counter()
    failed = []
    for name in names:
        lines: list[tuple[Step, str]] = []
        if player.play(history_of(name), lambda step, what, seen=lines: seen.append((step, what))) is not None:
            failed.append(name)
        answers.update(f"{step[0]}: {what[:60]}" for step, what in lines)
    return Outcome(len(names), sum(answers.values()), answers, tuple(failed))


def outcomes(seed: str, many: int, workers: int, *, evm: bool) -> Iterator[Outcome]:
    """Play ``many`` histories on that many processes; each batch as it is done."""
    names = [f"{seed}/{number}" for number in range(many)]
    batches = [names[at : at + BATCH] for at in range(0, many, BATCH)]
    with ProcessPoolExecutor(workers, initializer=_begin, initargs=(evm,)) as pool:
        for work in as_completed([pool.submit(_batch, batch) for batch in batches]):
            yield work.result()


def directions(draw: Draw) -> list[Step]:
    """Now and then, the whole way of a recovery: by chance it is rarely gone to its end."""
    way = pick(draw, *WAYS)
    steps: list[Step] = [
        ("guard", "alice", HOUR, way),
        ("recover", "alice", 2, 0, way),
        ("wait", pick(draw, HOUR, HOUR - 1)),
    ]
    return [*steps, ("ripe", "alice", "execute", way), ("card", "alice", "put", 1)]


def show(player: Player, name: str) -> None:
    """A failing history, shrunk, step by step."""
    steps = history_of(name)
    print(f"\n{name}: {len(steps)} steps", flush=True)
    if player.play(steps) is not None:
        steps = shrunk(player.play, steps)
        print(f"shrunk to {len(steps)}:")
    player.play(steps, lambda step, what: print(f"    {step}: {what}"))


def run(seed: str, many: int, workers: int, *, evm: bool = False) -> int:
    """Play them and tell; how many failed."""
    began, done, steps, failed, answers = time.monotonic(), 0, 0, [], Counter[str]()
    print(f"seed {seed}: {many} histories on {workers} processes", flush=True)
    for outcome in outcomes(seed, many, workers, evm=evm):
        done, steps = done + outcome.played, steps + outcome.steps
        failed += outcome.failed
        answers.update(outcome.answers)
        rate = done / (time.monotonic() - began)
        print(f"\r{done}/{many}, {rate:.1f} a second, {len(failed)} failed ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for what, count in sorted(answers.items()):
        print(f"{count:8} {what}")
    print(f"{done} histories, {steps} steps, {time.monotonic() - began:.0f} s, {len(failed)} failed; seed {seed}")
    if failed:
        player = Player()
        for name in sorted(failed)[:SHOWN]:
            show(player, name)
        player.close()
    return len(failed)


def main(given: Sequence[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="histories", description=__doc__.splitlines()[0])
    asked.add_argument("many", nargs="?", type=int, default=200, help="how many histories (200)")
    asked.add_argument("--seed", default="", help="which ones; drawn and printed if it is not given")
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all cores)")
    asked.add_argument("--replay", metavar="SEED/NUMBER", help="one history again, step by step")
    asked.add_argument("--evm", action="store_true", help="over a local chain with the real contracts: far slower")
    options = asked.parse_args(given)
    if not options.replay:
        seed = options.seed or secrets.token_hex(4)
        return 1 if run(seed, options.many, options.workers, evm=options.evm) else 0
    quiet()
    player = Player()
    show(player, options.replay)
    player.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
