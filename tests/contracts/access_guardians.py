"""Who carries out the cells about guardians: a dossier with three of them, two of whom carry a recovery."""

from __future__ import annotations

from typing import Any

from web3 import Web3

from tests.contracts.access import DAY, HOUR, NOBODY, Attempt, People
from tests.contracts.evm import actor, digest_of
from tests.contracts.messages import Card, sign_digest

GUARDIANS = ("guardian one", "guardian two", "guardian three")
SIGNERS = {"a guardian": 1, "two guardians": 2, "all guardians": 3}
SALT = digest_of("guardian salt")
PRIMARY = {"setGuardians": "SetGuardians", "freeze": "FreezeDossier", "vetoRecovery": "VetoRecovery"}


def guardian_accounts() -> list[str]:
    """The guardians' accounts, ascending."""
    return sorted((actor(name).address for name in GUARDIANS), key=lambda account: int(account, 16))


def set_hash() -> bytes:
    """What the registry keeps of them."""
    return bytes(Web3.keccak(Web3().codec.encode(["bytes32", "address[]"], [SALT, guardian_accounts()])))


class Guarded:
    """Two dossiers of `owner` and `controller` that `GUARDIANS` guard."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.f = people.dossiers.functions
        self.names = {actor(name).address: name for name in GUARDIANS}
        self.deadline = people.chain.now() + 90 * DAY
        self.dossier, self.card = self._open("guarded")
        self.other, _card = self._open("guarded too")

    def _open(self, salt: str) -> tuple[bytes, Card]:
        opening = (actor("owner").address, actor("controller").address, digest_of(salt), self.deadline)
        dossier = bytes(self.f.dossierId(opening[0], opening[2]).call())
        card = Card(dossier, self.people.chain.now())
        signed = self._sign("owner", "OpenDossier", opening), self._sign("owner", "KeyCard", card.values)
        self.people.send(self.f.open(opening, signed[0], card.values, signed[1]), "relayer")
        message = self._setting(dossier, 0)
        self.people.send(self.f.setGuardians(message, self._sign("owner", "SetGuardians", message)), "relayer")
        return dossier, card

    def by_signature(self, call: str, who: str) -> list[Attempt]:
        function, by_all = call.split("`")[1], "by all" in call
        if function == "proposeRecovery":
            made, first = self._proposal(who, by_all=by_all), ()
        else:
            made, first = self._single(function, who), ()
        if function == "vetoRecovery":
            carried = self._proposal("all guardians" if by_all else "two guardians", by_all=by_all)
            first = ((carried, actor("relayer")),)
        return [Attempt(made, sender, first=first) for sender in self.people.bringers()]

    def frozen(self, call: str, who: str) -> list[Attempt]:
        """What owner and controller can do of a frozen dossier."""
        function = call.split("`")[1]
        first = ((self._single("freeze", "a guardian"), actor("relayer")),)
        return [Attempt(self._holders(function, who), actor("relayer"), first=first)]

    def by_time(self, call: str, when: str) -> list[Attempt]:
        """What waits: a change of guardians, or a recovery."""
        function = call.split("`")[1]
        begun = self._single("setGuardians", "owner") if "apply" in function else self._proposal("two guardians")
        first = () if when == "nothing waits" else ((begun, actor("relayer")),)
        late = self.people.chain.now() + (2 * DAY if when == "in time" else HOUR)
        return [Attempt(self.f[function](self.dossier), sender, late, first) for sender in self.people.bringers()]

    def not_for_this(self, function: str, why: str) -> Attempt:
        """A message of the right account, but signed for something else."""
        about = self.other if why == "another dossier or agency" else self.dossier
        where: dict[str, Any] = {
            "another chain": {"chain_id": 1},
            "another registry": {"registry": self.people.agencies.address},
        }.get(why, {})
        if function == "proposeRecovery":
            call = self._proposal("two guardians", about=about, **where)
        else:
            by = "guardian one" if function == "freeze" else "owner"
            signature = self._sign(by, PRIMARY[function], self._values(function, about), **where)
            call = self._brought(function, signature)
        first = ((call, actor("relayer")),) if why == "used before" else ()
        if function == "vetoRecovery":
            first = ((self._proposal("two guardians"), actor("relayer")), *first)
        late = self.deadline + HOUR if why == "too late" else None
        return Attempt(call, actor("relayer"), late, first)

    def _single(self, function: str, who: str) -> Any:
        """A call that one account signs."""
        by = "guardian one" if who in SIGNERS else who
        guardian = actor("guardian one" if who == NOBODY else by).address
        values = self._values(function, self.dossier, guardian)
        return self._brought(function, self._sign(by, PRIMARY[function], values), guardian)

    def _brought(self, function: str, signature: bytes, guardian: str = "") -> Any:
        values = self._values(function, self.dossier, guardian)
        if function == "freeze":
            return self.f.freeze(values, SALT, guardian_accounts(), signature)
        return self.f[function](values, signature)

    def _values(self, function: str, dossier: bytes, guardian: str = "") -> tuple[Any, ...]:
        if function == "setGuardians":
            return self._setting(dossier, 1)
        if function == "freeze":
            return (dossier, guardian or actor("guardian one").address, 0, self.deadline)
        return (dossier, 0, 1, self.deadline)

    def _setting(self, dossier: bytes, nonce: int) -> tuple[Any, ...]:
        return (dossier, set_hash(), 2, DAY, nonce, self.deadline)

    def _proposal(self, who: str, *, by_all: bool = False, about: bytes = b"", **where: Any) -> Any:
        new = (actor("stranger").address, actor("relayer").address, by_all, 0, self.deadline)
        signed = (about or self.dossier, *new)
        signatures = [b"", b"", b""]
        for place in range(SIGNERS.get(who, 0 if who == NOBODY else 1)):
            by = self.names[guardian_accounts()[place]] if who in SIGNERS else who
            signatures[place] = self._sign(by, "RecoverDossier", signed, **where)
        return self.f.proposeRecovery((self.dossier, *new), SALT, guardian_accounts(), signatures)

    def _holders(self, function: str, who: str) -> Any:
        if function == "attest":
            digest = digest_of("digest of a grant")
            signature = b"" if who == NOBODY else sign_digest(actor(who), digest)
            return self.f.attest(self.dossier, digest, signature)
        previous = self.people.signing.digest(self.people.dossiers.address, "KeyCard", self.card.values)
        rows: dict[str, tuple[str, tuple[Any, ...]]] = {
            "publishCard": ("KeyCard", self.card.but(seq=2, previous=previous).values),
            "bumpEpoch": ("BumpEpoch", (self.dossier, 1, self.deadline)),
            "rotate": (
                "RotateDossier",
                (self.dossier, actor("stranger").address, actor("relayer").address, 1, self.deadline),
            ),
        }
        primary, values = rows[function]
        return self.f[function](values, self._sign(who, primary, values))

    def _sign(self, by: str, primary: str, values: tuple[Any, ...], **where: Any) -> bytes:
        registry = where.pop("registry", self.people.dossiers.address)
        return self.people.sign(by, registry, primary, values, **where)


__all__ = ["GUARDIANS", "PRIMARY", "SALT", "Guarded", "guardian_accounts", "set_hash"]
