"""Parsers of the log: entries, openings, records, notes, checkpoints, proofs, tiles, histories, and names of things."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from protocol import canonical, merkle
from protocol.credential import parse_day
from protocol.encoding import b64u, unb64u
from protocol.entries import (
    AccessRecord,
    Entry,
    Opening,
    parse_origin,
    verify_access,
    verify_opening,
    verify_public,
)
from protocol.errors import Malformed, OneFileError
from protocol.history import Logged, verify_history
from protocol.identifiers import (
    check_citizen_number,
    check_credit_code,
    parse_address,
    parse_agency_urn,
    parse_certificate_id,
    parse_dossier_urn,
)
from protocol.note import MAX_NOTE_BYTES, Checkpoint, Vkey, parse_note, verify_checkpoint, verify_note
from protocol.pointers import format_pointer, parse_pointer
from protocol.status_list import parse_status_uri
from protocol.tiles import (
    TileReader,
    TileRef,
    VerifiedTileReader,
    appended_tiles,
    build_bundle,
    parse_bundle,
    parse_tile_path,
    read_bundle,
    read_hashes,
)
from protocol.tlog_proof import MAX_PROOF_BYTES, TlogProof, verify_tlog_proof
from protocol.vct import parse_vct
from tests.fuzz import golden
from tests.fuzz.parser import OURS, Parser, lax_json, text
from tests.log_samples import ORIGIN, SIGNER, Log

VKEY = SIGNER.vkey
ENTRIES = [Entry("note", bytes(32), bytes(32), number.to_bytes(32, "big")).serialise() for number in range(300)]
LOG = Log(ENTRIES)
ROOT = LOG.root(300)
LOG_FRONTIER = (300).to_bytes(8, "big") + bytes(32) * 4
NOTE_WORDS = ("\n\n— ".encode(), b"\n\n", b"\n", "— ".encode(), ORIGIN.encode(), b"+", b"\xc2\xa0")


def entry(data: bytes) -> None:
    found = Entry.parse(data)
    assert found.serialise() == data
    _judged(lambda: verify_public(found, uri="u", prev_entry_hash=bytes(32), object_bytes=b""))


def opening(data: bytes) -> None:
    found = Opening.from_json(lax_json(data))
    assert Opening.from_json(found.to_json()) == found
    _judged(lambda: verify_opening(Entry.parse(ENTRIES[0]), found, b""))
    access = Entry("access", bytes(32), bytes(32), bytes(32))
    _judged(lambda: verify_access(access, found, b"{}", bytes(32)))


def record(data: bytes) -> None:
    assert AccessRecord.parse(data).serialise() == data


def history(data: bytes) -> None:
    """``{"tag_key", "history": [{index, entry, opening, object}]}``, as the golden vectors write it."""
    case = lax_json(data)
    if not isinstance(case, dict) or not isinstance(case.get("history"), list):
        raise Malformed("history", "not a history")
    verify_history(unb64u(case.get("tag_key"), length=32, what="tag_key"), [_step(step) for step in case["history"]])


def note(data: bytes) -> None:
    found = parse_note(data)
    assert data.startswith(found.text.encode())
    for read in (
        lambda: Checkpoint.parse_text(found.text),
        lambda: verify_note(data, [VKEY]),
        lambda: verify_checkpoint(data, ORIGIN, VKEY),
    ):
        _judged(read)


def checkpoint_text(data: bytes) -> None:
    said = text(data)
    assert Checkpoint.parse_text(said).text == said


def vkey(data: bytes) -> None:
    assert str(Vkey.parse(text(data))) == text(data)


def proof(data: bytes) -> None:
    found = TlogProof.parse(data)
    assert found.serialise() == data
    _judged(lambda: verify_tlog_proof(data, ENTRIES[found.index % len(ENTRIES)], ORIGIN, VKEY))


def tree_proof(data: bytes) -> None:
    """Two sizes of eight bytes each, a leaf, two roots, and the proof's hashes."""
    first, second = int.from_bytes(data[:8], "big"), int.from_bytes(data[8:16], "big")
    hashes = [data[at : at + 32] for at in range(16, len(data), 32)] or [b""]
    _judged(lambda: merkle.verify_inclusion(hashes[0], first, second, hashes[1:], hashes[-1]))
    merkle.verify_consistency(first, second, hashes[0], hashes[-1], hashes[1:-1])


def bundle(data: bytes) -> None:
    found = parse_bundle(data[1:], data[0] + 1 if data else 1)
    assert build_bundle(found) == data[1:]


