"""The figure ``forged-grants``: none of very many grants that must not hold is accepted.

Most go to ``verify_grant``, which vault, wallet and agency ask, as bytes that are parsed first. One in ``VAULT_EVERY``
is posted by the holder to a whole vault, which adds what it knows and keeps what it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from bench.figures.figure import Tally
from bench.figures.forgeries import FORGERIES, SPENT, Forgery, Spent, Truth
from bench.figures.rooms import Room
from bench.grant_case import HOLDER, Case
from protocol.errors import OneFileError
from protocol.grant import GrantEnvelope
from protocol.grant_evidence import GrantEvidence
from protocol.hashing import keccak256
from protocol.keys import AccountKey
from protocol.scenario import parse_scenario
from protocol.verify_grant import verify_grant
from tests.vault_parties import Grant
from vault_api.db import tables as t

VAULT_EVERY = 20
CONTROL_EVERY = 50
Verify = Callable[[GrantEnvelope, GrantEvidence], object]


class ForgedGrants:
    """``verify`` is what decides; another one than the real is only for tests of this figure."""

    def __init__(self, verify: Verify = verify_grant, room: Room | None = None) -> None:
        self._verify = verify
        self._case = Case()
        self._holder = AccountKey(HOLDER.secret)
        self._room = room or Room.open()

    def batch(self, draw: Random, size: int) -> Tally:
        tally = Tally()
        kept = self._room.count(t.grants)
        for number in range(size):
            if number % CONTROL_EVERY == 0:
                self._true(draw, tally)
            if number % VAULT_EVERY == 0:
                self._posted(draw, tally)
            else:
                self._judged(draw, tally)
        self._true_post(tally)
        if self._room.count(t.grants) != kept + 1:
            tally.broke("the vault keeps a grant that it refused")
        return tally

    def end(self) -> Tally:
        return Tally()

    def close(self) -> None:
        self._room.close()

    # --- the verifier alone -----------------------------------------------------------------------

    def _truth(self, draw: Random) -> tuple[Truth, GrantEvidence]:
        secret = draw.randbytes(32)
        grant = replace(self._case.grant, grant_id=draw.randbytes(32), nullifier=keccak256(secret))
        evidence = self._case.evidence()
        evidence = evidence._replace(nullified=evidence.nullified._replace(nullifier=grant.nullifier))
        return Truth(grant, self._case.domain, self._holder, self._case.scenario.scenario.max_validity_days), evidence

    def _true(self, draw: Random, tally: Tally) -> None:
        truth, evidence = self._truth(draw)
        code = self._answer(truth.signed(), evidence)
        tally.control(code == "", f"a true grant was refused: {code}")

    def _judged(self, draw: Random, tally: Tally) -> None:
        truth, evidence = self._truth(draw)
        way = draw.choice((*FORGERIES, *SPENT))
        try:
            if isinstance(way, Spent):
                evidence, envelope = way.change(draw, evidence), truth.signed()
            else:
                envelope = way.make(draw, truth)
        except OneFileError as error:
            told(tally, way, error.code, "unmade")
            return
        told(tally, way, self._answer(envelope, evidence), "verifier")

    def _answer(self, envelope: GrantEnvelope, evidence: GrantEvidence) -> str:
        """The code of the refusal, empty if it was accepted."""
        try:
            self._verify(GrantEnvelope.parse(envelope.raw), evidence)
        except OneFileError as error:
            return error.code
        return ""

    # --- the whole vault --------------------------------------------------------------------------

    def _fresh(self) -> tuple[Grant, Truth]:
        world = self._room.world
        posted = world.grant()
        most_days = parse_scenario(world.scenario).body.max_validity_days
        return posted, Truth(posted.grant, world.stage.vault.grant_domain, world.alice.account, most_days)

    def _posted(self, draw: Random, tally: Tally) -> None:
        posted, truth = self._fresh()
        way = draw.choice(FORGERIES)
        try:
            envelope = way.make(draw, truth)
        except OneFileError as error:
            told(tally, way, error.code, "unmade")
            return
        answer = posted.send(grant=envelope.to_json())
        told(tally, way, "" if answer.status_code == 201 else answer.json()["code"], "vault")

    def _true_post(self, tally: Tally) -> None:
        posted, truth = self._fresh()
        answer = posted.send(grant=truth.signed().to_json())
        tally.control(answer.status_code == 201, f"the vault refused a true grant: {answer.text}")


def told(tally: Tally, way: Forgery | Spent, code: str, who: str) -> None:
    """Count one answer; a refusal for another reason than the way's own says that the figure tries nothing."""
    if not code:
        tally.broke(f"{who} accepted: {way.name}")
        return
    right = code in way.codes
    if not right:
        tally.control(right, f"{who}: {way.name} was refused as {code}")
    tally.held(f"{who}: {way.name}: {code}")


def open_work() -> ForgedGrants:
    return ForgedGrants()
