"""Vectors of encodings: base64url, base64, Base45, hex, Bech32 keys, canonical JSON, pointers, JWKs, digests."""

from __future__ import annotations

from typing import Any

from protocol import bech32
from protocol.encoding import b64, b64u, base45, hex0x, unb64u
from protocol.jose import P256Signer
from protocol.recipients import HybridIdentity, X25519Identity
from tests.vectors.book import Book, octets
from tests.vectors.judges import texts

BYTES = bytes(range(32))
HELLO = bytes.fromhex("fbefbe00ff")  # its base64 has every character that the two alphabets spell differently
KEY = P256Signer.from_secret(bytes(31) + b"\x02").public_jwk().to_json()


def refuse_texts(book: Book, code: str, rows: dict[str, Any], *, of: str | None = None) -> None:
    """One refused case for each text."""
    for name, text in rows.items():
        book.refuse(name, f"malformed:{code}", of=of, text=text)


def base64url() -> Book:
    book = Book("base64url", "text: unpadded base64url (RFC 4648 §5); length: its bytes, null for any", texts.base64url)
    text = b64u(BYTES)
    book.accept("32 bytes", text=text, length=32)
    book.also("nothing", text="", length=None)
    book.also("one byte", text="_w", length=None)
    book.also("five bytes", text=b64u(HELLO), length=None)
    rows = {
        "padding": text + "=",
        "a plus": text[:-1] + "+",
        "a slash": "/" + text[1:],
        "a space": " " + text,
        "a line feed at the end": text + "\n",
        "a full-width digit": "０" + text[1:],
        "unused bits that are not zero": text[:-1] + "9",
        "a number": 5,
        "null": None,
    }
    refuse_texts(book, "base64url", rows)
    refuse_texts(book, "base64url", {"one character": "A", "four unused bits that are not zero": "_x"}, of="one byte")
    book.refuse("31 bytes where 32 belong", "malformed:length", text=b64u(BYTES[1:]))
    book.refuse("32 bytes where 31 belong", "malformed:length", length=31)
    return book


def base64() -> Book:
    book = Book("base64", "text: padded standard base64, as C2SP notes have it; length as in base64url", texts.base64)
    text = b64(BYTES)
    book.accept("32 bytes", text=text, length=32)
    book.also("nothing", text="", length=None)
    book.also("five bytes", text=b64(HELLO), length=None)
    rows = {
        "no padding": text[:-1],
        "too much padding": text + "=",
        "a hyphen": "-" + text[1:],
        "an underscore": "_" + text[1:],
        "a space inside": text[:4] + " " + text[4:],
        "a line feed at the end": text + "\n",
        "unused bits that are not zero": text[:-2] + "9=",
        "padding in the middle": text[:2] + "==" + text[2:],
        "a letter outside ASCII": "é" + text[1:],
        "a number": 5,
    }
    refuse_texts(book, "base64", rows)
    book.refuse("31 bytes where 32 belong", "malformed:length", text=b64(BYTES[1:]))
    return book


def base45_book() -> Book:
    book = Book("base45", "text: Base45 (RFC 9285)", texts.base45)
    text = base45(b"Hello!!")
    book.accept("seven bytes", text=text)
    book.also("the example of RFC 9285", text="QED8WEX0")
    book.also("nothing", text="")
    book.also("the greatest groups", text=base45(b"\xff\xff\xff"))
    rows = {
        "a lower-case letter": text[:1] + text[1:].lower(),
        "a comma": "," + text[1:],
        "an underscore": "_" + text[1:],
        "a line feed at the end": text + "\n",
        "one character too many": text + "0" * ((1 - len(text)) % 3 or 3),
        "three characters above their range": "GGX" + text[3:],
        "the greatest three characters": ":::" + text[3:],
        "a letter outside ASCII": "É" + text[1:],
        "a full-width digit": "０" + text[1:],
        "null": None,
    }
    refuse_texts(book, "base45", rows)
    refuse_texts(book, "base45", {"two characters above their range": "FGWU6"}, of="the greatest groups")
    return book


def hex_text() -> Book:
    book = Book("hex", "text: 0x and lower-case hex; length: its bytes, null for any", texts.hex_text)
    text = hex0x(BYTES)
    book.accept("32 bytes", text=text, length=32)
    book.also("nothing", text="0x", length=None)
    rows = {
        "upper case": "0x" + text[2:].upper(),
        "0X": "0X" + text[2:],
        "no 0x": text[2:],
        "an odd digit": text[:-1],
        "a letter beyond f": text[:-1] + "g",
        "a space": text + " ",
        "a line feed at the end": text + "\n",
        "a minus": "-" + text,
        "a full-width digit": text[:-1] + "０",
        "a number": 0x20,
    }
    refuse_texts(book, "hex", rows)
    book.refuse("31 bytes where 32 belong", "malformed:length", text=hex0x(BYTES[1:]))
    book.refuse("33 bytes where 32 belong", "malformed:length", text=hex0x(BYTES + b"\x00"))
    return book


