"""Vectors of keys, key rings and sealed objects."""

from __future__ import annotations

import json
from typing import Any

from protocol import canonical
from protocol.age_format import Stanza, raw_b64
from protocol.encoding import b64u, hex0x, unb64u
from protocol.hashing import sha256
from protocol.jose import P256Signer
from protocol.recipients import X25519Identity
from tests.vectors.book import Book, octets
from tests.vectors.judges import sealing
from tests.vectors.makers import seals
from tests.vectors.makers.seals import BANK, FILE_KEY, HOLDER, OFFICER, OTHER_KEY

# The entropy of BIP-39's second English vector (16 bytes 7f), in both word lists.
ENGLISH = "legal winner thank year wave sausage worth useful legal winner thank yellow"
CHINESE = "枪 疫 霉 尝 俩 闹 饿 贤 枪 疫 霉 卿"
ROOT = bytes(range(32))
OBJECT = json.loads((seals.FOLDER / "sealed_object.json").read_text(encoding="utf-8"))


def keys() -> Book:
    about = "phrase, language, index, or root: what follows from them at card sequence seq"
    book = Book("keys", about, sealing.keys)
    book.accept("an English phrase", phrase=ENGLISH, language="en", index=0, seq=1)
    book.also("a Chinese phrase of the same entropy", phrase=CHINESE, language="zh")
    book.also("the eighth dossier of the English phrase", index=7)
    book.also("the eighth dossier of the Chinese phrase", phrase=CHINESE, language="zh", index=7)
    book.also("a Chinese phrase without spaces", phrase=CHINESE.replace(" ", ""), language="zh")
    book.also("capitals and white space", phrase="  " + ENGLISH.title().replace(" ", " \n"))
    for seq in (0, 1, 2**32 - 1):
        book.accept(f"a root at card {seq}", root=b64u(ROOT), seq=seq)
    words = ENGLISH.split()
    for name, code, phrase in (
        ("the last word changed", "phrase", " ".join([*words[:-1], "zoo"])),
        ("two words swapped", "phrase", " ".join([words[1], words[0], *words[2:]])),
        ("a word of no list", "phrase", " ".join(["onefile", *words[1:]])),
        ("a word cut to four letters", "phrase", " ".join(["lega", *words[1:]])),
        ("eleven words", "phrase_words", " ".join(words[:-1])),
        ("thirteen words", "phrase_words", " ".join([*words, "about"])),
        ("no words", "phrase_words", ""),
        ("513 characters", "too_large", ENGLISH + " " * (513 - len(ENGLISH))),
    ):
        book.refuse(name, f"malformed:{code}", phrase=phrase)
    book.refuse("the other list", "malformed:phrase_words", language="zh")
    book.refuse("an unknown list", "malformed:phrase_language", language="fr")
    book.refuse("a negative index", "malformed:key_index", index=-1)
    book.refuse("an index of a hardened path", "malformed:key_index", index=2**31)
    book.refuse("a negative sequence", "malformed:key_index", seq=-1)
    book.refuse("a sequence of 33 bits", "malformed:key_index", seq=2**32)
    of = "a root at card 0"
    book.refuse("a root of 31 bytes", "malformed:secret_length", of=of, root=b64u(ROOT[1:]))
    book.refuse("a root of 33 bytes", "malformed:secret_length", of=of, root=b64u(ROOT + b"\x00"))
    return book


MEMBER = P256Signer.from_secret(bytes(31) + b"\x21").public_jwk()
RING: dict[str, Any] = {
    "v": 1,
    "dossier": hex0x(ROOT),
    "roots": [{"seq": 1, "root": b64u(b"r" * 32)}, {"seq": 4, "root": b64u(b"s" * 32)}],
    "tagKey": b64u(b"t" * 32),
    "revokeKey": b64u(b"k" * 32),
}


def ring_file(plain: bytes | None = None, **changes: Any) -> dict[str, str]:
    members = [seals.stanza(one, FILE_KEY) for one in (HOLDER, OFFICER)]
    raw = canonical.dumps({**RING, **changes}) if plain is None else plain
    return octets(seals.header(FILE_KEY, *members) + seals.payload(FILE_KEY, raw))


