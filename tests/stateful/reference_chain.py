"""What the registries on chain hold, in dictionaries: the lower half of the reference model.

Written from FORMATS "Keys" and docs/spec/contracts.md, and sharing no code with the system: parties are names, keys
and cards are numbers, nothing is signed. Times are whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DAY = 86_400
HOUR = 3_600
LAG = 30  # how far the vault's clock is put forward by itself


class No(Exception):
    """A refusal: HTTP status and code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status, self.code = status, code

    def __str__(self) -> str:
        return f"{self.status} {self.code}"


@dataclass
class Person:
    """A dossier: on chain and, once it was brought there, in the vault."""

    on_chain: bool = False
    kept: bool = False
    owner: int = 0
    controller: int = 0
    frozen: int = 0  # until then the controller's word counts for nothing
    card: int = 0
    stored: set[int] = field(default_factory=set)
    epoch: int = 1
    nonce: int = 0
    n: int = 0


@dataclass
class Agency:
    """A registered agency. Cards are numbered from 1; ``below``: what the newest one revokes."""

    division: str
    roles: dict[str, list[list[Any]]] = field(default_factory=dict)
    card: int = 0
    stored: set[int] = field(default_factory=set)
    below: int = 0
    compromised: set[int] = field(default_factory=set)

    def has(self, role: str, at: int) -> bool:
        return any(since <= at and (until is None or at < until) for since, until in self.roles.get(role, []))

    def holds(self, role: str) -> bool:
        return any(until is None for _, until in self.roles.get(role, []))


class Registries:
    """The chain, and the two clocks: the vault's and that of the blocks."""

    def __init__(self, clock: int) -> None:
        self.clock = clock
        self.tick = 0  # seconds by which a block comes after what was tried before
        self.block = self.seen = clock  # the newest block's time, and that of the newest which the vault has heard of
        self.last = clock  # the time of the newest log entry
        self.people: dict[str, Person] = {}
        self.agencies: dict[str, Agency] = {}
        self.spent: dict[int, int] = {}  # grant to the block time of its nullifier
        self.relays: list[tuple[tuple[str, int], int]] = []
        self.entries: list[tuple[str, str, Any]] = []

    # --- time -------------------------------------------------------------------------------------

    @property
    def floor(self) -> int:
        """What the vault's clock may not be behind."""
        return max(self.last, self.seen)

    @property
    def now(self) -> int:
        """The time of a transaction of the vault: put forward to the floor if it lags a little."""
        return self.floor if self.floor - LAG <= self.clock < self.floor else self.clock

    @property
    def behind(self) -> bool:
        """Whether nothing can be logged."""
        return self.now < self.floor

    @property
    def moment(self) -> int:
        """The time by which rights are judged that nothing is logged about: never before the newest block heard of."""
        if self.clock < self.seen - LAG:
            raise No(503, "clock_behind")
        return max(self.clock, self.seen)

    def in_time(self) -> None:
        """Nothing that depends on the time is decided while the clock is behind."""
        if self.behind:
            raise No(503, "clock_behind")

    @property
    def next_block(self) -> int:
        """The time by which the registries judge what comes now."""
        return max(self.block, self.clock)

    def stir(self) -> None:
        """A chain of real blocks has one of now before anything is sent, even if that is refused then."""
        if self.tick:
            self.block = self.next_block

    def mine(self) -> int:
        """A block: never older than the one before."""
        self.block = self.next_block + self.tick
        return self.block

    # --- the log ----------------------------------------------------------------------------------

    def append(self, kind: str, whose: str, about: Any = None) -> int:
        """An entry; its number. ``about`` of a use: the grant and the number of the use."""
        self.in_time()
        self.last = self.now
        self.entries.append((kind, whose, about))
        if whose in self.people:
            self.people[whose].n += 1
        return len(self.entries) - 1

    # --- what the registries decide ---------------------------------------------------------------

    def chain_open(self, name: str) -> None:
        if self.people[name].on_chain:
            raise No(409, "dossier_exists")
        self.mine()
        self.people[name].on_chain, self.people[name].card = True, 1

    def chain_card(self, name: str, below: int = 0) -> None:
        party = self.people.get(name) or self.agencies[name]
        if isinstance(party, Person):
            self.thawed(party)
        self.mine()
        party.card += 1
        if isinstance(party, Agency):
            party.below = max(party.below, below)

    def thawed(self, person: Person) -> None:
        """The controller's word counts, or is the owner's."""
        if self.next_block < person.frozen and person.controller != person.owner:
            raise No(403, "dossier_frozen")

    def chain_rotate(self, name: str, nonce: int) -> None:
        person = self.people[name]
        if nonce != person.nonce:
            raise No(409, "message_nonce")
        self.mine()
        person.controller += 1
        person.nonce += 1

    def chain_bump(self, name: str, nonce: int) -> None:
        person = self.people[name]
        if nonce != person.nonce:
            raise No(409, "message_nonce")
        self.thawed(person)
        self.mine()
        person.epoch += 1
        person.nonce += 1

    def chain_role(self, name: str, role: str, *, give: bool) -> None:
        agency = self.agencies[name]
        if agency.holds(role) == give:
            raise No(409, "role_held" if give else "role_not_held")
        at = self.mine()
        if give:
            agency.roles.setdefault(role, []).append([at, None])
            return
        for span in agency.roles[role]:
            span[1] = at if span[1] is None else span[1]

    def chain_compromise(self, name: str) -> None:
        """Its newest card, since a moment ago."""
        agency = self.agencies[name]
        if agency.card in agency.compromised:
            raise No(409, "compromise_not_earlier")
        self.mine()
        agency.compromised.add(agency.card)

    def chain_nullify(self, grant: int) -> None:
        if grant in self.spent:
            raise No(409, "already_revoked")
        self.spent[grant] = self.mine()
