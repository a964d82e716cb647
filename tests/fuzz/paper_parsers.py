"""Parsers of what comes on paper or as a PDF: links, statements, stamps; documents to stamp and copies to compare."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from functools import cache

from agency_cli.services.pdf_copy import count_pages, with_strips
from agency_cli.services.pdf_signing import Signer, sign_pdf, whole_signature
from protocol.encoding import b64u, base45
from protocol.packed import jws_of, jws_parts, pack, unpack
from protocol.paper import MAX_DIGITS, PAPER_TYP, paper_in_link, parse_paper, verify_paper
from protocol.stamp import MAX_CODE_CHARS, Particulars, Stamp, parse_stamp, stamp_code
from protocol.statements import Statement, parse_statement, sign_statement
from scripts.samples import made_pdf
from tests.credential_samples import BANK_URN, ISSUER_URN
from tests.fuzz.parser import OURS, Parser, text
from tests.fuzz.wrapping import SIGNER, as_jws
from tests.log_samples import ORIGIN

NOW = 1_790_001_000
PDF_WORDS = (b"/Pages", b"/Count", b"/Kids", b"/Parent", b"/MediaBox", b"/Type", b" 0 R", b"obj", b"endobj", b"xref", b"trailer")
PARTICULARS = Particulars(bytes(16), "贷款审查", NOW + 9, b"\x07" * 32, 1234, 2)


def link(data: bytes) -> None:
    """The text behind a ``#``; one that begins with ``#`` holds the bytes to be packed."""
    said = text(data) if data[:1] != b"#" else _digits(b"\x01" + _deflated(data[1:700]))
    raw = paper_in_link(said)
    assert jws_of(jws_parts(raw)) == raw


def statement(data: bytes) -> None:
    raw = as_jws(data, PAPER_TYP)
    parse_paper(raw)
    try:
        verify_paper(raw, SIGNER.public_jwk(), log=ORIGIN, now=NOW)
    except OURS:
        return


def stamp(data: bytes) -> None:
    said = text(data) if data.startswith(b"OFS:") else "OFS:" + base45(_deflated(data[:900]))
    found = parse_stamp(said)
    assert parse_stamp(stamp_code(found)) == found


def particulars(data: bytes) -> None:
    assert Particulars.parse(data).serialise() == data


def packed(data: bytes) -> None:
    parts = unpack(data, 3)
    assert unpack(pack(parts), 3) == parts


