"""The reference model's answers, step by step: deposits, grants, uses, and what the world does meanwhile.

Each public method is a step; tests/stateful/acts.py has a method of the same name that does it to the real vault. What
a step speaks of is named by a number, taken modulo what there is: so every part of a history is a history.
"""

from __future__ import annotations

from typing import Any

from tests.stateful.reference import (
    EXPIRES_DAYS,
    MOST_DAYS,
    MOST_USES,
    NOTHING,
    SKEW_S,
    Agency,
    Grant,
    Item,
    No,
    Reference,
)
from tests.stateful.reference_chain import DAY, HOUR

TOO_WIDE = {"many", "long", "wide"}


class Model(Reference):
    """The steps."""

    # --- items ------------------------------------------------------------------------------------

    def deposit(self, by: str, whose: str, kind: str) -> str:
        person = self.people[whose]
        if not person.card:
            return NOTHING
        by = whose if by == "self" else by
        item = Item(whose, by, person.card - (kind == "old_card"), 1, self.clock)
        taken = [i for i, other in enumerate(self.items) if other.at is not None]
        twin = taken[-1] if kind == "twin" and taken else None
        item.ident = len(self.items) if twin is None else twin
        self.items.append(item)
        token_at = None if kind == "no_token" else self.clock
        item.write, item.seq = len(self.writes), self.party(by).card
        return self.signed(by, lambda: self._deposit(item, kind, twin, token_at))

    def _deposit(self, item: Item, kind: str, twin: int | None, token_at: int | None) -> str:
        caller = self.caller(item.by)
        self._by(item.seq)
        if isinstance(caller, Agency) and not caller.has("issuer", self.moment):
            raise No(403, "not_an_issuer")
        self._recent(item.iat, self.clock)
        person = self.people[item.whose]
        if item.card != person.card:
            raise No(409, "card_superseded")
        along = kind != "missing" or item.payloads
        if kind != "missing":
            self.alive()  # that the bytes come is noted before they are stored
        return self.once(lambda: self._taken(item, twin, token_at, along))

    def _taken(self, item: Item, twin: int | None, token_at: int | None, along: bool) -> str:
        person = self.people[item.whose]
        if not person.kept:
            raise No(404, "dossier_unknown")
        if item.at is not None or twin is not None:
            if twin is not None or item.deleted:
                raise No(409, "item_exists")
            return "200"
        before = any(i.at is not None and (i.by, i.whose) == (item.by, item.whose) for i in self.items)
        if item.by != item.whose and not before:
            self._invited(item, token_at)
        if not along:
            raise No(404, "payload_missing")
        self.append("issue", item.whose)
        item.at, item.payloads = self.now, True
        return "201"

    def _invited(self, item: Item, token_at: int | None) -> None:
        if token_at is None:
            raise No(403, "card_token_needed")
        if item.card not in self.people[item.whose].stored:
            raise No(404, "card_unknown")
        if self.now > token_at + 600:
            raise No(403, "card_token_expired")

    def delete(self, who: str, k: int) -> str:
        if not self.people[who].card or not self.items:
            return NOTHING
        item, at, seq = self._item(k), self.clock, self.people[who].card
        return self.signed(who, lambda: self._delete(who, item, at, seq))

    def _item(self, k: int) -> Item:
        """The item of which a step speaks: of two with one id, the one that was taken."""
        return self.items[self.items[k % len(self.items)].ident]

    def _delete(self, who: str, item: Item, at: int, seq: int) -> str:
        self.caller(who)
        self._by(seq)
        self._recent(at, self.clock)

        def work() -> str:
            if item.at is None or item.whose != who:
                raise No(404, "item_unknown")
            if item.deleted:
                raise No(409, "item_deleted")
            self.append("note", who)
            item.deleted, item.payloads = True, False
            self.writes[item.write].answers.clear()
            return "200"

        return self.once(work)

    def state(self, who: str, k: int) -> str:
        """A statement about an item: of this dossier, or refused."""
        if not self.people[who].card or not self.items:
            return NOTHING
        item, at, seq = self._item(k), self.clock, self.people[who].card
        return self.signed(who, lambda: self._state(who, item, at, seq))

    def _state(self, who: str, item: Item, at: int, seq: int) -> str:
        self.caller(who)
        self._by(seq)
        self._recent(at, self.clock)

        def work() -> str:
            if item.at is None or item.whose != who:
                raise No(404, "item_unknown")
            self.append("note", who)
            return "201"

        return self.once(work)

    def _by(self, seq: int) -> None:
        """What was signed for good once is not by the newest key, when it is sent again."""
        if seq != self.sending.seq:
            raise No(422, "jws_kid")

    @staticmethod
    def _recent(said: int, now: int) -> None:
        if abs(now - said) > SKEW_S:
            raise No(403, "iat_off")

    # --- grants -----------------------------------------------------------------------------------

    def grant(self, who: str, agency: str, k: int, terms: str) -> str:
        person = self.people[who]
        if not person.card or not self.items:
            return NOTHING
        number = k % len(self.items)
        second = (number + 1) % len(self.items)
        alike = self.items[number].ident == self.items[second].ident
        items = [number, second] if terms == "two" and not alike else [number]
        begin = self.clock + {"later": HOUR, "past": -HOUR}.get(terms, 0)
        end = {"past": self.clock, "long": begin + MOST_DAYS * DAY + 1}.get(terms, begin + 7 * DAY)
        own = len(self.grants)
        grant = Grant(
            whose=who,
            agency=agency,
            items=items,
            terms=terms,
            epoch=person.epoch + (terms == "epoch"),
            card=self.agencies[agency].card,
            controller=person.controller - (terms == "former"),
            not_before=begin,
            not_after=end,
            ident=self.grants[-1].ident if terms == "twin" and self.grants else own,
            max_uses={"once": 1, "many": MOST_USES + 1}.get(terms, MOST_USES),
            interval=60 if terms == "spaced" else 0,
        )
        self.grants.append(grant)
        return self.signed(who, lambda: self._grant(grant))

    def _grant(self, grant: Grant) -> str:
        self.caller(grant.whose)

        def work() -> str:
            if any(other.at is not None and other.ident == grant.ident for other in self.grants):
                raise No(409, "grant_exists")
            self.in_time()
            if grant.controller != self.people[grant.whose].controller:
                raise No(422, "not_controller")
            self._hold(grant, max(self.now, grant.not_before), posting=True)
            self.append("grant", grant.whose)
            grant.at = self.now
            return "201"

        return self.once(work)

    def _hold(self, grant: Grant, now: int, *, posting: bool = False) -> None:
        for _, code in self.faults(grant, now, posting=posting):
            raise No(404 if code.endswith("_unknown") else 403, code)

    def faults(self, grant: Grant, now: int, *, posting: bool = False) -> list[tuple[str, str]]:
        """docs/spec/grant.md §7: what stands against one more use, in the order of the checks."""
        found = []
        if grant.epoch != self.people[grant.whose].epoch:
            found.append(("grant_revocation", "grant_epoch"))
        elif self.people[grant.whose].frozen > now:
            found.append(("grant_revocation", "dossier_frozen"))
        elif grant.ended is not None or (posting and grant.ident in self.spent):
            found.append(("grant_revocation", "grant_revoked"))
        if now < grant.not_before:
            found.append(("grant_time", "grant_not_yet"))
        elif now >= grant.not_after:
            found.append(("grant_time", "grant_expired"))
        if grant.uses >= grant.max_uses:
            found.append(("grant_uses", "grant_used_up"))
        elif grant.last_use is not None and now < grant.last_use + grant.interval:
            found.append(("grant_uses", "grant_interval"))
        found += self._scope(grant, now, posting=posting)
        return found + self._scenario(grant, now)

    def _scope(self, grant: Grant, now: int, *, posting: bool) -> list[tuple[str, str]]:
        agency = self.agencies[grant.agency]
        if not agency.has("reader", now):
            return [("grant_scope", "not_reader")]
        if grant.card < agency.below or grant.card in agency.compromised:
            return [("grant_scope", "grant_card_revoked")]
        wrong = [self._strange(grant, i) for i in grant.items] if posting else []
        return [("grant_scope", code) for code in wrong if code][:1]

    def _strange(self, grant: Grant, i: int) -> str:
        item = self.items[self.items[i].ident]
        if item.whose != grant.whose or item.at is None or item.deleted:
            return "item_unknown"
        return "" if item is self.items[i] else "document_unknown"

    def _scenario(self, grant: Grant, now: int) -> list[tuple[str, str]]:
        if not self.began - DAY <= now < self.began + EXPIRES_DAYS * DAY:
            return [("scenario_minimum", "scenario_not_in_force")]
        if self.agencies[grant.agency].division != "bank":
            return [("scenario_minimum", "scenario_grantee")]
        if grant.terms in TOO_WIDE:
            return [("scenario_minimum", "over_asking" if grant.terms == "wide" else "grant_exceeds_scenario")]
        return []

    def revoke(self, k: int, secret: str) -> str:
        """By whoever has the secret, unsigned."""
        if not self.grants:
            return NOTHING
        number = k % len(self.grants)
        return self._told(lambda: self._revoke(self._posted(number), secret))

    def _posted(self, number: int) -> Grant:
        """The grant that the vault has under the id of this one."""
        ident = self.grants[number].ident
        for grant in self.grants:
            if grant.ident == ident and grant.at is not None:
                return grant
        raise No(404, "grant_unknown")

    @staticmethod
    def _told(work: Any) -> str:
        try:
            return str(work())
        except No as refused:
            return str(refused)

    def _revoke(self, grant: Grant, secret: str) -> str:
        if secret == "wrong":
            raise No(422, "revocation_secret")
        self.alive()
        if grant.ended is None:
            self.append("revoke", grant.whose)
            grant.ended = self.now
            self.to_chain.append(grant.ident)
        return "200"

    # --- uses -------------------------------------------------------------------------------------

    def use(self, k: int, kind: str) -> str:
        if not self.grants:
            return NOTHING
        number = k % len(self.grants)
        return self._told(lambda: self._use(number, kind, self.clock))

    def race(self, k: int) -> str:
        """Two receipts at once: whichever comes first, the answers together are these."""
        if not self.grants:
            return NOTHING
        return " + ".join(sorted(self.use(k, "fresh") for _ in range(2)))

    def _use(self, number: int, kind: str, at: int) -> str:
        asked = self.grants[number]
        again = kind == "again" and asked.ident in {g.ident for g in self.grants if g.last_receipt is not None}
        # What is sent again is what was signed then: of two grants with one id, by the reader of the one that was taken.
        reader = self._posted(number).agency if again else self._reader(asked, kind)
        seq = self._posted(number).last_card if again else self.agencies[reader].card
        if seq not in self.agencies[reader].stored:
            raise No(404, "card_unknown")
        grant = self._posted(number)
        self.alive()
        if reader != grant.agency:
            raise No(403, "grant_agency")
        if seq in self.agencies[reader].compromised:
            raise No(403, "agency_compromised")
        if kind == "again" and grant.last_receipt is not None:
            if seq != self.agencies[reader].card:
                raise No(403, "receipt_card")
            return self._again(grant)
        if kind == "reused" and grant.last_receipt is not None:
            raise No(409, "receipt_reused")
        self.in_time()
        self._recent(at - (SKEW_S + LATE if kind == "stale" else 0), self.now)
        self._asked(grant, asked, kind)
        self._hold(grant, self.now)
        return self._hand_over(grant, asked)

    def _reader(self, grant: Grant, kind: str) -> str:
        if kind != "other":
            return grant.agency
        return next(name for name, one in self.agencies.items() if name != grant.agency and "reader" in one.roles)

    @staticmethod
    def _asked(grant: Grant, asked: Grant, kind: str) -> None:
        if kind == "scenario":
            raise No(422, "receipt_scenario")
        if grant.terms == "officer":
            raise No(403, "officer_class")
        # An earlier grant may have the id: then the receipt names items that this one does not.
        if kind == "wide" or not set(enumerate(asked.items)) <= set(enumerate(grant.items)):
            raise No(403, "over_asking")
        if kind == "long":
            raise No(403, "receipt_retention")

    def _again(self, grant: Grant) -> str:
        if grant.ended is not None:
            raise No(403, "grant_revoked")
        if self.now >= grant.not_after:
            raise No(403, "grant_expired")
        self._there(grant.last_items)
        return f"200 #{grant.last_receipt}"

    def _there(self, items: list[int]) -> None:
        if any(self.items[i].deleted for i in items):
            raise No(403, "item_deleted")

    def _hand_over(self, grant: Grant, asked: Grant) -> str:
        self._there(asked.items)
        self.append("access", grant.whose, (grant.ident, grant.uses + 1))
        grant.uses += 1
        grant.last_use, grant.last_receipt = self.now, grant.uses
        grant.released |= set(asked.items)
        grant.last_items, grant.last_card = asked.items, self.agencies[grant.agency].card
        return f"200 #{grant.uses}"

    def judge(self, agency: str, k: int) -> str:
        """The verdict, for the agency that asks."""
        if not self.grants:
            return NOTHING
        number = k % len(self.grants)
        return self._read(agency, lambda: self._judge(agency, number))

    def _judge(self, agency: str, number: int) -> str:
        now, grant = self.moment, self._posted(number)
        if grant.agency != agency:
            raise No(404, "grant_unknown")
        faults = self.faults(grant, now)
        return " ".join(["200", "reject" if faults else "accept", *sorted(code for _, code in faults)])

    def fetch(self, agency: str, k: int) -> str:
        """A document of a grant, by the agency."""
        if not self.grants:
            return NOTHING
        number = k % len(self.grants)
        return self._read(agency, lambda: self._fetch(agency, number))

    def _fetch(self, agency: str, number: int) -> str:
        now, first = self.moment, self.grants[number].items[0]
        try:
            grant = self._posted(number)
        except No:
            raise No(404, "payload_unknown") from None
        if grant.agency != agency or first not in grant.released or not self.items[first].payloads:
            raise No(404, "payload_unknown")
        if grant.ended is not None or grant.epoch != self.people[grant.whose].epoch:
            raise No(403, "grant_revoked")
        if now >= grant.not_after:
            raise No(403, "grant_expired")
        return "200"

    def _read(self, who: str, work: Any) -> str:
        def asked() -> str:
            party = self.people.get(who) or self.agencies[who]
            self.known(who, party.card)
            return str(work())

        return self._told(asked)


LATE = 40  # a stale receipt is later than the lag of the vault's clock can hide