def key_ring() -> Book:
    book = Book("key-ring", "file: the ring, an age file; identity: a member's", sealing.key_ring)
    book.accept("two roots and two members", file=ring_file(), identity=HOLDER.unsafe_text())
    book.also("the other member", identity=OFFICER.unsafe_text())
    book.also("one root", file=ring_file(roots=RING["roots"][:1]))
    member = {"name": "手机", "sealing_key": b64u(seals.HOLDER.recipient().public), "present_jwk": MEMBER.to_json()}
    shared = {"v": 2, "n": 3, "members": [member]}
    book.also("version 2, with a number and a member", file=ring_file(**shared))
    for name, code, changes in (
        ("a ring without members", "ring_members", {"members": []}),
        ("number 0", "field_range", {"n": 0}),
        ("a member twice", "ring_member_twice", {"members": [member, {**member, "name": "b"}]}),
        ("33 members", "field_count", {"members": [member] * 33}),
        ("a member with a root", "field_unknown", {"members": [{**member, "root": "x"}]}),
        ("a sealing key of 32 bytes", "length", {"members": [{**member, "sealing_key": b64u(ROOT)}]}),
        ("a name that turns round", "member_name", {"members": [{**member, "name": "a\u202eb"}]}),
        ("members in version 1", "field_unknown", {"v": 1}),
    ):
        book.refuse(name, f"malformed:{code}", file=ring_file(**{**shared, **changes}))
    first, second = RING["roots"]
    for name, code, changes in (
        ("version 3", "field_range", {"v": 3}),
        ("version true", "field_type", {"v": True}),
        ("another member of the object", "field_unknown", {"w": 1}),
        ("a dossier of 31 bytes", "length", {"dossier": hex0x(ROOT[1:])}),
        ("a dossier in base64url", "hex", {"dossier": b64u(ROOT)}),
        ("no roots", "ring_roots", {"roots": []}),
        ("roots out of order", "ring_order", {"roots": [second, first]}),
        ("two roots for one card", "ring_order", {"roots": [first, {**second, "seq": 1}]}),
        ("a root of 31 bytes", "length", {"roots": [{**first, "root": b64u(b"r" * 31)}]}),
        ("a sequence of 33 bits", "field_range", {"roots": [{**first, "seq": 2**32}]}),
        ("a name beside a root", "field_unknown", {"roots": [{**first, "name": "a"}]}),
        ("a padded tag key", "base64url", {"tagKey": RING["tagKey"] + "="}),
        ("a revoke key of 33 bytes", "length", {"revokeKey": b64u(b"k" * 33)}),
    ):
        book.refuse(name, f"malformed:{code}", file=ring_file(**changes))
    missing = canonical.dumps({n: v for n, v in RING.items() if n != "tagKey"})
    book.refuse("no tag key", "malformed:field_missing", file=ring_file(missing))
    spaced = canonical.dumps(RING).replace(b",", b", ")
    book.refuse("spaces", "malformed:not_canonical", file=ring_file(spaced))
    book.refuse("no member", "denied:no_identity", identity=BANK.unsafe_text())
    book.refuse("a member of none", "denied:no_identity", identity=X25519Identity(ROOT).unsafe_text())
    good = seals.header(FILE_KEY, *[seals.stanza(one, FILE_KEY) for one in (HOLDER, OFFICER)])
    plain = seals.payload(FILE_KEY, canonical.dumps(RING))
    fewer = seals.header(FILE_KEY, seals.stanza(HOLDER, FILE_KEY))
    mixed = fewer[: fewer.index(b"--- ")] + good[good.index(b"--- ") :]
    book.refuse("a member left out of the header", "untrusted:age_header_mac", file=octets(mixed + plain))
    book.refuse("a changed plaintext", "untrusted:payload_chunk", file=octets(good + flipped(plain, 20)))
    return book


