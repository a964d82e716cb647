"""The anchored heads of a log, out of the chain's events."""

from __future__ import annotations

from collections.abc import Iterator

from chain.events import Anchored
from chain.ledger import MAX_EVENT_RANGE, LedgerReads


def anchored_heads(ledger: LedgerReads, origin_hash: bytes, first: int, last: int) -> Iterator[Anchored]:
    """What was anchored for this log in blocks `first` to `last`, however many, oldest first."""
    for begin in range(first, last + 1, MAX_EVENT_RANGE):
        for event in ledger.log_events(origin_hash, begin, min(begin + MAX_EVENT_RANGE - 1, last)):
            if isinstance(event, Anchored):
                yield event
