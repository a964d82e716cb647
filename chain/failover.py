"""One endpoint at a time, another when it fails: for changes, which must not be spread over several views of the chain.

Requests go to one endpoint as long as it answers. Silence, garbage, or an error that speaks of the endpoint itself
(too many requests, internal error) let the next one try the same request; a transaction that both took is one
transaction, by its hash. Each endpoint shows first that it serves the right chain; one that does not is passed over.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from chain.endpoint import Endpoint
from chain.node import Node
from protocol.errors import Malformed, Unavailable, Untrusted

# JSON-RPC and EIP-1474: internal error, resource unavailable, limit exceeded. Of the endpoint, not of the question.
FAULTS_OF_ENDPOINT = (-32603, -32002, -32005)


class Failover(Endpoint):
    """An endpoint that is several. Safe for several threads."""

    def __init__(self, endpoints: Sequence[Endpoint], check: Callable[[Node], None]) -> None:
        if not endpoints:
            raise Malformed("endpoints", "expected at least one endpoint")
        self._endpoints = tuple(endpoints)
        self._check = check
        self._checked: set[int] = set()
        self._current = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        for endpoint in self._endpoints:
            endpoint.close()

    def request(
        self, method: str, params: object, *, encoder: type[json.JSONEncoder] = json.JSONEncoder
    ) -> dict[str, Any]:
        """The answer of the first endpoint that gives one, beginning with the one that answered last; else the first
        fault. An error that every endpoint gives is handed out as the last of them gave it."""
        first, said = None, None
        begin = self._current
        for index in [*range(begin, len(self._endpoints)), *range(begin)]:
            try:
                answer = self._ask(index, method, params, encoder)
            except (Unavailable, Untrusted) as fault:
                first = first or fault
                continue
            said = answer
            if not _of_endpoint(answer):
                self._current = index
                return answer
        if said is not None:
            return said
        assert first is not None  # there is at least one endpoint, and each has answered or failed
        raise first

    def request_all(self, method: str, params: Sequence[object]) -> list[dict[str, Any]]:
        """One by one: each may meet another endpoint's answer."""
        return [self.request(method, one) for one in params]

    def _ask(self, index: int, method: str, params: object, encoder: type[json.JSONEncoder]) -> dict[str, Any]:
        endpoint = self._endpoints[index]
        with self._lock:
            known = index in self._checked
        if not known:
            self._check(Node(endpoint))
            with self._lock:
                self._checked.add(index)
        return endpoint.request(method, params, encoder=encoder)


def _of_endpoint(answer: dict[str, Any]) -> bool:
    error = answer.get("error")
    return isinstance(error, dict) and error.get("code") in FAULTS_OF_ENDPOINT
