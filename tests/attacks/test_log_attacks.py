"""Attacks on the log, by name: forged proofs, rolled-back and forked heads, garbled tiles, doctored histories.

The attacker may own the vault, its disk and the network, but not the log's key; where a row says so, also the key.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from protocol.entries import AccessRecord, Entry, Opening, dossier_entry, entry_hash, grant_tag_key, verify_access
from protocol.errors import Malformed, OneFileError, Untrusted
from protocol.hashing import ZERO32
from protocol.history import HistoryHead, Logged, verify_history
from protocol.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    node_hash,
    root,
    tree_levels,
    verify_consistency,
    verify_inclusion,
)
from protocol.note import Checkpoint, Vkey, sign_checkpoint, sign_note, verify_checkpoint, verify_growth
from protocol.note_signer import Ed25519NoteSigner
from protocol.tiles import VerifiedTileReader, appended_bundles, appended_tiles, build_bundle
from protocol.tlog_proof import TlogProof, verify_tlog_proof

ORIGIN = "onefile/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3/main"
OTHER_ORIGIN = "onefile/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3/other"
LOG = Ed25519NoteSigner(ORIGIN, b"\x01" * 32)
THIEF = Ed25519NoteSigner(ORIGIN, b"\x02" * 32)
OTHER_LOG = Ed25519NoteSigner(OTHER_ORIGIN, b"\x01" * 32)
SIZE = 300
ENTRIES = [b"entry %d" % i for i in range(SIZE)]
HASHES = leaf_hashes(ENTRIES)
LEVELS = tree_levels(HASHES)
TOP = root(HASHES)
FORGED = b"an entry that was never logged"


def node(level: int, index: int) -> bytes:
    return LEVELS[level][index]


def head(size: int, origin: str = ORIGIN) -> Checkpoint:
    return Checkpoint(origin, size, root(HASHES[:size]))


@dataclass(frozen=True)
class Row:
    """One attack, and the code of the error that ends it."""

    name: str
    attack: Callable[[], object]
    code: str
    kind: type[OneFileError] = Untrusted


def run(row: Row) -> None:
    with pytest.raises(row.kind) as caught:
        row.attack()
    assert caught.value.code == row.code


def path(index: int = 5, size: int = SIZE) -> list[bytes]:
    return inclusion_proof(index, size, node)


def inner_node_as_leaf() -> None:
    # An inner node's hash passed off as a leaf's: the shorter path is right, the size gives it away.
    verify_inclusion(node(1, 2), 2, SIZE, path()[1:], TOP)


def inner_node_as_entry() -> None:
    # The two children passed off as an entry's bytes: leaves and nodes are hashed in separate domains.
    verify_inclusion(leaf_hash(node(0, 4) + node(0, 5)), 2, SIZE // 2, path()[1:], TOP)


def hash_lengths_shifted() -> None:
    # The same concatenation cut elsewhere: 33 + 31 bytes hash to the same node.
    leaf, sibling = HASHES[0], HASHES[1]
    verify_inclusion(leaf + sibling[:1], 0, SIZE, [sibling[1:], *path(0)[1:]], TOP)


INCLUSION = [
    Row("an entry that was never logged", lambda: verify_inclusion(leaf_hash(FORGED), 5, SIZE, path(), TOP), "inclusion_proof"),
    Row("a logged entry at another index", lambda: verify_inclusion(HASHES[5], 6, SIZE, path(), TOP), "inclusion_proof"),
    Row("a root made to fit the forged leaf", lambda: verify_tlog_proof(forged_root(), FORGED, ORIGIN, LOG.vkey), "note_signature"),
    Row("a proof for another size", lambda: verify_inclusion(HASHES[5], 5, 2 * SIZE, path(), TOP), "inclusion_proof"),
    Row("an inner node as a leaf", inner_node_as_leaf, "inclusion_proof"),
    Row("an inner node as an entry", inner_node_as_entry, "inclusion_proof"),
    Row("hashes cut at another byte", hash_lengths_shifted, "hash_length", Malformed),
    Row("a proof that skips the last hash", lambda: verify_inclusion(HASHES[5], 5, SIZE, path()[:-1], TOP), "inclusion_proof"),
    Row("a proof into the empty tree", lambda: verify_inclusion(HASHES[0], 0, 0, [], EMPTY_ROOT), "leaf_index", Malformed),
    Row("a root that is the leaf itself", lambda: verify_inclusion(HASHES[5], 5, SIZE, [], HASHES[5]), "inclusion_proof"),
    Row("a proof of a million hashes", lambda: verify_inclusion(HASHES[5], 5, SIZE, [TOP] * 1_000_000, TOP), "too_many_hashes", Malformed),
]  # fmt: skip


def forged_root() -> bytes:
    """A tlog-proof whose checkpoint names a root over the forged leaf, under the honest signature."""
    fake = leaf_hash(FORGED)
    for sibling in path(0):
        fake = node_hash(fake, sibling)
    honest = sign_checkpoint(head(SIZE), LOG)
    doctored = honest.replace(base64.b64encode(TOP), base64.b64encode(fake))
    return TlogProof(0, tuple(path(0)), doctored).serialise()


@pytest.mark.parametrize("row", INCLUSION, ids=lambda row: row.name)
def test_a_forged_inclusion_is_refused(row: Row) -> None:
    run(row)


# A fork: the same log up to 200 entries, then others.
FORK = leaf_hashes([*ENTRIES[:200], *[b"other %d" % i for i in range(100)]])
FORK_LEVELS = tree_levels(FORK)
FORK_HEAD = Checkpoint(ORIGIN, SIZE, root(FORK))
STEPS = consistency_proof(250, SIZE, node)


def fork_steps(first: int) -> list[bytes]:
    return consistency_proof(first, SIZE, lambda level, index: FORK_LEVELS[level][index])


GROWTH = [
    Row("a rolled-back log", lambda: verify_growth(head(SIZE), head(200), []), "rolled_back"),
    Row("a log rolled back to nothing", lambda: verify_growth(head(SIZE), Checkpoint(ORIGIN, 0, EMPTY_ROOT), []), "rolled_back"),
    Row("two heads of one size", lambda: verify_growth(head(SIZE), FORK_HEAD, []), "equivocation"),
    Row("a fork shown as growth", lambda: verify_growth(head(250), FORK_HEAD, fork_steps(250)), "consistency_proof"),
    Row("a fork with the honest proof", lambda: verify_growth(head(250), FORK_HEAD, STEPS), "consistency_proof"),
    Row("growth without a proof", lambda: verify_growth(head(250), head(SIZE), []), "consistency_proof"),
    Row("growth with another size's proof", lambda: verify_growth(head(249), head(SIZE), STEPS), "consistency_proof"),
    Row("the same head with a proof that nobody asked for", lambda: verify_growth(head(250), head(250), STEPS), "consistency_proof"),
    Row("another log's head", lambda: verify_growth(head(250), head(SIZE, OTHER_ORIGIN), STEPS), "checkpoint_origin"),
    Row("a beginning that is empty", lambda: verify_consistency(0, SIZE, EMPTY_ROOT, FORK_HEAD.root, []), "tree_sizes", Malformed),
    Row("two sizes swapped", lambda: verify_consistency(SIZE, 250, TOP, head(250).root, STEPS), "tree_sizes", Malformed),
]  # fmt: skip


@pytest.mark.parametrize("row", GROWTH, ids=lambda row: row.name)
def test_a_rolled_back_or_forked_head_is_refused(row: Row) -> None:
    run(row)


def test_the_common_beginning_of_a_fork_is_honest_and_says_nothing() -> None:
    # Before the fork both logs extend what we have: only a head from after it can tell them apart.
    assert verify_growth(head(150), FORK_HEAD, fork_steps(150)) is None
    assert verify_growth(head(150), head(SIZE), consistency_proof(150, SIZE, node)) is None


SIGNED = sign_checkpoint(head(SIZE), LOG)


def signature_moved() -> None:
    # The honest signature line under another text.
    line = SIGNED.split(b"\n\n")[1]
    verify_checkpoint(head(250).text.encode() + b"\n" + line, ORIGIN, LOG.vkey)


def text_smuggled() -> None:
    # A forged head in front, the honest note behind: the text is all that stands before the last empty line.
    verify_checkpoint(head(250).text.encode() + b"\n" + SIGNED, ORIGIN, LOG.vkey)


def colliding_key_id() -> None:
    # A signature line that claims the log's name and key id, made with another key.
    line = f"— {ORIGIN} {base64.b64encode(LOG.vkey.key_id + THIEF.sign(head(250).text.encode())).decode()}\n"
    verify_checkpoint(f"{head(250).text}\n{line}".encode(), ORIGIN, LOG.vkey)


def good_and_bad_signature() -> None:
    bad = base64.b64encode(LOG.vkey.key_id + bytes(64)).decode()
    verify_checkpoint(SIGNED + f"— {ORIGIN} {bad}\n".encode(), ORIGIN, LOG.vkey)


def alien_text_under_log_key() -> None:
    # The key signs for one origin; a text that names another is no head, even under the right key.
    verify_checkpoint(sign_note(head(SIZE, OTHER_ORIGIN).text, LOG), ORIGIN, LOG.vkey)


CHECKPOINTS = [
    Row("a head signed by a thief under the log's name", lambda: verify_checkpoint(sign_checkpoint(head(250), THIEF), ORIGIN, LOG.vkey), "note_unsigned"),
    Row("a signature moved to another head", signature_moved, "note_signature"),
    Row("a forged head before the honest note", text_smuggled, "note_signature"),
    Row("a thief's signature under the log's key id", colliding_key_id, "note_signature"),
    Row("a good signature beside a bad one", good_and_bad_signature, "note_signature"),
    Row("another log's head under this log's key", alien_text_under_log_key, "checkpoint_origin"),
    Row("another log's key", lambda: verify_checkpoint(SIGNED, ORIGIN, OTHER_LOG.vkey), "checkpoint_key"),
    Row("another log's checkpoint", lambda: verify_checkpoint(sign_checkpoint(head(SIZE, OTHER_ORIGIN), OTHER_LOG), ORIGIN, LOG.vkey), "note_unsigned"),
    Row("a key under another key's hash", lambda: Vkey.parse(str(THIEF.vkey).replace(THIEF.vkey.key_id.hex(), LOG.vkey.key_id.hex())), "vkey_hash", Malformed),
    Row("no signature at all", lambda: verify_checkpoint(head(SIZE).text.encode(), ORIGIN, LOG.vkey), "note", Malformed),
    Row("a size with a leading zero", lambda: Checkpoint.parse_text(head(SIZE).text.replace("300", "0300")), "note", Malformed),
]  # fmt: skip


@pytest.mark.parametrize("row", CHECKPOINTS, ids=lambda row: row.name)
def test_a_forged_checkpoint_is_refused(row: Row) -> None:
    run(row)


STORE = appended_bundles(0, ENTRIES, {}.get) | appended_tiles(0, HASHES, {}.get)
FORK_STORE = appended_tiles(0, FORK, {}.get)


def read_from(changes: dict[str, bytes]) -> VerifiedTileReader:
    return VerifiedTileReader(SIZE, TOP, (STORE | changes).get)


TILES = [
    Row("the tiles of a fork", lambda: VerifiedTileReader(SIZE, TOP, FORK_STORE.get).leaf(3), "tiles_root"),
    Row("a leaf exchanged in a full tile", lambda: read_from({"tile/0/000": leaf_hash(FORGED) + STORE["tile/0/000"][32:]}).leaf(0), "tile"),
    Row("a full tile and its parent exchanged", lambda: read_from({"tile/0/000": FORGED_TILE, "tile/1/000.p/1": root(FORGED_HASHES)}).leaf(0), "tiles_root"),
    Row("an entry exchanged in its bundle", lambda: read_from({"tile/entries/000": build_bundle([FORGED, *ENTRIES[1:256]])}).entry(0), "tile"),
    Row("entries that were shifted", lambda: read_from({"tile/entries/000": build_bundle([FORGED, *ENTRIES[:255]])}).entries(0), "tile"),
    Row("an entry more than the head covers", lambda: read_from({"tile/entries/001.p/44": build_bundle([*ENTRIES[256:], FORGED])}).entry(299), "bundle_width", Malformed),
]  # fmt: skip
FORGED_HASHES = [leaf_hash(FORGED), *HASHES[1:256]]
FORGED_TILE = b"".join(FORGED_HASHES)


@pytest.mark.parametrize("row", TILES, ids=lambda row: row.name)
def test_a_garbled_tile_is_refused(row: Row) -> None:
    run(row)


# A dossier's history, and a vault that doctors it before it hands it out.
TAG_KEY, OTHER_KEY, GRANT = b"\x0a" * 32, b"\x0b" * 32, b"\x0c" * 32
RECORDS = [AccessRecord(b"\x0d" * 32, GRANT, None, use_no, (), 1_800_000_000).serialise() for use_no in (1, 2)]
OBJECTS = [("issue", b"slip"), ("grant", b"grant"), ("access", RECORDS[0]), ("access", RECORDS[1]), ("note", b"note")]


def history(key: bytes = TAG_KEY, objects: list[tuple[str, bytes]] = OBJECTS) -> list[Logged]:
    steps: list[Logged] = []
    prev = ZERO32
    for n, (t, raw) in enumerate(objects):
        salt = bytes([n]) * 32
        entry = dossier_entry(t, tag_key=key, n=n, prev_entry_hash=prev, salt=salt, object_bytes=raw).serialise()
        prev = entry_hash(entry)
        steps.append(Logged(n, entry, Opening(n, salt, hashlib.sha256(raw).digest(), t, n), raw))
    return steps


def without(n: int) -> list[Logged]:
    return [step for i, step in enumerate(history()) if i != n]


def swapped() -> list[Logged]:
    steps = history()
    steps[2], steps[3] = steps[3], steps[2]
    return steps


def renumbered() -> list[Logged]:
    """The gap closed in the openings, which nobody signs."""
    steps = [step for step in without(2) if step.opening is not None]
    return [replace(s, opening=replace(s.opening, n=n)) for n, s in enumerate(steps) if s.opening is not None]


def relabelled() -> list[Logged]:
    steps = history()
    entry = Entry.parse(steps[2].entry)
    steps[2] = replace(steps[2], entry=replace(entry, t="note").serialise())
    return steps


def foreign_use() -> list[Logged]:
    """A use logged under a key that the holder can't derive: the link is right, the tag is not."""
    steps = history()
    entry = Entry.parse(steps[2].entry)
    steps[2] = replace(steps[2], entry=replace(entry, tag=bytes(32)).serialise())
    return steps


