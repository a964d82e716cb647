"""The chain, opened only when a command asks it: importing it costs more than a second.

``open_ledger`` is the one door to ``chain.ethereum``; everything else takes a ``LedgerReads``.
"""

from __future__ import annotations

from collections.abc import Callable

from chain.deployment import Deployment
from chain.ledger import LedgerReads
from client.settings import Settings
from protocol.errors import OneFileError, Unavailable

LedgerOpener = Callable[[Settings, Deployment], LedgerReads]


def open_ledger(settings: Settings, deployment: Deployment) -> LedgerReads:
    """A ledger that reads ``deployment``; no request is made yet."""
    from chain.ethereum import connect

    return connect(deployment, settings.rpc_urls[0])


def reachable(ledger: LedgerReads) -> bool:
    """Whether the chain answers now. What it answers is checked by whoever uses it."""
    try:
        ledger.head()
    except Unavailable:
        return False
    except OneFileError:
        return True
    return True
