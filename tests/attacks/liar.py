"""A server that lies: it stands between a program and the vault, and changes the answer of one route.

``LIES`` are told of any route. Each says with which codes a program may refuse; a program may also not care, as long
as nothing false is kept or told, which is for the tests to look at. ``changed_members`` bends one member of a JSON
answer at a time.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from client.api import VaultApi
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted

Answer = httpx2.Response
Lie = Callable[[httpx2.Request, Answer], Answer]
ID = "[A-Za-z0-9_-]+"
ACCOUNT = "0x[0-9a-f]{40}"

# One row for each call that the programs make: `tests/house/test_attack_tables.py` holds it to `client/api.py`.
ROUTES: dict[str, str] = {
    "info": "GET /v1/info",
    "card": "POST /v1/cards/query",
    "checkpoint": "GET /v1/log/checkpoint",
    "tile": "GET /v1/log/tile/.+",
    "proof": r"GET /v1/log/proof/\d+",
    "consistency": "GET /v1/log/consistency",
    "status_list": rf"GET /v1/status-lists/{ACCOUNT}/\d+",
    "scenarios": "GET /v1/scenarios",
    "scenario": f"GET /v1/scenarios/{ID}",
    "agencies": "GET /v1/agencies",
    "agency": f"GET /v1/agencies/{ACCOUNT}",
    "verify": "POST /v1/verify",
    "relay": "POST /v1/relay",
    "open_dossier": "POST /v1/dossiers",
    "upload": f"PUT /v1/payloads/{ID}",
    "deposit": "POST /v1/deposits",
    "put_agency_card": f"PUT /v1/agencies/{ACCOUNT}/card",
    "me": "GET /v1/me",
    "put_card": "PUT /v1/me/card",
    "items": "GET /v1/me/items",
    "item": f"GET /v1/me/items/{ID}",
    "delete_item": f"POST /v1/me/items/{ID}/delete",
    "state": "POST /v1/me/statements",
    "payload": f"GET /v1/me/payloads/{ID}",
    "log": "GET /v1/me/log",
    "my_grants": "GET /v1/me/grants",
    "my_grant": f"GET /v1/me/grants/{ID}",
    "post_grant": "POST /v1/grants",
    "revoke": f"POST /v1/grants/{ID}/revoke",
    "open_show": "POST /v1/me/shows",
    "my_show": f"GET /v1/me/shows/{ID}",
    "present": f"PUT /v1/me/shows/{ID}/presentation",
    "refuse_show": f"POST /v1/me/shows/{ID}/refuse",
    "grants": "GET /v1/grants",
    "grant": f"GET /v1/grants/{ID}",
    "verify_grant": f"POST /v1/grants/{ID}/verify",
    "release": f"POST /v1/grants/{ID}/release",
    "grant_payload": f"GET /v1/grants/{ID}/payloads/{ID}",
    "collect": "POST /v1/shows/collect",
    "show": f"GET /v1/shows/{ID}",
    "show_payload": f"GET /v1/shows/{ID}/payloads/{ID}",
    "put_status_list": rf"PUT /v1/status-lists/{ACCOUNT}/\d+",
    "post_scenario": "POST /v1/scenarios",
}


def calls_of_the_client() -> set[str]:
    """The routes that the programs can call at all."""
    return {name for name in vars(VaultApi) if not name.startswith("_")}


def route_of(request: httpx2.Request) -> str:
    """The name of the call that a request belongs to."""
    line = f"{request.method} {request.url.path}"
    return next((name for name, form in ROUTES.items() if re.fullmatch(form, line)), line)


class Liar(httpx2.BaseTransport):
    """The way to an honest vault, on which answers are changed while ``lies`` says so."""

    def __init__(self, honest: httpx2.BaseTransport) -> None:
        self.honest = honest
        self.lies: dict[str, Lie] = {}
        self.instead: dict[str, bytes] = {}  # answers to requests that the vault never gets
        self.after: Callable[[httpx2.Request], None] | None = None  # what happens elsewhere once the vault has answered
        self.told: list[str] = []
        self.heard: dict[str, list[bytes]] = {}
        self.requests: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        route = route_of(request)
        if route in self.instead:
            self.told.append(route)
            return httpx2.Response(200, headers={"content-type": "application/json"}, stream=Body([self.instead[route]]))
        answer = read(self.honest.handle_request(request))
        if self.after is not None:
            self.after(request)
        lie = self.lies.get(route)
        if lie is None or answer.status_code >= 400:
            self.heard.setdefault(route, []).append(answer.content)
            return answer
        self.told.append(route)
        return lie(request, answer)


def read(answer: Answer) -> Answer:
    """The answer with its whole body in hand."""
    answer.read()
    return answer


def saying(answer: Answer, body: bytes, **headers: str) -> Answer:
    """The same answer with another body."""
    kept = {k: v for k, v in answer.headers.items() if k.lower() not in {"content-length", *headers}}
    return httpx2.Response(answer.status_code, headers={**kept, **headers}, stream=Body([body]))


class Body(httpx2.SyncByteStream):
    """A body that comes in parts, none of which exists before it is asked for."""

    def __init__(self, parts: Any) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[bytes]:
        yield from self.parts


# --- lies about any answer ------------------------------------------------------------------------

BAD = (Malformed, Untrusted)  # what the answer is: exit code 3
GONE = (Unavailable,)  # as if nobody had answered: exit code 7
NO = (Denied, Unavailable, Untrusted)  # as if it were not there, or not now, or lost
ANY = (Malformed, Untrusted, Denied, Unavailable, Conflict)


@dataclass(frozen=True)
class Told:
    """A lie, and how a program may refuse it."""

    lie: Lie
    kinds: tuple[type[OneFileError], ...]


def text(body: bytes, status: int = 200, **headers: str) -> Lie:
    """Always this answer."""
    sent = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return lambda _request, _answer: httpx2.Response(status, headers=sent, stream=Body([body]))


def bent(change: Callable[[bytes], bytes], **headers: str) -> Lie:
    """The true answer's bytes, changed."""
    sent = {k.replace("_", "-"): v for k, v in headers.items()}
    return lambda _request, answer: saying(answer, change(answer.content), **sent)


