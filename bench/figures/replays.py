"""What was sent to a vault once, how it is sent again, and which answers are right then."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from bench.figures.rooms import Room
from bench.figures.wire import Asked, Told
from protocol.encoding import b64u
from protocol.receipts import parse_receipt, sign_receipt
from tests.vault_parties import Grant, Party
from tests.vault_stage import dumps_json

JSON = {"content-type": "application/json"}
Right = Callable[[Told], bool]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was taken, and its answer. ``by``: who signed it; None for what carries its own signature."""

    kind: str
    asked: Asked
    answer: Told
    by: Party | None = None
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """One way to send something again, and which answers do not mean a second use."""

    name: str
    asked: Asked
    right: Right


def refused(*codes: str) -> Right:
    """A refusal with one of these codes."""
    return lambda told: told.status >= 400 and code_of(told) in codes


STALE = refused("signature_stale")


def either(one: Right, other: Right) -> Right:
    """Either is right."""
    return lambda told: one(told) or other(told)


def same(sent: Sent) -> Right:
    """The very answer that was given the first time; of a release all but the proof, which is under a newer head."""
    first, before = sent.answer, _plain(sent.answer)
    return lambda told: told == first or (told.status == first.status and _plain(told) == before)


def known(sent: Sent) -> Right:
    """That it was taken before, as the entry of before."""
    index = json.loads(sent.answer.body).get("index")
    return lambda told: told.status == 200 and json.loads(told.body).get("index") == index


def code_of(told: Told) -> str:
    """The code of a problem; empty for any other answer."""
    try:
        found = json.loads(told.body)
    except ValueError:
        return ""
    return str(found.get("code", "")) if isinstance(found, dict) else ""


def _plain(told: Told) -> Any:
    found = json.loads(told.body)
    if isinstance(found, dict):
        found.pop("proof", None)
    return found


class Sender:
    """Makes requests of a room's parties; nothing is sent by it."""

    def __init__(self, room: Room) -> None:
        self.room, self.stage, self.world = room, room.stage, room.world

    def signed(self, party: Party, path: str, body: bytes, key: str | None = None) -> Asked:
        """A write, signed now with a fresh nonce; ``key``: the Idempotency-Key of before."""
        return Asked("POST", path, body, JSON | self.stage.signed(party, "POST", path, body, {}, key=key))

    def statement(self) -> tuple[Party, Asked]:
        alice = self.world.alice
        return alice, self.signed(
            alice, "/v1/me/statements", dumps_json({"statement": alice.statement("notice", text="a word")})
        )

    def deposit(self) -> tuple[Party, Asked]:
        made = self.world.alice.deposit(self.world.issuer, b"credential")
        made.upload()
        return self.world.issuer, self.signed(self.world.issuer, "/v1/deposits", dumps_json(made.body()))

    def grant(self, max_uses: int) -> tuple[Grant, Asked]:
        made = self.world.grant(max_uses=max_uses)
        return made, self.signed(self.world.alice, "/v1/grants", dumps_json(made.body()))

    def use(self, grant: Grant, receipt: str | None = None) -> Asked:
        raw = receipt or grant.receipt()
        return Asked("POST", f"/v1/grants/{grant.name}/release", dumps_json({"receipt": raw}), JSON)

    def revoke(self, grant: Grant) -> Asked:
        return Asked("POST", f"/v1/grants/{grant.name}/revoke", dumps_json({"secret": b64u(grant.secret)}), JSON)

    # --- again ------------------------------------------------------------------------------------

    def again(self, draw: Random, sent: Sent, way: str, others: Sequence[Sent]) -> Again:
        """One way to send this again."""
        if sent.kind == "revocation":
            return Again("revocation, as it was", sent.asked, same(sent))
        if sent.grant is not None:
            return self._use(draw, sent, way, sent.grant, others)
        assert sent.by is not None
        return self._write(draw, sent, way, sent.by)

    def _write(self, draw: Random, sent: Sent, way: str, by: Party) -> Again:
        asked = sent.asked
        codes = REFUSED.get(way, ())
        right = refused(*codes)
        if way == "under another key":
            asked = replace(asked, headers={**asked.headers, "idempotency-key": b64u(draw.randbytes(16))})
        elif way == "with other bytes":
            asked = replace(asked, body=asked.body[:-1] + b" " * draw.randint(1, 99) + b"}")
        elif way == "to another route":
            asked = replace(asked, path="/v1/grants" if asked.path != "/v1/grants" else "/v1/deposits")
        elif way == "signed anew, same key":
            asked, right = self.signed(by, asked.path, asked.body, asked.headers["idempotency-key"]), same(sent)
        elif way == "signed anew, other key":
            asked = self.signed(by, asked.path, asked.body)
            if sent.kind == "deposit":  # an issuer may ask again what became of its slip
                right = known(sent)
        return Again(f"{sent.kind}, {way}", asked, either(right, STALE))

    def _use(self, draw: Random, sent: Sent, way: str, grant: Grant, others: Sequence[Sent]) -> Again:
        ended = sent.kind == "use of an ended grant"
        asked, right = sent.asked, same(sent)
        raw = json.loads(asked.body)["receipt"]
        if way == "signed anew":
            body = parse_receipt(raw).body
            changed = replace(body, retain_until=body.retain_until + draw.randint(1, 3600))
            asked, right = self.use(grant, sign_receipt(changed, grant.bank.present)), refused("receipt_reused")
        elif way == "at another grant":
            other = draw.choice([one.grant for one in others if one.grant not in (None, grant)])
            assert other is not None
            asked, right = self.use(other, raw), refused("receipt_grant")
        elif way == "one more":
            asked, right = self.use(grant), refused("grant_revoked" if ended else "grant_used_up", "iat_off")
        elif ended:
            right = refused("grant_revoked")
        return Again(f"{sent.kind}, {way}", asked, right)


