"""Vectors of the log as a whole: verifier keys, checkpoints, growth, proofs, anchored heads."""

from __future__ import annotations

import base64
from typing import Any

from protocol.encoding import b64, b64u
from protocol.hashing import ZERO32
from protocol.merkle import consistency_proof, inclusion_proof, leaf_hashes, root, tree_levels
from protocol.note import Checkpoint, Vkey, sign_checkpoint, sign_note
from protocol.note_signer import Ed25519NoteSigner
from protocol.tlog_proof import TlogProof
from tests.vectors.book import Book, octets
from tests.vectors.judges import logs
from tests.vectors.makers.logs import ENTRIES, LOG, ORIGIN

OTHER = Ed25519NoteSigner(ORIGIN, bytes(32))
WITNESS = Ed25519NoteSigner("witness.example/w1", bytes(32))
HASHES = leaf_hashes(ENTRIES)
LEVELS = tree_levels(HASHES)
HEAD = Checkpoint(ORIGIN, len(ENTRIES), root(HASHES))
NOTE = sign_checkpoint(HEAD, LOG)
PLACE = {"origin": ORIGIN, "vkey": str(LOG.vkey)}


def node(level: int, index: int) -> bytes:
    return LEVELS[level][index]


def head(size: int, signer: Ed25519NoteSigner = LOG) -> bytes:
    return sign_checkpoint(Checkpoint(ORIGIN, size, root(HASHES[:size])), signer)


def proof(index: int, size: int = len(ENTRIES), extra: bytes | None = None) -> bytes:
    """The tlog-proof of one of the entries under the head of ``size``."""
    return TlogProof(index, tuple(inclusion_proof(index, size, node)), head(size), extra).serialise()


def growing(first: int, second: int) -> list[str]:
    return [b64(one) for one in consistency_proof(first, second, node)]


