"""The reference model's last part: the chain, the clocks, what is sent again, and the deaths of the vault."""

from __future__ import annotations

from collections.abc import Callable

from tests.stateful.model import Model
from tests.stateful.reference import ANSWERS_KEPT_S, NOTHING, Agency, Person, Step
from tests.stateful.reference_chain import DAY

PEOPLE = ("alice", "bob", "carol")
HELPER = "bob"  # brings what guardians have signed
READERS = {"bank": "bank", "credit": "bank", "tax": "tax"}


class World(Model):
    """The whole model, as it is after the prepared beginning: alice and bob have dossiers, carol has none."""

    def __init__(self, clock: int, *, tick: int = 0) -> None:
        super().__init__(clock)
        self.tick = tick
        self.people = {name: Person() for name in PEOPLE}
        self.agencies = {
            name: Agency(division, {"reader": [[clock - DAY, None]]}) for name, division in READERS.items()
        }
        self.agencies["hr"] = Agency("hr", {"issuer": [[clock - DAY, None]]})
        for agency in self.agencies.values():
            agency.card = 1
            agency.stored.add(1)
        self.append("log", "")
        self.append("scenario", "")
        for name in ("alice", "bob"):
            self.open(name)
        self.block = self.last = self.seen = clock + tick
        self.writes.clear()
        self.sendings.clear()

    def do(self, step: Step) -> str:
        """The answer to a step."""
        name, *given = step
        answer: str = getattr(self, name)(*given)
        self.hear()
        return answer

    # --- the chain --------------------------------------------------------------------------------

    def bump(self, who: str, way: str) -> str:
        """A new epoch: every grant ends."""
        person = self.people[who]
        nonce = person.nonce
        if not person.card or self.behind:
            return NOTHING
        return self._way(who, way, lambda: self.chain_bump(who, nonce))

    def nullify(self, k: int, way: str) -> str:
        """The secret of a grant on chain."""
        if not self.grants or self.behind:
            return NOTHING
        grant = self.grants[k % len(self.grants)]
        return self._way(grant.whose, way, lambda: self.chain_nullify(grant.ident))

    def rotate(self, who: str, way: str) -> str:
        """Another controller; no grant ends."""
        person = self.people[who]
        nonce = person.nonce
        if not person.card or self.behind:
            return NOTHING
        return self._way(who, way, lambda: self.chain_rotate(who, nonce))

    def card(self, who: str, put: str, below: int) -> str:
        """The next key card on chain, and perhaps in the vault."""
        party = self.party(who)
        if not party.card or self.behind:
            return NOTHING
        sent = self._way(who, "direct", lambda: self.chain_card(who, (party.card + 1) * below))
        self.hear()
        return self.put_card(who) if sent == "sent" and put == "put" else sent

    def guard(self, who: str, delay: int, way: str) -> str:
        """Name the guardians, or change how long everything waits."""
        nonce = self.people[who].nonce
        if not self.people[who].card or self.behind:
            return NOTHING
        return self._way(who, way, lambda: self.chain_guard(who, delay, nonce))

    def freeze(self, who: str, way: str) -> str:
        nonce = self.guarded(who)[1].freezes
        if not self.people[who].card or self.behind:
            return NOTHING
        return self._way(HELPER, way, lambda: self.chain_freeze(who, nonce))

    def recover(self, who: str, signers: int, by_all: int, way: str) -> str:
        """Guardians propose new accounts."""
        nonce = self.guarded(who)[1].recoveries
        if not self.people[who].card or self.behind:
            return NOTHING
        return self._way(HELPER, way, lambda: self.chain_recover(who, signers, nonce, by_all=bool(by_all)))

    def veto(self, who: str, way: str) -> str:
        person, guards = self.guarded(who)
        nonce, recovery = person.nonce, max(0, guards.recoveries - 1)
        if not person.card or self.behind:
            return NOTHING
        return self._way(who, way, lambda: self.chain_veto(who, recovery, nonce))

    def ripe(self, who: str, what: str, way: str) -> str:
        """What has waited long enough: ``execute`` a recovery, ``apply`` a change of guardians."""
        if not self.people[who].card or self.behind:
            return NOTHING
        act = self.chain_execute if what == "execute" else self.chain_apply
        return self._way(HELPER, way, lambda: act(who))

    def role(self, agency: str, role: str, give: int) -> str:
        if self.behind:
            return NOTHING
        return self._way(agency, "direct", lambda: self.chain_role(agency, role, give=bool(give)))

    def compromise(self, agency: str) -> str:
        if self.behind:
            return NOTHING
        return self._way(agency, "direct", lambda: self.chain_compromise(agency))

    def _way(self, who: str, way: str, act: Callable[[], None]) -> str:
        def sent() -> str:
            self.stir()
            act()
            return "sent"

        return self.relay(who, sent) if way == "relay" else self._told(sent)

    def anchor(self) -> str:
        """The publisher: revocations to the chain, then the newest head."""
        if self.behind:
            return NOTHING
        for ident in self.to_chain:
            if ident not in self.spent:
                self.chain_nullify(ident)
        self.to_chain.clear()
        if len(self.entries) > self.anchored:
            self.mine()
            self.anchored = len(self.entries)
        return "anchored"

    # --- time and housekeeping --------------------------------------------------------------------

    def wait(self, seconds: int) -> str:
        """The vault's clock goes on, or back."""
        self.clock += seconds
        return "waited"

    def tidy(self) -> str:
        """Answers are forgotten after a day."""
        old = self.now - ANSWERS_KEPT_S
        for write in self.writes:
            write.answers = {seq: (text, at) for seq, (text, at) in write.answers.items() if at >= old}
        return "tidied"

    # --- again ------------------------------------------------------------------------------------

    def repeat(self, k: int) -> str:
        """An earlier write with its idempotency key, signed anew with the newest key."""
        return self.send(self.writes[k % len(self.writes)]) if self.writes else NOTHING

    def replay(self, k: int) -> str:
        """The very bytes of an earlier signed request."""
        return self.run(self.sendings[k % len(self.sendings)]) if self.sendings else NOTHING

    # --- death ------------------------------------------------------------------------------------

    def crash(self, point: str, step: Step, retry: int) -> str:
        """The vault dies while it does ``step``; its caller asks again, or never learns what became of it."""
        many = len(self.writes)
        self.doomed = point == "begun"
        answer = self.do(step)
        self.doomed = False
        if not retry:
            return "died"
        if step[0] == "use" and answer != NOTHING:
            return "died, then " + self._use_again(step, taken=answer.startswith("200 #"))
        if step[0] == "revoke":
            return "died, then " + self.do(step)
        return "died, then " + (self.send(self.writes[-1]) if len(self.writes) > many else NOTHING)

    def _use_again(self, step: Step, *, taken: bool) -> str:
        """The same receipt: it has the answer that it would have had."""
        _, k, kind = step
        return self.use(k, "again" if taken else kind)