def problem(status: int, fault: Any, code: Any, **more: Any) -> Lie:
    """A refusal in our own form, made up."""
    body = {"type": "urn:x", "title": "t", "status": status, "detail": "no", "code": code, "fault": fault, **more}
    return text(json.dumps(body).encode(), status, content_type="application/problem+json")


def broken(error: type[Exception]) -> Lie:
    """The connection ends like this."""

    def lie(request: httpx2.Request, _answer: Answer) -> Answer:
        raise error("told so", request=request)  # type: ignore[call-arg]  # httpx2's errors take the request

    return lie


def endless(part: bytes, times: int, **headers: str) -> Lie:
    """A body that hardly ends, of which only one part exists at a time."""
    sent = {k.replace("_", "-"): v for k, v in headers.items()}
    return lambda _request, answer: httpx2.Response(
        answer.status_code,
        headers={"content-type": "application/json", **sent},
        stream=Body(part for _ in range(times)),
    )


def _first_number(to: bytes) -> Callable[[bytes], bytes]:
    return lambda body: re.sub(rb"(?<=[:\[])\d+", to, body, count=1)


def _twice(body: bytes) -> bytes:
    """The first member named twice, with another value first."""
    name = re.match(rb'\{("[a-z_0-9]+"):', body)
    return body if name is None else b"{" + name[1] + b":null," + body[1:]


ELSEWHERE = "http://elsewhere.test/v1/info"
BOMB = gzip.compress(bytes(64 << 20), 9)
CONTROL = "\x1b]0;owned\x07\x1b[2J \u202e {0.__class__} %s {code}"

