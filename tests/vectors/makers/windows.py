"""Vectors of request codes and of presentations in frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocol.cose import signed_structure
from protocol.encoding import base45, hex0x, unbase45
from protocol.hashing import sha256
from protocol.offline import PIECE_BYTES, frames, pack
from protocol.recipients import X25519Identity
from protocol.request_code import PREFIX, RequestCode, sign_request
from tests.credential_samples import HOLDER, ISSUER
from tests.vectors.book import Book
from tests.vectors.judges import windows
from tests.vectors.makers import seals
from tests.vectors.makers.credentials import SHOWN
from tests.vectors.makers.packing import deflate
from tests.vectors.makers.seals import FILE_KEY
from tests.vectors.makers.signed import LOG, NOW, OTHER_LOG, jwk

WINDOW = X25519Identity(b"w" * 32)
ASKED = RequestCode(b"\xa1" * 20, 7, bytes(range(16)), NOW + 60, WINDOW.recipient().public, NOW, sha256(b"scenario"))


def cbor_uint(value: int) -> bytes:
    return (
        bytes([value])
        if value < 24
        else b"\x19" + value.to_bytes(2, "big")
        if value < 65_536
        else b"\x1a" + value.to_bytes(4, "big")
    )


def request_codes() -> Book:
    about = (
        "text: a window's request code by the agency's present key, for the log, at the wallet's now; digest: the EIP-712 "
        "digest of the grant that answers. The result has that grant's id and the match number"
    )
    book = Book("request-code", about, windows.request_code)
    text = sign_request(ASKED, ISSUER, origin=LOG)
    place = {"key": jwk(ISSUER), "log": LOG, "now": NOW, "digest": hex0x(sha256(b"digest"))}
    book.accept("desk 7", text=text, **place)
    book.also("desk 65,535", text=sign_request(replace(ASKED, desk=65_535), ISSUER, origin=LOG))
    book.also("in its last second", now=NOW + 59)
    book.also("five seconds early", now=NOW - 5)
    book.also("another grant has other digits", digest=hex0x(sha256(b"another digest")))
    book.refuse("another key", "untrusted:request_signature", key=jwk(HOLDER))
    book.refuse("another log", "untrusted:request_signature", log=OTHER_LOG)
    book.refuse("a minute later", "denied:request_expired", now=NOW + 60)
    book.refuse("six seconds early", "denied:request_expired", now=NOW - 6)
    book.refuse("no log in what is signed", "untrusted:request_signature", text=sign_request(ASKED, ISSUER, origin=""))
    refuse_spellings(book, text)
    refuse_payloads(book)
    return book


def refuse_spellings(book: Book, text: str) -> None:
    cose = unbase45(text[4:])
    for name, expect, raw in (
        ("a broken signature", "untrusted:request_signature", cose[:-1] + bytes([cose[-1] ^ 1])),
        ("another agency under this signature", "untrusted:request_signature", cose[:13] + b"\xa2" + cose[14:]),
        ("no tag", "malformed:request_code", cose[1:]),
        ("ES384", "malformed:request_code", cose.replace(bytes.fromhex("a10126"), bytes.fromhex("a10122"), 1)),
        ("a byte at the end", "malformed:request_code", cose + b"\x00"),
        ("cut off", "malformed:request_code", cose[:-1]),
    ):
        book.refuse(name, expect, text=PREFIX + base45(raw))
    book.refuse("a show code's prefix", "malformed:request_code", text="OF1:" + text[4:])
    book.refuse("lower case", "malformed:base45", text=PREFIX + text[4:].lower())


def refuse_payloads(book: Book) -> None:
    """Payloads that are well signed and still not ours."""

    def signed(*members: bytes, head: bytes = b"\xa7") -> str:
        payload = head + b"".join(bytes([key]) + member for key, member in enumerate(members, start=1))
        signature = ISSUER.sign(signed_structure(payload, LOG.encode()))
        start = bytes.fromhex("d28443a10126a058")
        return PREFIX + base45(start + bytes([len(payload)]) + payload + b"\x58\x40" + signature)

    agency, desk, nonce = b"\x54" + ASKED.agency, b"\x07", b"\x50" + ASKED.nonce
    exp, iat = cbor_uint(ASKED.exp), cbor_uint(ASKED.iat)
    sealing, scenario = b"\x58\x20" + ASKED.sealing, b"\x58\x20" + ASKED.scenario
    assert signed(agency, desk, nonce, exp, sealing, iat, scenario) == book.base()["input"]["text"]
    for name, code, text in (
        ("desk 0", "request_desk", signed(agency, b"\x00", nonce, exp, sealing, iat, scenario)),
        ("desk 65,536", "request_code", signed(agency, cbor_uint(65_536), nonce, exp, sealing, iat, scenario)),
        ("a desk by its name", "request_code", signed(agency, b"\x61A", nonce, exp, sealing, iat, scenario)),
        ("a desk written longer than it need be", "request_code", signed(agency, b"\x18\x07", nonce, exp, sealing, iat, scenario)),
        ("61 seconds", "request_time", signed(agency, desk, nonce, cbor_uint(NOW + 61), sealing, iat, scenario)),
        ("no lifetime", "request_time", signed(agency, desk, nonce, cbor_uint(NOW), sealing, iat, scenario)),
        ("a nonce of 15 bytes", "request_code", signed(agency, desk, b"\x4f" + ASKED.nonce[1:], exp, sealing, iat, scenario)),
        ("an account of 19 bytes", "request_code", signed(b"\x53" + ASKED.agency[1:], desk, nonce, exp, sealing, iat, scenario)),
        ("no key", "request_code", signed(agency, desk, nonce, exp, iat, scenario, head=b"\xa6")),
        ("an eighth member", "request_code", signed(agency, desk, nonce, exp, sealing, iat, scenario, b"\x00", head=b"\xa8")),
    ):  # fmt: skip
        book.refuse(name, f"malformed:{code}", text=text)


ONE_WAY = b"\x01" + deflate(pack(SHOWN))
SEALED = seals.header(FILE_KEY, seals.x25519_stanza(WINDOW, FILE_KEY, b"e" * 32))
TWO_WAYS = b"\x02" + SEALED + seals.payload(FILE_KEY, deflate(pack(SHOWN)))


def offline_frames() -> Book:
    about = "text: one frame of a presentation without network; the result is its place, its message, and its size"
    book = Book("offline-frame", about, windows.offline_frame)
    found = frames(TWO_WAYS)
    book.accept("the first", text=found[0])
    book.also("the last", text=found[-1])
    count = len(found)
    start = f"OF2:1/{count}:"
    raw = unbase45(found[0][len(start) :])
    last = f"OF2:{count}/{count}:"
    for name, of, code, text in (
        ("OF1", None, "offline_frame", found[0].replace("OF2", "OF1")),
        ("frame 0", None, "offline_frame", found[0].replace("1/", "0/", 1)),
        ("a leading zero", None, "offline_frame", found[0].replace("1/", "01/", 1)),
        ("a number beyond the last", None, "offline_frame", found[0].replace("1/", "9/", 1)),
        ("17 frames", None, "offline_frame", found[0].replace(start, "OF2:1/17:")),
        ("no count", None, "offline_frame", found[0].replace(f"/{count}", "")),
        ("lower case", None, "offline_frame", found[0].lower()),
        ("a line feed at the end", None, "offline_frame", found[0] + "\n"),
        ("a byte too few before the last", None, "offline_frame", start + base45(raw[:-1])),
        ("a byte too many", None, "offline_frame", start + base45(raw + b"\x00")),
        ("a group out of range", None, "base45", found[0][:-3] + ":::"),
        ("nothing of the message", "the last", "offline_frame", last + base45(raw[:4])),
        ("no message", "the last", "offline_frame", last),
    ):
        book.refuse(name, f"malformed:{code}", of=of, text=text)
    assert len(raw) == 4 + PIECE_BYTES
    return book


def offline_messages() -> Book:
    about = (
        "frames: as a camera sees them; window: the X25519 identity of the request that is answered, null for one way"
    )
    book = Book("offline-message", about, windows.offline_message)
    found = frames(TWO_WAYS)
    book.accept("two ways", frames=found, window=WINDOW.unsafe_text())
    book.also("in another order, one twice", frames=[found[1], *found[::-1]])
    book.also("after another person's first frame", frames=[frames(ONE_WAY)[0], *found])
    book.accept("one way", frames=frames(ONE_WAY), window=None)
    book.refuse("two ways where nobody asked", "malformed:offline_kind", window=None)
    book.refuse("one way where somebody asked", "malformed:offline_kind", of="one way", window=WINDOW.unsafe_text())
    book.refuse("another window", "denied:no_identity", window=X25519Identity(b"v" * 32).unsafe_text())
    book.refuse("a frame missing", "malformed:offline_missing", frames=found[1:])
    book.refuse("no frame", "malformed:offline_missing", frames=[])
    ident = sha256(TWO_WAYS)[:4]
    swapped = [
        f"OF2:{i}/{len(found)}:{base45(ident + piece)}"
        for i, piece in enumerate(pieces(TWO_WAYS[:-1] + b"\x00"), start=1)
    ]
    book.refuse("pieces of another message", "malformed:offline_frames", frames=swapped)
    flipped = bytearray(TWO_WAYS)
    flipped[-1] ^= 1
    book.refuse("a changed message", "untrusted:payload_chunk", frames=frames(bytes(flipped)))
    refuse_messages(book)
    return book


def pieces(message: bytes) -> list[bytes]:
    return [message[at : at + PIECE_BYTES] for at in range(0, len(message), PIECE_BYTES)]


def refuse_messages(book: Book) -> None:
    packed = pack(SHOWN)
    few = b"".join(len(part).to_bytes(2, "big") + part for part in (b"a", b"b", b"c", b"d", b"e"))
    rows: dict[str, tuple[str, Any]] = {
        "another kind": ("offline_kind", b"\x03" + ONE_WAY[1:]),
        "a kind alone": ("offline_message", ONE_WAY[:1]),
        "DEFLATE cut off": ("offline_message", ONE_WAY[:-2]),
        "something behind it": ("offline_message", ONE_WAY + b"\x00"),
        "zlib": ("offline_message", b"\x01\x78\x01" + deflate(packed)),
        "a part cut off": ("offline_message", b"\x01" + deflate(packed[:-1])),
        "a part too many, cut off": ("offline_message", b"\x01" + deflate(packed + b"\x00\x05a")),
        "five parts": ("offline_message", b"\x01" + deflate(few)),
        "129 parts": ("offline_message", b"\x01" + deflate(b"\x00\x01a" * 129)),
        "16,385 bytes": ("offline_message", b"\x01" + deflate(b"\x00\x00" * 8192 + b"\x00")),
        "a bomb": ("offline_message", b"\x01" + deflate(bytes(1 << 20))),
    }
    for name, (code, message) in rows.items():
        book.refuse(name, f"malformed:{code}", of="one way", frames=frames(message))


def books() -> list[Book]:
    """All of this module."""
    return [request_codes(), offline_frames(), offline_messages()]
