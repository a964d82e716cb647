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
from protocol.identifiers import dossier_urn
from protocol.jose import MAX_JWS_CHARS, PublicJwk, kid_of, parse_jws
from protocol.log_evidence import EVIDENCE_TYP, parse_log_evidence, verify_log_evidence
from protocol.log_evidence import MAX_CHARS as MAX_EVIDENCE_CHARS
from protocol.offline import Assembly, is_one_way, open_message, pack, parse_frame, unpack
from protocol.receipts import parse_receipt, verify_receipt
from protocol.request_code import PREFIX as REQUEST_PREFIX
from protocol.request_code import parse_request, verify_request
from protocol.revocations import parse_revocation
from protocol.rewraps import parse_rewrap, verify_rewrap
from protocol.scenario import parse_scenario, scenario_from_json, verify_scenario
from protocol.sdjwt import MAX_DISCLOSURE_CHARS, MAX_SDJWT_CHARS, open_claims, parse_disclosure, parse_sdjwt
from protocol.show_code import PREFIX, parse_show_code, verify_show_code
from protocol.slips import parse_slip, verify_slip
from protocol.statements import parse_card_token, parse_statement, verify_card_token, verify_statement
from protocol.status_list import MAX_TOKEN_CHARS, StatusList, parse_status_token, verify_status_token
from tests.credential_samples import BANK_URN, DOSSIER, HOLDER, ISSUER_URN, STATUS_URI, credential
from tests.fuzz import golden
from tests.fuzz.parser import OURS, Parser, lax_json, text
from tests.fuzz.wrapping import READER, SIGNER, as_jws, as_sdjwt, as_status_token, sealed
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
        if kid:
            kid_of(as_jws(data, "t"), typ="t")
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


def request_code(data: bytes) -> None:
    said = text(data) if data.startswith(b"OFR:") else REQUEST_PREFIX + base45(data)
    found = parse_request(said)
    try:
        verify_request(found, KEY, origin=ORIGIN, now=NOW)
    except OURS:
        return


def offline_frame(data: bytes) -> None:
    """Frames one a line, as a camera sees them one after the other."""
    assembly = Assembly()
    for line in data.split(b"\n")[:64]:
        message = assembly.add(parse_frame(text(line)))
        assembly.missing()
        if message is not None:
            is_one_way(message)


def offline_message(data: bytes) -> None:
    """A message; one that begins with ``#`` holds what is to be packed by DEFLATE, or sealed to ``READER``."""
    window, message = None, data
    if data[:2] == b"#1":
        message = b"\x01" + _deflated(data[2:])
    elif data[:2] == b"#2":
        message = b"\x02" + sealed(_deflated(data[2:]))
    if message[:1] == b"\x02":
        window = READER
    shown = open_message(message, window)
    assert unpack(pack(shown)) == shown


def _deflated(raw: bytes) -> bytes:
    import zlib

    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(raw) + packer.flush()


def log_evidence(data: bytes) -> None:
    """The wrapped bytes, parsed and verified: what it proves is its own."""
    raw = as_jws(data, EVIDENCE_TYP)
    assert parse_log_evidence(raw).raw == raw.decode("ascii")
    try:
        verify_log_evidence(raw)
    except OURS:
        return


def revocation(data: bytes) -> None:
    assert parse_revocation(data).serialise() == data


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
    return [*plain, *golden.disclosed_all("presentation"), *golden.raws("presentation")]


def credential_seeds() -> list[bytes]:
    whole = credential().encode("ascii")
    return [
        golden.disclosed(whole),
        whole,
        *golden.disclosed_all("credential"),
        *golden.raws("credential"),
        *sd_seeds()[4:],
    ]


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
    return [*golden.bodies("scenario", "onefile-scenario+jwt"), *(path.read_bytes() for path in examples)]


def queries() -> list[bytes]:
    import json

    sources = (json.loads(raw) for raw in scenario_sources())
    found = [source["query"] for source in sources if isinstance(source, dict) and "query" in source]
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


def signed(name: str, typ: str, read: Callable[..., Any], verify: Callable[..., Any], **facts: Any) -> Parser:
    reads = tuple(f"{function.__module__}.{function.__qualname__}" for function in (read, verify))

    def seeds() -> list[bytes]:
        return [*golden.bodies(name, typ), *golden.raws(name)]

    return Parser(name, verified(read, verify, typ, **facts), reads, seeds, limit=(64 << 10) + 64, words=JSON_WORDS)