def flipped(data: bytes, at: int) -> bytes:
    """``data`` with one bit of byte ``at`` changed."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def sealed_object() -> Book:
    about = "header, payload: an age v1 file in two parts; identity: the reader's; payload_sha256: what is signed of it"
    book = Book("sealed-object", about, sealing.sealed_object)
    plain = seals.payload(FILE_KEY, b"a document")
    header = seals.header(FILE_KEY, seals.stanza(HOLDER, FILE_KEY))
    rest = {"payload": b64u(plain), "payload_sha256": b64u(sha256(plain))}
    book.accept("for its holder", header=octets(header), identity=HOLDER.unsafe_text(), **rest)
    bank = seals.header(FILE_KEY, seals.stanza(BANK, FILE_KEY))
    book.also("another header, for a bank", header=octets(bank), identity=BANK.unsafe_text())
    both = seals.header(FILE_KEY, seals.stanza(BANK, FILE_KEY), seals.stanza(HOLDER, FILE_KEY))
    book.also("one header for two", header=octets(both))
    grease = Stanza("grease", ("a", "b"), bytes(64))
    book.also("an unknown stanza", header=octets(seals.header(FILE_KEY, grease, seals.stanza(HOLDER, FILE_KEY))))
    book.also("no digest to compare", payload_sha256=None)
    empty = seals.payload(FILE_KEY, b"")
    book.also("nothing in it", payload=b64u(empty), payload_sha256=b64u(sha256(empty)))
    classic = X25519Identity(ROOT)
    stranger = seals.x25519_stanza(classic, FILE_KEY, b"e" * 32)
    book.also("for X25519", header=octets(seals.header(FILE_KEY, stranger)), identity=classic.unsafe_text())
    for reader in ("holder", "bank"):
        part = OBJECT[reader]
        digest = {"payload": OBJECT["payload"], "payload_sha256": OBJECT["payload_sha256"]}
        raw = octets(unb64u(part["header"]))
        book.accept(f"the first object ever kept, for the {reader}", header=raw, identity=part["identity"], **digest)
    refuse_headers(book, header, bank)
    refuse_payloads(book, plain)
    low = Stanza("X25519", (raw_b64(bytes(32)),), stranger.body)
    low_header = octets(seals.header(FILE_KEY, low))
    book.refuse("a share of low order", "malformed:age_low_order", of="for X25519", header=low_header)
    return book


def refuse_headers(book: Book, header: bytes, bank: bytes) -> None:
    """What is wrong with a header, or with who looks at it."""
    signed = header[: header.index(b" ", header.index(b"--- "))]
    mac = header.index(b"--- ") + 4
    share = seals.stanza(HOLDER, FILE_KEY).args[0]
    own = seals.stanza(HOLDER, FILE_KEY)

    def again(old: bytes, new: bytes) -> dict[str, str]:
        return octets(seals.signed_header(FILE_KEY, signed.replace(old, new, 1)))

    book.refuse("another reader", "denied:no_identity", identity=BANK.unsafe_text())
    book.refuse("the header of another reader", "denied:no_identity", header=octets(bank))
    swapped = seals.header(OTHER_KEY, seals.stanza(HOLDER, OTHER_KEY))
    book.refuse("the header of another object of this reader", "untrusted:payload_chunk", header=octets(swapped))
    other_mac = header[:mac] + bank[bank.index(b"--- ") + 4 :]
    book.refuse("another MAC", "untrusted:age_header_mac", header=octets(other_mac))
    added = header.replace(b"-> ", b"-> grease\n\n-> ", 1)
    book.refuse("a stanza added", "untrusted:age_header_mac", header=octets(added))
    lone = seals.signed_header(FILE_KEY, b"age-encryption.org/v1\n-> grease\n\n---")
    book.refuse("no stanza of ours", "denied:no_identity", header=octets(lone))
    for name, code, changed in (
        ("version 2", "age_header_version", again(b"/v1\n", b"/v2\n")),
        ("a carriage return", "age_header_version", again(b"/v1\n", b"/v1\r\n")),
        ("a share cut short", "length", again(share.encode(), share[:-4].encode())),
        ("two shares", "age_stanza_form", again(share.encode(), f"{share} {share}".encode())),
        ("a wrapped key of 31 bytes", "age_stanza_form", again(raw_b64(own.body).encode(), raw_b64(own.body[1:]).encode())),
        ("unused bits that are not zero", "age_base64", again(raw_b64(own.body).encode(), odd_base64(own.body))),
        ("a space at the end of a line", "age_stanza_argument", again(share.encode(), share.encode() + b" ")),
        ("a passphrase beside it", "age_scrypt_alone", again(b"-> ", b"-> scrypt AAAAAAAAAAAAAAAAAAAAAA 10\n" + b"A" * 43 + b"\n-> ")),
        ("no stanza", "age_stanza_count", octets(seals.signed_header(FILE_KEY, b"age-encryption.org/v1\n---"))),
        ("a MAC of 31 bytes", "age_header_end", octets(header[:mac] + header[mac:][:-2] + b"\n")),
        ("a line feed too many", "age_header_trailing", octets(header + b"\n")),
        ("cut off", "age_header_truncated", octets(header[:-1])),
        ("armor", "age_armored", octets(b"-----BEGIN AGE ENCRYPTED FILE-----\n" + header)),
        ("nothing", "age_header_truncated", octets(b"")),
    ):  # fmt: skip
        book.refuse(name, f"malformed:{code}", header=changed)


def odd_base64(data: bytes) -> bytes:
    """Unpadded base64 of ``data`` (two bytes more than a multiple of three) with a bit set that stands for nothing."""
    text = raw_b64(data)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return (text[:-1] + alphabet[alphabet.index(text[-1]) | 1]).encode()


def refuse_payloads(book: Book, plain: bytes) -> None:
    """What is wrong with a payload. Of payloads of several chunks the age test kit has its own vectors."""
    of = "no digest to compare"
    other = seals.payload(OTHER_KEY, b"a document")
    for name, expect, payload in (
        ("a changed bit", "untrusted:payload_chunk", flipped(plain, 20)),
        ("another nonce", "untrusted:payload_chunk", flipped(plain, 0)),
        ("a changed tag", "untrusted:payload_chunk", flipped(plain, -1)),
        ("a byte too many", "untrusted:payload_chunk", plain + b"\x00"),
        ("a byte too few", "untrusted:payload_chunk", plain[:-1]),
        ("another object's payload", "untrusted:payload_chunk", other),
        ("a chunk that is not the last", "malformed:payload_truncated", seals.payload(FILE_KEY, b"a document", last=False)),
        ("a nonce of 15 bytes", "malformed:payload_truncated", plain[:15]),
        ("a nonce alone", "malformed:payload_truncated", plain[:16]),
        ("a tag of 15 bytes", "malformed:payload_truncated", plain[:31]),
    ):  # fmt: skip
        book.refuse(name, expect, of=of, payload=b64u(payload))
    fresh = seals.payload(FILE_KEY, b"another document")
    book.refuse("another payload than the signed one", "untrusted:payload_digest", payload=b64u(fresh))
    book.refuse("another signed digest", "untrusted:payload_digest", payload_sha256=b64u(bytes(32)))


def books() -> list[Book]:
    """All of this module."""
    return [keys(), key_ring(), sealed_object()]
