"""Make the golden vectors of the log: ``python -m tests.vectors.log.make`` writes ``vectors.json``.

Each case is accepted, or differs from an accepted one in a single thing and says how it must be refused. Keys,
salts and objects are fixed, so the file changes only when a format does.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Opening, dossier_entry, entry_hash, first_entry, opening_statement, origin
from protocol.hashing import ZERO32
from protocol.merkle import inclusion_proof, leaf_hashes, root, tree_levels
from protocol.note import Checkpoint, sign_checkpoint, sign_note
from protocol.note_signer import Ed25519NoteSigner
from protocol.tlog_proof import TlogProof

FILE = Path(__file__).with_name("vectors.json")
ORIGIN = origin(31337, bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3"), "main")
LOG = Ed25519NoteSigner(ORIGIN, bytes(range(32)))
OTHER = Ed25519NoteSigner(ORIGIN, bytes(32))
WITNESS = Ed25519NoteSigner("witness.example/w1", bytes(32))
TAG_KEY = bytes(range(32, 64))
GRANT = bytes(range(64, 96))
ACCESS = AccessRecord(
    receipt=hashlib.sha256(b"receipt").digest(),
    grant=GRANT,
    show=None,
    use_no=1,
    released=(hashlib.sha256(b"header").digest(), hashlib.sha256(b"parcel").digest()),
    at=1_800_000_000,
).serialise()
OBJECTS = [("issue", b"slip"), ("grant", b'{"grant":1}'), ("access", ACCESS), ("later-kind", b"?"), ("note", b"erased")]

Case = dict[str, Any]


def history() -> list[dict[str, Any]]:
    """Five events of one dossier at leaves 1 to 5; the last one is erased."""
    steps: list[dict[str, Any]] = []
    prev = ZERO32
    for n, (t, raw) in enumerate(OBJECTS):
        salt = hashlib.sha256(b"salt %d" % n).digest()
        entry = dossier_entry(t, tag_key=TAG_KEY, n=n, prev_entry_hash=prev, salt=salt, object_bytes=raw).serialise()
        prev = entry_hash(entry)
        opening = Opening(n, salt, hashlib.sha256(raw).digest(), t, n + 1)
        kept = t != "note"
        steps.append(
            {
                "index": n + 1,
                "entry": b64u(entry),
                "opening": opening.to_json() if kept else None,
                "object": b64u(raw) if kept else None,
            }
        )
    return steps


ENTRIES = [first_entry(ORIGIN, opening_statement(ORIGIN, str(LOG.vkey))).serialise()]
ENTRIES += [unb64u(step["entry"]) for step in history()]
HASHES = leaf_hashes(ENTRIES)
LEVELS = tree_levels(HASHES)
HEAD = Checkpoint(ORIGIN, len(ENTRIES), root(HASHES))
NOTE = sign_checkpoint(HEAD, LOG)


def proof(index: int, extra: bytes | None = None) -> bytes:
    """The tlog-proof of one of the entries."""
    hashes = inclusion_proof(index, HEAD.size, lambda level, i: LEVELS[level][i])
    return TlogProof(index, tuple(hashes), NOTE, extra).serialise()


def unchanged(steps: list[dict[str, Any]]) -> None:
    """The history as it is."""


def history_case(
    name: str, expect: str, change: Callable[[list[dict[str, Any]]], object] = unchanged, **more: str
) -> Case:
    steps = history()
    change(steps)
    key = more.pop("tag_key", b64u(TAG_KEY))
    return {"name": name, "kind": "history", "tag_key": key, "history": steps, "expect": expect, **more}


def note_case(name: str, expect: str, raw: bytes = NOTE, **more: str) -> Case:
    base = {"name": name, "kind": "checkpoint", "note": b64u(raw), "origin": ORIGIN, "vkey": str(LOG.vkey)}
    return {**base, "expect": expect, **more}


def proof_case(name: str, expect: str, raw: bytes, entry: bytes, **more: str) -> Case:
    base = {"name": name, "kind": "tlog-proof", "proof": b64u(raw), "entry": b64u(entry), "origin": ORIGIN}
    return {**base, "vkey": str(LOG.vkey), "expect": expect, **more}


def set_entry(n: int, field: str, value: str) -> Callable[[list[dict[str, Any]]], None]:
    """Change one field of entry ``n`` and leave it canonical."""

    def change(steps: list[dict[str, Any]]) -> None:
        fields = json.loads(unb64u(steps[n]["entry"])) | {field: value}
        steps[n]["entry"] = b64u(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())

    return change


def put(n: int, name: str, value: object) -> Callable[[list[dict[str, Any]]], None]:
    return lambda steps: steps[n].update({name: value})


def spaced(steps: list[dict[str, Any]]) -> None:
    steps[0]["entry"] = b64u(unb64u(steps[0]["entry"]).replace(b",", b", "))


def history_cases() -> list[Case]:
    """A whole history, and what each single change does to it."""
    late = history()[1]["opening"] | {"index": 9}
    return [
        history_case("a whole history", "accept"),
        history_case("an entry is missing", "untrusted", lambda s: s.pop(1), code="history_order"),
        history_case("the end is withheld, which only a kept head would show", "accept", lambda s: s.pop(4)),
        history_case("another dossier's key", "untrusted", tag_key=b64u(ZERO32), code="history_link"),
        history_case("a foreign tag", "untrusted", set_entry(0, "tag", b64u(ZERO32)), code="history_tag"),
        history_case("a foreign tag of a use", "untrusted", set_entry(2, "tag", b64u(ZERO32)), code="history_tag"),
        history_case(
            "a zero link at the beginning", "untrusted", set_entry(0, "pv", b64u(ZERO32)), code="history_link"
        ),
        history_case("another commitment", "untrusted", set_entry(3, "c", b64u(ZERO32)), code="opening_commitment"),
        history_case("another kind", "untrusted", set_entry(3, "t", "note"), code="opening_type"),
        history_case("another object", "untrusted", put(0, "object", b64u(b"slip 2")), code="opening_object"),
        history_case("an opening of another leaf", "untrusted", put(1, "opening", late), code="history_order"),
        history_case("a leaf out of order", "untrusted", put(4, "index", 3), code="history_order"),
        history_case("an entry with spaces", "malformed", spaced, code="not_canonical"),
    ]


def note_cases() -> list[Case]:
    """A signed checkpoint, and what each single change does to it."""
    text, line = NOTE.split(b"\n\n")
    blob = line.split(b" ")[2].strip()
    broken = bytearray(base64.b64decode(blob))
    broken[-1] ^= 1
    return [
        note_case("a signed checkpoint", "accept"),
        note_case("a witness signed too", "accept", sign_note(HEAD.text, WITNESS, LOG)),
        note_case("an extension line", "accept", sign_note(HEAD.text + "more\n", LOG)),
        note_case("another key", "untrusted", vkey=str(OTHER.vkey), code="note_unsigned"),
        note_case("a key of another name", "untrusted", vkey=str(WITNESS.vkey), code="checkpoint_key"),
        note_case("another size", "untrusted", NOTE.replace(b"\n6\n", b"\n7\n"), code="note_signature"),
        note_case("a broken signature", "untrusted", NOTE.replace(blob, base64.b64encode(broken)), code="note_signature"),
        note_case("another origin in the text", "untrusted", sign_note(HEAD.text.replace("main", "side"), LOG), code="checkpoint_origin"),
        note_case("a size with a leading zero", "malformed", sign_note(HEAD.text.replace("\n6\n", "\n06\n"), LOG), code="note"),
        note_case("no final newline", "malformed", NOTE[:-1], code="note"),
        note_case("a carriage return", "malformed", text + b"\r\n\n" + line, code="note"),
        note_case("no signature", "malformed", text + b"\n", code="note"),
        note_case("a short root", "malformed", sign_note(f"{ORIGIN}\n6\nAAAA\n", LOG), code="length"),
    ]  # fmt: skip


def proof_cases() -> list[Case]:
    """Proofs of single entries, and what each single change does to them."""
    raw = proof(3)
    lines = raw.split(b"\n")
    one = TlogProof(0, (), sign_checkpoint(Checkpoint(ORIGIN, 1, HASHES[0]), LOG)).serialise()
    return [
        *[proof_case(f"entry {i}", "accept", proof(i), ENTRIES[i]) for i in range(len(ENTRIES))],
        proof_case("a log of one entry", "accept", one, ENTRIES[0]),
        proof_case("extra data", "accept", proof(3, b"anything"), ENTRIES[3]),
        proof_case("another entry", "untrusted", raw, ENTRIES[2], code="inclusion_proof"),
        proof_case("another index", "untrusted", raw.replace(b"index 3", b"index 2"), ENTRIES[3], code="inclusion_proof"),
        proof_case("a hash missing", "untrusted", raw.replace(lines[2] + b"\n", b""), ENTRIES[3], code="inclusion_proof"),
        proof_case("a hash twice", "untrusted", raw.replace(lines[2], lines[2] + b"\n" + lines[2]), ENTRIES[3], code="inclusion_proof"),
        proof_case("another key", "untrusted", raw, ENTRIES[3], vkey=str(OTHER.vkey), code="note_unsigned"),
        proof_case("an index beyond the log", "malformed", raw.replace(b"index 3", b"index 6"), ENTRIES[3], code="leaf_index"),
        proof_case("an index with a leading zero", "malformed", raw.replace(b"index 3", b"index 03"), ENTRIES[3], code="tlog_proof_index"),
        proof_case("another version", "malformed", raw.replace(b"@v1", b"@v2"), ENTRIES[3], code="tlog_proof"),
        proof_case("base64 with a stray bit", "malformed", raw.replace(lines[2], lines[2][:42] + stray(lines[2][42:43]) + b"="), ENTRIES[3], code="base64"),
    ]  # fmt: skip


def stray(last: bytes) -> bytes:
    """The last character of a hash's base64 with a bit set that stands for nothing."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = alphabet.index(last) | 1
    return alphabet[at : at + 1]


def vectors() -> dict[str, Any]:
    """All that the file holds."""
    return {
        "about": "golden vectors of the log; made by tests/vectors/log/make.py, formats in docs/spec/log.md",
        "cases": [*history_cases(), *note_cases(), *proof_cases()],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
