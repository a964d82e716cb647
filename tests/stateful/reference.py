"""The reference model of a vault: a few dictionaries and the rules of docs/spec, sharing no code with the vault.

``Reference.do(step)`` is what the vault has to answer to a step, as ``"201"`` or ``"403 grant_expired"``, and changes
the model as the step has to change the vault. ``visible()`` is everything that can be seen of the vault from outside.

Left out on purpose: bytes. Whether signatures, seals and hashes hold is the business of vectors and attacks; here a
grant is a row, a key is a number, and a log entry is its kind, its dossier and its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.stateful.reference_chain import DAY, HOUR, Agency, No, Person
from tests.stateful.reference_guardians import Guarded

RELAYS_AN_HOUR = 4
NOTHING = "nothing"  # the step speaks of what is not there, or of a chain that is ahead of the clock
STALE_S = 60  # of a signed request
SKEW_S = 120  # of a receipt, slip or statement
MOST_USES, MOST_DAYS, MOST_RETENTION = 3, 30, 180
EXPIRES_DAYS = 60  # of the scenario, from the beginning of a history
ANSWERS_KEPT_S = DAY
Step = tuple[Any, ...]


@dataclass
class Item:
    """A deposit: taken in (``at``) or not."""

    whose: str
    by: str
    card: int
    documents: int
    iat: int
    at: int | None = None
    deleted: bool = False
    payloads: bool = False
    write: int = -1
    seq: int = 0  # of the card with which its slip is signed
    ident: int = -1  # whose id it carries: its own, or that of an earlier item


@dataclass
class Grant:
    """A grant: posted (``at``) or not. ``terms`` say in what it is unusual."""

    whose: str
    agency: str
    items: list[int]
    terms: str
    epoch: int
    card: int
    controller: int
    not_before: int
    not_after: int
    ident: int  # whose id it carries: its own, or that of an earlier grant
    max_uses: int = MOST_USES
    interval: int = 0
    at: int | None = None
    ended: int | None = None
    uses: int = 0
    last_use: int | None = None
    released: set[int] = field(default_factory=set)
    last_receipt: int | None = None  # the number of its use
    last_items: list[int] = field(default_factory=list)
    last_card: int = 0


@dataclass
class Write:
    """A signed write that was sent, with what it was answered under each key (by the number of its card)."""

    who: str
    run: Callable[[], str]
    answers: dict[int, tuple[str, int]] = field(default_factory=dict)


@dataclass
class Sending:
    """One sending of a write. ``reached``: its nonce was remembered."""

    write: Write
    seq: int
    created: int
    reached: bool = False


class Reference(Guarded):
    """The model. Steps and their variants: tests/stateful/steps.py."""

    def __init__(self, clock: int) -> None:
        super().__init__(clock)
        self.began = clock
        self.items: list[Item] = []
        self.grants: list[Grant] = []
        self.writes: list[Write] = []
        self.sendings: list[Sending] = []
        self.anchored = 1
        self.to_chain: list[int] = []
        self.doomed = False  # the vault will die before it commits anything more
        self._sending: Sending | None = None

    # --- a signed request -------------------------------------------------------------------------

    def party(self, who: str) -> Person | Agency:
        return self.people.get(who) or self.agencies[who]

    def signed(self, who: str, run: Callable[[], str]) -> str:
        """A write that ``who`` signs with the newest key; remembered, to be sent again."""
        self.writes.append(Write(who, run))
        return self.send(self.writes[-1])

    def send(self, write: Write) -> str:
        """Send a write, signed now."""
        self.sendings.append(Sending(write, self.party(write.who).card, self.clock))
        return self.run(self.sendings[-1])

    def run(self, sending: Sending) -> str:
        """What a sending comes to when it arrives (now, and perhaps not for the first time)."""
        before, self._sending = self._sending, sending
        try:
            return sending.write.run()
        except No as refused:
            return str(refused)
        finally:
            self._sending = before

    @property
    def sending(self) -> Sending:
        assert self._sending is not None
        return self._sending

    def caller(self, who: str) -> Person | Agency:
        """Whoever signed, if that key may speak for the party now."""
        self.fresh()
        return self.known(who, self.sending.seq)

    def fresh(self) -> None:
        if abs(self.clock - self.sending.created) > STALE_S:
            raise No(401, "signature_stale")

    def known(self, who: str, seq: int) -> Person | Agency:
        """The party, if this card of it is here and the newest on chain."""
        party = self.party(who)
        if seq not in party.stored:
            raise No(401, "signature_key_unknown")
        if seq != party.card:
            raise No(401, "signature_key_old")
        if isinstance(party, Agency) and seq in party.compromised:
            raise No(403, "agency_compromised")
        return party

    def alive(self) -> None:
        """The transactions of a doomed vault come to nothing."""
        if self.doomed:
            raise No(503, "database_unreachable")

    def once(self, work: Callable[[], str]) -> str:
        """The transaction of a write: its nonce, the answer that it had before, its effect."""
        self.remember()
        write, seq = self.sending.write, self.sending.seq
        if seq not in write.answers:
            write.answers[seq] = (work(), self.now)
        return write.answers[seq][0]

    def remember(self) -> None:
        self.alive()
        if self.sending.reached:
            raise No(401, "signature_replayed")
        self.sending.reached = True

    # --- dossiers and cards -----------------------------------------------------------------------

    def open(self, who: str) -> str:
        """On chain, and in the vault."""
        if self.behind:
            return NOTHING
        try:
            self.stir()
            self.chain_open(who)
        except No as refused:
            return str(refused)
        self.hear()
        return self.signed(who, lambda: self._open(who))

    def _open(self, who: str) -> str:
        person = self.people[who]
        self._brought(person, 1)

        def work() -> str:
            if person.kept:
                raise No(409, "dossier_exists")
            self.append("key", who)
            person.kept = True
            person.stored.add(1)
            return "201"

        return self.once(work)

    def _brought(self, party: Person | Agency, seq: int) -> None:
        """A card that comes with a request has to be the newest on chain."""
        self.fresh()
        if seq != party.card:
            raise No(422, "card_signature")

    def put_card(self, who: str) -> str:
        """Bring the newest card to the vault."""
        seq = self.party(who).card
        return self.signed(who, lambda: self._put_card(who, seq)) if seq else NOTHING

    def _put_card(self, who: str, seq: int) -> str:
        party = self.party(who)
        self._brought(party, seq)

        def work() -> str:
            if isinstance(party, Person) and not party.kept:
                raise No(404, "dossier_unknown")
            if seq in party.stored:
                raise No(409, "card_exists")
            if isinstance(party, Person):
                self.append("key", who)
            party.stored.add(seq)
            return "200"

        return self.once(work)

    def relay(self, who: str, act: Callable[[], object]) -> str:
        """A message that the vault brings to the chain."""
        return self.signed(who, lambda: self._relay(who, act))

    def _relay(self, who: str, act: Callable[[], object]) -> str:
        self.caller(who)
        self.remember()
        write, seq = self.sending.write, self.sending.seq
        if seq in write.answers:
            return write.answers[seq][0]
        since = self.now - HOUR
        mine = [at for caller, at in self.relays if caller == (who, seq) and at > since]
        if len(mine) >= RELAYS_AN_HOUR:
            raise No(429, "relay_quota")
        self.relays.append(((who, seq), self.now))
        act()
        write.answers[seq] = ("200", self.now)
        return "200"

    # --- what the chain's events do ---------------------------------------------------------------

    def hear(self) -> None:
        """The vault learns what happened on chain: nullifiers and new epochs end grants here too."""
        for grant in self.grants:
            if grant.ident in self.spent and grant.at is not None and grant.ended is None:
                self.append("revoke", grant.whose)
                grant.ended = self.now
        for who, person in self.people.items():
            self._hear_epoch(who, person.epoch)
        self.seen = self.block

    def _hear_epoch(self, who: str, epoch: int) -> None:
        """One entry for all that were open."""
        ended = [g for g in self.grants if g.whose == who and g.epoch < epoch and g.at is not None and g.ended is None]
        if ended:
            self.append("revoke", who)
        for grant in ended:
            grant.ended = self.now

    # --- what is seen -----------------------------------------------------------------------------

    def visible(self) -> dict[str, Any]:
        """Everything that can be seen of the vault, by names."""
        return {
            "entries": list(self.entries),
            "last": self.last,
            "n": {who: person.n for who, person in self.people.items() if person.kept},
            "cards": {who: sorted(p.stored) for who, p in (self.people | self.agencies).items() if p.stored},
            "items": {
                i: ("deleted" if item.deleted else "present", item.at)
                for i, item in enumerate(self.items)
                if item.at is not None
            },
            "payloads": {i for i, item in enumerate(self.items) if item.payloads},
            "grants": {i: self._seen(grant) for i, grant in enumerate(self.grants) if grant.at is not None},
            "relays": len(self.relays),
            "chain": {
                who: (p.card, p.epoch, p.nonce, p.owner, p.controller, p.frozen)
                for who, p in self.people.items()
                if p.on_chain
            },
            "spent": sorted(self.spent),
            "anchored": self.anchored,
        }

    def _seen(self, grant: Grant) -> tuple[Any, ...]:
        gone = [self.items[i].deleted or grant.ended is not None for i in grant.items]
        return (
            grant.uses,
            grant.last_use,
            grant.ended,
            grant.at,
            gone.count(False),  # parcels that are still here
            sorted(grant.released),
        )
