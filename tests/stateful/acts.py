"""The steps of tests/stateful/model.py, done to the real vault by parties with real keys.

Each answer is put into the words of the model: status and code, the number of a use, the faults of a verdict.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from chain.values import ROLE_ISSUER, ROLE_READER
from protocol import http_sig
from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.encoding import b64u, hex0x
from protocol.errors import OneFileError
from protocol.hashing import sha256
from protocol.identifiers import agency_subject
from protocol.keycard import KeyCardEnvelope, first_card, next_card, seal_card
from protocol.keys import AccountKey, PresentKey, Root, derive_present, derive_sealing
from protocol.recipients import HybridIdentity
from protocol.statements import Statement, sign_statement
from tests.stateful.model_world import PEOPLE, READERS
from tests.stateful.reference import NOTHING, Step
from tests.stateful.rig import Rig
from tests.vault_parties import FAR, ORIGIN_URL, Deposit, Holder, Party, seed

ACCOUNTS = 130
ROLES = {"issuer": ROLE_ISSUER, "reader": ROLE_READER}


@lru_cache(maxsize=4096)
def _present(name: str, seq: int) -> PresentKey:
    return derive_present(Root(seed(name + " root")), seq)


@lru_cache(maxsize=4096)
def _sealing(name: str, seq: int) -> HybridIdentity:
    return derive_sealing(Root(seed(name + " root")), seq)


@lru_cache(maxsize=4096)
def _account(name: str, number: int) -> AccountKey:
    return AccountKey(seed(f"{name} account {number}" if number else name + " account"))


@lru_cache
def _numbers(name: str) -> dict[bytes, int]:
    """The accounts of somebody by their addresses."""
    return {_account(name, i).address: i for i in range(ACCOUNTS)}


class Cached(Party):
    """A party whose keys are derived once a process."""

    @property
    def present(self) -> PresentKey:
        return _present(self.name, self.seq)

    @property
    def sealing(self) -> HybridIdentity:
        return _sealing(self.name, self.seq)

    def next_envelope(self, subject: bytes, domain: Any, at: int, *, below: int = 0) -> KeyCardEnvelope:
        """The next card, signed by the present account."""
        seq = len(self.cards) + 1
        present, sealing = _present(self.name, seq), _sealing(self.name, seq).recipient().public
        if self.cards:
            card = next_card(self.cards[-1], domain, present.public_jwk(), sealing, valid_from=at)
            card = replace(card, revoked_below=max(card.revoked_below, below))
        else:
            card = first_card(subject, present.public_jwk(), sealing, valid_from=at)
        return seal_card(card, domain, present, sealing, self.account.sign_digest(card.digest(domain)))

    def took(self, envelope: KeyCardEnvelope) -> None:
        """The card is on chain."""
        self.cards.append(envelope.card)
        self.envelopes.append(envelope)
        self.seq = len(self.cards)


class Person(Cached, Holder):
    """A holder."""

    controllers = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """A signed write as it went out."""

    who: str
    method: str
    path: str
    body: bytes
    key: str
    headers: dict[str, str]


class Acts:
    """The real vault's side of a history. ``rig`` is where it runs; attempts are numbered as in the model."""

    def __init__(self, rig: Rig, scenario: str) -> None:
        self.rig, self.scenario = rig, scenario
        self.people = {name: Person(rig, name) for name in PEOPLE}
        self.agencies = {name: Cached(name) for name in (*READERS, "hr")}
        self.items: list[Deposit] = []
        self.grants: list[Any] = []
        self.writes: list[Sent] = []
        self.sendings: list[Sent] = []

    def do(self, step: Step) -> str:
        """Do a step, and let the vault hear from the chain."""
        name, *given = step
        answer: str = getattr(self, name)(*given)
        if self.rig.hear():
            self._meet_controllers()
        return answer

    # --- sending ----------------------------------------------------------------------------------

    def party(self, who: str) -> Cached:
        return self.people.get(who) or self.agencies[who]

    def call(self, who: str, method: str, path: str, body: dict[str, Any]) -> str:
        """A signed write; remembered."""
        from tests.vault_stage import dumps_json

        self.writes.append(Sent(who, method, path, dumps_json(body), http_sig.token(secrets.token_bytes(16)), {}))
        return self.send(self.writes[-1])

    def send(self, write: Sent) -> str:
        headers = {"content-type": "application/json"}
        party = self.party(write.who)
        headers |= self.rig.signed(party, write.method, write.path, write.body, headers, key=write.key)
        self.sendings.append(replace(write, headers=headers))
        return self.deliver(self.sendings[-1])

    def deliver(self, sent: Sent) -> str:
        return said(
            self.rig.client.request(sent.method, ORIGIN_URL + sent.path, content=sent.body, headers=sent.headers)
        )

    def repeat(self, k: int) -> str:
        return self.send(self.writes[k % len(self.writes)]) if self.writes else NOTHING

    def replay(self, k: int) -> str:
        return self.deliver(self.sendings[k % len(self.sendings)]) if self.sendings else NOTHING

    # --- dossiers and cards -----------------------------------------------------------------------

    @property
    def behind(self) -> bool:
        """Whether the chain or the log is further than the vault's clock may be put forward."""
        return self.rig.clock.now() < self.rig.floor() - self.rig.settings.clock_lag_s

    def _block_time(self) -> int:
        return max(self.rig.clock.now(), self.rig.chain.head.time)

    def _ledger(self, account: bytes | None = None) -> Any:
        return self.rig.chain.ledger(account or self.rig.relayer.address)

    def open(self, who: str) -> str:
        if self.behind:
            return NOTHING
        person, domain = self.people[who], self.rig.vault.dossier_domain
        envelope = (
            person.envelopes[0]
            if person.envelopes
            else person.next_envelope(person.dossier, domain, self._block_time())
        )
        owner = _account(who, 0)
        message = OpenDossier(owner.address, owner.address, person.salt, FAR)
        signature = owner.sign_digest(message.digest(domain))
        opened = sent(
            lambda: self._ledger().open_dossier(message, signature, envelope.card, envelope.account_signature)
        )
        if opened != "sent":
            return opened
        person.took(envelope)
        self.rig.follow()
        body = {"dossier": hex0x(person.dossier), "card": envelope.to_json(), "tag_key": b64u(person.tag_key)}
        return self.call(who, "POST", "/v1/dossiers", body)

    def card(self, who: str, put: str, below: int) -> str:
        party = self.party(who)
        if not party.cards or self.behind:
            return NOTHING
        vault = self.rig.vault
        person = isinstance(party, Person)
        subject = party.dossier if isinstance(party, Person) else agency_subject(party.address)
        domain = vault.dossier_domain if person else vault.agency_domain
        envelope = party.next_envelope(subject, domain, self._block_time(), below=(party.seq + 1) * below)
        ledger = self._ledger()
        publish = ledger.publish_dossier_card if person else ledger.publish_agency_card
        answer = sent(lambda: publish(envelope.card, envelope.account_signature))
        if answer != "sent":
            return answer
        party.took(envelope)
        self.rig.follow()
        return self.put_card(who) if put == "put" else "sent"

    def put_card(self, who: str) -> str:
        party = self.party(who)
        if not party.cards:
            return NOTHING
        path = "/v1/me/card" if isinstance(party, Person) else f"/v1/agencies/{hex0x(party.address)}/card"
        return self.call(who, "PUT", path, {"card": party.envelopes[-1].to_json()})

    # --- the chain --------------------------------------------------------------------------------

    def bump(self, who: str, way: str) -> str:
        person = self.people[who]
        if not person.cards or self.behind:
            return NOTHING
        message = BumpEpoch(person.dossier, self._state(person).nonce, FAR)
        signature = person.account.sign_digest(message.digest(self.rig.vault.dossier_domain))
        if way == "relay":
            return self._relay(who, "dossier_registry", "bump_epoch", message.to_json(), signature)
        return sent(lambda: self._ledger().bump_epoch(message, signature))

    def rotate(self, who: str, way: str) -> str:
        person = self.people[who]
        if not person.cards or self.behind:
            return NOTHING
        # A message that was refused on its way is written anew: the next account follows from the chain.
        number, controller = self.accounts(person)
        owner, new = _account(who, number), _account(who, controller + 1)
        message = RotateDossier(person.dossier, owner.address, new.address, self._state(person).nonce, FAR)
        signature = owner.sign_digest(message.digest(self.rig.vault.dossier_domain))
        if way == "relay":
            return self._relay(who, "dossier_registry", "rotate", message.to_json(), signature)
        return sent(lambda: self._ledger().rotate_dossier(message, signature))

    def accounts(self, person: Person) -> tuple[int, int]:
        """The numbers of the dossier's owner and controller among the person's accounts."""
        state = self._state(person)
        numbers = _numbers(person.name)
        return numbers[state.owner], numbers[state.controller]

    def _meet_controllers(self) -> None:
        """Everybody signs with the account that is the controller now."""
        for person in self.people.values():
            if person.cards:
                person.account = _account(person.name, self.accounts(person)[1])

    def _state(self, person: Person) -> Any:
        return self._ledger().dossier(person.dossier)

    def nullify(self, k: int, way: str) -> str:
        if not self.grants or self.behind:
            return NOTHING
        grant = self.grants[k % len(self.grants)]
        if way == "relay":
            return self._relay(grant.holder.name, "grant_registry", "revoke", {"secret": hex0x(grant.secret)})
        return sent(lambda: self._ledger().revoke(grant.secret))

    def _relay(self, who: str, contract: str, function: str, message: Any, *signatures: bytes) -> str:
        body = {
            "contract": contract,
            "function": function,
            "message": message,
            "signatures": [hex0x(signature) for signature in signatures],
        }
        return self.call(who, "POST", "/v1/relay", body)

    def role(self, agency: str, role: str, give: int) -> str:
        if self.behind:
            return NOTHING
        ledger, account = self._ledger(self.rig.governor.address), self.agencies[agency].address
        act = ledger.set_role if give else ledger.end_role
        return sent(lambda: act(account, ROLES[role]))

    def compromise(self, agency: str) -> str:
        if self.behind:
            return NOTHING
        party, since = self.agencies[agency], self._block_time()
        ledger = self._ledger(self.rig.governor.address)
        return sent(lambda: ledger.set_compromised_by_governor(party.address, party.seq, since))

    def anchor(self) -> str:
        if self.behind:
            return NOTHING
        self.rig.publish()
        return "anchored"

    # --- time -------------------------------------------------------------------------------------

    def wait(self, seconds: int) -> str:
        self.rig.clock.advance(seconds)
        return "waited"

    def tidy(self) -> str:
        from vault_api.loops import Housekeeping

        Housekeeping(self.rig.vault).round()
        return "tidied"

    # --- items ------------------------------------------------------------------------------------

    def deposit(self, by: str, whose: str, kind: str) -> str:
        holder = self.people[whose]
        if not holder.cards:
            return NOTHING
        depositor = holder if by == "self" else self.agencies[by]
        changes: dict[str, Any] = {}
        taken = self.rig.taken({deposit.slip.jti for deposit in self.items})
        if kind == "twin" and taken:
            changes["item"] = next(d.slip.item for d in reversed(self.items) if d.slip.jti in taken)
        if kind == "old_card" and len(holder.cards) > 1:
            changes["card"] = holder.cards[-2].digest(self.rig.vault.dossier_domain)
        elif kind == "old_card":
            changes["card"] = sha256(b"no card")
        deposit = Deposit(holder, depositor, (b"credential", b"a document"), changes)
        self.items.append(deposit)
        given: dict[str, Any] = {"payloads": [b64u(sealed.payload) for sealed in deposit.sealed]}
        if kind == "missing":
            given = {}
        if kind == "no_token":
            given["card_token"] = None
        return self.call(depositor.name, "POST", "/v1/deposits", deposit.body(**given))

    def delete(self, who: str, k: int) -> str:
        if not self.people[who].cards or not self.items:
            return NOTHING
        item = self._item(k)
        return self.call(who, "POST", f"/v1/me/items/{b64u(item)}/delete", self._word(who, "delete", item))

    def state(self, who: str, k: int) -> str:
        if not self.people[who].cards or not self.items:
            return NOTHING
        return self.call(who, "POST", "/v1/me/statements", self._word(who, "claim", self._item(k)))

    def _item(self, k: int) -> bytes:
        return self.items[k % len(self.items)].slip.item

    def _word(self, who: str, kind: str, item: bytes) -> dict[str, Any]:
        person = self.people[who]
        jti = b64u(secrets.token_bytes(16))
        spoken = Statement(jti, self.rig.clock.now(), person.urn, self.rig.origin, kind, item=item)
        return {"statement": sign_statement(spoken, person.present)}


def said(answer: Any) -> str:
    """An answer in the model's words."""
    if answer.status_code < 400:
        return str(answer.status_code)
    return f"{answer.status_code} {answer.json()['code']}"


def sent(act: Any) -> str:
    """What the chain says to a message that somebody brings by himself."""
    from vault_api.problems import status_of

    try:
        act()
    except OneFileError as refused:
        return f"{status_of(refused.fault, refused.code)} {refused.code}"
    return "sent"
