"""Row i: what a log of a million entries costs more than one of a thousand, for an issue, a look-up and a proof.

Two vaults in this process, one of each size, filled by the vault's own logbook (with items, slips, openings and
headers as real deposits leave them), then measured in turn. *Issue*: ready deposits until the vault has answered.
*Look-up*: one item by its id. *With proof*: the same and the proof that it is logged, under the newest checkpoint.
*Proof bundle*: that proof as text, with the checkpoint in it: all that a verifier needs beside the entry and the log's
key.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import insert, select

from bench.counter import Counter
from bench.harness import Series, interleave
from bench.local_chain import LocalChain, local_chain
from bench.parties import Town
from bench.results import Goal, Outcome, ratio_goal, values_goal
from bench.vaults import vault_here
from protocol.hashing import ZERO32
from vault_api.callers import Holder
from vault_api.db import tables as t
from vault_api.http_auth import RequestHead, Signature
from vault_api.logbook import log_event
from vault_api.sequencer import Tx
from vault_api.services import mine
from vault_api.vault import Vault

SMALL = 1_000
ITEMS_A_DOSSIER = 50
FILL = 10_000  # items in one transaction
DEPOSITS, LOOK_UPS, PROOFS = 256, 300, 300
GOAL_ISSUE, GOAL_LOOK_UP, GOAL_BYTES = 1.25, 1.3, 2_048
ISSUE, LOOK_UP, PROVED = "an issue", "a look-up", "a look-up with proof"


def run(*, quick: bool) -> Outcome:
    rounds, large = (5, 20_000) if quick else (15, 1_000_000)
    with local_chain() as chain, ExitStack() as stack:
        logs = {size: stack.enter_context(_grown(chain, size)) for size in (SMALL, large)}
        trials: dict[str, Callable[[], float]] = {}
        for size, log in logs.items():
            for name, act in ((ISSUE, log.issue), (LOOK_UP, log.look_up), (PROVED, log.look_up_proved)):
                trials[_named(name, size)] = act
        found = interleave(trials, rounds=rounds, warm_up=1)
        sizes = logs[large].bundle_sizes()
        small_sizes = logs[SMALL].bundle_sizes()
    return Outcome(
        unit="µs",
        series=tuple(found.values()),
        goals=tuple(_goals(found, large, sizes)),
        ours=tuple(found),
        facts={
            "entries": f"{SMALL} and {large}",
            "proof bundle at the small size, bytes": Series("", tuple(small_sizes)).median,
            "largest proof bundle, bytes": max(sizes),
        },
    )


def _goals(found: dict[str, Series], large: int, sizes: list[float]) -> Iterator[Goal]:
    for name, target in ((ISSUE, GOAL_ISSUE), (LOOK_UP, GOAL_LOOK_UP), (PROVED, GOAL_LOOK_UP)):
        text = f"{name} at {large} entries over {SMALL}"
        yield ratio_goal(text, found[_named(name, large)], found[_named(name, SMALL)], target, at_most=True)
    yield values_goal("a proof bundle", sizes, GOAL_BYTES, at_most=True, unit=" bytes")


def _named(name: str, size: int) -> str:
    return f"{name} at {size}"


@contextmanager
def _grown(chain: LocalChain, size: int) -> Iterator[Log]:
    """A vault whose log has been filled to ``size`` entries."""
    home = chain.folder / f"home-{size}"
    with vault_here(chain, home=home, log_name=f"log-{size}") as vault:
        yield Log(Town.of(chain, vault.settings.public_origin), vault, size)


class Log:
    """One filled vault and what is measured on it; figures in microseconds for one."""

    def __init__(self, town: Town, vault: Vault, size: int) -> None:
        self._vault = vault
        self._counter = Counter(town, vault)
        self._draw = random.Random(size)
        self._items: list[tuple[bytes, int, int]] = []  # id, dossier's row, index in the log
        slip = self._counter.slip()
        while vault.log.size < size:
            count = min(FILL, size - vault.log.size)
            self._items += vault.sequencer.call(lambda tx, count=count: _fill(tx, slip, count))  # type: ignore[misc]  # mypy takes no default of a lambda

    def issue(self) -> float:
        return 1e6 / self._counter.logged(DEPOSITS)

    def look_up(self) -> float:
        wanted = self._draw.sample(self._items, min(LOOK_UPS, len(self._items)))
        start = time.perf_counter()
        for item, row, _ in wanted:
            mine.get_item(self._vault, _holder(row), item)
        return (time.perf_counter() - start) / len(wanted) * 1e6

    def look_up_proved(self) -> float:
        wanted = self._draw.sample(self._items, min(PROOFS, len(self._items)))
        start = time.perf_counter()
        for item, row, index in wanted:
            mine.get_item(self._vault, _holder(row), item)
            self._vault.log.proof(index)
        return (time.perf_counter() - start) / len(wanted) * 1e6

    def bundle_sizes(self) -> list[float]:
        """Bytes of the proofs of some items."""
        wanted = self._draw.sample(self._items, min(PROOFS, len(self._items)))
        return [float(len(self._vault.log.proof(index))) for _, _, index in wanted]


def _fill(tx: Tx, slip: str, count: int) -> list[tuple[bytes, int, int]]:
    """Log ``count`` items in fresh dossiers, with all rows that a deposit leaves."""
    found, items, objects = [], [], []
    first_row = (tx.conn.execute(select(t.items.c.row).order_by(t.items.c.row.desc()).limit(1)).scalar() or 0) + 1
    for number in range(count):
        if number % ITEMS_A_DOSSIER == 0:
            dossier = _dossier(tx)
        logged = log_event(tx, dossier, "issue", slip.encode())
        item, row = secrets.token_bytes(32), first_row + number
        items.append(
            {
                "row": row,
                "item": item,
                "dossier_row": dossier,
                "issuer": "urn:onefile:agency:sample",
                "jti": secrets.token_hex(11),
                "slip": slip,
                "salt": secrets.token_bytes(32),
                "idx": logged.index,
                "at": tx.now,
            }
        )
        header = secrets.token_bytes(1_700)
        objects.append({"item_row": row, "pos": 0, "payload": secrets.token_bytes(32), "size": 1_600, "header": header})
        found.append((item, dossier, logged.index))
    tx.conn.execute(insert(t.items), items)
    tx.conn.execute(insert(t.objects), objects)
    return found


def _dossier(tx: Tx) -> int:
    values = {"dossier": secrets.token_bytes(32), "tag_key": secrets.token_bytes(32), "next_n": 0}
    made = tx.conn.execute(
        insert(t.dossiers).returning(t.dossiers.c.row), {**values, "last_entry": ZERO32, "opened_at": tx.now}
    )
    row: int = made.scalar_one()
    return row


def _holder(row: int) -> Holder:
    """Somebody who has already been identified as the holder of the dossier with this row."""
    head = RequestHead("GET", "", {})
    signature = Signature(head, bytes(32), bytes(16), 0, None, None, None)
    return Holder(bytes(32), row, bytes(32), None, signature, None)  # type: ignore[arg-type]  # a look-up asks for the row alone
