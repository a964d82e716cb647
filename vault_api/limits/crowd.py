"""Refusals that cost next to nothing: for who would be refused anyway, as soon as a head has come.

A refusal that takes a task, a body and a line in the log is dear when there are ten of them for each answer. So the
server asks here first, and writes what was made beforehand: the same problem as ``limits.admission`` would tell, which
still decides about all that pass.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from console.i18n import accept_language
from protocol.errors import OneFileError
from vault_api import metrics
from vault_api.limits.addresses import Addresses, line_of
from vault_api.limits.admission import FREE, kind_of, too_many
from vault_api.limits.buckets import Buckets
from vault_api.limits.gates import Gate
from vault_api.limits.plain import plain_answer
from vault_api.request_ids import CURRENT

SAY_EVERY_S = 10.0
_NAME = "0" * 32  # stands in what is made beforehand where a request's name comes
_log = structlog.get_logger("vault_api.limits")


class Crowd:
    """Who comes when there is no room. ``answer``: how an error becomes an answer in a language."""

    def __init__(
        self,
        addresses: Addresses,
        rates: Buckets,
        gates: Mapping[str, Gate],
        answer: Callable[[OneFileError, str], Response],
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._addresses = addresses
        self._rates = rates
        self._gates = gates
        self._answer = answer
        self._timer = timer
        self._made: dict[tuple[str, int, str], bytes] = {}
        self._since_said = 0
        self._said_at = 0.0

    def refusal(self, scope: Scope) -> bytes | None:
        """The whole answer to who would be refused; None for everybody else."""
        if scope["path"] in FREE:
            return None
        after = self._rates.over(line_of(self._addresses.of(scope)))
        gate = self._gates[kind_of(scope)]
        if not after and not gate.full:
            return None
        if after:
            metrics.LIMITED.labels("address").inc()
        self._say()
        return self._told(scope, too_many(after) if after else gate.refuse())

    def _told(self, scope: Scope, error: OneFileError) -> bytes:
        language = accept_language(Headers(scope=scope).get("accept-language"))
        key = (error.code, int(error.facts.get("retry_after_s", 0)), language)
        if key not in self._made:
            token = CURRENT.set(_NAME)
            self._made[key] = plain_answer(self._answer(error, language), _NAME)
            CURRENT.reset(token)
        metrics.PROBLEMS.labels(error.code).inc()
        return self._made[key].replace(_NAME.encode(), secrets.token_hex(16).encode())

    def _say(self) -> None:
        self._since_said += 1
        now = self._timer()
        if now - self._said_at >= SAY_EVERY_S:
            _log.warning("limited", refused=self._since_said)
            self._since_said, self._said_at = 0, now
