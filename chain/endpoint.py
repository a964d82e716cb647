"""The way to an RPC endpoint: one HTTP request, one bounded answer, in bounded time.

The endpoint is trusted for nothing. An answer that is too long, too late, no JSON-RPC answer or the
answer to another request is `Unavailable("chain_garbage")`; no answer is
`Unavailable("chain_unreachable")`. Redirects, proxies of the environment and off-chain look-ups
(EIP-3668), which would let the endpoint send us elsewhere, are not followed.
"""

from __future__ import annotations

import itertools
import json
import ssl
import time
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import httpx2

from chain.garbage import GARBAGE, garbage, unreachable
from protocol import canonical
from protocol.errors import Malformed, Unavailable

CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 10.0  # the whole answer, however it drips
MAX_ANSWER_BYTES = 4 << 20
MAX_PARTS = 100_000  # values of one answer, counted by commas and opening brackets before it is read
MAX_DEPTH = 32


class Endpoint:
    """JSON-RPC over HTTP that gives up in time. May be used from several threads."""

    def __init__(self, url: str, *, timeout_s: float = ANSWER_TIMEOUT_S, limit: int = MAX_ANSWER_BYTES) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._limit = limit
        self._ids: Iterator[int] = itertools.count(1)
        self._http = httpx2.Client(
            timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S)),
            follow_redirects=False,
            trust_env=False,
            verify=tls(https=url.startswith("https:")),
            headers={"content-type": "application/json", "accept-encoding": "identity"},
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def request(
        self, method: str, params: object, *, encoder: type[json.JSONEncoder] = json.JSONEncoder
    ) -> dict[str, Any]:
        """The endpoint's answer, a JSON-RPC object with ``result`` or ``error``; raises only `Unavailable`."""
        question = self._question(method, params)
        raw = self._post(json.dumps(question, cls=encoder).encode("utf-8"))
        return _answer(raw, question["id"])

    def request_all(self, method: str, params: Sequence[object]) -> list[dict[str, Any]]:
        """The answers to several questions that travel together (a JSON-RPC batch), in their order.

        They are asked one by one where what comes is not the answers to them: not every endpoint takes a batch, or one
        of this size, and some say so in no JSON. Raises only `Unavailable`.
        """
        if len(params) > 1:
            questions = [self._question(method, one) for one in params]
            try:
                raw = self._post(json.dumps(questions).encode("utf-8"))
                return _answers(raw, [question["id"] for question in questions])
            except Unavailable as fault:
                if fault.code != GARBAGE:
                    raise
        return [self.request(method, one) for one in params]

    def _question(self, method: str, params: object) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params or []}

    def _post(self, body: bytes) -> bytes:
        until = time.monotonic() + self._timeout_s
        try:
            with self._http.stream("POST", self._url, content=body) as response:
                return self._read(response, until)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, ValueError) as fault:
            raise unreachable(type(fault).__name__) from None

    def _read(self, response: httpx2.Response, until: float) -> bytes:
        # Some nodes answer a JSON-RPC error with a status of 4xx or 5xx: the body decides.
        # Raw, as it arrives: a chunk that waits to be full has no deadline, and a packed answer no bound.
        raw = bytearray()
        for chunk in response.iter_raw():
            raw += chunk
            if len(raw) > self._limit:
                raise garbage("the answer is too long")
            if time.monotonic() > until:
                raise unreachable("the answer does not end")
        return bytes(raw)


@cache
def tls(*, https: bool) -> ssl.SSLContext:
    """What TLS trusts: the system's authorities, or nobody where none is spoken (loading them takes 50 ms)."""
    return ssl.create_default_context() if https else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _answer(raw: bytes, number: int) -> dict[str, Any]:
    return _checked(_read(raw), number)


def _answers(raw: bytes, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """One for each of the numbers, in whatever order they came."""
    found = _read(raw)
    if not isinstance(found, list) or len(found) != len(numbers):
        raise garbage("not the answers to our questions")
    by_number = {one.get("id"): one for one in found if isinstance(one, dict) and type(one.get("id")) is int}
    return [_checked(by_number.get(number), number) for number in numbers]


def _read(raw: bytes) -> Any:
    try:
        # Before the parser: what it costs to read is the number of values, and depth is never spent on the C stack.
        return json.loads(canonical.bound(raw, parts=MAX_PARTS, depth=MAX_DEPTH))
    except Malformed as fault:
        raise garbage(fault.code) from None
    except (ValueError, RecursionError):
        raise garbage("not JSON") from None


def _checked(value: object, number: int) -> dict[str, Any]:
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0" or value.get("id") != number:
        raise garbage("not the answer to our question")
    if ("result" in value) == isinstance(value.get("error"), dict):
        raise garbage("neither a result nor an error")
    return value
