"""The steps about grants and uses, done to the real vault; and the vault's deaths."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any

from protocol.encoding import b64u
from protocol.envelope import seal_bytes
from protocol.grant import AccessGrant, GrantEnvelope, ScopeItem, nullifier_of, officer_class_hash, revocation_secret
from protocol.hashing import ZERO32, sha256
from protocol.receipts import Officer, Receipt, ReceiptItem, sign_receipt
from protocol.scenario import parse_scenario
from tests.stateful.acts import Person, _account, said
from tests.stateful.acts_guardians import GuardianActs
from tests.stateful.model import LATE
from tests.stateful.reference import MOST_DAYS, MOST_USES, NOTHING, SKEW_S, Step
from tests.vault_parties import DAY, HOUR, ORIGIN_URL, Deposit

CLAIMS = {"insurance": "/months_paid", "education": "/school"}
PURPOSE = "To decide on an application for a small loan"


@dataclass(slots=True)
class Given:
    """A grant that was tried: what it is over, its secret, and the last receipt of it that was taken."""

    holder: Person
    agency: str
    items: list[Deposit]
    id: bytes
    secret: bytes
    grant: AccessGrant

    @property
    def name(self) -> str:
        return b64u(self.id)


class AllActs(GuardianActs):
    """Every step."""

    def __init__(self, rig: Any, scenario: str) -> None:
        super().__init__(rig, scenario)
        self.scenario_hash = parse_scenario(scenario).hash
        self.receipts: dict[bytes, Receipt] = {}  # by the id of a grant: the last that was taken
        self.raw: dict[bytes, str] = {}
        self.tried: tuple[bytes, Receipt, str] | None = None

    # --- grants -----------------------------------------------------------------------------------

    def grant(self, who: str, agency: str, k: int, terms: str) -> str:
        holder = self.people[who]
        if not holder.cards or not self.items:
            return NOTHING
        first, second = self.items[k % len(self.items)], self.items[(k + 1) % len(self.items)]
        items = [first, second] if terms == "two" and first.slip.item != second.slip.item else [first]
        earlier = self.grants[-1] if terms == "twin" and self.grants else None
        ident = earlier.id if earlier else secrets.token_bytes(32)
        secret = earlier.secret if earlier else revocation_secret(holder.revoke_key, ident)
        reader = self.agencies[agency].sealing.recipient()
        parcels = [seal_bytes(b"parcel %d " % i + ident, [reader]).file for i in range(len(items))]
        extra = [(i.slip.item, d, seal_bytes(b"file key", [reader]).header) for i in items for d in i.documents]
        claims = ["/everything"] if terms == "wide" else list(CLAIMS.values())
        scope = tuple(
            ScopeItem(item.slip.item, query, sha256(parcel), (claim,), item.documents)
            for item, parcel, query, claim in zip(items, parcels, CLAIMS, claims, strict=False)
        )
        given = Given(holder, agency, items, ident, secret, self._message(holder, agency, terms, scope, ident, secret))
        self.grants.append(given)
        return self.call(who, "POST", "/v1/grants", self._body(given, parcels, extra, terms))

    def _message(
        self, holder: Person, agency: str, terms: str, scope: tuple[ScopeItem, ...], ident: bytes, secret: bytes
    ) -> AccessGrant:
        vault, reader, now = self.rig.vault, self.agencies[agency], self.rig.clock.now()
        begin = now + {"later": HOUR, "past": -HOUR}.get(terms, 0)
        return AccessGrant(
            grant_id=ident,
            log=vault.origin_hash,
            dossier=holder.dossier,
            grant_epoch=self._state(holder).grant_epoch + (terms == "epoch"),
            grantor=self._grantor(holder, terms).address,
            mandate=ZERO32,
            agency=reader.address,
            agency_card=reader.cards[-1].digest(vault.agency_domain),
            scenario=self.scenario_hash,
            purpose=PURPOSE,
            officer_class=officer_class_hash("judge") if terms == "officer" else ZERO32,
            scope=scope,
            not_before=begin,
            not_after={"past": now, "long": begin + MOST_DAYS * DAY + 1}.get(terms, begin + 7 * DAY),
            max_uses={"once": 1, "many": MOST_USES + 1}.get(terms, MOST_USES),
            min_interval_s=60 if terms == "spaced" else 0,
            retention_days=30,
            max_depth=0,
            nullifier=nullifier_of(secret),
        )

    def _grantor(self, holder: Person, terms: str) -> Any:
        return _account(holder.name, 999) if terms == "former" else holder.account

    def _body(self, given: Given, parcels: list[bytes], extra: list[Any], terms: str) -> dict[str, Any]:
        digest = given.grant.digest(self.rig.vault.grant_domain)
        envelope = GrantEnvelope.of(given.grant, self._grantor(given.holder, terms).sign_digest(digest))
        headers = [{"item": b64u(i), "payload": b64u(d), "header": b64u(header)} for i, d, header in extra]
        return {"grant": envelope.to_json(), "parcels": [b64u(parcel) for parcel in parcels], "headers": headers}

    def revoke(self, k: int, secret: str) -> str:
        if not self.grants:
            return NOTHING
        given = self.grants[k % len(self.grants)]
        body = {"secret": b64u(given.secret if secret == "right" else bytes(32))}
        return said(self.rig.post(None, f"/v1/grants/{given.name}/revoke", body))

    # --- uses -------------------------------------------------------------------------------------

    def use(self, k: int, kind: str) -> str:
        if not self.grants:
            return NOTHING
        given = self.grants[k % len(self.grants)]
        receipt = self._receipt(given, kind)
        if kind == "again" and given.id in self.raw:
            self.tried = (given.id, self.receipts[given.id], self.raw[given.id])
        else:
            reader = self._reader(given, kind)
            self.tried = (given.id, receipt, sign_receipt(receipt, self.agencies[reader].present))
        return self._try()

    def _try(self) -> str:
        assert self.tried is not None
        ident, receipt, raw = self.tried
        answer = self.rig.post(None, f"/v1/grants/{b64u(ident)}/release", {"receipt": raw})
        if answer.status_code in {200, 202}:  # 202: it was taken, and the answer is still to come
            self.receipts[ident], self.raw[ident] = receipt, raw
        return used(answer)

    def _reader(self, given: Given, kind: str) -> str:
        if kind != "other":
            return str(given.agency)
        return next(name for name in self.agencies if name != given.agency)

    def _receipt(self, given: Given, kind: str) -> Receipt:
        now = self.rig.clock.now()
        reader = self._reader(given, kind)
        items = [
            ReceiptItem(item.slip.item, ("/everything",) if kind == "wide" else (claim,), item.documents)
            for item, claim in zip(given.items, CLAIMS.values(), strict=False)
        ]
        receipt = Receipt(
            jti=b64u(secrets.token_bytes(16)),
            iat=now - (SKEW_S + LATE if kind == "stale" else 0),
            iss=self.rig.urn(self.agencies[reader]),
            aud=self.rig.origin,
            grant=given.id,
            show=None,
            scenario=bytes(32) if kind == "scenario" else self.scenario_hash,
            officer=Officer("clerk", "desk 3"),
            items=tuple(items),
            retain_until=now + (31 * DAY if kind == "long" else DAY),
            nonce=None,
            card=self.agencies[reader].cards[-1].digest(self.rig.vault.agency_domain),
        )
        if kind == "reused" and given.id in self.receipts:
            return replace(receipt, jti=self.receipts[given.id].jti, officer=Officer("clerk", "desk 4"))
        return receipt

    def race(self, k: int) -> str:
        if not self.grants:
            return NOTHING
        given = self.grants[k % len(self.grants)]
        receipts = [self._receipt(given, "fresh") for _ in range(2)]
        raws = [sign_receipt(receipt, self.agencies[given.agency].present) for receipt in receipts]
        url = f"{ORIGIN_URL}/v1/grants/{given.name}/release"
        head = {"content-type": "application/json"}
        answers = self.rig.client.together([("POST", url, b'{"receipt":"%s"}' % raw.encode(), head) for raw in raws])
        taken = [(a.json()["use_no"], i) for i, a in enumerate(answers) if a.status_code == 200]
        if taken:
            last = max(taken)[1]
            self.receipts[given.id], self.raw[given.id] = receipts[last], raws[last]
        return " + ".join(sorted(used(answer) for answer in answers))

    def judge(self, agency: str, k: int) -> str:
        if not self.grants:
            return NOTHING
        given = self.grants[k % len(self.grants)]
        answer = self.rig.post(self.agencies[agency], f"/v1/grants/{given.name}/verify", {})
        if answer.status_code != 200:
            return said(answer)
        found = answer.json()
        return " ".join(["200", found["verdict"], *sorted(c["code"] for c in found["checks"] if c["status"] == "fail")])

    def fetch(self, agency: str, k: int) -> str:
        if not self.grants:
            return NOTHING
        given = self.grants[k % len(self.grants)]
        path = f"/v1/grants/{given.name}/payloads/{b64u(given.items[0].documents[0])}"
        return said(self.rig.get(self.agencies[agency], path))

    # --- death ------------------------------------------------------------------------------------

    def crash(self, point: str, step: Step, retry: int) -> str:
        many, self.tried = len(self.writes), None
        self.rig.doom(point)
        answer = self.do(step)
        self.rig.die()
        if not retry:
            return "died"
        if step[0] == "use" and answer != NOTHING:
            return "died, then " + self._try()
        if step[0] == "revoke":
            return "died, then " + self.do(step)
        return "died, then " + (self.send(self.writes[-1]) if len(self.writes) > many else NOTHING)


def used(answer: Any) -> str:
    """The answer to a receipt in the model's words."""
    return f"200 #{answer.json()['use_no']}" if answer.status_code == 200 else said(answer)
