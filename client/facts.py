"""What the chain says, as the facts that ``protocol/verify*.py`` reads; live, or as it was kept in a trust file.

``LedgerFacts`` asks the chain each time and stamps what it hears with the clock. Anchored heads are read once and
kept, since the chain only adds to them; a reorganisation is noticed by the hash of the block read last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from chain.events import Anchored, LogEvent
from chain.ledger import MAX_EVENT_RANGE, BlockRef, LedgerReads
from client import evidence
from client.clock import Clock
from protocol.entries import origin_hash
from protocol.errors import Denied, Malformed
from protocol.facts import AgencyFacts, Anchor, AnchorFacts, DossierFacts, NullifierFact
from protocol.hashing import ZERO32
from protocol.note import MAX_FORMER_KEYS, FormerKey, Vkey


class FactSource(Protocol):
    """Where a verifier's facts come from; ``Unavailable`` if it can't say."""

    def agency(self, account: bytes) -> AgencyFacts:
        """What the registry says of an agency; ``Denied("agency_unknown")`` if it was never admitted."""
        ...

    def dossier(self, dossier: bytes) -> DossierFacts:
        """What the registry says of a dossier; ``Denied("dossier_unknown")`` if it was never opened."""
        ...

    def nullifier(self, nullifier: bytes) -> NullifierFact:
        """Whether the secret of a grant or mandate is out."""
        ...

    def anchors(self) -> AnchorFacts:
        """The log's key and its anchored heads."""
        ...


@dataclass(frozen=True, slots=True)
class AnchoredHead:
    """An anchored head and the block (number, seconds) that holds it."""

    size: int
    root: bytes
    block: int
    time: int


@dataclass(slots=True)
class AnchorHistory:
    """All anchored heads and keys of a log up to a block; an empty one begins at the deployment.

    ``vkey``: the log's key at that block, empty before anything was read; ``former``: those before it. ``size``: of the
    newest anchored head, also where ``heads`` does not begin at the deployment.
    """

    heads: list[AnchoredHead] = field(default_factory=list)
    upto: BlockRef | None = None
    vkey: str = ""
    former: list[FormerKey] = field(default_factory=list)
    size: int = 0

    def read_on(self, ledger: LedgerReads, origin: str) -> BlockRef:
        """Read what was anchored since; the head of the chain that it was read at."""
        head = ledger.head()
        if self.upto is not None and not _still_there(ledger, self.upto):
            self.heads, self.upto, self.vkey, self.former, self.size = [], None, "", [], 0
        first = ledger.deployment.deploy_block if self.upto is None else self.upto.number + 1
        name = origin_hash(origin)
        for begin in range(first, head.number + 1, MAX_EVENT_RANGE):
            for event in ledger.log_events(name, begin, min(begin + MAX_EVENT_RANGE - 1, head.number)):
                self._take(event)
        self.upto = head
        return head

    def _take(self, event: LogEvent) -> None:
        if isinstance(event, Anchored):
            self.heads.append(AnchoredHead(event.size, event.root, event.at.block.number, event.at.block.time))
            self.size = event.size
        elif event.vkey != self.vkey:
            self.former += _former(self.vkey, self.size)
            del self.former[:-MAX_FORMER_KEYS]
            self.vkey = event.vkey

    def facts(self, origin: str, head_number: int, known_at: int) -> AnchorFacts:
        """The heads with the confirmations that they have at block ``head_number``."""
        anchors = tuple(Anchor(h.size, h.root, h.time, max(0, head_number - h.block)) for h in self.heads)
        return AnchorFacts(origin, self.vkey, anchors, known_at, tuple(self.former))


class LedgerFacts:
    """Facts from a ledger that is asked now; each is asked once. ``confirmations`` as in ``chain.evidence``."""

    def __init__(
        self,
        ledger: LedgerReads,
        clock: Clock,
        origin: str,
        *,
        confirmations: int = 0,
        history: AnchorHistory | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._origin = origin
        self._confirmations = confirmations
        self._agencies: dict[bytes, AgencyFacts] = {}
        self.history = history or AnchorHistory()

    def agency(self, account: bytes) -> AgencyFacts:
        if account not in self._agencies:
            found = evidence.agency_facts(
                self._ledger, account, known_at=self._clock.now(), confirmations=self._confirmations
            )
            if found is None:
                raise Denied("agency_unknown", "no such agency is registered on this chain")
            self._agencies[account] = found
        return self._agencies[account]

    def dossier(self, dossier: bytes) -> DossierFacts:
        found = evidence.dossier_facts(
            self._ledger, dossier, known_at=self._clock.now(), confirmations=self._confirmations
        )
        if found is None:
            raise Denied("dossier_unknown", "the registry knows no such dossier")
        return found

    def nullifier(self, nullifier: bytes) -> NullifierFact:
        return evidence.nullifier_fact(self._ledger, nullifier, known_at=self._clock.now())

    def anchors(self) -> AnchorFacts:
        head = self.history.read_on(self._ledger, self._origin)
        if not self.history.vkey:
            raise Denied("log_unknown", "the chain knows no such log")
        return self.history.facts(self._origin, head.number, self._clock.now())


def _former(vkey: str, size: int) -> list[FormerKey]:
    """A key that was replaced when ``size`` entries were anchored; nothing for a text that never was a key."""
    try:
        return [FormerKey(Vkey.parse(vkey), size)]
    except Malformed:
        return []


def _still_there(ledger: LedgerReads, block: BlockRef) -> bool:
    now = ledger.block(block.number)
    return now is not None and now.hash == block.hash and block.hash != ZERO32
