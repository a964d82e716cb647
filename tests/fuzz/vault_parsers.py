"""Parsers of what reaches the vault in a request, and of what reaches ``python -m protocol``."""

from __future__ import annotations

import io
import json
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from client.http import sign_headers
from console.i18n import accept_language
from protocol import http_sig, wire, wire_batch, wire_keys, wire_shares, wire_uploads, wire_verify
from protocol.__main__ import run
from protocol.encoding import b64u
from protocol.errors import Malformed
from protocol.hashing import sha256
from tests.fuzz import golden, wrapping
from tests.fuzz.folders import BETWEEN, laid_out
from tests.fuzz.parser import OURS, Parser, lax_json, text
from tests.fuzz.wrapping import SIGNER
from vault_api.http_auth import check_body, read_signature
from vault_api.pages import read_page
from vault_api.requests import account_of, id16, id32, request_head, wait_of
from vault_api.services.checks import refuse_values
from vault_api.services.payloads import parse_range
from vault_api.services.relay import _prepared

ORIGIN_URL = "https://vault.example"
NOW = 1_795_305_600
REQUESTS: tuple[type[BaseModel], ...] = (
    wire.CardQuery, wire.Card, wire.OpenDossier, wire.Relay, wire.Deposit, wire.Statement, wire.PostGrant, wire.Release,
    wire.Revoke, wire.OpenShow, wire.Collect, wire.Present, wire.StatusToken, wire.PostScenario, wire_verify.VerifyRequest,
    wire_batch.CardsQuery, wire_batch.DepositBatch, wire_keys.PutRing, wire_keys.Rewraps, wire_shares.PostShares,
    wire_uploads.BeginUpload,
)  # fmt: skip
COMMANDS = ("check-inclusion", "check-consistency", "age-decrypt", "age-encrypt")
HTTP_WORDS = (
    b"signature-input: ", b"signature: ", b"content-digest: sha-256=:", b"idempotency-key: ", b";created=", b";keyid=",
    b';tag="onefile/v1"', b';alg="ecdsa-p256-sha256"', b"onefile=(", b'"@method"', b":AAAA:", b"?1", b"@1", b'%"', b"\r\n",
)  # fmt: skip


def body(data: bytes) -> None:
    """The first byte says which model; what fits goes on to where a relayed message is read."""
    value = lax_json(data[1:])
    model = REQUESTS[data[0] % len(REQUESTS)]
    found = model.model_validate(value)
    if isinstance(found, wire.Relay):
        _prepared(found)
    if isinstance(found, wire_verify.VerifyRequest):
        refuse_values(found)


def http_request(data: bytes) -> None:
    """Lines as a client sends them: the request line, headers, and behind an empty line the body."""
    head, _, content = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    method, _, target = first.partition(b" ")
    path, _, query = target.partition(b"?")
    # As the server hands headers on: names in lower case, of ASCII.
    headers = [(n.lower(), v.strip()) for n, _, v in (line.partition(b":") for line in lines) if n.isascii()]
    scope = {
        "type": "http", "method": text(method).encode("ascii", "ignore").decode() or "GET", "path": "/",
        "raw_path": path, "query_string": query, "headers": headers,
    }  # fmt: skip
    request = Request(scope)
    found = request_head(request, ORIGIN_URL)
    signature = read_signature(found, now=NOW, has_body=bool(content))
    check_body(signature, content)
    signature.verify(SIGNER.public_jwk())


def content_digest(data: bytes) -> None:
    http_sig.parse_content_digest(text(data))


def idempotency_key(data: bytes) -> None:
    http_sig.check_idempotency_key(text(data))


def payload_range(data: bytes) -> None:
    said = data.decode("latin-1")
    for size in (1, 100, 4 << 30):
        span = parse_range(bytes(32), size, said)
        assert 0 <= span.start < span.end <= size


def page(data: bytes) -> None:
    found = read_page(text(data), None, 100)
    assert 0 <= found.after < 2**63


def path_ids(data: bytes) -> None:
    said = text(data)
    refused: list[Malformed] = []
    for read in (lambda: id16(said, "x"), lambda: id32(said, "x"), lambda: account_of(said), lambda: _wait(said)):
        try:
            read()
        except Malformed as error:
            refused.append(error)
    if refused:
        raise refused[0]


def language(data: bytes) -> None:
    assert accept_language(data.decode("latin-1")) in {"en", "zh"}


def program(data: bytes) -> None:
    """Everything of ``python -m protocol`` that reads standard input, or a file that its arguments name.

    The first byte chooses the command; of ``age-decrypt`` the identities stand before its standard input.
    """
    which, said = COMMANDS[data[0] % len(COMMANDS)] if data else COMMANDS[0], data[1:]
    arguments = [which]
    if which == "age-decrypt":
        folder = laid_out(("identities",), said)
        arguments += ["-i", str(folder / "identities")]
        said = said.partition(BETWEEN)[2]
    elif which == "age-encrypt":
        arguments += ["-r", text(said[:4096]).replace("\0", "")]
    told = io.StringIO()
    code = run(arguments, io.BytesIO(said), io.BytesIO(), told)
    assert 0 <= code < 10
    told.getvalue().encode("utf-8", "backslashreplace")


def _wait(said: str) -> float:
    try:
        asked = float(said)
    except ValueError:
        raise Malformed("wait", "no number") from None
    return wait_of(asked)


