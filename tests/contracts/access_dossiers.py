"""Who carries out the cells of DossierRegistry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.contracts.access import DAY, HOUR, NOBODY, Attempt, People, next_card
from tests.contracts.evm import actor, digest_of
from tests.contracts.messages import Card, sign_digest

GRANT = digest_of("digest of a grant")
Signer = Callable[[str, tuple[Any, ...]], bytes]  # primary type and values to a signature
KINDS = {"rotate": "RotateDossier", "bumpEpoch": "BumpEpoch", "publishCard": "KeyCard", "open": "OpenDossier"}


class Dossiers:
    """A dossier that went from its former accounts to the present ones, and another one with the same controller."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.f = people.dossiers.functions
        self.deadline = people.chain.now() + DAY
        self.card = self._open("former owner", "former controller")
        self._open("owner of another dossier", "another controller")
        self.dossier = self._id("former owner")
        self.other = self._id("owner of another dossier")
        rotate = (self.dossier, actor("owner").address, actor("controller").address, 0, self.deadline)
        people.send(self.f.rotate(rotate, self._sign("former owner", "RotateDossier", rotate)), "relayer")

    def _id(self, owner: str) -> bytes:
        return bytes(self.f.dossierId(actor(owner).address, digest_of("salt")).call())

    def _sign(self, by: str, primary: str, values: tuple[Any, ...], **where: Any) -> bytes:
        return self.people.sign(by, where.pop("registry", self.people.dossiers.address), primary, values, **where)

    def _open(self, owner: str, controller: str) -> Card:
        message = (actor(owner).address, actor(controller).address, digest_of("salt"), self.deadline)
        card = Card(self._id(owner), self.people.chain.now())
        signed = self._sign(owner, "OpenDossier", message), self._sign(controller, "KeyCard", card.values)
        self.people.send(self.f.open(message, signed[0], card.values, signed[1]), "relayer")
        return card

    def _values(self, function: str, dossier: bytes) -> tuple[Any, ...]:
        """The message of a function, about `dossier`."""
        if function == "open":
            salt = digest_of("new salt" if dossier == self.dossier else "another salt")
            return (actor("owner").address, actor("controller").address, salt, self.deadline)
        if function == "rotate":
            return (dossier, actor("stranger").address, actor("relayer").address, 1, self.deadline)
        if function == "bumpEpoch":
            return (dossier, 1, self.deadline)
        return next_card(self.people, self.card, self.people.dossiers).but(subject=dossier).values

    def _call(self, function: str, signature: bytes, *, card_by: str = "controller") -> Any:
        """The call of a function with a signature of its message, or of the digest that is attested."""
        if function == "attest":
            return self.f.attest(self.dossier, GRANT, signature)
        values = self._values(function, self.dossier)
        if function != "open":
            return self.f[function](values, signature)
        card = Card(bytes(self.f.dossierId(values[0], values[2]).call()), self.people.chain.now())
        return self.f.open(values, signature, card.values, self._sign(card_by, "KeyCard", card.values))

    def by_signature(self, call: str, who: str) -> list[Attempt]:
        function = call.split("`")[1]
        if function == "attest":
            made = self._call(function, b"" if who == NOBODY else sign_digest(actor(who), GRANT))
        elif "first card" in call:
            message = self._sign("owner", "OpenDossier", self._values("open", self.dossier))
            made = self._call("open", message, card_by=who)
        else:
            made = self._call(function, self._sign(who, KINDS[function], self._values(function, self.dossier)))
        return [Attempt(made, sender) for sender in self.people.bringers()]

    def not_for_this(self, function: str, why: str) -> Attempt:
        """A message of the right account, but signed for something else."""
        call = self._call(function, self._attested(why) if function == "attest" else self._signed(function, why))
        if function == "attest" and why == "another dossier or agency":
            call = self.f.attest(self.other, GRANT, self._attested(why))
        late = self.people.chain.now() + DAY + HOUR if why == "too late" else None
        first = ((call, actor("relayer")),) if why == "used before" else ()
        return Attempt(call, actor("relayer"), late, first)

    def _signed(self, function: str, why: str) -> bytes:
        by = "controller" if function in {"publishCard", "bumpEpoch"} else "owner"
        about = self.other if why == "another dossier or agency" else self.dossier
        where: dict[str, Any] = {"another chain": {"chain_id": 1}, "another registry": {"registry": self._elsewhere()}}
        return self._sign(by, KINDS[function], self._values(function, about), **where.get(why, {}))

    def _attested(self, why: str) -> bytes:
        """The controller's signature of the digest of a grant; for another chain or registry that is another digest."""
        elsewhere = why in {"another chain", "another registry"}
        return sign_digest(actor("controller"), digest_of(f"digest for {why}") if elsewhere else GRANT)

    def _elsewhere(self) -> str:
        return str(self.people.agencies.address)
