"""Row g: what the post-quantum half costs: a file key wrapped by ML-KEM-768 + X25519, beside X25519 alone.

Both are age stanzas of ours (protocol/recipients.py), in one process, the same file key. Cost is the inverse of rate.
"""

from __future__ import annotations

import secrets

from bench.harness import Series, measure, timed
from bench.profiling import of_call
from bench.results import Outcome, ratio_goal
from protocol.recipients import HybridIdentity, X25519Identity
from protocol.stream import FileKey

GOAL_COST = 1.4
ROUNDS = ((10, 0.05), (40, 0.1))  # quick, full: rounds, seconds each


def run(*, quick: bool) -> Outcome:
    rounds, round_s = ROUNDS[0 if quick else 1]
    hybrid, classic = HybridIdentity(secrets.token_bytes(32)), X25519Identity(secrets.token_bytes(32))
    key = FileKey(secrets.token_bytes(16))
    to_hybrid, to_classic = hybrid.recipient(), classic.recipient()
    theirs, mine = (to_classic.wrap(key),), (to_hybrid.wrap(key),)
    for opened in (hybrid.unwrap(mine), classic.unwrap(theirs)):
        assert opened is not None
        assert opened.unsafe_bytes == key.unsafe_bytes
    rates = measure(
        {
            "hybrid wrap": timed(lambda: to_hybrid.wrap(key)),
            "X25519 wrap": timed(lambda: to_classic.wrap(key)),
            "hybrid unwrap": timed(lambda: hybrid.unwrap(mine)),
            "X25519 unwrap": timed(lambda: classic.unwrap(theirs)),
        },
        rounds=rounds,
        round_s=round_s,
    )
    cost = {name: Series(name, tuple(1e6 / rate for rate in found.rounds)) for name, found in rates.items()}
    return Outcome(
        unit="µs a file key",
        series=tuple(cost.values()),
        goals=(
            ratio_goal(
                "cost of a hybrid wrap over X25519", cost["hybrid wrap"], cost["X25519 wrap"], GOAL_COST, at_most=True
            ),
        ),
        ours=("hybrid wrap", "hybrid unwrap"),
    )


def profile() -> tuple[str, ...]:
    recipient, key = HybridIdentity(secrets.token_bytes(32)).recipient(), FileKey(secrets.token_bytes(16))
    return of_call(lambda: [recipient.wrap(key) for _ in range(2_000)])
