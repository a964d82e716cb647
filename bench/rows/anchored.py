"""Row a1: ready deposits logged and anchored, beside one web3.py transaction for each item on the same chain.

A ready deposit is a signed slip with its headers, whose payload lies at the vault; thirty-two travel together, as they
do from ``agency issue-batch``. What is timed: the vault verifies each slip, checks depositor, invitation, card and
payload, stores and logs it (each answered after its commit), and then the publisher anchors the whole in one
transaction and waits for its block. The log is on disk (SQLite with full synchronisation, tiles in a folder), the
chain is Anvil.
"""

from __future__ import annotations

from bench.counter import EACH, HOLDERS, THREADS, Counter
from bench.harness import enough, interleave
from bench.local_chain import local_chain
from bench.parties import Town
from bench.profiling import Steps
from bench.results import Outcome, ratio_goal
from bench.vaults import vault_here
from bench.web3_items import Items

GOAL = 100


def run(*, quick: bool) -> Outcome:
    rounds, seconds, most = (3, 1.0, 512) if quick else (7, 4.0, 4_096)
    with local_chain() as chain, vault_here(chain) as vault:
        ours, theirs = Counter(Town.of(chain, vault.settings.public_origin), vault), Items(chain)
        count = enough(ours.logged(EACH * THREADS), seconds, most=most, step=EACH)
        one, row = theirs.sizes(seconds)
        found = interleave(
            {
                "logged and anchored": lambda: ours.anchored(count),
                "web3.py, one by one": lambda: theirs.one_by_one(one),
                "web3.py, in a row": lambda: theirs.in_a_row(row),
            },
            rounds=rounds,
            warm_up=1,
        )
    mine = found["logged and anchored"]
    return Outcome(
        unit="items a second",
        series=tuple(found.values()),
        goals=(
            ratio_goal("over web3.py, one by one", mine, found["web3.py, one by one"], GOAL),
            ratio_goal("over web3.py, in a row", mine, found["web3.py, in a row"], GOAL),
        ),
        ours=("logged and anchored",),
        facts={
            "deposits a trial": count,
            "transactions a trial": f"{one} and {row}",
            "dossiers": HOLDERS,
            "in one request": EACH,
            "requests at once": THREADS,
        },
    )


def profile() -> tuple[str, ...]:
    steps = Steps()
    with local_chain() as chain, vault_here(chain, on_step=steps) as vault:
        counter = Counter(Town.of(chain, vault.settings.public_origin), vault)
        lines = counter.profile(2_000)
        steps.clear()
        counter.logged(2_000)
        return (steps.line(), *lines)
