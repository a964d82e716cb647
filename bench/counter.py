"""An issuer with ready deposits for some dossiers, and the vault that takes them, in this process."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlalchemy import insert

from bench.parties import Party, ReadyDeposit, Town
from bench.profiling import every_thread
from chain.ledger import ROLE_ISSUER
from protocol import wire_batch
from vault_api.callers import Agency
from vault_api.db import tables as t
from vault_api.http_auth import RequestHead, Signature
from vault_api.publishing import Publishing
from vault_api.sequencer import Tx
from vault_api.services import deposits
from vault_api.vault import Vault

THREADS = 8
EACH = wire_batch.MAX_BATCH
HOLDERS = 16
CREDENTIAL_BYTES = 1_500
Work = Callable[[], object]


class Counter:
    """``anchored`` and ``logged`` make the deposits first; only what the vault does is timed."""

    def __init__(self, town: Town, vault: Vault) -> None:
        self._town, self._vault = town, vault
        self._publishing = Publishing(vault)
        self._issuer = town.agency(ROLE_ISSUER, types=("social-insurance-proof",))
        self._holders = [town.holder() for _ in range(HOLDERS)]
        self._caller = _caller(vault, self._issuer)

    def anchored(self, count: int) -> float:
        """Deposits a second, until the anchor that covers them is in a block."""
        works = self.ready(count)
        with ThreadPoolExecutor(THREADS) as pool:
            start = time.perf_counter()
            _all(pool, works)
            record = self._publishing.round()
            took = time.perf_counter() - start
        assert record is not None
        assert record.size == self._vault.log.size
        return count / took

    def logged(self, count: int) -> float:
        """Deposits a second, until the last is answered."""
        works = self.ready(count)
        with ThreadPoolExecutor(THREADS) as pool:
            start = time.perf_counter()
            _all(pool, works)
            return count / (time.perf_counter() - start)

    def profile(self, count: int) -> tuple[str, ...]:
        """Where the time of ``count`` deposits goes, in every thread of the vault."""
        works = self.ready(count)
        self._vault.sequencer.stop()
        with every_thread() as lines:
            self._vault.sequencer.start()
            with ThreadPoolExecutor(THREADS) as pool:
                _all(pool, works)
            self._vault.sequencer.stop()
        self._vault.sequencer.start()
        return lines()

    def slip(self) -> str:
        """A signed slip as the vault keeps it."""
        return self._deposit(0).body.slip

    def ready(self, count: int) -> list[Work]:
        """Deposits that nothing is missing for; each call makes as many as travel together."""
        ready = [self._deposit(i) for i in range(count)]
        self._lay_payloads(ready)
        return [self._work(ready[i : i + EACH]) for i in range(0, count, EACH)]

    def _deposit(self, number: int) -> ReadyDeposit:
        content = secrets.token_bytes(CREDENTIAL_BYTES)
        return self._town.deposit(self._issuer, self._holders[number % HOLDERS], content)

    def _work(self, ready: list[ReadyDeposit]) -> Work:
        fresh = replace(self._caller.signature, nonce=secrets.token_bytes(16), idempotency_key=secrets.token_bytes(16))
        caller = replace(self._caller, signature=fresh)
        batch = wire_batch.DepositBatch(deposits=[one.body for one in ready])

        def work() -> None:
            told = deposits.deposit_batch(self._vault, caller, batch, "en").body
            assert told.count(b'"deposited":null') == 0, told

        return work

    def _lay_payloads(self, ready: list[ReadyDeposit]) -> None:
        rows = [{"sha256": o.payload, "size": o.payload_size} for r in ready for o in r.slip.objects]

        def work(tx: Tx) -> None:
            tx.conn.execute(insert(t.payloads), [{**row, "stored_at": tx.now} for row in rows])

        self._vault.sequencer.call(work)


def _all(pool: ThreadPoolExecutor, works: Sequence[Work]) -> None:
    for _ in pool.map(lambda work: work(), works):
        pass


def _caller(vault: Vault, issuer: Party) -> Agency:
    """The issuer as the vault knows it once the request's own signature is verified."""
    head = RequestHead("POST", f"{vault.settings.public_origin}/v1/deposits", {})
    thumbprint = issuer.present.public_jwk().thumbprint()
    signature = Signature(head, thumbprint, bytes(16), int(time.time()), bytes(16), None, bytes(32))
    known = vault.facts.agency(issuer.account.address)
    return Agency(issuer.account.address, issuer.card_hash, issuer.present.public_jwk(), signature, known)