def _encoding(name: str, decode: Callable[..., bytes], *seeds: bytes) -> Parser:
    reads = (f"protocol.encoding.{decode.__name__}",)
    return Parser(name, codec(decode), reads, lambda: [*seeds, *golden.raws(name)], limit=1 << 20)


def unpacking_frames() -> Sequence[bytes]:
    zeros = _deflated(bytes(64 << 20))
    return [b"\x01" + zeros, b"\x02" + sealed(zeros), b"\x01" + b"\xff" * (1 << 16)]


def packed_presentations() -> list[bytes]:
    packed = [pack(raw.decode()) for raw in golden.raws("presentation")[:2]]
    return [b"#1" + packed[0], b"#2" + packed[1], b"#1\x00\x01a", b"\x01" + _deflated(packed[0])]


def frames_by_line() -> list[bytes]:
    whole = ["\n".join(case["frames"]).encode() for case in golden.cases("offline-message")]
    return [*golden.raws("offline-frame"), *whole]


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
        "json-canonical", strict_json, ("protocol.canonical.loads_canonical",), lambda: [b'{"a":[1,-2]}', *golden.raws("canonical-json")],
        limit=canonical.MAX_JSON_BYTES + 64, words=JSON_WORDS,
    ),
    Parser(
        "json-object", object_json, ("protocol.canonical.loads_object",), lambda: (b'{"a":1}', b"[]"),
        limit=canonical.MAX_JSON_BYTES + 64, words=JSON_WORDS,
    ),
    Parser("jwk", jwk, ("protocol.jose.PublicJwk.from_json",), lambda: [canonical.dumps(KEY.to_json()), canonical.dumps(HOLDER.public_jwk().to_json())]),
    Parser(
        "jws", jws, ("protocol.jose.parse_jws", "protocol.jose.kid_of", "protocol.jose.Jws.claims"),
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
        lambda: [*status_seeds(), *golden.raws("status-list")],
        limit=MAX_TOKEN_CHARS + 64, words=JSON_WORDS, bombs=packed_zeros,
    ),
    Parser(
        "show-code", show_code, ("protocol.show_code.parse_show_code", "protocol.show_code.verify_show_code"),
        lambda: [*golden.raws("show-code"), unbase45(golden.raws("show-code")[0][4:].decode())],
        limit=4096,
    ),
    Parser(
        "request-code", request_code, ("protocol.request_code.parse_request", "protocol.cose.parse"),
        lambda: [*golden.raws("request-code"), unbase45(golden.raws("request-code")[0][4:].decode())], limit=4096,
    ),
    Parser("offline-frame", offline_frame, ("protocol.offline.parse_frame",), frames_by_line, limit=64 << 10, words=(b"OF2:1/1:", b"\n")),
    Parser(
        "offline-message", offline_message, ("protocol.offline.open_message",), packed_presentations,
        errors=OURS, limit=64 << 10, bombs=unpacking_frames,
    ),
    Parser("revocation", revocation, ("protocol.revocations.parse_revocation",), lambda: golden.raws("revocation"), limit=1024, words=JSON_WORDS),
    signed("slip", "onefile-slip+jwt", parse_slip, verify_slip, log=ORIGIN),
    signed("rewrap", "onefile-rewrap+jwt", parse_rewrap, verify_rewrap, log=ORIGIN, dossier=dossier_urn(DOSSIER), item=b"\x05" * 32),
    signed("receipt", "onefile-receipt+jwt", parse_receipt, verify_receipt, log=ORIGIN, now=NOW),
    signed("statement", "onefile-statement+jwt", parse_statement, verify_statement, log=ORIGIN, now=NOW),
    signed("card-token", "onefile-card+jwt", parse_card_token, verify_card_token, agency=BANK_URN, now=NOW),
    Parser(
        "log-evidence", log_evidence,
        ("protocol.log_evidence.parse_log_evidence", "protocol.log_evidence.verify_log_evidence"),
        lambda: golden.raws("log-evidence"), limit=MAX_EVIDENCE_CHARS + 64, words=JSON_WORDS,
    ),
    signed("scenario", "onefile-scenario+jwt", parse_scenario, verify_scenario),
    Parser(
        "scenario-source", lambda data: scenario_from_json(lax_json(data)), ("protocol.scenario.scenario_from_json",),
        scenario_sources, words=JSON_WORDS,
    ),
    Parser(
        "dcql", lambda data: parse_query(lax_json(data)), ("protocol.dcql.parse_query", "protocol.dcql.parse_alternatives", "protocol.dcql.parse_path"),
        queries, words=JSON_WORDS,
    ),
)  # fmt: skip