def _digits(raw: bytes) -> str:
    return str(int.from_bytes(raw[: MAX_DIGITS // 3], "big"))


def _deflated(raw: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(raw) + packer.flush()


def _paper() -> bytes:
    account = ISSUER_URN.rpartition(":")[2]
    return (
        f'{{"aud":"paper","claims":{{"/holder/name":"x","/n":3,"/v":true}},"exp":{NOW + 9},"iat":{NOW},"iss":"{ISSUER_URN}",'
        f'"log":"{ORIGIN}","status":{{"idx":7,"uri":"urn:onefile:status:{account}:0"}},"vct":"urn:onefile:licence:diploma:1"}}'
    ).encode()


def _joined(parts: Sequence[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def _links() -> list[bytes]:
    parts = jws_parts(as_jws(_paper(), PAPER_TYP).decode())
    return [_digits(b"\x01" + pack(parts)).encode(), b"#" + _joined(parts), b"https://vault.example/paper#12"]


def _stamps() -> list[bytes]:
    said = Statement(b64u(bytes(16)), NOW, BANK_URN, ORIGIN, "stamp", about=bytes(32), text=PARTICULARS.text())
    made = Stamp(parse_statement(sign_statement(said, SIGNER)), PARTICULARS, bytes(32), 41)
    tail = made.salt + (41).to_bytes(8, "big")
    parts = [*jws_parts(made.statement.raw), PARTICULARS.serialise(), tail]
    return [stamp_code(made).encode(), _joined(parts)]


@cache
def _pdfs() -> list[bytes]:
    plain = made_pdf("SAMPLE", pages=2)
    writer = with_strips(plain, lambda _width, _height: made_pdf("strip", pages=1))
    signer = Signer("bank", BANK_URN, SIGNER, NOW)
    return [plain, sign_pdf(writer, signer, reason="x", field="f"), b"%PDF-1.7\ntrailer<</Root 1 0 R>>"]


@cache
def _signed_pdfs() -> list[bytes]:
    """As small as a signed PDF can be: of one page, and without strips, which are nothing to its signature."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    plain = made_pdf("SAMPLE", pages=1)
    signer = Signer("bank", BANK_URN, SIGNER, NOW)
    signed = sign_pdf(IncrementalPdfFileWriter(io.BytesIO(plain)), signer, reason="x", field="f")
    return [signed, plain, b"%PDF-1.7\ntrailer<</Root 1 0 R>>"]


def dear_pdfs() -> Sequence[bytes]:
    """Objects that unpack to much, a page tree that goes round, cross references that go back to themselves."""
    plain = _pdfs()[0]
    zeros = zlib.compress(bytes(64 << 20), 9)
    stream = b"9 0 obj<</Type/ObjStm/N 9/First 9/Filter/FlateDecode/Length %d>>stream\n" % len(zeros)
    table = b"10 0 obj<</Type/XRef/Size 11/W[1 4 2]/Root 1 0 R/Filter/FlateDecode/Length %d>>stream\n" % len(zeros)
    start = len(plain)
    return [
        plain + stream + zeros + b"\nendstream endobj\n" + plain[plain.rindex(b"startxref") :],
        plain + table + zeros + b"\nendstream endobj\nstartxref\n%d\n%%%%EOF" % start,
        plain.replace(b"/Parent", b"/Kids [ 5 0 R ] /P"),
        plain.replace(b"/Count 2", b"/Count 500"),
        plain.replace(b"trailer\n<<", b"trailer\n<< /Prev %d" % plain.rindex(b"xref\n", 0, plain.rindex(b"startxref"))),
        b"%PDF-1.7\n" + b"[" * 200_000,
        b"%PDF-1.7\n" + b"1 0 obj<</A 1 0 R>>endobj\n" * 8000 + b"xref\n0 8000\n" + b"0000000009 00000 n \n" * 8000
        + b"trailer<</Root 1 0 R/Size 8000>>\nstartxref\n208009\n%%EOF",
    ]  # fmt: skip


PARSERS = (
    Parser(
        "paper-link", link, ("protocol.paper.paper_in_link", "protocol.packed.unpack"), _links,
        limit=MAX_DIGITS + 99, bombs=lambda: [b"9" * MAX_DIGITS, _digits(b"\x01" + _deflated(bytes(1 << 19))).encode()],
    ),
    Parser("paper-parts", packed, ("protocol.packed.unpack",), lambda: [pack([b"a", b"", b"c"])], bombs=lambda: [_deflated(bytes(64 << 20))]),
    Parser("paper-statement", statement, ("protocol.paper.parse_paper", "protocol.paper.verify_paper"), lambda: [_paper()], limit=8 << 10),
    Parser("stamp-code", stamp, ("protocol.stamp.parse_stamp",), _stamps, errors=OURS, limit=MAX_CODE_CHARS + 64),
    Parser("stamp-particulars", particulars, ("protocol.stamp.Particulars.parse",), lambda: [PARTICULARS.serialise()], limit=4096),
    Parser(
        "pdf-document", count_pages, ("agency_cli.services.pdf_copy.count_pages",), _pdfs,
        limit=1 << 18, words=PDF_WORDS, bombs=dear_pdfs,
    ),
    Parser(
        "pdf-signature", whole_signature, ("agency_cli.services.pdf_signing.whole_signature",), _signed_pdfs,
        errors=OURS, limit=1 << 18, words=PDF_WORDS, bombs=dear_pdfs,
    ),
)  # fmt: skip