class Ways:
    """All ways to send again what a batch has sent.

    What changes a request has so many variants of each request, each made once and sent many times: so what is refused
    comes again too. What is signed anew is made anew each time, since its nonce is good for one time.
    """

    def __init__(self, sender: Sender, sent: Sequence[Sent]) -> None:
        self._sender, self._sent = sender, sent
        self._made: dict[tuple[int, str, int], Again] = {}

    def draw(self, draw: Random) -> Again:
        """One of them, by lot."""
        number = draw.randrange(len(self._sent))
        sent = self._sent[number]
        way = draw.choice(ways_of(sent))
        if way in FRESH:
            return self._sender.again(draw, sent, way, self._sent)
        place = number, way, 0 if way in PLAIN else draw.randrange(VARIANTS)
        made = self._made.get(place)
        if made is None:
            made = self._made[place] = self._sender.again(draw, sent, way, self._sent)
        return made


def ways_of(sent: Sent) -> Sequence[str]:
    """How something of this kind is sent again."""
    if sent.kind == "revocation":
        return ("as it was",)
    if sent.grant is not None:
        return USES
    return WRITES if sent.kind != "statement" else WRITES[:-1]


WRITES = (
    "as it was",
    "under another key",
    "with other bytes",
    "to another route",
    "signed anew, same key",
    "signed anew, other key",  # not of a statement: to say the same words again is anyone's right
)
REFUSED = {
    "as it was": ("signature_replayed",),
    "under another key": ("signature_wrong",),
    "with other bytes": ("content_digest_wrong",),
    "to another route": ("signature_wrong",),
    "signed anew, other key": ("grant_exists",),
}
USES = ("as it was", "signed anew", "at another grant", "one more")
PLAIN = ("as it was", "to another route")  # of which there is one
FRESH = ("signed anew, same key", "signed anew, other key")
VARIANTS = 8
