"""Row a1: ready deposits logged and anchored, beside one web3.py transaction for each item on the same chain.

A ready deposit is a signed slip with its headers, whose payload lies at the vault. What is timed: the vault verifies
the slip, checks depositor, invitation, card and payload, stores and logs it (each answered after its commit, from as
many threads as the server has), and then the publisher anchors the whole in one transaction and waits for its block.
The log is on disk (SQLite with full synchronisation, tiles in a folder), the chain is Anvil.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlalchemy import insert

from bench.harness import interleave
from bench.local_chain import local_chain
from bench.parties import Party, ReadyDeposit, Town
from bench.results import Outcome, ratio_goal
from bench.vaults import vault_here
from bench.web3_items import Items
from chain.ledger import ROLE_ISSUER
from vault_api.callers import Agency
from vault_api.db import tables as t
from vault_api.http_auth import RequestHead, Signature
from vault_api.loops import Publishing
from vault_api.sequencer import Tx
from vault_api.services import deposits
from vault_api.vault import Vault

THREADS = 256  # as many as the sequencer takes into one group
HOLDERS = 16
CREDENTIAL_BYTES = 1_500
GOAL = 100


def run(*, quick: bool) -> Outcome:
    rounds, count, items = (3, 400, 40) if quick else (7, 4_096, 300)
    with local_chain() as chain, vault_here(chain) as vault:
        ours, theirs = Counter(Town.of(chain, vault.settings.public_origin), vault), Items(chain)
        found = interleave(
            {
                "logged and anchored": lambda: ours.trial(count),
                "web3.py, one by one": lambda: theirs.one_by_one(items),
                "web3.py, in a row": lambda: theirs.in_a_row(items),
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
        facts={"deposits a trial": count, "transactions a trial": items, "dossiers": HOLDERS, "threads": THREADS},
    )


class Counter:
    """An issuer with ready deposits for some dossiers, and the vault that takes them."""

    def __init__(self, town: Town, vault: Vault) -> None:
        self._town, self._vault = town, vault
        self._publishing = Publishing(vault)
        self._issuer = town.agency(ROLE_ISSUER, types=("social-insurance-proof",))
        self._holders = [town.holder() for _ in range(HOLDERS)]
        self._caller = _caller(vault, self._issuer)

    def trial(self, count: int) -> float:
        """Deposits a second, until the anchor that covers them is in a block."""
        works = self.ready(count)
        with ThreadPoolExecutor(THREADS) as pool:
            start = time.perf_counter()
            for _ in pool.map(lambda work: work(), works):
                pass
            record = self._publishing.round()
            took = time.perf_counter() - start
        assert record is not None
        assert record.size == self._vault.log.size
        return count / took

    def ready(self, count: int) -> list[Callable[[], object]]:
        """Deposits that nothing is missing for; each call makes one."""
        ready = [self._deposit(i) for i in range(count)]
        self._lay_payloads(ready)
        return [self._work(deposit) for deposit in ready]

    def _deposit(self, number: int) -> ReadyDeposit:
        content = secrets.token_bytes(CREDENTIAL_BYTES)
        return self._town.deposit(self._issuer, self._holders[number % HOLDERS], content)

    def _work(self, ready: ReadyDeposit) -> Callable[[], object]:
        fresh = replace(self._caller.signature, nonce=secrets.token_bytes(16), idempotency_key=secrets.token_bytes(16))
        caller = replace(self._caller, signature=fresh)
        return lambda: deposits.deposit(self._vault, caller, ready.body)

    def _lay_payloads(self, ready: list[ReadyDeposit]) -> None:
        rows = [{"sha256": o.payload, "size": o.payload_size} for r in ready for o in r.slip.objects]

        def work(tx: Tx) -> None:
            tx.conn.execute(insert(t.payloads), [{**row, "stored_at": tx.now} for row in rows])

        self._vault.sequencer.call(work)


def _caller(vault: Vault, issuer: Party) -> Agency:
    """The issuer as the vault knows it once the request's own signature is verified."""
    head = RequestHead("POST", f"{vault.settings.public_origin}/v1/deposits", {})
    thumbprint = issuer.present.public_jwk().thumbprint()
    signature = Signature(head, thumbprint, bytes(16), int(time.time()), bytes(16), None, bytes(32))
    known = vault.facts.agency(issuer.account.address)
    return Agency(issuer.account.address, issuer.card_hash, issuer.present.public_jwk(), signature, known)