def _bodies() -> list[bytes]:
    card = json.loads(golden.raws("key-card")[0])
    grant = json.loads(golden.raws("grant")[0])
    b32, hex32 = "A" * 43, "0x" + "0" * 64
    message = {"dossier": hex32, "grantEpoch": 1, "deadline": 2}
    deposit = {"slip": "a.b.c", "headers": ["AA"], "item_salt": b32, "card_token": "a.b.c", "payloads": ["AA"]}
    values: dict[type[BaseModel], Any] = {
        wire.CardQuery: {"subject": hex32},
        wire.Card: {"card": card},
        wire.OpenDossier: {"dossier": hex32, "card": card, "tag_key": b32},
        wire.Relay: {"contract": "dossier_registry", "function": "bump_epoch", "message": message, "signatures": ["0x00"]},
        wire.Deposit: deposit,
        wire.Statement: {"statement": "a.b.c"},
        wire.PostGrant: {"grant": grant, "parcels": ["AA"], "headers": [{"item": b32, "payload": b32, "header": "AA"}]},
        wire.Release: {"receipt": "a.b.c"},
        wire.Revoke: {"secret": b32},
        wire.OpenShow: {"session": "A" * 22, "lifetime_s": 60},
        wire.Collect: {"code": "OF1:AA", "receipt": "a.b.c"},
        wire.Present: {"presentation": "AA"},
        wire.StatusToken: {"token": "a.b.c"},
        wire.PostScenario: {"scenario": "a.b.c"},
        wire_verify.VerifyRequest: {"kind": "grant", "value": grant},
        wire_batch.CardsQuery: {"subjects": [hex32]},
        wire_batch.DepositBatch: {"deposits": [deposit, deposit]},
        wire_keys.PutRing: {"ring": "AA", "previous": b32, "keys": [SIGNER.public_jwk().to_json()]},
        wire_keys.Rewraps: {"rewraps": [{"rewrap": "a.b.c", "headers": ["AA"]}]},
        wire_shares.PostShares: {"shares": [{"guardian": hex32, "share": "AA"}]},
        wire_uploads.BeginUpload: {"sha256": b32, "size": 1},
    }  # fmt: skip
    found = [bytes([REQUESTS.index(model)]) + json.dumps(value).encode() for model, value in values.items()]
    relay = values[wire.Relay]
    revoke = {
        **relay,
        "contract": "grant_registry",
        "function": "revoke",
        "message": {"secret": hex32},
        "signatures": [],
    }
    cards = {**relay, "function": "publish_card", "message": card["card"], "card": card}
    return [*found, *(bytes([3]) + json.dumps(value).encode() for value in (revoke, cards))]


def _requests() -> list[bytes]:
    content = b'{"code":"OF1:EXAMPLE"}'
    covered = {
        "content-digest": http_sig.content_digest(sha256(content)),
        "idempotency-key": b64u(bytes(16)),
    }
    signed = sign_headers("POST", ORIGIN_URL + "/v1/shows/collect", covered, SIGNER, NOW, b64u(bytes(range(16))))
    lines = ["POST /v1/shows/collect", *(f"{name}: {value}" for name, value in (covered | signed).items())]
    plain = sign_headers("GET", ORIGIN_URL + "/v1/me", {}, SIGNER, NOW, b64u(bytes(16)))
    read = ["GET /v1/me", *(f"{name}: {value}" for name, value in plain.items())]
    return ["\r\n".join(lines).encode() + b"\r\n\r\n" + content, "\r\n".join(read).encode() + b"\r\n\r\n"]


def _vectors() -> list[bytes]:
    inclusion = {
        "leafHash": "A" * 43 + "=",
        "leafIdx": 0,
        "treeSize": 1,
        "proof": [],
        "root": "A" * 43 + "=",
        "desc": "",
    }
    consistency = {"size1": 1, "size2": 2, "root1": "A" * 43 + "=", "root2": "A" * 43 + "=", "proof": None}
    identity = f"# c\n{wrapping.READER.unsafe_text()}\n".encode() + BETWEEN + wrapping.sealed(b"hello")
    said = (
        json.dumps(inclusion).encode(),
        json.dumps(consistency).encode(),
        identity,
        str(wrapping.READER.recipient()).encode(),
    )
    return [bytes([which]) + one for which, one in enumerate(said)]


PARSERS = (
    Parser("request-body", body, ("vault_api.services.relay._prepared",), _bodies, errors=(ValidationError, *OURS), limit=1 << 20),
    Parser(
        "http-request", http_request,
        (
            "vault_api.http_auth.read_signature", "vault_api.http_auth.check_body", "vault_api.http_auth.Signature.verify",
            "vault_api.requests.request_head",
        ),
        _requests, errors=OURS, words=HTTP_WORDS, limit=64 << 10,
    ),
    Parser("content-digest", content_digest, ("protocol.http_sig.parse_content_digest",), lambda: [b"sha-256=:" + b"A" * 43 + b"=:"], limit=8192),
    Parser("idempotency-key", idempotency_key, ("protocol.http_sig.check_idempotency_key",), lambda: [b"A" * 22], limit=8192),
    Parser("payload-range", payload_range, ("vault_api.services.payloads.parse_range",), lambda: [b"bytes=0-99", b"bytes=-5", b"bytes=7-"], limit=8192),
    Parser("page-token", page, ("vault_api.pages.read_page",), lambda: [b"AAAAAAAAAAE", b"_" * 11], limit=8192),
    Parser("path-ids", path_ids, ("vault_api.requests.id16", "vault_api.requests.id32"), lambda: [b"A" * 22, b"A" * 43, b"0x" + b"0" * 40, b"1.5", b"nan"], limit=8192),
    Parser("accept-language", language, ("console.i18n.accept_language",), lambda: [b"zh-CN,zh;q=0.9,en;q=0.8", b"en;q=nan"], errors=(), limit=64 << 10),
    Parser("protocol-program", program, ("protocol.__main__.run",), _vectors, errors=(), limit=64 << 10),
)  # fmt: skip
