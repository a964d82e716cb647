"""Signed HTTP to one vault: RFC 9421 requests, bounded answers, retries, streams in constant memory.

The vault is trusted for nothing. An answer has a bound in bytes and a pace that it must keep, so that one that never
ends is given up; it is read as it arrives, and refused if it comes packed: what unpacks has no bound. Redirects are
not followed: an answer that sends elsewhere is no answer.

Consistency: a request is sent again only if sending it twice is harmless: a read, or a write that carries
one ``Idempotency-Key`` through all its tries; each try is signed anew. ``Unavailable("vault_unreachable")``
may be raised after the vault accepted a write: the same call with the same key tells.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import BinaryIO, Self, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx2
from http_message_signatures import HTTPMessageSigner, algorithms
from pydantic import BaseModel, ValidationError

from chain.endpoint import tls
from client.behind import Behind, Hash
from client.clock import Clock
from client.http_answer import Answer, Pace, bounded, ours
from client.problems import MAX_PROBLEM, error_of
from console.i18n import language
from protocol import canonical, http_sig
from protocol.encoding import b64u
from protocol.errors import OneFileError, Unavailable, Untrusted
from protocol.hashing import sha256
from protocol.jose import EcSigner
from protocol.wire import MAX_PAYLOAD_BYTES, Wire

MAX_ANSWER = 64 << 20
MAX_PARTS = 50_000  # values of one answer: of each that it does not know a model makes an error of a kilobyte
CHUNK = 256 << 10
TRIES = 4
FIRST_DELAY_S = 0.25
MAX_RETRY_AFTER_S = 10
FULL = "storage_full"  # a full disk is not emptied by asking again
MIN_PROGRESS = 1 << 20  # bytes that a download must have got further by, to be tried again without end
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")
Step = Callable[[int], None]


@dataclass(slots=True)
class _Message:
    """What the signature library sees of a request."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """One request before it is signed. ``path`` is percent-encoded and starts with a slash."""

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Callable[[], BinaryIO] | None = None
    stream_size: int = 0
    stream_sha256: bytes = b""
    signer: EcSigner | None = None
    wait_s: int = 0
    step: Step | None = None

    @property
    def url_path(self) -> str:
        return self.path + ("?" + urlencode(self.query) if self.query else "")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: for who wants to see it, whatever it says."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Download:
    """A body on its way into ``target``, of which ``state`` is the hash so far."""

    call: Call
    target: BinaryIO
    digest: bytes
    state: list[Hash]
    limit: int
    step: Step | None


class Http:
    """Requests to one vault, signed by ``signer`` where one is given. ``close`` it, or use it in ``with``.

    ``base_url`` is the vault's public origin: it is what the signature covers.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        signer: EcSigner | None = None,
        act_for: str | None = None,
        timeout_s: float = 30.0,
        tries: int = TRIES,
        transport: httpx2.BaseTransport | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.signer = signer
        self._act_for = act_for
        self._clock = clock
        self._tries = tries
        self._timeout_s = timeout_s
        self._timer = timer
        local = urlsplit(self.base_url).hostname in _LOOPBACK
        # Loading TLS authorities takes 50 ms: only where TLS is spoken. Redirects, which might begin to, are refused.
        verify = True if self.base_url.startswith("https:") else tls(https=False)
        self._client = httpx2.Client(
            transport=transport,
            trust_env=not local,
            follow_redirects=False,
            verify=verify,
            # A cookie would tell the vault which unsigned requests come from one party.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def clock(self) -> Clock:
        """What the time is, and how one waits."""
        return self._clock

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, call: Call, model: type[Model], *, limit: int = MAX_ANSWER) -> Model:
        """The answer to ``call`` as ``model``; ``Untrusted("vault_answer")`` if it is not one."""
        return self.ask_of(call, {0: model}, limit=limit)

    def ask_of(self, call: Call, models: Mapping[int, type[Model]], *, limit: int = MAX_ANSWER) -> Model:
        """The answer as the model of its status; 0 stands for every other success."""
        status, raw = self.exchange(call, limit=limit)
        model = models.get(status) or models[0]
        try:
            if not canonical.too_many(raw, MAX_PARTS):
                return model.model_validate_json(raw)
        except ValidationError:
            pass
        raise Untrusted("vault_answer", "the vault's answer to {path} has not the agreed form", path=call.path)

    def exchange(self, call: Call, *, limit: int = MAX_ANSWER) -> tuple[int, bytes]:
        """Status and body of a success; every other answer is raised as the error that it means."""
        prepared = self._with_key(call)
        return self._retrying(lambda: self._once(prepared, limit))

    def reply(self, call: Call, *, limit: int = MAX_ANSWER) -> Reply:
        """The answer to one try, whatever its status; ``Unavailable`` only if there is none."""
        with self._send(self._with_key(call)) as answer:
            return Reply(answer.status_code, answer.headers.get("content-type", ""), bounded(answer, limit))

    def download(
        self, call: Call, target: BinaryIO, digest: bytes, *, limit: int = MAX_PAYLOAD_BYTES, step: Step | None = None
    ) -> int:
        """Write the body of a read to ``target`` (seekable) and return its size.

        What stands in ``target`` already is the beginning, from an earlier time; also goes on where a connection broke,
        for as long as each try brings something. ``Malformed("vault_answer_too_large")`` beyond ``limit`` bytes,
        ``Untrusted("payload_digest")`` if the bytes do not hash to ``digest``: the caller drops ``target`` then.
        """
        state = [_hashed(target)]  # of what stands in target; a server that begins anew makes it anew
        begun = target.seek(0, 2)
        if step is not None and begun:
            step(begun)
        self._arrive(_Download(call, target, digest, state, limit, step))
        if begun and state[0].digest() != digest:  # what was kept is no beginning of it: once more, from nothing
            target.seek(0)
            target.truncate()
            state[0] = hashlib.sha256()
            self._arrive(_Download(call, target, digest, state, limit, None))
        if state[0].digest() != digest:
            raise Untrusted(
                "payload_digest", "what the vault sent for {path} is not what its name says", path=call.path
            )
        return target.seek(0, 2)

    def _arrive(self, download: _Download) -> None:
        reached = download.target.seek(0, 2)
        while reached < download.limit:
            before = reached
            try:
                self._retrying(lambda: self._fetch(download))
                return
            except Unavailable:
                reached = download.target.seek(0, 2)
                if reached - before < MIN_PROGRESS:
                    raise

    def _fetch(self, download: _Download) -> None:
        call, target, state = download.call, download.target, download.state
        start = target.seek(0, 2)
        ranged = {"Range": f"bytes={start}-", "If-Range": f'"{b64u(download.digest)}"'} if start else {}
        with self._send(_with_headers(call, {**call.headers, **ranged})) as answer:
            if answer.status_code not in {200, 206}:
                raise error_of(answer.status_code, bounded(answer, MAX_PROBLEM))
            if answer.status_code == 200 and start:
                target.seek(0)
                target.truncate()
                start, state[0] = 0, hashlib.sha256()
            with Behind(target, state[0]) as writer:
                for part in answer.parts(download.limit - start):
                    writer.write(part)
                    if download.step is not None:
                        download.step(len(part))

    def _once(self, call: Call, limit: int) -> tuple[int, bytes]:
        with self._send(call) as answer:
            if not 200 <= answer.status_code < 300:
                raise _delayed(answer, error_of(answer.status_code, bounded(answer, MAX_PROBLEM)))
            return answer.status_code, bounded(answer, limit)

    def _send(self, call: Call) -> Answer:
        patience = self._timeout_s + call.wait_s
        with ours(self.base_url):
            request = self._client.build_request(
                call.method,
                self.base_url + call.url_path,
                headers={"accept-encoding": "identity", **self.signed_headers(call)},
                content=_parts(call) if call.stream else call.body,
                timeout=patience,
            )
        return Answer(self._client, request, Pace(self._timer, patience, self.base_url))

    def signed_headers(self, call: Call) -> dict[str, str]:
        """The headers that ``call`` goes out with, the signature's last; each time with a new nonce."""
        headers = {"accept-language": language(), **{k.lower(): v for k, v in call.headers.items()}}
        if call.stream is not None:
            headers["content-length"] = str(call.stream_size)
            headers[http_sig.CONTENT_DIGEST] = http_sig.content_digest(call.stream_sha256)
        elif call.body is not None:
            headers.setdefault("content-type", "application/json")
            headers[http_sig.CONTENT_DIGEST] = http_sig.content_digest(sha256(call.body))
        signer = call.signer or self.signer
        if signer is not None:
            if self._act_for:
                headers[http_sig.ACT_FOR] = self._act_for
            url = self.base_url + call.url_path
            headers.update(sign_headers(call.method, url, headers, signer, self._clock.now()))
        return headers

    def _with_key(self, call: Call) -> Call:
        if call.method not in http_sig.WRITES or http_sig.IDEMPOTENCY_KEY in {k.lower() for k in call.headers}:
            return call
        key = http_sig.token(secrets.token_bytes(http_sig.IDEMPOTENCY_BYTES))
        return _with_headers(call, {**call.headers, http_sig.IDEMPOTENCY_KEY: key})

    def _retrying(self, act: Callable[[], Result]) -> Result:
        delay = FIRST_DELAY_S
        for left in range(self._tries - 1, -1, -1):
            try:
                return act()
            except Unavailable as error:
                if not left or error.code == FULL:
                    raise
                wait = _asked(error) or delay * (0.75 + random.random() / 2)  # noqa: S311 (spreads clients, hides nothing)
                self._clock.sleep(min(wait, MAX_RETRY_AFTER_S))
                delay *= 2
        raise AssertionError("unreachable")