HISTORIES = [
    Row("a use left out", lambda: verify_history(TAG_KEY, without(2)), "history_order"),
    Row("a use left out and the rest renumbered", lambda: verify_history(TAG_KEY, renumbered()), "history_link"),
    Row("two uses swapped", lambda: verify_history(TAG_KEY, swapped()), "history_order"),
    Row("another dossier's history", lambda: verify_history(TAG_KEY, history(OTHER_KEY)), "history_link"),
    Row("a use relabelled as a note", lambda: verify_history(TAG_KEY, relabelled()), "opening_type"),
    Row("a use under a foreign tag", lambda: verify_history(TAG_KEY, foreign_use()), "history_tag"),
    Row("an entry told twice", lambda: verify_history(TAG_KEY, [history()[0], *history()]), "history_order"),
    Row("an old history after a new head", lambda: verify_history(TAG_KEY, history(), verify_history(TAG_KEY, history()[:2])), "history_order"),
    Row("a history that does not fit the head", lambda: verify_history(TAG_KEY, history()[2:], HistoryHead(2, bytes(32), 1)), "history_link"),
]  # fmt: skip


@pytest.mark.parametrize("row", HISTORIES, ids=lambda row: row.name)
def test_a_doctored_history_is_refused(row: Row) -> None:
    run(row)


