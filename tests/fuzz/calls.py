"""Calls of every operation of the OpenAPI document, made by schemathesis and signed by parties whose keys we have.

Runs in schemathesis' own environment, which sees ours behind its own. Nothing is shrunk and nothing stops at a
failure: each call is judged by itself, and the same seed makes the same calls.

Judged: no 5xx (the chain and everything else runs), a body of the schema that the document gives for its status, a
refusal that is a problem, the media type.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from client.http import sign_headers
from protocol import http_sig
from protocol.hashing import sha256
from protocol.jose import EcSigner
from protocol.keys import PresentKey
from tests.fuzz.http_stage import Parties, World, populated
from tests.fuzz.real_bodies import real_body
from tests.vault_parties import seed

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
KNOWN_ID = 0.7  # how often a path names something that there is
REAL_BODY = 0.5  # how often a body is one that a program of ours would send, perhaps with a member changed
SHORT_WAIT_S = "0.01"
MOST_FAILURES = 20
MOST_AT_ONCE = 200  # calls of one operation before the next: what one does, another meets
BARREN = 5  # a source that gives fewer calls is not asked again


@dataclass
class Told:
    """What came of the calls."""

    calls: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    operations: dict[str, Counter[str]] = field(default_factory=dict)
    failures: dict[str, dict[str, Any]] = field(default_factory=dict)


class Signed(requests.auth.AuthBase):
    """Signs a request as it goes out: by one of the parties, by a key that nobody knows, or not at all."""

    def __init__(self, signer: EcSigner | None, rng: random.Random) -> None:
        self._signer = signer
        self._rng = rng

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        raw = body.encode("utf-8") if isinstance(body, str) else bytes(body)
        covered: dict[str, str] = {}
        if raw:
            covered[http_sig.CONTENT_DIGEST] = http_sig.content_digest(sha256(raw))
        if request.method in http_sig.WRITES:
            covered[http_sig.IDEMPOTENCY_KEY] = http_sig.token(self._rng.randbytes(16))
        request.headers.update(covered)
        if self._signer is not None:
            nonce = http_sig.token(self._rng.randbytes(16))
            assert request.method is not None
            assert request.url is not None
            made = sign_headers(request.method, request.url, covered, self._signer, int(time.time()), nonce)
            request.headers.update(made)
        return request


class Caller:
    """Makes calls of one operation after the other, and keeps what is wrong with their answers."""

    def __init__(self, world: World, url: str, seed_number: int) -> None:
        self.world = world
        self.url = url
        self.rng = random.Random(seed_number)
        self.session = requests.Session()
        self.session.trust_env = False
        self.told = Told()
        stranger = PresentKey(seed("stranger"))
        signers = [party.present for party in (world.holder, world.issuer, world.bank, world.authority)]
        self._signers: list[EcSigner | None] = [*signers, *signers, stranger, None]

    def call(self, case: schemathesis.Case) -> None:
        operation = f"{case.method.upper()} {case.path}"
        self._steer(case)
        try:
            response = case.call(
                base_url=self.url,
                session=self.session,
                auth=Signed(self.rng.choice(self._signers), self.rng),
                timeout=30,
            )
        except (requests.RequestException, UnicodeError, ValueError) as error:
            if not isinstance(error, UnicodeError | requests.exceptions.InvalidHeader | requests.exceptions.InvalidURL):
                self._fail(operation, f"no answer: {type(error).__name__}: {error!s:.200}", case)
            return  # what can't be sent as HTTP at all is no call
        self._judge(operation, case, response)

    def _judge(self, operation: str, case: schemathesis.Case, response: Any) -> None:
        told, status = self.told, str(response.status_code)
        told.calls += 1
        told.statuses[status] += 1
        told.operations.setdefault(operation, Counter())[status] += 1
        if response.status_code >= 500:
            self._fail(operation, f"status {status}: {response.text:.300}", case)
            return
        try:
            case.validate_response(response, checks=CHECKS)
        except (FailureGroup, Failure) as group:
            for failure in getattr(group, "exceptions", [group]):
                self._fail(operation, f"{type(failure).__name__} {status}: {failure!s:.400}", case)

    def _fail(self, operation: str, what: str, case: schemathesis.Case) -> None:
        known = f"{operation} {what[:60]}"
        if known not in self.told.failures and len(self.told.failures) < MOST_FAILURES:
            body = case.body if isinstance(case.body, dict | list | str | int | type(None)) else repr(case.body)[:2000]
            self.told.failures[known] = {
                "operation": operation, "what": what, "path": dict(case.path_parameters or {}), "body": body,
                "query": dict(case.query or {}), "headers": {k: str(v) for k, v in (case.headers or {}).items()},
            }  # fmt: skip

    def _steer(self, case: schemathesis.Case) -> None:
        """Towards what there is: ids that a path may name, bodies that a program would send, waits that end."""
        for name in case.path_parameters or {}:
            if name in self.world.ids and self.rng.random() < KNOWN_ID:
                known = self.rng.choice(self.world.ids[name])
                case.path_parameters[name] = known if name == "path" else quote(known)
        query = case.query or {}
        if "wait" in query and _is_wait(query["wait"]):
            query["wait"] = SHORT_WAIT_S
        if "offset" in query and self.rng.random() < KNOWN_ID:
            query["offset"] = 0  # where an upload begins
        if case.method.upper() in {"POST", "PUT", "PATCH"} and self.rng.random() < REAL_BODY:
            made = real_body(self.world, case.method.upper(), case.path, self.rng)
            if made is not None:
                case.body = made


def _is_wait(value: Any) -> bool:
    try:
        return 0 <= float(value) <= 30
    except (TypeError, ValueError):
        return False


class Source:
    """Where cases of one operation come from: by the document, or against it."""

    def __init__(self, operation: Any, mode: GenerationMode) -> None:
        self.barren = False
        try:
            self._strategy = operation.as_strategy(generation_mode=mode)
        except Exception:  # noqa: BLE001 (what has no input has nothing to be negated, and says so in many ways)
            self.barren = True

    def give(self, caller: Caller, count: int, number: int) -> None:
        """About ``count`` cases; a source that gives hardly any is not asked again."""
        before = caller.told.calls

        @hypothesis.seed(number)
        @hypothesis.settings(
            max_examples=count, phases=[Phase.generate], database=None, deadline=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @hypothesis.given(self._strategy)
        def each(case: schemathesis.Case) -> None:
            caller.call(case)

        try:
            each()
        except hypothesis.errors.Unsatisfiable:
            self.barren = True
        self.barren = self.barren or caller.told.calls - before < min(count, BARREN)


def _write(out: Path, told: Told, seconds: float) -> None:
    report = {
        "calls": told.calls, "seconds": round(seconds, 1), "statuses": dict(told.statuses),
        "operations": {name: dict(found) for name, found in told.operations.items()},
        "failures": list(told.failures.values()),
    }  # fmt: skip
    out.write_text(json.dumps(report, indent=1, default=repr), encoding="utf-8")


def main(arguments: list[str]) -> None:
    """``home url rpc calls seed out``: make about so many calls, and write what came of them."""
    home, url, rpc, calls, number, out = arguments
    parties = Parties(Path(home), url, rpc)
    caller = Caller(populated(parties), url, int(number))
    schema = schemathesis.openapi.from_url(f"{url}/v1/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    sources = [Source(operation, mode) for operation in operations for mode in modes]
    began, rounds = time.monotonic(), 0
    while caller.told.calls < int(calls):
        fruitful = [source for source in sources if not source.barren]
        each = min(MOST_AT_ONCE, (int(calls) - caller.told.calls) // len(fruitful) + 1)
        for source in fruitful:
            source.give(caller, each, int(number) + rounds)
        rounds += 1
        print(f"{caller.told.calls:,} calls, {len(caller.told.failures)} failures", file=sys.stderr, flush=True)
        _write(Path(out), caller.told, time.monotonic() - began)  # as it comes: a run that is broken off has counted
    parties.close()


if __name__ == "__main__":
    main(sys.argv[1:])
