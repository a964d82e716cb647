"""Counts and durations for ``/metrics`` (Prometheus). Labels name routes and codes, never a party."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "onefile_requests", "Requests by route and status.", ["method", "route", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "onefile_request_seconds",
    "Time to answer, by route.",
    ["method", "route"],
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)
PROBLEMS = Counter("onefile_problems", "Refusals by code.", ["code"], registry=REGISTRY)
LOG_SIZE = Gauge("onefile_log_size", "Entries under the newest signed checkpoint.", registry=REGISTRY)
ANCHORED_SIZE = Gauge("onefile_anchored_size", "Entries under the newest anchored head.", registry=REGISTRY)
CHAIN_AGE = Gauge(
    "onefile_chain_age_seconds", "Seconds since the chain was last heard of.", registry=REGISTRY
)
