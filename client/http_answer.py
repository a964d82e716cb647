"""A vault's answer while it arrives: bounded in bytes and in time, and with faults of the line as ``Unavailable``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import httpx2

from protocol.errors import Malformed, Unavailable

MIN_PACE = 4 << 10  # bytes a second, on the average, once the first timeout is over


@dataclass(slots=True)
class Pace:
    """How long an answer may take: so many seconds, and then as many as its bytes are worth at ``MIN_PACE``."""

    timer: Callable[[], float]
    patience_s: float
    url: str
    began: float = 0.0

    def check(self, got: int) -> None:
        """``Unavailable`` if ``got`` bytes are too few by now."""
        if self.timer() - self.began > self.patience_s + got / MIN_PACE:
            raise unreachable(self.url, "TooSlow")


class Answer:
    """A streamed answer whose transport faults are ours."""

    def __init__(self, client: httpx2.Client, request: httpx2.Request, pace: Pace) -> None:
        self._client, self._request, self._pace = client, request, pace
        self._response: httpx2.Response | None = None

    def __enter__(self) -> Self:
        with ours(self._pace.url):
            self._response = self._client.send(self._request, stream=True)
        self._pace.began = self._pace.timer()
        return self

    def __exit__(self, *_: object) -> None:
        if self._response is not None:
            self._response.close()

    @property
    def status_code(self) -> int:
        assert self._response is not None
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        assert self._response is not None
        return self._response.headers

    def parts(self, limit: int) -> Iterator[bytes]:
        """The body as it arrives, no more than ``limit`` bytes of it."""
        assert self._response is not None
        if self.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            raise Malformed("vault_answer_packed", "the vault's answer is packed, which nobody asked for")
        got = 0
        with ours(self._pace.url):
            for part in self._response.iter_bytes():  # nothing is unpacked: what came packed was refused
                got += len(part)
                if got > limit:
                    raise Malformed(
                        "vault_answer_too_large", "the vault's answer has more than {limit} bytes", limit=limit
                    )
                self._pace.check(got)
                yield part


@contextlib.contextmanager
def ours(url: str) -> Iterator[None]:
    """Turn the HTTP library's faults into ``Unavailable``; what we raise ourselves passes."""
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise unreachable(url, type(error).__name__) from None


def unreachable(url: str, kind: str) -> Unavailable:
    """The vault gives no answer that can be read: ``kind`` names the fault."""
    return Unavailable("vault_unreachable", "the vault at {url} does not answer ({kind})", url=url, kind=kind)


def bounded(answer: Answer, limit: int) -> bytes:
    """The whole body, if it has no more than ``limit`` bytes."""
    return b"".join(answer.parts(limit))
