"""The steps about guardians and recovery, done to the real registries, by relay or directly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from protocol.dossier_messages import FreezeDossier, RecoverDossier, SetGuardians, VetoRecovery
from protocol.encoding import hex0x
from protocol.guardians import GuardianSet
from protocol.hashing import sha256
from protocol.keys import AccountKey
from tests.stateful.acts import Acts, Person, _account, sent
from tests.stateful.model_world import HELPER
from tests.stateful.reference import NOTHING
from tests.stateful.reference_guardians import NEW_CONTROLLER, NEW_OWNER
from tests.vault_parties import FAR, seed

GUARDIANS = sorted((AccountKey(seed(f"guardian {i}")) for i in range(3)), key=lambda key: key.address)
SET = GuardianSet.of(sha256(b"guardians"), [key.address for key in GUARDIANS])


class GuardianActs(Acts):
    """Guardians are the same three accounts for everybody."""

    def _guards(self, person: Person) -> Any:
        return self._ledger().guardians(person.dossier)

    def _ready(self, who: str) -> bool:
        return bool(self.people[who].cards) and not self.behind

    def _owner(self, person: Person) -> AccountKey:
        return _account(person.name, self.accounts(person)[0])

    def _digest(self, message: Any) -> bytes:
        digest: bytes = message.digest(self.rig.vault.dossier_domain)
        return digest

    def _bring(
        self,
        who: str,
        way: str,
        function: str,
        message: dict[str, Any],
        signatures: list[bytes],
        act: Callable[[], Any],
    ) -> str:
        return self._relay(who, "dossier_registry", function, message, *signatures) if way == "relay" else sent(act)

    def guard(self, who: str, delay: int, way: str) -> str:
        if not self._ready(who):
            return NOTHING
        person = self.people[who]
        message = SetGuardians(person.dossier, SET.hash, 2, delay, self._state(person).nonce, FAR)
        signature = self._owner(person).sign_digest(self._digest(message))
        act = partial(self._ledger().set_guardians, message, signature)
        return self._bring(who, way, "set_guardians", message.to_json(), [signature], act)

    def freeze(self, who: str, way: str) -> str:
        if not self._ready(who):
            return NOTHING
        person, guardian = self.people[who], GUARDIANS[1]
        message = FreezeDossier(person.dossier, guardian.address, self._guards(person).freezes, FAR)
        signature = guardian.sign_digest(self._digest(message))
        act = partial(self._ledger().freeze_dossier, message, SET, signature)
        told = message.to_json() | {"guardians": SET.to_json()}
        return self._bring(HELPER, way, "freeze", told, [signature], act)

    def recover(self, who: str, signers: int, by_all: int, way: str) -> str:
        if not self._ready(who):
            return NOTHING
        person = self.people[who]
        number = self._guards(person).recoveries
        owner, controller = _account(who, NEW_OWNER + number), _account(who, NEW_CONTROLLER + 10 * number)
        message = RecoverDossier(person.dossier, owner.address, controller.address, bool(by_all), number, FAR)
        digest = self._digest(message)
        signatures = [key.sign_digest(digest) if i < signers else b"" for i, key in enumerate(GUARDIANS)]
        act = partial(self._ledger().propose_recovery, message, SET, signatures)
        told = message.to_json() | {"guardians": SET.to_json()}
        return self._bring(HELPER, way, "propose_recovery", told, signatures, act)

    def veto(self, who: str, way: str) -> str:
        if not self._ready(who):
            return NOTHING
        person = self.people[who]
        recovery = max(0, self._guards(person).recoveries - 1)
        message = VetoRecovery(person.dossier, recovery, self._state(person).nonce, FAR)
        signature = self._owner(person).sign_digest(self._digest(message))
        act = partial(self._ledger().veto_recovery, message, signature)
        return self._bring(who, way, "veto_recovery", message.to_json(), [signature], act)

    def ripe(self, who: str, what: str, way: str) -> str:
        if not self._ready(who):
            return NOTHING
        dossier, ledger = self.people[who].dossier, self._ledger()
        function, act = {
            "execute": ("execute_recovery", ledger.execute_recovery),
            "apply": ("apply_guardians", ledger.apply_guardians),
        }[what]
        return self._bring(HELPER, way, function, {"dossier": hex0x(dossier)}, [], lambda: act(dossier))
