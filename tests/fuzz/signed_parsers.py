"""Parsers of what is signed with P-256: JWS, SD-JWT, credentials, lists, slips, receipts, statements, show codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from protocol import canonical
from protocol.credential import (
    check_age,
    check_dates,
    check_named,
    open_credential,
    parse_file_entry,
    verify_credential_signature,
    verify_presentation_binding,
)
from protocol.dcql import parse_query
from protocol.encoding import base45, unb64, unb64u, unbase45, unhex0x
from protocol.errors import OneFileError
from protocol.jose import MAX_JWS_CHARS, PublicJwk, parse_jws
from protocol.receipts import parse_receipt, verify_receipt
from protocol.scenario import parse_scenario, scenario_from_json, verify_scenario
from protocol.sdjwt import MAX_DISCLOSURE_CHARS, MAX_SDJWT_CHARS, open_claims, parse_disclosure, parse_sdjwt
from protocol.show_code import PREFIX, parse_show_code, verify_show_code
from protocol.slips import parse_slip, verify_slip
from protocol.statements import parse_card_token, parse_statement, verify_card_token, verify_statement
from protocol.status_list import MAX_TOKEN_CHARS, StatusList, parse_status_token, verify_status_token
from tests.credential_samples import BANK_URN, HOLDER, ISSUER_URN, STATUS_URI, credential
from tests.fuzz import golden
from tests.fuzz.parser import OURS, Parser, lax_json, text
from tests.fuzz.wrapping import SIGNER, as_jws, as_sdjwt, as_status_token
from tests.log_samples import ORIGIN

KEY = SIGNER.public_jwk()
NOW = 1_790_001_000
JSON_WORDS = (b"null", b"true", b"[]", b"{}", b'"":', b"\\ud800", b"-0", b"1e9", b"9007199254740992", b'{"a":')
SD_WORDS = (b'"_sd":[', b'"..."', b'"_sd_alg":"sha-256"', b'"#1"', b'"#2"', b'{"...":"#1"}', b"\n\n")


def verified(
    parse: Callable[[bytes], Any], verify: Callable[..., Any], typ: str, **facts: Any
) -> Callable[[bytes], None]:
    """Parse the wrapped bytes, then give them to the verifier, whose verdict is its own."""

    def call(data: bytes) -> None:
        raw = as_jws(data, typ)
        parsed = parse(raw)
        assert parsed.raw == raw.decode("ascii")
        try:
            verify(raw, KEY, **facts)
        except OURS:
            return

    return call


def jws(data: bytes) -> None:
    for kid in (True, False):
        found = parse_jws(as_jws(data, "t", kid=kid), typ="t", kid=kid)
        found.claims()


def jwk(data: bytes) -> None:
    value = lax_json(data)
    assert PublicJwk.from_json(value).to_json() == value


def sdjwt(data: bytes) -> None:
    raw = as_sdjwt(data)
    found = parse_sdjwt(raw)
    assert found.raw == raw.decode("ascii")
    opened = open_claims(found)
    assert set(opened.leaves) <= set(opened.disclosed)


def disclosure(data: bytes) -> None:
    from protocol.encoding import b64u

    parse_disclosure(b64u(data) if data[:1] == b"[" else text(data))


def presented(data: bytes) -> None:
    found = open_credential(as_sdjwt(data))
    for path in (("holder",), ("files", None), ("holder", "name")):
        found.resolve(path)
    for check in (
        lambda: verify_presentation_binding(found, aud=BANK_URN, nonce="n"),
        lambda: verify_credential_signature(as_sdjwt(data), KEY),
        lambda: check_named(found, ["/holder/name", "/nothing"]),
        lambda: check_dates(found, NOW),
        lambda: check_age(found, NOW, 86_400),
    ):
        try:
            check()
        except OneFileError:
            continue


def status_token(data: bytes) -> None:
    raw = as_status_token(data)
    token = parse_status_token(raw).body
    token.status(token.entries - 1)
    try:
        verify_status_token(raw, KEY, uri=STATUS_URI, now=NOW)
    except OURS:
        return


def show_code(data: bytes) -> None:
    said = text(data) if data.startswith(b"OF1:") else PREFIX + base45(data)
    found = parse_show_code(said)
    assert found.code.payload() == found.signed.payload
    try:
        verify_show_code(said, KEY, origin=ORIGIN, now=NOW)
    except OURS:
        return


def codec(decode: Callable[[str], bytes]) -> Callable[[bytes], None]:
    return lambda data: _decoded(decode, data)


def _decoded(decode: Callable[[str], bytes], data: bytes) -> None:
    decode(text(data))


def canonical_json(data: bytes) -> None:
    value = canonical.loads(data)
    assert canonical.loads(canonical.dumps(value)) == value
    canonical.loads(text(data))


def strict_json(data: bytes) -> None:
    assert canonical.dumps(canonical.loads_canonical(data)) == data


def object_json(data: bytes) -> None:
    canonical.loads_object(data)


def sd_seeds() -> list[bytes]:
    plain = [
        b'{"_sd":["#1","#2"],"_sd_alg":"sha-256"}\n["s","a",1]\n["s","b",{"_sd":["#3"]}]\n["s","c",[]]',
        b'{"list":[{"...":"#1"},2,{"...":"#2"}]}\n["s",1]\n["s",{"x":{"...":"#1"}}]',
        b'{"iat":1}\n\n{"aud":"a","iat":1,"nonce":"n","sd_hash":"' + b"A" * 43 + b'"}',
        b'{"_sd":["#1","#1"]}\n["s","_sd",1]',
    ]
    found = [raw for raw in golden.raws("credential", "presentation") if raw.count(b".") > 1]
    return [*plain, *map(golden.disclosed, found[:6]), *found[:2]]


def credential_seeds() -> list[bytes]:
    whole = credential().encode("ascii")
    return [golden.disclosed(whole), whole, *sd_seeds()[4:]]


def status_seeds() -> list[bytes]:
    import zlib

    body = (
        f'{{"exp":1790001000,"iat":1790000000,"iss":"{ISSUER_URN}",'
        f'"status_list":{{"bits":2,"lst":"#"}},"sub":"{STATUS_URI}","ttl":900}}'
    )
    lst, _ = StatusList.empty().state()
    return [body.encode() + b"\n\n" + zlib.compress(lst, 9), body.encode() + b"\n\n" + zlib.compress(lst[:100])]


def scenario_sources() -> list[bytes]:
    examples = sorted((golden.ROOT / "docs" / "examples" / "scenarios").glob("*.json"))
    return [*golden.bodies("credential", "scenario", "onefile-scenario+jwt"), *(path.read_bytes() for path in examples)]


def queries() -> list[bytes]:
    import json

    found = [json.loads(raw)["query"] for raw in scenario_sources()]
    return [json.dumps(query, ensure_ascii=False).encode() for query in found]


def wide_claims() -> Sequence[bytes]:
    """Credentials whose claims are as many, and as deep, as fit: what they cost to open is the claims' number."""
    name = b"a" * 480
    many = b"[" + b",".join([b"0"] * 20_000) + b"]"
    numbered = b"\n".join(b'["s","%s%d",%s]' % (name, i, many) for i in range(1, 17))
    digests = b",".join(b'"#%d"' % i for i in range(1, 17))
    deep = b"\n".join(b'["s","k",{"_sd":["#%d"]}]' % (i + 1) for i in range(1, 60))
    flat = b"\n".join(b'["s","k%d",0]' % i for i in range(1, 513))
    names = b",".join(b'"#%d"' % i for i in range(1, 513))
    return [
        b'{"_sd":[' + digests + b"]}\n" + numbered,
        b'{"_sd":["#1"]}\n' + deep,
        b'{"_sd":[' + names + b"]}\n" + flat,
        b'{"' + name + b'":[' + b",".join([b"0"] * 90_000) + b"]}",
    ]