def sign_headers(
    method: str, url: str, headers: Mapping[str, str], signer: EcSigner, created: int, nonce: str | None = None
) -> dict[str, str]:
    """``Signature-Input`` and ``Signature`` for a request with these headers (RFC 9421, ``docs/http.md``).

    ``url`` is the absolute target; ``created`` seconds since 1970; ``nonce`` only in tests and examples.
    """
    message = _Message(method, url, dict(headers))
    library = HTTPMessageSigner(signature_algorithm=algorithms.ECDSA_P256_SHA256)
    prepared = library.prepare(
        message,
        key_id=signer.public_jwk().kid(),
        created=dt.datetime.fromtimestamp(created, dt.UTC),
        nonce=nonce or http_sig.token(secrets.token_bytes(http_sig.NONCE_BYTES)),
        label=http_sig.LABEL,
        tag=http_sig.TAG,
        covered_component_ids=http_sig.components(headers),
        use_existing_digest=http_sig.CONTENT_DIGEST in headers,
    )
    library.apply(message, prepared, signer.sign(prepared.signature_base))
    return {name: message.headers[name] for name in ("Signature-Input", "Signature")}


def json_body(value: Wire) -> bytes:
    """A request body, without the members that are not set."""
    return value.model_dump_json(exclude_none=True).encode("utf-8")


def _asked(error: Unavailable) -> float:
    """How many seconds the vault asked us to wait; 0 if it did not, or named no number."""
    after = error.facts.get("retry_after_s")
    return float(min(after, MAX_RETRY_AFTER_S)) if isinstance(after, int) and after > 0 else 0.0


def _delayed(answer: Answer, error: OneFileError) -> OneFileError:
    after = answer.headers.get("retry-after", "")
    if after.isascii() and after.isdigit():
        error.facts["retry_after_s"] = int(after[:6])
    return error


def _hashed(target: BinaryIO) -> Hash:
    state: Hash = hashlib.sha256()
    target.seek(0)
    while part := target.read(1 << 20):
        state.update(part)
    return state


def _parts(call: Call) -> Iterator[bytes]:
    assert call.stream is not None
    with call.stream() as source:
        while part := source.read(CHUNK):
            yield part
            if call.step is not None:
                call.step(len(part))


def _with_headers(call: Call, headers: Mapping[str, str]) -> Call:
    return replace(call, headers=dict(headers))
