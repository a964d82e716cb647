"""Parsers of sealed objects and of the keys that open them: age, Bech32, key rings, parcels, mnemonics."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

from agency_cli.services.parcels import open_parcel
from protocol import canonical, envelope
from protocol.age_format import MAX_HEADER_BYTES, parse_header, parse_whole_header, read_header, signed_part
from protocol.bech32 import MAX_BECH32_CHARS
from protocol.errors import Malformed
from protocol.joining import MAX_REQUEST_CHARS, open_answer, parse_request, write_request
from protocol.keyring import MAX_RING_BYTES, KeyRing, RingMember, RingRoot, open_ring
from protocol.keys import LANGUAGES, MAX_PHRASE_CHARS, Mnemonic, RevokeKey, Root, TagKey
from protocol.parcel import MAX_PARCEL_BYTES, Parcel, ParcelDocument, ParcelItem
from protocol.recipients import (
    HybridIdentity,
    Passphrase,
    ScryptIdentity,
    parse_identity,
    parse_recipient,
)
from protocol.stream import FileKey, decrypt_stream
from tests.fuzz import golden, wrapping
from tests.fuzz.parser import OURS, Parser, lax_json, text
from tests.strangers import SHARED

HYBRID = HybridIdentity(b"\x05" * 32)
MEMBER = RingMember.of("手机", Root(b"\x08" * 32))
JSON_WORDS = (b"name", b"sealing_key", b"present_jwk", b"P-256", b"{}", b"null")
CHEAP = ScryptIdentity(Passphrase("correct horse"), max_log_n=4)
STANZAS = (b"-> ", b"X25519", b"scrypt", b"mlkem768x25519", b"--- ", b"age-encryption.org/v1\n", b"\n", b"-> x\n\n")
WORDS = (
    b"legal winner thank year wave sausage worth useful legal winner thank yellow",
    b"zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
    "的 的 的 的 的 的 的 的 的 的 的 在".encode(),
    "的的的的的的的的的的的在".encode(),
)


def age_files() -> list[bytes]:
    """Small files: our own golden one, and the published test kit where it lies beside the project."""
    seeds = [wrapping.sealed(b"hello"), wrapping.sealed(b""), *golden.raws("sealed-object", "header")]
    for path in sorted((SHARED / "vectors" / "age").glob("*")):
        raw = path.read_bytes()
        body = raw.split(b"\n\n", 1)[1]
        if len(body) < 8192 and b"compressed" not in raw.split(b"\n\n", 1)[0]:
            seeds.append(body)
    return seeds


def age_headers() -> list[bytes]:
    found = []
    for raw in age_files():
        try:
            found.append(raw[: parse_header(raw)[1]])
        except Malformed:
            found.append(raw[:4096])
    return found


def header(data: bytes) -> None:
    parsed, length = parse_header(data)
    assert parsed.serialise() == data[:length]
    assert signed_part(data[:length]) == data[: length - 45]


def whole_header(data: bytes) -> None:
    assert parse_whole_header(data).serialise() == data


def streamed_header(data: bytes) -> None:
    stream = io.BytesIO(data)
    found = read_header(stream)
    assert data.startswith(found)
    assert stream.tell() == len(found)


def opened(data: bytes) -> None:
    envelope.open_file(io.BytesIO(data), io.BytesIO(), [CHEAP, HYBRID, wrapping.READER])


def joined(data: bytes) -> None:
    envelope.open_joined(data, [CHEAP, HYBRID, wrapping.READER])


def payload(data: bytes) -> None:
    decrypt_stream(FileKey(wrapping.FILE_KEY), io.BytesIO(data), io.BytesIO())


def payloads() -> list[bytes]:
    header_bytes = len(wrapping.sealed(b"")) - 32
    whole = [wrapping.sealed(bytes(size))[header_bytes:] for size in (0, 1, 100)]
    return [*whole, whole[1][:-1], whole[0] + b"\0"]


def recipient(data: bytes) -> None:
    found = parse_recipient(text(data))
    assert str(found) == text(data).lower()


def identity(data: bytes) -> None:
    found = parse_identity(text(data))
    assert found.unsafe_text() == text(data).upper()


def ring(data: bytes) -> None:
    assert KeyRing.parse(data).serialise() == data


def sealed_ring(data: bytes) -> None:
    open_ring(data if data.startswith(b"age-") else wrapping.sealed(data), [wrapping.READER])


def join_request(data: bytes) -> None:
    member = parse_request(text(data))
    assert write_request(member) == text(data)


def ring_member(data: bytes) -> None:
    RingMember.from_json(lax_json(data))


def join_answer(data: bytes) -> None:
    open_answer(data if data.startswith(b"age-") else wrapping.sealed(data), [wrapping.READER])


def parcel(data: bytes) -> None:
    assert Parcel.parse(data).serialise() == data


def sealed_parcel(data: bytes) -> None:
    open_parcel(data if data.startswith(b"age-") else wrapping.sealed(data), [wrapping.READER])


def mnemonic(data: bytes) -> None:
    said = text(data)
    for language in (*LANGUAGES, "fr"):
        try:
            Mnemonic(said, language)
        except Malformed as error:
            refused = error
    raise refused


def rings() -> list[bytes]:
    roots = tuple(RingRoot(seq, Root(bytes([seq]) * 32)) for seq in (1, 4))
    first = KeyRing(b"\x44" * 32, roots, TagKey(b"\x01" * 32), RevokeKey(b"\x02" * 32))
    return [first.serialise(), replace(first, n=2, members=(MEMBER,)).serialise()]


def members() -> list[bytes]:
    return [canonical.dumps(MEMBER.to_json())]


def join_requests() -> list[bytes]:
    return [write_request(MEMBER).encode()]


def join_answers() -> list[bytes]:
    ring = rings()[1].decode()
    return [canonical.dumps({"v": 1, "ring": ring, "party": "{}", "deployment": "{}"})]


def parcels() -> list[bytes]:
    document = ParcelDocument("证明.pdf", b"\x03" * 32)
    item = ParcelItem("e30.e30.AA", b"\x01" * 32, b"\x02" * 32, "c2sp.org/tlog-proof@v1", "a~b~", (document,))
    granted = Parcel(b"\x05" * 32, None, (item,), {"v": 1}, None, b"\x06" * 32)
    shown = Parcel(None, b"\x05" * 16, (item, item), {"v": 1}, {"v": 1}, b"\x06" * 32)
    return [granted.serialise(), shown.serialise(), *golden.raws("parcel")]


def keys() -> list[bytes]:
    x25519, public = wrapping.READER, str(wrapping.READER.recipient())
    secret = (HYBRID.unsafe_text(), HYBRID.unsafe_text().lower(), x25519.unsafe_text())
    ours = [name.encode() for name in (str(HYBRID.recipient()), public, public.upper(), *secret)]
    return [*ours, *golden.raws("age-recipient"), *golden.raws("age-identity")]


def many_stanzas() -> Sequence[bytes]:
    """Headers as large as they may be: of many stanzas, of unknown ones with all their arguments, of our own kind."""
    version, end = b"age-encryption.org/v1\n", b"--- " + b"A" * 43 + b"\n"
    share = age_headers()[0].split(b"\n", 1)[1].rsplit(b"--- ", 1)[0]
    arguments = b"-> x" + b" a" * 15 + b"\n" + (b"A" * 64 + b"\n") * 20 + b"\n"
    return [version + share * 128 + end, version + arguments * 128 + end, version + b"-> x\n\n" * 40_000 + end]


PARSERS = (
    Parser(
        "age-header", header, ("protocol.age_format.parse_header",), age_headers,
        limit=MAX_HEADER_BYTES + 64, words=STANZAS, bombs=many_stanzas,
    ),
    Parser(
        "age-whole-header", whole_header, ("protocol.age_format.parse_whole_header",), age_headers,
        limit=MAX_HEADER_BYTES + 64, words=STANZAS, bombs=many_stanzas,
    ),
    Parser(
        "age-header-stream", streamed_header, ("protocol.age_format.read_header",), age_files,
        limit=MAX_HEADER_BYTES + 64, words=STANZAS, bombs=many_stanzas,
    ),
    Parser(
        "age-file", opened, ("protocol.envelope.open_file", "protocol.envelope.open_stream"), age_files,
        errors=OURS, limit=MAX_HEADER_BYTES + 4096, words=STANZAS, bombs=many_stanzas,
    ),
    Parser(
        "age-joined", joined, ("protocol.envelope.open_joined",), age_files,
        errors=OURS, limit=MAX_HEADER_BYTES + 4096, words=STANZAS, bombs=many_stanzas,
    ),
    Parser("age-payload", payload, ("protocol.stream.decrypt_stream",), payloads, errors=OURS, limit=1 << 20),
    Parser(
        "age-recipient", recipient,
        (
            "protocol.recipients.parse_recipient", "protocol.bech32.decode",
            "protocol.recipients.HybridRecipient.parse", "protocol.recipients.X25519Recipient.parse",
        ),
        keys, limit=MAX_BECH32_CHARS + 64, words=(b"age1pq1", b"age1"),
    ),
    Parser(
        "age-identity", identity,
        (
            "protocol.recipients.parse_identity", "protocol.recipients.HybridIdentity.parse",
            "protocol.recipients.X25519Identity.parse",
        ),
        keys, limit=MAX_BECH32_CHARS + 64, words=(b"AGE-SECRET-KEY-PQ-1", b"AGE-SECRET-KEY-1"),
    ),
    Parser("key-ring", ring, ("protocol.keyring.KeyRing.parse",), rings, limit=MAX_RING_BYTES + 64),
    Parser(
        "key-ring-file", sealed_ring, ("protocol.keyring.open_ring",), rings,
        errors=OURS, limit=MAX_HEADER_BYTES + MAX_RING_BYTES,
    ),
    Parser("join-request", join_request, ("protocol.joining.parse_request",), join_requests, limit=MAX_REQUEST_CHARS + 64),
    Parser(
        "ring-member", ring_member, ("protocol.keyring.RingMember.from_json",), members, words=JSON_WORDS, limit=8 << 10,
    ),
    Parser(
        "join-answer", join_answer, ("protocol.joining.open_answer",), join_answers,
        errors=OURS, limit=MAX_HEADER_BYTES + 2 * MAX_RING_BYTES,
    ),
    Parser("parcel", parcel, ("protocol.parcel.Parcel.parse",), parcels, limit=MAX_PARCEL_BYTES + 64),
    Parser(
        "parcel-file", sealed_parcel, ("agency_cli.services.parcels.open_parcel",), parcels,
        errors=OURS, limit=MAX_HEADER_BYTES + MAX_PARCEL_BYTES,
    ),
    Parser("mnemonic", mnemonic, ("protocol.keys.Mnemonic.__init__",), lambda: WORDS, limit=4 * MAX_PHRASE_CHARS + 64),
)  # fmt: skip
