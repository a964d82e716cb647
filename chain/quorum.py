"""Several endpoints that must agree: a lie of one of them is no answer, instead of a fact.

One RPC endpoint can invent an agency or an old key card for whoever asks it alone. Here a question is put to all,
and an answer counts that at least `quorum` of them give alike; else it is `Unavailable("chain_disagreement")`, or the
first silence where too few speak. Questions without a block are asked of the newest block on which they agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from chain.deployment import Deployment
from chain.events import Event, LogEvent
from chain.guardians import GuardianState
from chain.ledger import LedgerReads
from chain.values import AgencyState, BlockRef, CardState, DossierState, LogHead, LogState
from protocol.errors import Malformed, OneFileError, Unavailable

Answer = TypeVar("Answer")
REST_S = 30.0  # how long an endpoint that was silent is asked last


@dataclass(frozen=True, slots=True)
class _Said:
    """What one endpoint answered: a value, or the contract's refusal."""

    value: Any
    refusal: OneFileError | None = None

    @property
    def key(self) -> Hashable:
        """Equal for equal answers."""
        if self.refusal is not None:
            return type(self.refusal), self.refusal.code, tuple(sorted(self.refusal.facts.items()))
        return tuple(self.value) if isinstance(self.value, list) else self.value


class QuorumReads:
    """`LedgerReads` over several ledgers of one deployment."""

    def __init__(
        self, ledgers: Sequence[LedgerReads], quorum: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not 1 <= quorum <= len(ledgers):
            raise Malformed(
                "quorum", "a quorum of {quorum} of {count} endpoints cannot be", quorum=quorum, count=len(ledgers)
            )
        self._ledgers = tuple(ledgers)
        self._quorum = quorum
        self._clock = clock
        self._rests_until = [0.0] * len(self._ledgers)

    @property
    def deployment(self) -> Deployment:
        return self._ledgers[0].deployment

    def close(self) -> None:
        """Give the connections back."""
        for ledger in self._ledgers:
            close = getattr(ledger, "close", None)
            if close is not None:
                close()

    def head(self) -> BlockRef:
        # So many endpoints are at least this far; those ahead of it know this block too.
        heads = sorted((said.value.number for said in self._heads()), reverse=True)
        found = self.block(heads[self._quorum - 1])
        if found is None:
            raise _disagreement()
        return found

    def block(self, number: int) -> BlockRef | None:
        return self._agreed(lambda ledger: ledger.block(number))

    def agency(self, account: bytes, *, block: int | None = None) -> AgencyState | None:
        at = self._at(block)
        return self._agreed(lambda ledger: ledger.agency(account, block=at))

    def agencies(self, *, block: int | None = None) -> tuple[AgencyState, ...]:
        at = self._at(block)
        return self._agreed(lambda ledger: ledger.agencies(block=at))

    def dossier(self, dossier: bytes, *, block: int | None = None) -> DossierState | None:
        at = self._at(block)
        return self._agreed(lambda ledger: ledger.dossier(dossier, block=at))

    def dossiers(self, dossiers: Sequence[bytes], *, block: int | None = None) -> tuple[DossierState | None, ...]:
        at = self._at(block)
        return self._agreed(lambda ledger: ledger.dossiers(dossiers, block=at))

    def dossier_cards(self, dossier: bytes, *, block: int | None = None) -> tuple[CardState, ...]:
        at = self._at(block)
        return self._agreed(lambda ledger: ledger.dossier_cards(dossier, block=at))

    def dossier_history(self, dossier: bytes, *, block: int | None = None) -> tuple[Event, ...]:
        at = self._at(block)
        return self._agreed(lambda ledger: ledger.dossier_history(dossier, block=at))

    def guardians(self, dossier: bytes, *, block: int | None = None) -> GuardianState | None:
        at = self._at(block)
        return self._agreed(lambda ledger: ledger.guardians(dossier, block=at))

    def attested_at(self, dossier: bytes, digest: bytes, *, block: int | None = None) -> int | None:
        at = self._at(block)
        return self._agreed(lambda ledger: ledger.attested_at(dossier, digest, block=at))

    def nullified_at(self, nullifier: bytes, *, block: int | None = None) -> int | None:
        at = self._at(block)
        return self._agreed(lambda ledger: ledger.nullified_at(nullifier, block=at))

    def log_state(self, origin_hash: bytes, *, block: int | None = None) -> LogState | None:
        at = self._at(block)
        return self._agreed(lambda ledger: ledger.log_state(origin_hash, block=at))

    def verify_inclusion(self, origin_hash: bytes, index: int, entry: bytes, proof: Sequence[bytes]) -> LogHead:
        return self._agreed(lambda ledger: ledger.verify_inclusion(origin_hash, index, entry, proof))

    def verify_older(self, origin_hash: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> LogHead:
        return self._agreed(lambda ledger: ledger.verify_older(origin_hash, size, root, proof))

    def log_events(self, origin_hash: bytes, first: int, last: int) -> Sequence[LogEvent]:
        return self._agreed(lambda ledger: ledger.log_events(origin_hash, first, last))

    def events(self, first: int, last: int) -> Sequence[Event]:
        return self._agreed(lambda ledger: ledger.events(first, last))

    def _heads(self) -> list[_Said]:
        """All heads that can be had without waiting for who was silent a moment ago."""
        said: list[_Said] = []
        awake = sum(until <= self._clock() for until in self._rests_until)
        refusals: list[OneFileError] = []
        for one in self._voices(lambda ledger: ledger.head()):
            if one.refusal is not None:
                refusals.append(one.refusal)
            else:
                said.append(one)
            if len(said) >= self._quorum and len(said) + len(refusals) >= awake:
                break
        if refusals and len(said) < self._quorum:
            raise refusals[0]
        return said

    def _at(self, block: int | None) -> int:
        return self.head().number if block is None else block

    def _agreed(self, ask: Callable[[LedgerReads], Answer]) -> Answer:
        """The answer that enough of them give. Nobody is asked who could not change it any more."""
        said: list[_Said] = []
        for one in self._voices(ask):
            said.append(one)
            if sum(one.key == other.key for other in said) >= self._quorum:
                if one.refusal is not None:
                    raise one.refusal
                answer: Answer = one.value
                return answer
        raise _disagreement()

    def _voices(self, ask: Callable[[LedgerReads], Any]) -> Iterator[_Said]:
        """What the endpoints say, one after the other; the first silence is raised where fewer than the quorum speak.

        Who was silent a moment ago is asked last: one dead endpoint shall not cost its time-out at every question.
        """
        now = self._clock()
        order = sorted(range(len(self._ledgers)), key=lambda i: (self._rests_until[i] > now, i))
        silence: list[Unavailable] = []
        for index in order:
            try:
                yield _Said(ask(self._ledgers[index]))
            except Unavailable as fault:
                silence.append(fault)
                self._rests_until[index] = now + REST_S
            except OneFileError as refusal:
                yield _Said(None, refusal)
        if len(self._ledgers) - len(silence) < self._quorum:
            raise silence[0]


def _disagreement() -> Unavailable:
    return Unavailable("chain_disagreement", "the chain's nodes do not agree: one of them is behind, or lies")


if TYPE_CHECKING:
    _PORT: type[LedgerReads] = QuorumReads
