"""One running vault: everything that a route needs, put together once at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sqlalchemy import Engine

from chain.ledger import Contracts, Ledger
from protocol.eip712 import Domain
from protocol.entries import origin_hash
from protocol.grant_evidence import KnownScenario
from protocol.identifiers import agency_urn
from vault_api.blobs import BlobStore
from vault_api.callers import Callers
from vault_api.chain_facts import ChainFacts
from vault_api.clock import Clock, clock_behind, put_forward
from vault_api.limits.load import Load
from vault_api.log_store import LogStore
from vault_api.reader_keys import ReaderKeys
from vault_api.settings import Settings
from vault_api.waiting import Waiters
from vault_api.writer import Work

VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Vault:
    """The parts, wired. Cannot open anything that it stores."""

    settings: Settings
    engine: Engine
    blobs: BlobStore
    log: LogStore
    sequencer: Work  # what is handed in here is committed in order, and answered when it is signed
    ledger: Ledger
    clock: Clock
    facts: ChainFacts
    callers: Callers
    waiters: Waiters
    reader_keys: ReaderKeys
    load: Load
    scenarios: dict[bytes, KnownScenario]  # parsed, by hash: what has this hash never changes

    def moment(self) -> int:
        """The vault's time, for rights that nothing is logged about: by the rule of the writer (``Tx.append``), it is
        the latest block's where the clock lags a little, and beyond that ``Unavailable("clock_behind")``."""
        floor = self.facts.block_time
        now = put_forward(self.clock.now(), floor, self.settings.clock_lag_s)
        if now < floor:
            raise clock_behind(now, floor)
        return now

    def told(self) -> int:
        """How many entries anybody may be told of: what a signed head covers, here or at another process.

        What is committed beyond it was acknowledged to nobody and can't be proven yet: readers do not see it.
        """
        self.log.follow()
        return self.log.size

    @property
    def chain_id(self) -> int:
        """The chain whose contracts are law here."""
        return self.ledger.deployment.chain_id

    @property
    def contracts(self) -> Contracts:
        """The contracts of this deployment."""
        return self.ledger.deployment.contracts

    @property
    def origin(self) -> str:
        """The log's origin string."""
        return self.log.origin

    @property
    def origin_hash(self) -> bytes:
        """How grants and contracts name the log."""
        return _origin_hash(self.log.origin)

    @property
    def grant_domain(self) -> Domain:
        """The EIP-712 domain of grants and mandates."""
        return _domain(self.chain_id, self.contracts.grant_registry)

    @property
    def dossier_domain(self) -> Domain:
        """The EIP-712 domain of a dossier's messages and key cards."""
        return _domain(self.chain_id, self.contracts.dossier_registry)

    @property
    def agency_domain(self) -> Domain:
        """The EIP-712 domain of agencies' key cards."""
        return _domain(self.chain_id, self.contracts.agency_registry)

    def agency_urn(self, account: bytes) -> str:
        """The urn of an agency of this deployment."""
        return agency_urn(self.chain_id, self.contracts.agency_registry, account)


@cache
def _domain(chain_id: int, contract: bytes) -> Domain:
    return Domain(chain_id, contract)


@cache
def _origin_hash(origin: str) -> bytes:
    return origin_hash(origin)
