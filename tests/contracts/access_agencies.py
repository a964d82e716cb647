"""Who carries out the cells of AgencyRegistry and GrantRegistry."""

from __future__ import annotations

from typing import Any

from web3 import Web3

from tests.contracts.access import DAY, Attempt, People, keccak, next_card, subject_of
from tests.contracts.evm import actor, digest_of
from tests.contracts.messages import Card

LICENCE = "diploma"
SECRET = digest_of("secret of a grant")


class Offices:
    """A governor after another one, with a third to whom the office is offered; agencies of each kind."""

    def __init__(self, people: People) -> None:
        self.people = people
        f = people.agencies.functions
        people.send(f.transferOwnership(actor("second governor").address), "governor")
        people.send(f.acceptOwnership(), "second governor")
        people.send(f.transferOwnership(actor("offered governor").address), "second governor")
        self.cards = {name: self._admit(name) for name in ("agency", "ended agency", "another agency")}
        people.send(f.endRole(actor("ended agency").address, 1), "second governor")
        people.send(f.endIssue(actor("ended agency").address, keccak(LICENCE)), "second governor")
        self.calls = self._calls()

    def _admit(self, name: str) -> Card:
        f, account = self.people.agencies.functions, actor(name).address
        for call in (f.admit(account, name, "kind"), f.setRole(account, 1), f.allowIssue(account, LICENCE)):
            self.people.send(call, "second governor")
        card = Card(subject_of(name), self.people.chain.now())
        self.people.send(self.publish(card, name), "relayer")
        return card

    def publish(self, card: Card, by: str) -> Any:
        registry = self.people.agencies
        return registry.functions.publishCard(
            card.values, self.people.sign(by, registry.address, "KeyCard", card.values)
        )

    def next(self, name: str) -> Card:
        if name not in self.cards:
            return Card(subject_of(name), self.people.chain.now())
        return next_card(self.people, self.cards[name], self.people.agencies)

    def _calls(self) -> dict[str, Any]:
        f, agency, stranger = self.people.agencies.functions, actor("agency").address, actor("stranger").address
        time = self.people.chain.now()
        calls = [
            *(f.admit(stranger, "name", "kind"), f.setRole(agency, 2), f.endRole(agency, 1)),
            *(f.allowIssue(agency, "licence"), f.endIssue(agency, keccak(LICENCE))),
            *(f.setCompromisedByGovernor(agency, 1, time), f.setCompromised(1, time)),
            *(f.transferOwnership(stranger), f.acceptOwnership(), f.renounceOwnership()),
        ]
        return {call.fn_name: call for call in calls}

    def by_sender(self, call: str, who: str) -> list[Attempt]:
        names = {"governor": "second governor", "former governor": "governor"}
        return [Attempt(self.calls[call.strip("`")], sender) for sender in self.people.senders(names.get(who, who))]

    def by_signature(self, call: str, who: str) -> list[Attempt]:
        kinds = {"an agency": "agency", "an ended agency": "ended agency"}
        whose = kinds.get(call.split(" of ")[1], "stranger")
        signer = {"the agency itself": whose, "governor": "second governor"}.get(who, who)
        card = self.publish(self.next(whose), signer)
        return [Attempt(card, sender) for sender in self.people.bringers()]

    def not_for_this(self, why: str) -> Attempt:
        """The agency's own next card, but signed for something else."""
        people, card = self.people, self.next("agency")
        here = people.agencies
        signatures = {
            "another chain": people.sign("agency", here.address, "KeyCard", card.values, chain_id=1),
            "another registry": people.sign("agency", people.dossiers.address, "KeyCard", card.values),
            "another dossier or agency": people.sign(
                "agency", here.address, "KeyCard", card.but(subject=subject_of("another agency")).values
            ),
        }
        right = people.sign("agency", here.address, "KeyCard", card.values)
        call = here.functions.publishCard(card.values, signatures.get(why, right))
        time = card.valid_from + DAY + 1 if why == "too late" else None
        first = ((call, actor("relayer")),) if why == "used before" else ()
        return Attempt(call, actor("relayer"), time, first)


def revocations(people: People, call: str, who: str) -> list[Attempt]:
    """Calls of `revoke`; they have their effect if the grant's own nullifier is spent."""
    f, nullifier = people.grants.functions, bytes(Web3.keccak(SECRET))
    brought = f.revoke(nullifier if "nullifier" in call else SECRET)
    first = ((brought, people.account("holder")),) if "told before" in call else ()

    def spent() -> bool:
        return bool(f.nullifiedAt(nullifier).call())

    return [Attempt(brought, sender, None, first, spent) for sender in people.senders(who)]
