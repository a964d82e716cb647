"""Clients that put a vault under load over HTTP and write down what they were told.

Each client has a holder of its own and does one thing after another: deposits (payloads inline or uploaded before),
notes, grants, releases, revocations. Every request can be sent again as it is: a write carries one Idempotency-Key
through all its tries, a release the same receipt, a revocation the same secret. Who gets no answer sends it again, or,
now and then, gives up: then nobody knows whether it happened.
"""

from __future__ import annotations

import io
import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bench.grant_case import PURPOSE, small_loan
from bench.parties import Party, ReadyDeposit, ReadyGrant, Town
from chain.ledger import ROLE_ISSUER, ROLE_READER, ROLE_SCENARIO
from client.clock import SystemClock
from client.http import Call, Http, json_body
from protocol import http_sig, wire
from protocol.encoding import b64u
from protocol.errors import OneFileError, Unavailable
from protocol.hashing import sha256
from protocol.jose import EcSigner
from protocol.revocations import Revocation
from protocol.scenario import parse_scenario, sign_scenario
from protocol.statements import Statement, sign_statement
from tools.chaos.journal import Act, Journal, Kind

PAUSE_S = 0.2  # before the same request is sent again
ANSWER_S = 10.0
GIVE_UP = 0.25  # of the operations that met a silence
USES = 6
MAX_BYTES = 20_000
WEIGHTS: dict[Kind, int] = {"deposit": 4, "note": 2, "grant": 3, "release": 8, "revoke": 1}

Answer = TypeVar("Answer", bound=wire.Wire)


@dataclass(slots=True)
class Stage:
    """Who takes part: an issuer, a reader with a scenario, one holder for each client."""

    town: Town
    issuer: Party
    reader: Party
    scenario: bytes
    holders: list[Party]

    @classmethod
    def of(cls, town: Town, holders: int) -> Stage:
        authority = town.agency(ROLE_SCENARIO, division="data-bureau")
        issuer = town.agency(ROLE_ISSUER, types=("social-insurance-proof",))
        raw = sign_scenario(small_loan(authority.urn, int(time.time()), uses=USES), authority.present)
        town.api(authority).post_scenario(raw)
        reader = town.agency(ROLE_READER)
        return cls(town, issuer, reader, parse_scenario(raw).hash, [town.holder() for _ in range(holders)])


@dataclass(slots=True)
class Given:
    """A grant that was acknowledged, with its uses so far, answered or not."""

    ready: ReadyGrant
    uses: int = 0


