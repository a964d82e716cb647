"""Row i: what a log of a million entries costs more than one of a thousand, for an issue, a look-up and a proof.

Two vaults in this process, one of each size, filled in bulk with all rows and tiles that real deposits leave, then
measured in turn. *Issue*: ready deposits until the vault has answered. *Look-up*: one item by its id. *With proof*: the
same and the proof that it is logged, under the newest checkpoint. *Proof bundle*: that proof as text, with the
checkpoint in it: all that a verifier needs beside the entry and the log's key.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Table, func, select

from bench.counter import Counter
from bench.harness import Series, interleave
from bench.local_chain import LocalChain, local_chain
from bench.parties import Town
from bench.results import Goal, Outcome, ratio_goal, values_goal
from bench.vaults import vault_here
from protocol.entries import Entry, commitment, entry_hash, pv_n, tag_n
from protocol.hashing import ZERO32, sha256
from vault_api.callers import Holder
from vault_api.db import tables as t
from vault_api.http_auth import RequestHead, Signature
from vault_api.sequencer import Tx
from vault_api.services import mine
from vault_api.vault import Vault

SMALL = 1_000
ITEMS_A_DOSSIER = 50
HEADER_BYTES = 1_700
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
    """Log ``count`` items in fresh dossiers, with all rows that a deposit leaves, in few statements."""
    rows: dict[Table, list[dict[str, Any]]] = {t.dossiers: [], t.entries: [], t.events: [], t.items: [], t.objects: []}
    dossier, item = _next_row(tx, t.dossiers), _next_row(tx, t.items)
    for first in range(0, count, ITEMS_A_DOSSIER):
        _fill_dossier(
            tx, rows, slip, dossier + first // ITEMS_A_DOSSIER, range(first, min(first + ITEMS_A_DOSSIER, count))
        )
    for place, (one, part) in enumerate(zip(rows[t.items], rows[t.objects], strict=True)):
        one["row"] = part["item_row"] = item + place
    for table, values in rows.items():
        marks = ", ".join("?" * len(values[0]))
        statement = f"INSERT INTO {table.name} ({', '.join(values[0])}) VALUES ({marks})"
        tx.conn.exec_driver_sql(statement, [tuple(row.values()) for row in values])
    return [(row["item"], row["dossier_row"], row["idx"]) for row in rows[t.items]]


def _fill_dossier(
    tx: Tx, rows: dict[Table, list[dict[str, Any]]], slip: str, dossier: int, places: Iterable[int]
) -> None:
    """One dossier whose events are ``places``: its entries are chained as ``vault_api.logbook`` chains them."""
    tag_key, last, n, raw = secrets.token_bytes(32), ZERO32, 0, slip.encode()
    digest = sha256(raw)
    for n, _ in enumerate(places):
        salt, index = secrets.token_bytes(32), tx.size
        entry = Entry("issue", tag_n(tag_key, n), pv_n(tag_key, n, last), commitment(salt, raw)).serialise()
        last = entry_hash(entry)
        tx.staged.append(entry)
        tx.size += 1
        rows[t.entries].append({"idx": index, "entry": entry, "at": tx.now})
        event = {"idx": index, "dossier_row": dossier, "n": n, "t": "issue", "salt": salt, "object_sha256": digest}
        rows[t.events].append({**event, "object": raw, "grant_row": None, "show_row": None})
        rows[t.items].append(_item(tx, dossier, index, slip))
        payload = {"pos": 0, "payload": secrets.token_bytes(32), "size": 1_600}
        rows[t.objects].append({**payload, "header": secrets.token_bytes(HEADER_BYTES)})
    ident = {"row": dossier, "dossier": secrets.token_bytes(32), "tag_key": tag_key}
    rows[t.dossiers].append({**ident, "next_n": n + 1, "last_entry": last, "opened_at": tx.now})


def _item(tx: Tx, dossier: int, index: int, slip: str) -> dict[str, Any]:
    return {
        "item": secrets.token_bytes(32),
        "dossier_row": dossier,
        "issuer": "urn:onefile:agency:sample",
        "jti": secrets.token_hex(11),
        "slip": slip,
        "salt": secrets.token_bytes(32),
        "idx": index,
        "at": tx.now,
    }


def _next_row(tx: Tx, table: Table) -> int:
    return (tx.conn.execute(select(func.max(table.c.row))).scalar() or 0) + 1


def _holder(row: int) -> Holder:
    """Somebody who has already been identified as the holder of the dossier with this row."""
    head = RequestHead("GET", "", {})
    signature = Signature(head, bytes(32), bytes(16), 0, None, None, None)
    return Holder(bytes(32), row, bytes(32), None, signature, None)  # type: ignore[arg-type]  # a look-up asks for the row alone