def test_a_history_cut_at_the_end_is_seen_only_by_who_kept_the_head() -> None:
    kept = verify_history(TAG_KEY, history())
    told = verify_history(TAG_KEY, history()[:3])
    assert told.n < kept.n


def use_of_another_reader() -> None:
    step = history()[2]
    assert step.opening is not None
    verify_access(Entry.parse(step.entry), step.opening, RECORDS[0], grant_tag_key(TAG_KEY, b"\x0e" * 32))


def use_number_changed() -> None:
    step = history()[2]
    assert step.opening is not None
    opening = replace(step.opening, object_sha256=hashlib.sha256(RECORDS[1]).digest())
    verify_access(Entry.parse(step.entry), opening, RECORDS[1], grant_tag_key(TAG_KEY, GRANT))


@pytest.mark.parametrize(
    "row",
    [
        Row("a use logged under another grant", use_of_another_reader, "access_tag"),
        Row("a use logged under another number", use_number_changed, "opening_commitment"),
    ],
    ids=lambda row: row.name,
)
def test_a_reader_notices_a_use_logged_where_the_holder_will_not_look(row: Row) -> None:
    run(row)


def test_events_of_one_dossier_share_nothing_that_an_outsider_could_match() -> None:
    entries = [Entry.parse(step.entry) for step in history()]
    values = [value for entry in entries for value in (entry.tag, entry.pv, entry.c)]
    assert len(set(values)) == len(values)
    hashes = {entry_hash(step.entry) for step in history()} | {leaf_hash(step.entry) for step in history()}
    assert not hashes & set(values)
    assert ZERO32 not in values
