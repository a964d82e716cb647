"""The limits of one process, made from its settings: who is counted how, and which gates there are."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from vault_api import metrics
from vault_api.limits.addresses import Addresses, Network, parse_networks
from vault_api.limits.admission import POLL, TRANSFER, USE, WORK, too_many
from vault_api.limits.buckets import Buckets
from vault_api.limits.gates import Gate
from vault_api.settings import Settings


@dataclass(frozen=True, slots=True)
class Load:
    """Addresses and callers are counted here, kinds of work wait here. One to a process."""

    addresses: Addresses
    rates: Buckets
    callers: Buckets
    gates: dict[str, Gate]
    metrics_from: tuple[Network, ...]

    @classmethod
    def of(cls, settings: Settings) -> Load:
        """As the settings say; ``Malformed("setting")`` for one that is no list of networks."""
        return cls(
            addresses=Addresses(parse_networks(settings.trusted_proxies, "ONEFILE_TRUSTED_PROXIES")),
            rates=Buckets(settings.address_requests_per_s),
            callers=Buckets(settings.caller_requests_per_s),
            gates={
                WORK: Gate(WORK, settings.work_at_once, settings.work_waiting),
                USE: Gate(USE, settings.uses_at_once, settings.uses_waiting, hurried=_few(settings.uses_at_once)),
                TRANSFER: Gate(TRANSFER, settings.transfers_at_once, 0),
                POLL: Gate(POLL, settings.polls_at_once, 0),
            },
            metrics_from=parse_networks(settings.metrics_from, "ONEFILE_METRICS_FROM"),
        )

    def count_caller(self, who: Hashable) -> None:
        """Count a request whose signature has been verified; ``Unavailable("too_many_requests")`` beyond the rate.

        Only then: an unverified key id is anybody's word, and would let a stranger use up a caller's rate.
        """
        after = self.callers.take(who)
        if after:
            metrics.LIMITED.labels("caller").inc()
            raise too_many(after)


def _few(at_once: int) -> int:
    """How many releases are within in an overload: what is taken then is answered the sooner."""
    return max(2, at_once // 4)