LIES: dict[str, Told] = {
    "nothing at all": Told(text(b""), BAD),
    "no content": Told(text(b"", 204), BAD),
    "half of the answer": Told(bent(lambda body: body[: len(body) // 2]), BAD),
    "the answer and more": Told(bent(lambda body: body + b" {}"), BAD),
    "a page for people": Told(text(b"<html>hello</html>", content_type="text/html"), BAD),
    "another content type": Told(bent(bytes, content_type="image/png"), BAD),
    "a list": Told(text(b"[]"), BAD),
    "a string": Told(text(b'"yes"'), BAD),
    "a number": Told(text(b"1"), BAD),
    "null": Told(text(b"null"), BAD),
    "true": Told(text(b"true"), BAD),
    "an empty object": Told(text(b"{}"), BAD),
    "brackets without end": Told(text(b"[" * 200_000), BAD),
    "objects without end": Told(text(b'{"a":' * 50_000), BAD),
    "a number of five thousand digits": Told(text(b'{"v":' + b"9" * 5000 + b"}"), BAD),
    "a number beyond all bounds in its place": Told(bent(_first_number(b"9" * 400)), BAD),
    "a number that is none": Told(bent(_first_number(b"NaN")), BAD),
    "a number without end": Told(bent(_first_number(b"1e999")), BAD),
    "a member named twice": Told(bent(_twice), BAD),
    "a text with half a character": Told(text(b'{"rows":["\\ud800"],"next":"\\udfff"}'), BAD),
    "bytes that are no text": Told(text(b"\xff\xfe\x00\xd8" * 100), BAD),
    "the answer in UTF-16": Told(bent(lambda body: body.decode("latin-1").encode("utf-16")), BAD),
    "zero bytes": Told(bent(lambda body: bytes(len(body))), BAD),
    "a hundred megabytes": Told(endless(b" " * (1 << 20), 100), BAD),
    "a packed bomb": Told(text(BOMB, content_encoding="gzip"), BAD),
    "a packing that is none": Told(bent(bytes, content_encoding="gzip"), BAD),
    "a packing that nobody knows": Told(bent(bytes, content_encoding="br, zstd, x-odd"), BAD),
    "a redirect to another host": Told(text(b"", 302, location=ELSEWHERE), BAD),
    "a lasting redirect with the request": Told(text(b"", 308, location=ELSEWHERE), BAD),
    "a redirect to a file": Told(text(b"", 301, location="file:///etc/passwd"), BAD),
    "not modified": Told(text(b"", 304), BAD),
    "a part that nobody asked for": Told(text(b"{}", 206, content_range="bytes 5-6/7"), BAD),
    "an error without words": Told(text(b"", 500), GONE),
    "a gateway's page": Told(text(b"<html>502</html>", 502, content_type="text/html"), GONE),
    "come back in a thousand years": Told(text(b"", 503, retry_after="99999999999999999999"), GONE),
    "come back at no time": Told(problem(503, "unavailable", "late", facts={"retry_after_s": "soon"}), GONE),
    "come back before now": Told(problem(503, "unavailable", "late", facts={"retry_after_s": -5}), GONE),
    "come back at nan": Told(problem(503, "unavailable", "late", facts={"retry_after_s": "nan"}), GONE),
    "come back after all numbers": Told(problem(503, "unavailable", "late", facts={"retry_after_s": "9" * 400}), GONE),
    "a problem of no kind": Told(problem(500, "no such fault", "x"), (OneFileError,)),
    "a problem with words of its own": Told(problem(400, "malformed", CONTROL, detail=CONTROL), BAD),
    "a problem whose facts are its parts": Told(
        problem(400, "malformed", "x", facts={"self": 1, "code": 2, "template": 3, "facts": 4}), BAD
    ),
    "a problem of lists": Told(problem(400, ["malformed"], {"code": 1}), BAD),
    "a problem of a megabyte": Told(text(b'{"code":"' + b"x" * (1 << 20) + b'"}', 400), BAD),
    "it is not there": Told(problem(404, "denied", "not_found"), NO),
    "you may not": Told(problem(403, "denied", "not_for_you"), NO),
    "who are you": Told(problem(401, "denied", "signature_key_unknown"), NO),
    "a connection that is cut": Told(broken(httpx2.ReadError), GONE),
    "a connection that is refused": Told(broken(httpx2.ConnectError), GONE),
    "a silence": Told(broken(httpx2.ReadTimeout), GONE),
    "an answer that is no HTTP": Told(broken(httpx2.RemoteProtocolError), GONE),
}  # fmt: skip

# One lie of each kind: for the rows that do not tell them all.
FEW = ("half of the answer", "an error without words", "it is not there")


# --- lies about one member ------------------------------------------------------------------------


def changed_members(body: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every answer that differs from ``body`` (JSON) in one member; of long lists the first and the last are bent."""
    for name, apply in _changes(body, path):
        made = json.loads(json.dumps(body))
        yield name, apply(made)


Apply = Callable[[Any], Any]


def bending(name: str) -> Lie:
    """The true answer with this one member changed, where it has such a member."""

    def lie(_request: httpx2.Request, answer: Answer) -> Answer:
        found = dict(changed_members(json.loads(answer.content)))
        return saying(answer, json.dumps(found[name]).encode()) if name in found else saying(answer, answer.content)

    return lie


def _changes(value: Any, path: str) -> Iterator[tuple[str, Apply]]:
    for what, other in _others(value):
        yield f"{path or '/'} {what}", lambda _whole, other=other: other  # type: ignore[misc]  # bound now
    children = value.items() if isinstance(value, dict) else _ends(value) if isinstance(value, list) else ()
    for key, child in children:
        for name, apply in _changes(child, f"{path}/{key}"):
            yield name, lambda whole, key=key, apply=apply: _within(whole, key, apply)  # type: ignore[misc]  # bound now


def _within(whole: Any, key: Any, apply: Apply) -> Any:
    whole[key] = apply(whole[key])
    return whole


def _ends(value: list[Any]) -> list[tuple[int, Any]]:
    return [(i, value[i]) for i in sorted({0, len(value) - 1}) if value]


def _others(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"without {key}", {k: v for k, v in value.items() if k != key}) for key in value)
        yield "with one more", {**value, "more": 1}
        yield "as text", "x"
    elif isinstance(value, list):
        yield from _other_lists(value)
    elif isinstance(value, bool) or value is None:
        yield "as something", "AAAA"
    elif isinstance(value, int):
        yield from (("one more", value + 1), ("zero", 0), ("as text", str(value)), ("huge", 2**53 - 1), ("less", -1))
    elif isinstance(value, str):
        yield from _other_texts(value)


def _other_lists(value: list[Any]) -> Iterator[tuple[str, Any]]:
    yield "as an object", {}
    if value:
        yield "empty", []
        yield "without the first", value[1:]
        yield "without the last", value[:-1]
        yield "the last twice", [*value, value[-1]]
    if len(value) > 1:
        yield "backwards", value[::-1]


def _other_texts(value: str) -> Iterator[tuple[str, Any]]:
    yield "as a number", 7
    yield "empty", ""
    yield "cut", value[: len(value) // 2]
    yield "longer", value + "AAAA"
    for place, at in (("near its beginning", min(2, len(value) - 1)), ("in its middle", len(value) // 2)):
        if value:
            other = "1" if value[at] == "0" else "0" if value[at].isdigit() else "B" if value[at] == "A" else "A"
            yield f"changed {place}", value[:at] + other + value[at + 1 :]