def tiles(data: bytes) -> None:
    """A log whose tiles are the fuzzer's: the first byte chooses what is asked of it."""
    which, raw = (data[0] if data else 0), data[1:]
    size = (1, 255, 256, 257, 300, 65_536, 70_000)[which % 7]
    verified = VerifiedTileReader(size, ROOT, lambda _path: raw)
    _judged(lambda: verified.entry(size - 1))
    _judged(lambda: read_hashes(TileRef(0, 0, 1 + which), lambda _path: raw))
    _judged(lambda: read_bundle(TileRef(None, 0, 1 + which), lambda _path: raw))
    reader = TileReader(size, lambda path: raw or None if path.endswith(f"{which % 3}") else raw)
    reader.entries(0)


def frontier(data: bytes) -> None:
    assert merkle.Frontier.parse(data).serialise() == data


def named(read: Callable[[str], object], spell: Callable[[Any], str] | None = None) -> Callable[[bytes], None]:
    """A parser of a name; with ``spell`` each name that is read has exactly that spelling."""

    def call(data: bytes) -> None:
        found = read(text(data))
        if spell is not None:
            assert spell(found) == text(data)

    return call


def _step(step: Any) -> Logged:
    if not isinstance(step, dict) or type(step.get("index")) is not int:
        raise Malformed("history", "not a history")
    return Logged(
        index=step["index"],
        entry=unb64u(step.get("entry")),
        opening=Opening.from_json(step["opening"]) if step.get("opening") is not None else None,
        object_bytes=unb64u(step["object"]) if step.get("object") is not None else None,
    )


def _judged(verify: Callable[[], object]) -> None:
    try:
        verify()
    except OneFileError:
        return


def _histories() -> list[bytes]:
    """As ``history`` takes them: the golden ones with their bytes in base64url."""
    found = []
    for case in golden.cases("history"):
        steps = [{**step, **{name: _b64u(step[name]) for name in ("entry", "object")}} for step in case["history"]]
        found.append(json.dumps({"tag_key": case["tag_key"], "history": steps}).encode())
    return found


def _b64u(value: Any) -> str | None:
    return None if value is None else b64u(golden.octets_of(value))


def _records() -> list[bytes]:
    made = AccessRecord(b"\1" * 32, b"\2" * 32, None, 1, (b"\3" * 32, b"\4" * 32), 1_800_000_000)
    shown = AccessRecord(b"\1" * 32, None, b"\2" * 16, 0, (), 1_800_000_000)
    return [made.serialise(), shown.serialise(), *golden.raws("access-record")]


def _openings() -> list[bytes]:
    made = Opening(0, bytes(32), b"\1" * 32, "issue", 7)
    return [canonical.dumps(made.to_json())]


def _tiles() -> list[bytes]:
    leaves = b"".join(LOG.leaves)
    whole = build_bundle(ENTRIES[:256])
    asked = appended_tiles(0, LOG.leaves, lambda _path: None)
    return [
        b"\x01" + leaves[: 255 * 32],
        b"\x02" + leaves[: 256 * 32],
        b"\x02" + whole,
        *(b"\x04" + t for t in asked.values()),
    ]


def _tree_proofs() -> list[bytes]:
    found = []
    for first, second in ((1, 2), (3, 7), (4, 8), (6, 300)):
        hashes = [LOG.root(first), *LOG.consistency(first, second), LOG.root(second)]
        found.append(first.to_bytes(8, "big") + second.to_bytes(8, "big") + b"".join(hashes))
    return found


def _name(
    name: str, reads: str, read: Callable[[str], object], *seeds: str, spell: Callable[[Any], str] | None = None
) -> Parser:
    return Parser(
        name, named(read, spell), (reads,), lambda: [*(seed.encode() for seed in seeds), *_golden(name)], limit=64 << 10
    )


def _golden(name: str) -> list[bytes]:
    structure = {"log-origin": "origin", "note-vkey": "vkey"}.get(name, name)
    return golden.raws(structure) if (golden.VECTORS / f"{structure}.json").exists() else []


