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
    """A ledger that reads ``deployment``, on which ``rpc_quorum`` of the endpoints agree; nothing is asked yet."""
    from chain.ethereum import connect_quorum

    return connect_quorum(deployment, settings.rpc_urls, settings.rpc_quorum)


def reachable(ledger: LedgerReads) -> bool:
    """Whether the chain answers now. What it answers is checked by whoever uses it."""
    try:
        ledger.head()
    except Unavailable:
        return False
    except OneFileError:
        return True
    return True
