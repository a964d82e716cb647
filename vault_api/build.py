"""Put a vault together from its settings: the only place that knows which part is which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, select

from chain.ledger import Ledger
from protocol.merkle import Frontier
from protocol.note import NoteSigner
from vault_api.blobs import BlobStore, blobs_of
from vault_api.callers import Callers
from vault_api.chain_facts import ChainFacts
from vault_api.clock import Clock, SystemClock
from vault_api.db import tables as t
from vault_api.db.engine import open_engine
from vault_api.db.migrate import check_schema
from vault_api.leases import SEQUENCER, holder_name
from vault_api.limits.load import Load
from vault_api.log_store import LogStore
from vault_api.observed import timed_blobs, timed_engine, timed_ledger
from vault_api.opening import log_is_open, log_origin, log_signer, open_log, record_log
from vault_api.public_half import public_half
from vault_api.reader_keys import ReaderKeys
from vault_api.sequencer import Directly, Sequencer, Writer
from vault_api.settings import Settings
from vault_api.sharing import Elsewhere, Signing
from vault_api.tenure import Tenure
from vault_api.vault import Vault
from vault_api.waiting import Waiters
from vault_api.writer import Ending


@dataclass(frozen=True, slots=True)
class Outside:
    """The outside world of a vault: each part a seam, each with a fake."""

    ledger: Ledger
    engine: Engine
    blobs: BlobStore
    clock: Clock
    on_step: Callable[[str], None] = lambda _step: None


def outside_of(settings: Settings, ledger: Ledger) -> Outside:
    """The real ones."""
    engine = timed_engine(open_engine(settings.database))
    return Outside(timed_ledger(ledger), engine, timed_blobs(blobs_of(settings)), SystemClock())


def build_vault(
    settings: Settings, outside: Outside, *, first_start: bool = True, shared: bool = False
) -> Vault:
    """The vault, wired, its log open; no thread of it runs yet.

    ``first_start``: whether a missing log key may be drawn and a missing log opened. ``shared``: the database is
    worked on by other processes too, and the sequencer, wherever it is, holds a lease (``signing_of``).
    """
    check_schema(outside.engine)
    signer = public_half(settings, outside.engine, outside.ledger) if shared and not first_start else None
    signer = signer or _signer(settings, outside, first_start=first_start)
    log = LogStore(outside.engine, outside.blobs, signer, follows=shared)
    log.check(_frontier(outside.engine))
    facts = ChainFacts(
        outside.engine,
        outside.ledger,
        outside.clock,
        confirmations=settings.confirmations,
        max_age_s=settings.chain_max_age_s,
        shared=shared,
    )
    waiters = Waiters()
    ending: Ending = Directly(_sequencer(outside, log, tenure_of(settings, outside, SEQUENCER)))
    if shared:
        ending = Elsewhere(outside.engine, log, facts, waiters, wait_s=settings.sequencer_wait_s)
    writer = Writer(
        outside.engine,
        ending,
        outside.clock,
        wait_s=settings.sequencer_wait_s,
        lag_s=settings.clock_lag_s,
        block_time=lambda: facts.block_time,
        changes=facts,
        on_step=outside.on_step,
    )
    facts.keep_in(writer)
    load = Load.of(settings)
    return Vault(
        settings=settings,
        engine=outside.engine,
        blobs=outside.blobs,
        log=log,
        sequencer=writer,
        ledger=outside.ledger,
        clock=outside.clock,
        facts=facts,
        callers=Callers(outside.engine, facts, load.count_caller),
        waiters=waiters,
        reader_keys=ReaderKeys(),
        load=load,
        scenarios={},
    )


def tenure_of(settings: Settings, outside: Outside, name: str) -> Tenure:
    """This process's claim to a lease."""
    return Tenure(outside.engine, name, holder_name(), settings.lease_s)


def signing_of(vault: Vault, outside: Outside, tenure: Tenure) -> Signing:
    """The sequencer's thread beside a shared vault: it reads and signs by a view of the log of its own."""
    signer = log_signer(vault.settings.log_key, vault.origin, may_create=False)
    log = LogStore(outside.engine, outside.blobs, signer)
    return Signing(outside.engine, log, _sequencer(outside, log, tenure), tenure)


def _sequencer(outside: Outside, log: LogStore, tenure: Tenure) -> Sequencer:
    return Sequencer(outside.engine, log, tenure, on_step=outside.on_step)


def _signer(settings: Settings, outside: Outside, *, first_start: bool) -> NoteSigner:
    origin = log_origin(outside.ledger, settings.log_name)
    fresh = first_start and not log_is_open(outside.engine)
    signer = log_signer(settings.log_key, origin, may_create=fresh)
    if first_start:
        open_log(outside.engine, outside.ledger, signer, outside.clock, settings.log_name)
        record_log(settings.deployment, outside.ledger, signer)
    return signer


def _frontier(engine: Engine) -> Frontier:
    with engine.connect() as conn:
        raw = conn.execute(select(t.log_head.c.frontier)).scalar()
    return Frontier.parse(raw) if raw is not None else Frontier()