def canonical_json() -> Book:
    book = Book("canonical-json", "raw: RFC 8785 of an object of ours; the result is its value", texts.canonical_json)
    nested = '{"a":' * 23 + "{}" + "}" * 23
    good = '{"a":["é",null,-5,true],"b":"\\n","c":9007199254740991}'
    book.accept("strings, integers, booleans and null", raw=octets(good.encode()))
    book.also("keys in the order of UTF-16", raw=octets('{"\U0001f600":1,"\uffff":2}'.encode()))
    book.also("nested 24 deep", raw=octets(nested.encode()))
    book.also("a bracket in a string is no depth", raw=octets(('{"a":"' + "[" * 99 + '"}').encode()))
    book.also("20,000 commas and brackets", raw=octets(('{"a":"' + "," * 19_999 + '"}').encode()))
    for name, code, raw in (
        ("20,001 commas and brackets", "json_parts", '{"a":"' + "," * 20_000 + '"}'),
        ("a space", "not_canonical", good.replace(",", ", ")),
        ("keys out of order", "not_canonical", '{"b":"\\n","a":["é",null,-5,true],"c":9007199254740991}'),
        ("an escape that is not needed", "not_canonical", good.replace("é", "\\u00e9")),
        ("a line feed at the end", "not_canonical", good + "\n"),
        ("minus zero", "not_canonical", good.replace("-5", "-0")),
        ("a decimal point", "json", good.replace("-5", "-5.0")),
        ("an exponent", "json", good.replace("-5", "5e1")),
        ("a leading zero", "json", good.replace("-5", "05")),
        ("NaN", "json", good.replace("-5", "NaN")),
        ("2^53", "json_integer", good.replace("9007199254740991", "9007199254740992")),
        ("a key twice", "json", good.replace('"b"', '"a"')),
        ("a lone surrogate", "json_text", good.replace("é", "\\ud800")),
        ("a comma at the end", "json", good.replace("}", ",}")),
        ("a list", "json_object", "[" + good + "]"),
        ("a control character", "json", good.replace("\\n", "\n")),
        ("cut off", "json", good[:-1]),
        ("nothing", "json", ""),
    ):
        book.refuse(name, f"malformed:{code}", raw=octets(raw.encode()))
    book.refuse("a byte order mark", "malformed:json", raw=octets(b"\xef\xbb\xbf" + good.encode()))
    book.refuse("no UTF-8", "malformed:json", raw=octets(good.encode().replace("é".encode(), b"\xe9")))
    book.refuse(
        "nested 25 deep", "malformed:json_depth", of="nested 24 deep", raw=octets(('{"a":' + nested + "}").encode())
    )
    return book


def pointer() -> Book:
    book = Book("pointer", "text: an RFC 6901 pointer of at least one token; the result is its tokens", texts.pointer)
    book.accept("two tokens", text="/holder/name")
    book.also("escapes", text="/a~1b/~0")
    book.also("an empty token", text="/")
    book.also("512 characters", text="/" + "a" * 511)
    rows = {
        "nothing": "",
        "no slash": "holder/name",
        "a fragment": "#/holder/name",
        "a space before it": " /holder/name",
        "a tilde at the end": "/holder/name~",
        "an unknown escape": "/holder/~2name",
        "a tilde before a slash": "/holder~/name",
        "513 characters": "/" + "a" * 512,
        "a list": ["holder", "name"],
        "null": None,
    }
    refuse_texts(book, "pointer", rows)
    return book


def jwk() -> Book:
    book = Book("jwk", "jwk: a P-256 public key; the result is its RFC 7638 SHA-256 thumbprint", texts.jwk)
    book.accept("a key", jwk=KEY)
    book.also("another key", jwk=P256Signer.from_secret(BYTES).public_jwk().to_json())
    y = int.from_bytes(BYTES, "big")
    for name, code, change in (
        ("a private key", "jwk", {"d": b64u(BYTES)}),
        ("an algorithm", "jwk", {"alg": "ES256"}),
        ("another curve", "jwk", {"crv": "P-384"}),
        ("kty in lower case", "jwk", {"kty": "ec"}),
        ("another kty", "jwk", {"kty": "OKP"}),
        ("a short coordinate", "length", {"x": b64u(unb64u(KEY["x"])[1:])}),
        ("a padded coordinate", "base64url", {"x": KEY["x"] + "="}),
        ("a coordinate as a number", "base64url", {"y": y}),
        ("no point of the curve", "jwk_point", {"y": KEY["x"]}),
        ("a coordinate beyond the field", "jwk_point", {"x": b64u(b"\xff" * 32)}),
        ("the point at infinity", "jwk_point", {"x": b64u(bytes(32)), "y": b64u(bytes(32))}),
    ):
        book.refuse(name, f"malformed:{code}", jwk={**KEY, **change})
    book.refuse("no y", "malformed:jwk", jwk={n: v for n, v in KEY.items() if n != "y"})
    book.refuse("a list", "malformed:jwk", jwk=[KEY])
    return book