def packed_zeros() -> Sequence[bytes]:
    import zlib

    body = status_seeds()[0].partition(b"\n\n")[0]
    return [body + b"\n\n" + zlib.compress(bytes(size), 9) for size in (1 << 17, 1 << 20, 64 << 20)]


def signed(
    name: str, typ: str, kind: str, read: Callable[..., Any], verify: Callable[..., Any], **facts: Any
) -> Parser:
    reads = tuple(f"{function.__module__}.{function.__qualname__}" for function in (read, verify))

    def seeds() -> list[bytes]:
        return [*golden.bodies("credential", kind, typ), *golden.raws("credential", kind)]

    return Parser(name, verified(read, verify, typ, **facts), reads, seeds, limit=(64 << 10) + 64, words=JSON_WORDS)


def _encoding(name: str, decode: Callable[..., bytes], *seeds: bytes) -> Parser:
    reads = (f"protocol.encoding.{decode.__name__}",)
    return Parser(name, codec(decode), reads, lambda: seeds, limit=1 << 20)


PARSERS = (
    _encoding("base64url", unb64u, b"", b"AA", b"_-_-", b"AB"),
    _encoding("base64", unb64, b"", b"AA==", b"+/+/", b"AAA="),
    _encoding("hex", unhex0x, b"0x", b"0x00ff"),
    _encoding("base45", unbase45, b"", b"BB8", b"QED8WEX0", b"::"),
    Parser(
        "json", canonical_json, ("protocol.canonical.loads",), lambda: (b'{"a":[1,-2,"x",null,true]}', b"1.0", b'"\\ud800"'),
        limit=canonical.MAX_JSON_BYTES + 64, words=JSON_WORDS,
    ),
    Parser(
        "json-canonical", strict_json, ("protocol.canonical.loads_canonical",), lambda: (b'{"a":[1,-2]}', b'{"\\u20ac":1}'),
        limit=canonical.MAX_JSON_BYTES + 64, words=JSON_WORDS,
    ),
    Parser(
        "json-object", object_json, ("protocol.canonical.loads_object",), lambda: (b'{"a":1}', b"[]"),
        limit=canonical.MAX_JSON_BYTES + 64, words=JSON_WORDS,
    ),
    Parser("jwk", jwk, ("protocol.jose.PublicJwk.from_json",), lambda: [canonical.dumps(KEY.to_json()), canonical.dumps(HOLDER.public_jwk().to_json())]),
    Parser(
        "jws", jws, ("protocol.jose.parse_jws", "protocol.jose.Jws.claims"),
        lambda: [b'{"a":1}', as_jws(b'{"a":1}', "t"), as_jws(b"{}", "t", kid=False)], limit=MAX_JWS_CHARS + 64,
    ),
    Parser(
        "sd-jwt", sdjwt, ("protocol.sdjwt.parse_sdjwt", "protocol.sdjwt.open_claims"), sd_seeds,
        errors=OURS, limit=MAX_SDJWT_CHARS + 64, words=(*SD_WORDS, *JSON_WORDS), bombs=wide_claims,
    ),
    Parser(
        "disclosure", disclosure, ("protocol.sdjwt.parse_disclosure",),
        lambda: (b'["salt","name",{"a":1}]', b'["salt",[1]]', b"WyJzIiwxXQ"), limit=MAX_DISCLOSURE_CHARS + 64, words=JSON_WORDS,
    ),
    Parser(
        "credential", presented,
        (
            "protocol.credential.open_credential", "protocol.credential.verify_credential_signature",
            "protocol.credential.verify_presentation_binding", "protocol.credential.parse_day",
            "protocol.credential.parse_file_entry",
        ),
        credential_seeds, errors=OURS, limit=MAX_SDJWT_CHARS + 64, words=(*SD_WORDS, *JSON_WORDS), bombs=wide_claims,
    ),
    Parser(
        "file-entry", lambda data: parse_file_entry(lax_json(data), "file"), ("protocol.credential.parse_file_entry",),
        lambda: [canonical.dumps({"name": "证明.pdf", "media_type": "application/pdf", "size": 3, "sha256": "A" * 43, "sm3": "A" * 43})],
        words=JSON_WORDS,
    ),
    Parser(
        "status-token", status_token,
        ("protocol.status_list.parse_status_token", "protocol.status_list.verify_status_token"),
        lambda: [*status_seeds(), *golden.raws("credential", "status list")[:2]],
        limit=MAX_TOKEN_CHARS + 64, words=JSON_WORDS, bombs=packed_zeros,
    ),
    Parser(
        "show-code", show_code, ("protocol.show_code.parse_show_code", "protocol.show_code.verify_show_code"),
        lambda: [*golden.raws("credential", "show code"), *(unbase45(raw[4:].decode()) for raw in golden.raws("credential", "show code")[:1])],
        limit=4096,
    ),
    signed("slip", "onefile-slip+jwt", "slip", parse_slip, verify_slip, log=ORIGIN),
    signed("receipt", "onefile-receipt+jwt", "receipt", parse_receipt, verify_receipt, log=ORIGIN, now=NOW),
    signed("statement", "onefile-statement+jwt", "statement", parse_statement, verify_statement, log=ORIGIN, now=NOW),
    signed("card-token", "onefile-card+jwt", "card token", parse_card_token, verify_card_token, agency=BANK_URN, now=NOW),
    signed("scenario", "onefile-scenario+jwt", "scenario", parse_scenario, verify_scenario),
    Parser(
        "scenario-source", lambda data: scenario_from_json(lax_json(data)), ("protocol.scenario.scenario_from_json",),
        scenario_sources, words=JSON_WORDS,
    ),
    Parser(
        "dcql", lambda data: parse_query(lax_json(data)), ("protocol.dcql.parse_query", "protocol.dcql.parse_alternatives"),
        queries, words=JSON_WORDS,
    ),
)  # fmt: skip
