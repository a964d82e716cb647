"""Fakes for the client's tests: a clock turned by hand and a vault that answers what it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2

from client.http import Http
from protocol.jose import EcSigner, P256Signer

NOW = 1_800_000_000
SIGNER = P256Signer.from_secret(b"\x01" * 32)
Handler = Callable[[httpx2.Request], httpx2.Response]


class HandClock:
    """Time that stands still unless somebody sleeps."""

    def __init__(self, now: int = NOW) -> None:
        self.time = float(now)
        self.slept: list[float] = []

    def now(self) -> int:
        return int(self.time)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Script:
    """Answers one after the other; remembers the requests. An exception in the list is raised."""

    def __init__(self, *answers: httpx2.Response | Exception | Handler) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.bodies: list[bytes] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.bodies.append(request.read())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else answer(request)


def answer(value: Any, status: int = 200, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, content=json.dumps(value).encode(), headers=headers)


def problem(status: int, fault: str, code: str, detail: str = "no", **more: Any) -> httpx2.Response:
    body = {"type": f"urn:{code}", "title": "t", "status": status, "detail": detail, "code": code, "fault": fault}
    return answer({**body, **more}, status)


def http(script: Handler, *, signer: EcSigner | None = SIGNER, clock: HandClock | None = None, **more: Any) -> Http:
    transport = httpx2.MockTransport(script)
    return Http("http://vault.test", clock=clock or HandClock(), signer=signer, transport=transport, **more)