@dataclass(slots=True)
class Worker:
    """One client. ``ended``: no new operation is begun; ``hopeless``: nothing is tried again either."""

    stage: Stage
    number: int
    journal: Journal
    draw: random.Random
    ended: threading.Event
    hopeless: threading.Event
    lock: threading.Lock  # of what asks the chain
    deposits: list[ReadyDeposit] = field(default_factory=list)
    grants: list[Given] = field(default_factory=list)
    http: Http = field(init=False)

    def __post_init__(self) -> None:
        self.http = Http(self.stage.town.vault_url, clock=SystemClock(), timeout_s=ANSWER_S, tries=1)

    @property
    def holder(self) -> Party:
        return self.stage.holders[self.number]

    def run(self) -> None:
        """One operation after another until it is ended."""
        acts: dict[Kind, Callable[[], object]] = {
            "deposit": self.deposit, "note": self.note, "grant": self.grant, "release": self.release,
            "revoke": self.revoke,
        }  # fmt: skip
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        while not self.ended.is_set():
            acts[self.draw.choices(kinds, weights)[0]]()
        self.http.close()

    # --- what a client does -----------------------------------------------------------------------

    def deposit(self) -> None:
        content = secrets.token_bytes(self.draw.randrange(1, MAX_BYTES))
        ready = self.stage.town.deposit(self.stage.issuer, self.holder, content)
        body, signer = ready.body, self.stage.issuer.present
        act = self._act("deposit", ready.slip.item, body.slip.encode(), [part.payload for part in ready.slip.objects])
        if self.draw.random() < 0.5:
            body = body.model_copy(update={"payloads": [b64u(sealed.payload) for sealed in ready.sealed]})
        elif not all(self._upload(act, sealed.payload) for sealed in ready.sealed):
            return
        done = self._send(act, "/v1/deposits", body, wire.Deposited, signer)
        if done is not None:
            self.journal.answered(act, done.index)
            self.deposits.append(ready)

    def note(self) -> None:
        said = Statement(
            b64u(secrets.token_bytes(16)), int(time.time()), self.holder.urn, self.stage.town.log, "notice",
            text="sample",
        )  # fmt: skip
        raw = sign_statement(said, self.holder.present)
        act = self._act("note", b"", raw.encode())
        body = wire.Statement(statement=raw)
        done = self._send(act, "/v1/me/statements", body, wire.Logged, self.holder.present)
        if done is not None:
            self.journal.answered(act, done.index)

    def grant(self) -> None:
        if not self.deposits:
            return
        town, slip = self.stage.town, self.draw.choice(self.deposits).slip
        with self.lock:
            ready = town.grant(self.holder, self.stage.reader, slip, self.stage.scenario, PURPOSE["en"], USES)
        act = self._act("grant", ready.envelope.grant.grant_id, ready.envelope.raw)
        done = self._send(act, "/v1/grants", ready.body(), wire.GrantPosted, self.holder.present)
        if done is not None:
            self.journal.answered(act, done.index)
            self.grants.append(Given(ready))

    def release(self) -> None:
        usable = [given for given in self.grants if given.uses < USES]
        if not usable:
            return
        given = self.draw.choice(usable)
        given.uses += 1
        grant = given.ready.envelope.grant
        receipt = self.stage.town.receipt(self.stage.reader, grant)
        act = self._act("release", grant.grant_id, receipt.encode())
        body = wire.Release(receipt=receipt)
        done = self._send(act, f"/v1/grants/{b64u(grant.grant_id)}/release", body, wire.Released, None)
        if done is not None:
            self.journal.answered(act, done.logged.index, done.use_no)

    def revoke(self) -> None:
        if len(self.grants) < 2:
            return
        ready = self.grants.pop(self.draw.randrange(len(self.grants))).ready
        name, secret = ready.envelope.grant.grant_id, ready.secret
        act = self._act("revoke", name, Revocation(name, secret).serialise())
        body = wire.Revoke(secret=b64u(secret))
        done = self._send(act, f"/v1/grants/{b64u(name)}/revoke", body, wire.Revoked, None)
        if done is not None:
            self.journal.answered(act, done.index)

    # --- how a client sends -----------------------------------------------------------------------

    def _act(self, kind: Kind, ident: bytes, logged: bytes, payloads: list[bytes] | None = None) -> Act:
        return self.journal.begin(Act(kind, self.number, ident, sha256(logged), tuple(payloads or ())))

    def _upload(self, act: Act, payload: bytes) -> bool:
        digest = sha256(payload)
        call = Call(
            "PUT",
            f"/v1/payloads/{b64u(digest)}",
            headers={"content-type": "application/octet-stream", **_key()},
            stream=lambda: io.BytesIO(payload),
            stream_size=len(payload),
            stream_sha256=digest,
            signer=self.stage.issuer.present,
        )
        return self._tried(act, call) is not None

    def _send(
        self, act: Act, path: str, body: wire.Wire, model: type[Answer], signer: EcSigner | None
    ) -> Answer | None:
        call = Call("POST", path, body=json_body(body), headers=_key(), signer=signer)
        raw = self._tried(act, call)
        return None if raw is None else model.model_validate_json(raw)

    def _tried(self, act: Act, call: Call) -> bytes | None:
        """The answer's body, after as many tries as it takes; None if the operation was given up or refused."""
        patient = self.draw.random() >= GIVE_UP
        while not self.hopeless.is_set():
            act.tries += 1
            try:
                status, raw = self.http.exchange(call)
            except Unavailable as error:
                self.journal.silent(error.code)
            except OneFileError as error:
                act.state, act.code = "refused", error.code
                return None
            else:
                if status != 202:
                    return raw
                self.journal.silent("pending")
            if not patient:
                break
            self.hopeless.wait(PAUSE_S)
        act.state = "given up"
        return None


def _key() -> dict[str, str]:
    return {http_sig.IDEMPOTENCY_KEY: http_sig.token(secrets.token_bytes(http_sig.IDEMPOTENCY_BYTES))}