NAMES = (
    _name("dossier-urn", "protocol.identifiers.parse_dossier_urn", parse_dossier_urn, "urn:onefile:dossier:0x" + "4" * 64),
    _name(
        "agency-urn", "protocol.identifiers.parse_agency_urn", parse_agency_urn,
        "urn:onefile:agency:31337:0x" + "1" * 40 + ":0x" + "a" * 40, spell=lambda found: str(found.urn),
    ),
    _name("address", "protocol.identifiers.parse_address", parse_address, "0x" + "a" * 40, "0x5FbDB2315678afecb367f032d93F642f64180aa3"),
    _name("citizen-number", "protocol.identifiers.check_citizen_number", check_citizen_number, "110101199003074514", "11010119900307451X"),
    _name("credit-code", "protocol.identifiers.check_credit_code", check_credit_code, "11370000MB2849999B", "12100000000000001J"),
    _name(
        "certificate-id", "protocol.identifiers.parse_certificate_id", parse_certificate_id,
        "1.2.156.3005.2.12100000000000001J001.11370000MB2849999B.SB2026001.001.0", spell=str,
    ),
    _name("vct", "protocol.vct.parse_vct", parse_vct, "urn:onefile:licence:social-insurance-proof:1"),
    _name("status-uri", "protocol.status_list.parse_status_uri", parse_status_uri, "urn:onefile:status:0x" + "2" * 40 + ":0"),
    _name("pointer", "protocol.pointers.parse_pointer", parse_pointer, "/holder/name", "/a~0b~1c/0", spell=format_pointer),
    _name("day", "protocol.credential.parse_day", lambda said: parse_day(said, "day"), "2026-02-28", "2026-02-30"),
    _name("log-origin", "protocol.entries.parse_origin", parse_origin, ORIGIN, "onefile/1/0x" + "0" * 40 + "/a-1"),
    _name("tile-path", "protocol.tiles.parse_tile_path", parse_tile_path, "tile/0/x001/067.p/5", "tile/entries/000", spell=lambda ref: str(ref.path)),
)  # fmt: skip

PARSERS = (
    Parser("entry", entry, ("protocol.entries.Entry.parse", "protocol.entries.verify_public"), lambda: [ENTRIES[0], *golden.raws("entry")], limit=1024),
    Parser(
        "opening", opening, ("protocol.entries.Opening.from_json", "protocol.entries.verify_opening", "protocol.entries.verify_access"),
        _openings,
    ),
    Parser("access-record", record, ("protocol.entries.AccessRecord.parse",), _records, limit=(128 << 10) + 64),
    Parser("history", history, ("protocol.history.verify_history",), _histories, errors=OURS, limit=256 << 10),
    Parser(
        "note", note, ("protocol.note.parse_note", "protocol.note.verify_note", "protocol.note.verify_checkpoint"),
        lambda: [*golden.raws("checkpoint", "note"), LOG.checkpoint(300)], limit=MAX_NOTE_BYTES + 64, words=NOTE_WORDS,
    ),
    Parser(
        "checkpoint-text", checkpoint_text, ("protocol.note.Checkpoint.parse_text",),
        lambda: [Checkpoint(ORIGIN, 300, LOG.root(300)).text.encode(), Checkpoint(ORIGIN, 0, bytes(32), ("x",)).text.encode()],
        limit=MAX_NOTE_BYTES + 64, words=NOTE_WORDS,
    ),
    Parser("note-vkey", vkey, ("protocol.note.Vkey.parse",), lambda: [str(VKEY).encode(), str(Vkey("名", bytes(32))).encode(), *_golden("note-vkey")]),
    Parser(
        "tlog-proof", proof, ("protocol.tlog_proof.TlogProof.parse", "protocol.tlog_proof.verify_tlog_proof"),
        lambda: [*golden.raws("tlog-proof", "proof"), LOG.proof(7, 300)], limit=MAX_PROOF_BYTES + 64,
        words=(b"c2sp.org/tlog-proof@v1\n", b"extra ", b"index ", *NOTE_WORDS),
    ),
    Parser(
        "tree-proof", tree_proof, ("protocol.merkle.verify_inclusion", "protocol.merkle.verify_consistency"),
        _tree_proofs, errors=OURS, limit=8192,
    ),
    Parser("bundle", bundle, ("protocol.tiles.parse_bundle",), lambda: [bytes([3]) + build_bundle([b"a", b"", b"bc", b"d" * 300])], limit=17 << 20),
    Parser(
        "tiles", tiles, ("protocol.tiles.read_hashes", "protocol.tiles.read_bundle", "protocol.tiles.TileReader.entry"),
        _tiles, errors=OURS, limit=17 << 20,
    ),
    Parser("frontier", frontier, ("protocol.merkle.Frontier.parse",), lambda: [LOG_FRONTIER, bytes(8)], limit=8192),
    *NAMES,
)  # fmt: skip