def bent_bech32(text: str) -> dict[str, tuple[str, str]]:
    """What can be wrong with a Bech32 text, whatever it is of."""
    last = "q" if text[-1] != "q" else "p"
    return {
        "a changed character": ("bech32_checksum", text[:-1] + last),
        "a mixed case": ("bech32_case", text[:-1] + text[-1].swapcase() if text[-1].isalpha() else text[:-1] + "Q"),
        "a character outside Bech32": ("bech32_character", text[:-1] + "b"),
        "a space at the end": ("bech32_character", text + " "),
        "a letter outside ASCII": ("bech32_case", text + "\u212a"),
        "no checksum": ("bech32_checksum", text.rpartition("1")[0] + "1"),
        "another prefix": ("bech32_prefix", "b" + text[1:]),
        "no separator": ("bech32_prefix", text.replace("1", "")),
    }


def odd_bech32(hrp: str, data: bytes) -> str:
    """``data`` of a length that leaves padding bits, with one of them set."""
    values = bech32._regroup(data, 8, 5)
    values[-1] |= 1
    return hrp + "1" + "".join(bech32._CHARSET[v] for v in values + bech32._checksum(hrp, values))


def recipient() -> Book:
    about = "text: an age recipient, age1pq1… or age1…; the result is its kind and the SHA-256 of its key"
    book = Book("age-recipient", about, texts.recipient)
    classic = X25519Identity(BYTES).recipient()
    book.accept("X25519", text=str(classic))
    book.also("X25519 in upper case", text=str(classic).upper())
    hybrid = HybridIdentity(BYTES).recipient()
    book.also("ML-KEM-768 with X25519", text=str(hybrid))
    for name, (code, text) in bent_bech32(str(classic)).items():
        book.refuse(name, f"malformed:{code}", text=text)
    book.refuse("31 bytes", "malformed:length", text=bech32.encode("age", classic.public[1:]))
    book.refuse("padding bits that are not zero", "malformed:bech32_padding", text=odd_bech32("age", classic.public))
    of = "ML-KEM-768 with X25519"
    book.refuse(
        "a hybrid key cut short", "malformed:length", of=of, text=bech32.encode("age1pq"[:6], hybrid.public[1:])
    )
    beyond = b"\xff\xff" + hybrid.public[2:]
    book.refuse("a coefficient beyond 3,328", "malformed:recipient_mlkem", of=of, text=bech32.encode("age1pq", beyond))
    return book


def identity() -> Book:
    about = "text: an age identity, AGE-SECRET-KEY-PQ-1… or AGE-SECRET-KEY-1…; the result is its recipient"
    book = Book("age-identity", about, texts.identity)
    book.accept("ML-KEM-768 with X25519", text=HybridIdentity(BYTES).unsafe_text())
    book.also("X25519", text=X25519Identity(BYTES).unsafe_text())
    book.also("in lower case", text=X25519Identity(BYTES).unsafe_text().lower())
    for name, (code, text) in bent_bech32(HybridIdentity(BYTES).unsafe_text().lower()).items():
        book.refuse(name, f"malformed:{code}", text=text)
    hrp = "age-secret-key-pq-"
    book.refuse("31 bytes", "malformed:length", text=bech32.encode(hrp, BYTES[1:]))
    book.refuse("33 bytes", "malformed:length", text=bech32.encode(hrp, BYTES + b"\x00"))
    book.refuse("padding bits that are not zero", "malformed:bech32_padding", text=odd_bech32(hrp, BYTES))
    return book


def content_digest() -> Book:
    about = "text: a Content-Digest field (RFC 9530) with one SHA-256; the result is that digest"
    book = Book("content-digest", about, texts.content_digest)
    good = f"sha-256=:{b64(BYTES)}:"
    book.accept("SHA-256", text=good)
    for name, code, text in (
        ("no colons", "content_digest", good.replace(":", "")),
        ("one colon", "content_digest", good[:-1]),
        ("an upper-case name", "content_digest", good.replace("sha", "SHA")),
        ("SHA-512", "content_digest", good.replace("256", "512")),
        ("two digests", "base64", good + ", " + good),
        ("a parameter", "content_digest", good + ";a"),
        ("base64url", "base64", f"sha-256=:{b64u(bytes([255]) * 32)}=:"),
        ("no padding", "base64", good.replace("=:", ":").replace("sha-256:", "sha-256=:")),
        ("31 bytes", "length", f"sha-256=:{b64(BYTES[1:])}:"),
        ("hex", "content_digest", "sha-256=" + BYTES.hex()),
        ("nothing", "content_digest", ""),
        ("null", "content_digest", None),
    ):
        book.refuse(name, f"malformed:{code}", text=text)
    return book


def books() -> list[Book]:
    """All of this module."""
    made = (base64url, base64, base45_book, hex_text, canonical_json, pointer, jwk, recipient, identity, content_digest)
    return [make() for make in made]