def stray(last: bytes) -> bytes:
    """The last character of a hash's base64 with a bit set that stands for nothing."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = alphabet.index(last) | 1
    return alphabet[at : at + 1]


def vkeys() -> Book:
    book = Book("vkey", "text: a verifier key of a log; the result is its name, id and key", logs.vkey)
    good = str(LOG.vkey)
    book.accept("a log's", text=good)
    book.also("a witness's", text=str(WITNESS.vkey))
    name, key_id, key = good.split("+", 2)
    raw = base64.b64decode(key)
    longest = str(Vkey("n" * 255, LOG.vkey.public_key))
    book.also("a name of 255", text=longest)
    for what, code, text in (
        ("another name", "vkey_hash", str(OTHER.vkey).replace("main", "side")),
        ("another id", "vkey_hash", f"{name}+{bytes(4).hex()}+{key}"),
        ("another key", "vkey_hash", f"{name}+{key_id}+{b64(raw[:-1] + bytes([raw[-1] ^ 1]))}"),
        ("an id in upper case", "vkey", f"{name}+{key_id.upper()}+{key}"),
        ("a short id", "vkey", f"{name}+{key_id[:-1]}+{key}"),
        ("an algorithm of witnesses", "vkey_algorithm", f"{name}+{key_id}+{b64(bytes([4]) + raw[1:])}"),
        ("a key of 31 bytes", "length", f"{name}+{key_id}+{b64(raw[:-1])}"),
        ("base64url", "base64", f"{name}+{key_id}+{key.replace('/', '_').replace('+', '-')}="),
        ("no key", "vkey", f"{name}+{key_id}"),
        ("a space in the name", "note_name", good.replace("main", "ma n")),
        ("no name", "note_name", good[len(name) :]),
        ("a line feed at the end", "base64", good + "\n"),
        ("a name of 256", "note_name", "n" + longest),
        ("null", "vkey", None),
    ):
        book.refuse(what, f"malformed:{code}", text=text)
    return book


def replaced(book: Book) -> None:
    """The key that signed was replaced: it counts up to what was anchored then."""
    fresh, oldest = (str(Ed25519NoteSigner(ORIGIN, bytes([seed]) * 32).vkey) for seed in (3, 4))
    ours, size = str(LOG.vkey), len(ENTRIES)
    book.also("a former key", vkey=fresh, former=[[oldest, 2], [ours, size]])
    book.also("a key that came back", vkey=ours, former=[[ours, 1], [fresh, 4]])
    beyond, stranger = [[oldest, 2], [ours, size - 1]], [[str(WITNESS.vkey), size], [ours, size]]
    book.refuse("beyond a former key", "untrusted:checkpoint_key_former", of="a former key", former=beyond)
    book.refuse("a former key of another name", "untrusted:checkpoint_key", of="a former key", former=stranger)


def checkpoints() -> Book:
    about = "note: a signed checkpoint of the log origin, by vkey; the result is size, root, and what is anchored"
    book = Book("checkpoint", about, logs.checkpoint)
    text, line = NOTE.split(b"\n\n")
    blob = line.split(b" ")[2].strip()
    broken = bytearray(base64.b64decode(blob))
    broken[-1] ^= 1
    book.accept("a signed checkpoint", note=octets(NOTE), **PLACE)
    book.also("a witness signed too", note=octets(sign_note(HEAD.text, WITNESS, LOG)))
    book.also("an extension line", note=octets(sign_note(HEAD.text + "more\n", LOG)))
    book.also("an empty log", note=octets(sign_checkpoint(Checkpoint(ORIGIN, 0, root([])), LOG)))
    book.also("the largest size", note=octets(sign_checkpoint(Checkpoint(ORIGIN, 2**63 - 1, HEAD.root), LOG)))
    book.also("64 signatures", note=octets(sign_note(HEAD.text, *[WITNESS] * 63, LOG)))
    book.refuse("another key", "untrusted:note_unsigned", vkey=str(OTHER.vkey))
    replaced(book)
    book.refuse("a key of another name", "untrusted:checkpoint_key", vkey=str(WITNESS.vkey))
    book.refuse("the origin of another log", "untrusted:checkpoint_key", origin=ORIGIN.replace("main", "side"))
    side = Ed25519NoteSigner(ORIGIN.replace("main", "side"), bytes(range(32)))
    for name, expect, note in (
        ("signed by a witness only", "untrusted:note_unsigned", sign_note(HEAD.text, WITNESS)),
        ("signed under another name", "untrusted:note_unsigned", sign_note(HEAD.text, side)),
        ("another size", "untrusted:note_signature", NOTE.replace(b"\n6\n", b"\n7\n")),
        ("a broken signature", "untrusted:note_signature", NOTE.replace(blob, base64.b64encode(broken))),
        ("a good and a broken signature", "untrusted:note_signature", NOTE + line.replace(blob, base64.b64encode(broken))),
        ("a line more under the signature", "untrusted:note_signature", NOTE.replace(b"\n\n", b"\nmore\n\n")),
        ("another origin in the text", "untrusted:checkpoint_origin", sign_note(HEAD.text.replace("main", "side"), LOG)),
        ("a size with a leading zero", "malformed:note", sign_note(HEAD.text.replace("\n6\n", "\n06\n"), LOG)),
        ("a size of 2^63", "malformed:tree_size", sign_note(HEAD.text.replace("\n6\n", f"\n{2**63}\n"), LOG)),
        ("a size in hex", "malformed:note", sign_note(HEAD.text.replace("\n6\n", "\n0x6\n"), LOG)),
        ("an empty line in the text", "malformed:note", sign_note(HEAD.text + "\nmore\n", LOG)),
        ("no root", "malformed:note", sign_note(f"{ORIGIN}\n6\n", LOG)),
        ("a short root", "malformed:length", sign_note(f"{ORIGIN}\n6\nAAAA\n", LOG)),
        ("a root in base64url", "malformed:base64", sign_note(HEAD.text.replace("+", "-"), LOG)),
        ("no final newline", "malformed:note", NOTE[:-1]),
        ("a carriage return", "malformed:note", text + b"\r\n\n" + line),
        ("no signature", "malformed:note", text + b"\n"),
        ("a hyphen for the dash", "malformed:note", NOTE.replace("—".encode(), b"-")),
        ("a signature of four bytes", "malformed:note", NOTE.replace(blob, b64(LOG.vkey.key_id).encode())),
        ("65 signatures", "malformed:too_many_signatures", sign_note(HEAD.text, *[WITNESS] * 64, LOG)),
        ("no UTF-8", "malformed:note", NOTE.replace(b"\n6\n", b"\n6\xff\n")),
    ):  # fmt: skip
        book.refuse(name, expect, note=octets(note))
    return book


def growths() -> Book:
    about = "older, newer: two checkpoints of one log; proof: that the newer one extends the older, RFC 9162 §2.1.4"
    book = Book("growth", about, logs.growth)
    book.accept("3 to 6", older=octets(head(3)), newer=octets(NOTE), proof=growing(3, 6), **PLACE)
    book.also("4 to 6", older=octets(head(4)), proof=growing(4, 6))
    book.also("1 to 6", older=octets(head(1)), proof=growing(1, 6))
    book.also("5 to 6", older=octets(head(5)), proof=growing(5, 6))
    book.also("no growth", older=octets(NOTE), proof=[])
    empty = sign_checkpoint(Checkpoint(ORIGIN, 0, root([])), LOG)
    book.also("from nothing, whatever the proof", older=octets(empty), proof=growing(3, 6))
    forked = sign_checkpoint(Checkpoint(ORIGIN, 3, ZERO32), LOG)
    later = sign_checkpoint(Checkpoint(ORIGIN, 6, ZERO32), LOG)
    hashes = growing(3, 6)
    false = "untrusted:consistency_proof"
    book.refuse("another history before", false, older=octets(forked))
    book.refuse("another history after", false, newer=octets(later))
    book.refuse("no proof", false, proof=[])
    book.refuse("a hash missing at the end", false, proof=hashes[:-1])
    book.refuse("a hash missing at the beginning", false, proof=hashes[1:])
    book.refuse("a hash too many", false, proof=[*hashes, hashes[-1]])
    book.refuse("two hashes swapped", false, proof=[hashes[1], hashes[0], *hashes[2:]])
    book.refuse("the proof of other sizes", false, proof=growing(4, 6))
    book.refuse("a proof where nothing grew", false, of="no growth", proof=hashes[:1])
    # A consistency proof does not bind the new size (docs/spec/log.md §7): 5 has the shape of 6 here, and passes.
    fewer = sign_checkpoint(Checkpoint(ORIGIN, 5, HEAD.root), LOG)
    book.also("a wrong size of the same shape, which only the signature binds", newer=octets(fewer))
    book.refuse("a smaller head after", "untrusted:rolled_back", newer=octets(head(2)))
    book.refuse("two heads of one size", "untrusted:equivocation", of="no growth", newer=octets(later))
    book.refuse("an older head by another key", "untrusted:note_unsigned", older=octets(head(3, OTHER)))
    book.refuse("a hash of 31 bytes", "malformed:length", proof=[b64(bytes(31)), *hashes[1:]])
    book.refuse("65 hashes", "malformed:too_many_hashes", proof=[b64(ZERO32)] * 65)
    return book


def proofs() -> Book:
    about = "proof: a tlog-proof of entry in the log origin by vkey; the result is index and size"
    book = Book("tlog-proof", about, logs.tlog_proof)
    for index, entry in enumerate(ENTRIES):
        book.accept(f"entry {index}", proof=octets(proof(index)), entry=octets(entry), **PLACE)
    book.accept("a log of one entry", proof=octets(proof(0, 1)), entry=octets(ENTRIES[0]), **PLACE)
    book.accept("extra data", proof=octets(proof(3, extra=b"anything")), entry=octets(ENTRIES[3]), **PLACE)
    of, raw = "entry 3", proof(3)
    lines = raw.split(b"\n")
    false = "untrusted:inclusion_proof"
    book.refuse("another entry", false, of=of, entry=octets(ENTRIES[2]))
    book.refuse("the entry with a line feed", false, of=of, entry=octets(ENTRIES[3] + b"\n"))
    book.refuse("another key", "untrusted:note_unsigned", of=of, vkey=str(OTHER.vkey))
    book.refuse("another log", "untrusted:checkpoint_key", of=of, origin=ORIGIN.replace("main", "side"))
    for name, expect, bent in (
        ("another index", false, raw.replace(b"index 3", b"index 2")),
        ("a hash missing", false, raw.replace(lines[2] + b"\n", b"")),
        ("a hash twice", false, raw.replace(lines[2], lines[2] + b"\n" + lines[2])),
        ("two hashes swapped", false, b"\n".join([*lines[:2], lines[3], lines[2], *lines[4:]])),
        ("another size in the head", "untrusted:note_signature", raw.replace(b"\n6\n", b"\n7\n")),
        ("an index beyond the log", "malformed:leaf_index", raw.replace(b"index 3", b"index 6")),
        ("an index with a leading zero", "malformed:tlog_proof_index", raw.replace(b"index 3", b"index 03")),
        ("a negative index", "malformed:tlog_proof_index", raw.replace(b"index 3", b"index -3")),
        ("another version", "malformed:tlog_proof", raw.replace(b"@v1", b"@v2")),
        ("no header", "malformed:tlog_proof", raw.partition(b"\n")[2]),
        ("no empty line", "malformed:base64", raw.replace(b"\n\nonefile", b"\nonefile")),
        ("a hash of 31 bytes", "malformed:length", raw.replace(lines[2], b64(bytes(31)).encode())),
        ("64 hashes", "malformed:too_many_hashes", raw.replace(lines[2], b"\n".join([lines[2]] * 62))),
        ("base64 with a stray bit", "malformed:base64", raw.replace(lines[2], lines[2][:42] + stray(lines[2][42:43]) + b"=")),
        ("extra data after the index", "malformed:base64", raw.replace(b"index 3\n", b"index 3\nextra AAAA\n")),
        ("extra data twice", "malformed:tlog_proof_index", raw.replace(b"index 3", b"extra AAAA\nextra AAAA\nindex 3")),
    ):  # fmt: skip
        book.refuse(name, expect, of=of, proof=octets(bent))
    return book


def anchored() -> Book:
    about = (
        "entry, proof, consistency: an entry in a head of the log; anchors: size, root and time of the heads on chain"
    )
    book = Book("anchored-entry", about, logs.anchored_entry)

    def anchors(*sizes: int) -> list[list[Any]]:
        return [[size, b64u(root(HASHES[:size])), 1_800_000_000 + size] for size in sizes]

    given = {"entry": octets(ENTRIES[2]), "proof": octets(proof(2)), "consistency": [], **PLACE}
    book.accept("in the anchored head", **given, anchors=anchors(1, 6))
    book.also("in an earlier anchored head", proof=octets(proof(2, 3)), anchors=anchors(1, 3, 6))
    book.also("in a head before the anchored one", proof=octets(proof(2, 4)), consistency=growing(4, 6))
    book.also("in a head after the anchored one", consistency=growing(5, 6), anchors=anchors(1, 5))
    book.also("not anchored yet", consistency=growing(1, 6), anchors=anchors(1))
    other = [[6, b64u(ZERO32), 1_800_000_006]]
    book.refuse("another head of this size is anchored", "untrusted:equivocation", anchors=[*anchors(1), *other])
    book.refuse("nothing is anchored", "unavailable:not_anchored", anchors=[])
    book.refuse("another entry", "untrusted:inclusion_proof", entry=octets(ENTRIES[1]))
    book.refuse("another index", "untrusted:inclusion_proof", proof=octets(proof(2).replace(b"index 2", b"index 3")))
    book.refuse("another key", "untrusted:note_unsigned", vkey=str(OTHER.vkey))
    replaced(book)
    book.refuse("another log", "untrusted:checkpoint_key", origin=ORIGIN.replace("main", "side"))
    of, false = "in a head before the anchored one", "untrusted:consistency_proof"
    book.refuse("no consistency", false, of=of, consistency=[])
    book.refuse("the consistency of other sizes", false, of=of, consistency=growing(3, 6))
    book.refuse("another history is anchored", false, of=of, anchors=[*anchors(1), *other])
    after = "in a head after the anchored one"
    book.refuse(
        "a head that does not extend the anchored one", false, of=after, anchors=[[5, b64u(ZERO32), 1_800_000_005]]
    )
    book.refuse("an entry in another spelling", "malformed:not_canonical", entry=octets(ENTRIES[2] + b" "))
    book.refuse("a hash of 33 bytes", "malformed:length", of=of, consistency=[b64(bytes(33)), *growing(4, 6)[1:]])
    return book


def books() -> list[Book]:
    """All of this module."""
    return [vkeys(), checkpoints(), growths(), proofs(), anchored()]
