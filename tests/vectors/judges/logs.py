"""Our reading of the log: entries, openings, histories, checkpoints, proofs, tiles (docs/spec/log.md)."""

from __future__ import annotations

from typing import Any

from protocol.encoding import b64u, unb64, unb64u
from protocol.entries import (
    AccessRecord,
    Entry,
    Opening,
    entry_hash,
    verify_access,
    verify_opening,
    verify_public,
)
from protocol.errors import Malformed
from protocol.facts import Anchor, AnchorFacts
from protocol.history import HistoryHead, Logged, verify_history
from protocol.merkle import leaf_hash
from protocol.note import FormerKey, Vkey, checkpoint_hash, verify_checkpoint, verify_growth
from protocol.tiles import VerifiedTileReader, parse_bundle, parse_tile_path
from protocol.tlog_proof import verify_tlog_proof
from protocol.verify_log import EntryEvidence, verify_entry
from tests.vectors.book import Input, octets, unoctets


def entry(given: Input) -> Any:
    raw = unoctets(given["raw"])
    found = Entry.parse(raw)
    return {"t": found.t, "leaf_hash": b64u(leaf_hash(raw)), "entry_hash": b64u(entry_hash(raw))}


def opening(given: Input) -> Any:
    found = Opening.from_json(given["opening"])
    verify_opening(Entry.parse(unoctets(given["entry"])), found, unoctets(given["object"]))
    return {"n": found.n, "index": found.index}


def access_record(given: Input) -> Any:
    found = AccessRecord.parse(unoctets(given["raw"]))
    return {"basis": b64u(found.basis), "use_no": found.use_no, "released": len(found.released), "at": found.at}


def use(given: Input) -> Any:
    """A reader's use, logged where its holder finds it."""
    where = Entry.parse(unoctets(given["entry"])), Opening.from_json(given["opening"])
    found = verify_access(*where, unoctets(given["object"]), unb64u(given["grant_tag_key"], length=32))
    return {"use_no": found.use_no}


def public_entry(given: Input) -> Any:
    previous = unb64u(given["previous"], length=32)
    found = Entry.parse(unoctets(given["entry"]))
    verify_public(found, uri=given["uri"], prev_entry_hash=previous, object_bytes=unoctets(given["object"]))
    return {"t": found.t}


def history(given: Input) -> Any:
    kept = given["head"]
    head = None if kept is None else HistoryHead(kept["n"], unb64u(kept["entry_hash"], length=32), kept["index"])
    found = verify_history(unb64u(given["tag_key"], length=32), [_logged(step) for step in given["history"]], head)
    return {"n": found.n, "entry_hash": b64u(found.entry_hash), "index": found.index}


def _logged(step: Input) -> Logged:
    return Logged(
        index=step["index"],
        entry=unoctets(step["entry"]),
        opening=Opening.from_json(step["opening"]) if step["opening"] is not None else None,
        object_bytes=unoctets(step["object"]) if step["object"] is not None else None,
    )


def vkey(given: Input) -> Any:
    found = Vkey.parse(given["text"])
    return {"name": found.name, "key_id": found.key_id.hex(), "key": b64u(found.public_key)}


def checkpoint(given: Input) -> Any:
    raw = unoctets(given["note"])
    found = verify_checkpoint(raw, given["origin"], Vkey.parse(given["vkey"]), _former(given))
    facts = {"size": str(found.size), "root": b64u(found.root), "extensions": list(found.extensions)}
    return {**facts, "hash": b64u(checkpoint_hash(raw))}


def _former(given: Input) -> tuple[FormerKey, ...]:
    """Keys that were replaced, as [vkey, the size up to which it counts]."""
    return tuple(FormerKey(Vkey.parse(text), size) for text, size in given.get("former", ()))


def growth(given: Input) -> Any:
    key = Vkey.parse(given["vkey"])
    older, newer = (verify_checkpoint(unoctets(given[name]), given["origin"], key) for name in ("older", "newer"))
    verify_growth(older, newer, [unb64(text, length=32) for text in given["proof"]])
    return {"grown": newer.size - older.size}


def tlog_proof(given: Input) -> Any:
    place = given["origin"], Vkey.parse(given["vkey"])
    index, head = verify_tlog_proof(unoctets(given["proof"]), unoctets(given["entry"]), *place)
    return {"index": index, "size": head.size}


def anchored_entry(given: Input) -> Any:
    """An entry in a head that is consistent with the last head that the chain has."""
    heads = tuple(Anchor(size, unb64u(root), time, 9) for size, root, time in given["anchors"])
    consistency = tuple(unb64(text, length=32) for text in given["consistency"])
    evidence = EntryEvidence(unoctets(given["entry"]), unoctets(given["proof"]), consistency)
    found = verify_entry(evidence, AnchorFacts(given["origin"], given["vkey"], heads, 0, _former(given)))
    return {"index": found.index, "time": found.time}


def tile_path(given: Input) -> Any:
    found = parse_tile_path(given["path"])
    return [found.level, found.n, found.width]


def bundle(given: Input) -> Any:
    return [octets(entry) for entry in parse_bundle(unb64u(given["raw"]), given["width"])]


def tiles(given: Input) -> Any:
    """One entry, read from a stranger's tiles under a head that is believed."""
    files = given["tiles"]
    root = unb64u(given["root"], length=32)
    reader = VerifiedTileReader(given["size"], root, lambda path: unb64u(files[path]) if path in files else None)
    if not 0 <= given["index"] < given["size"]:
        raise Malformed("leaf_index", "expected a leaf index below {size}", size=given["size"])
    return octets(reader.entry(given["index"]))
