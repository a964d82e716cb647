"""Counts, durations and ages for ``/metrics`` (Prometheus). Labels name routes, codes and kinds, never a party.

``docs/observability.md`` has a row for each; ``vault_api/gauges.py`` sets what is looked up when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # memory, time and open descriptors of the process
FINE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
COARSE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...] = FINE) -> Histogram:
    return Histogram(name, text, labels, registry=REGISTRY, buckets=buckets)


# Requests.
REQUESTS = _counter("onefile_requests", "Requests by route and status.", "method", "route", "status")
SECONDS = _histogram("onefile_request_seconds", "Time to answer, by route.", "method", "route", buckets=COARSE)
PROBLEMS = _counter("onefile_problems", "Refusals by code.", "code")
LIMITED = _counter("onefile_limited", "What limits have refused, by kind.", "kind")
CONNECTIONS = _gauge("onefile_connections", "Open connections.")
GATE_WITHIN = _gauge("onefile_gate_within", "Requests that are worked on, by gate.", "gate")
GATE_WAITING = _gauge("onefile_gate_waiting", "Requests that wait for their turn, by gate.", "gate")
GATE_WAIT = _histogram("onefile_gate_wait_seconds", "How long who had to wait for a turn waited.", "gate")

# Writer and log.
WRITER_QUEUE = _gauge("onefile_writer_queue", "Work handed to the writer and not begun.")
WRITER_WAIT = _histogram("onefile_writer_wait_seconds", "From handing in to the beginning of its group.")
GROUP_SIZE = _histogram("onefile_writer_group_size", "Pieces of work in one transaction.", buckets=SIZES)
COMMIT_SECONDS = _histogram("onefile_writer_commit_seconds", "One group: its work and its commit.")
TILE_SECONDS = _histogram("onefile_tile_seconds", "Making tiles and bundles durable.")
SIGN_SECONDS = _histogram("onefile_sign_seconds", "Signing a checkpoint and keeping it.")
LOG_SIZE = _gauge("onefile_log_size", "Entries under the newest signed checkpoint.")
UNSIGNED = _gauge("onefile_unsigned_entries", "Entries committed and not signed.")
UNSIGNED_AGE = _gauge("onefile_oldest_unsigned_age_seconds", "Age of the oldest entry that is not signed.")
ANCHORED_SIZE = _gauge("onefile_anchored_size", "Entries under the newest anchored head.")
UNANCHORED = _gauge("onefile_unanchored_entries", "Entries that are not anchored.")
UNANCHORED_AGE = _gauge("onefile_oldest_unanchored_age_seconds", "Age of the oldest entry that is not anchored.")

# The chain.
RPC_SECONDS = _histogram("onefile_rpc_seconds", "Time of a question or transaction, by kind.", "call", buckets=COARSE)
RPC_FAILURES = _counter("onefile_rpc_failures", "Questions and transactions that failed.", "call", "code")
CHAIN_AGE = _gauge("onefile_chain_age_seconds", "Seconds since the chain was last heard of.")
HEAD_AGE = _gauge("onefile_rpc_lag_seconds", "Age of the newest block that was followed.")
FOLLOWED_BLOCK = _gauge("onefile_followed_block", "Number of the newest block that was followed.")
CHAIN_HEAD = _gauge("onefile_chain_head_block", "Number of the newest block that the endpoint told of.")

# Jobs and storage.
JOBS = _gauge("onefile_jobs", "Jobs that wait to be done.")
JOB_AGE = _gauge("onefile_oldest_job_age_seconds", "How long the job that is due for longest has been due.")
PENDING_TRANSACTIONS = _gauge("onefile_pending_transactions", "Transactions that were sent and are not settled.")
PENDING_REVOCATIONS = _gauge("onefile_pending_revocations", "Revocations on their way to the chain.")
DOOMED = _gauge("onefile_doomed_payloads", "Payloads whose bytes are to be removed.")
UPLOADS_OPEN = _gauge("onefile_uploads_open", "Uploads under way.")
ROUNDS_FAILED = _counter("onefile_rounds_failed", "Rounds of a loop that failed.", "loop")
BLOB_SECONDS = _histogram("onefile_blob_seconds", "Time of an operation of the blob store.", "call", buckets=COARSE)
BLOB_FAILURES = _counter("onefile_blob_failures", "Operations of the blob store that failed.", "call", "code")
DATABASE_SECONDS = _histogram("onefile_database_seconds", "Time of a statement.")
POOL_IN_USE = _gauge("onefile_database_pool_in_use", "Database connections that are lent out.")
POOL_SIZE = _gauge("onefile_database_pool_size", "Database connections that may be lent out.")
LOOKED = _gauge("onefile_gauges_ok", "1 while the database answers what these gauges ask.")


@contextmanager
def offered(port: int) -> Iterator[None]:
    """Offer the metrics to this machine, from a process that has no routes; 0: nowhere."""
    if not port:
        yield
        return
    server, thread = start_http_server(port, "127.0.0.1", REGISTRY)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
