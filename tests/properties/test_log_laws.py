"""The laws of trees, and of every format of the log: whole on the way round, and ours to refuse when garbled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.entries import AccessRecord, Entry, Opening, parse_origin
from protocol.errors import Malformed, Untrusted
from protocol.hashing import sha256
from protocol.merkle import (
    MAX_TREE_SIZE,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hashes,
    node_hash,
    root,
    root_from,
    tree_levels,
    verify_consistency,
    verify_inclusion,
)
from protocol.note import Checkpoint, Vkey, parse_note, sign_checkpoint, sign_note, verify_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tiles import (
    TileReader,
    TileRef,
    VerifiedTileReader,
    appended_bundles,
    appended_tiles,
    build_bundle,
    parse_bundle,
    parse_tile_path,
)
from protocol.tlog_proof import TlogProof, verify_tlog_proof

MOST = 64
HASHES = leaf_hashes(bytes([i]) for i in range(MOST))
LEVELS = tree_levels(HASHES)
ORIGIN = "onefile/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3/main"
LOG = Ed25519NoteSigner(ORIGIN, bytes(32))
hashes32 = st.binary(min_size=32, max_size=32)
sizes = st.integers(0, MAX_TREE_SIZE)
whole = st.integers(0, 2**53 - 1)


def node(level: int, index: int) -> bytes:
    return LEVELS[level][index]


def simple_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162 §2.1.1 defines it, word by word."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(simple_root(leaves[:k]), simple_root(leaves[k:]))


ROOTS = [simple_root(HASHES[:n]) for n in range(MOST + 1)]


def refused(check: Callable[..., object], *args: object) -> bool:
    try:
        check(*args)
    except (Malformed, Untrusted):
        return True
    return False


@pytest.mark.parametrize("n", range(MOST + 1))
def test_every_way_to_a_root_gives_the_root_of_the_definition(n: int) -> None:
    assert root(HASHES[:n]) == root_from(n, node) == Frontier().extend(HASHES[:n]).root() == ROOTS[n]


@pytest.mark.parametrize("n", range(1, MOST + 1))
def test_every_leaf_is_proven_in_every_tree_and_only_at_its_place(n: int) -> None:
    for index in range(n):
        proof = inclusion_proof(index, n, node)
        verify_inclusion(HASHES[index], index, n, proof, ROOTS[n])
        for other in range(n):
            if other != index:
                assert refused(verify_inclusion, HASHES[index], other, n, proof, ROOTS[n])


@pytest.mark.parametrize("n", range(1, MOST + 1))
def test_every_tree_extends_every_earlier_one_and_no_other(n: int) -> None:
    for m in range(1, n + 1):
        proof = consistency_proof(m, n, node)
        verify_consistency(m, n, ROOTS[m], ROOTS[n], proof)
        assert refused(verify_consistency, m, n, ROOTS[m - 1], ROOTS[n], proof)
        assert refused(verify_consistency, m, n, ROOTS[m], ROOTS[n - 1], proof)


@pytest.mark.parametrize("n", [2, 3, 7, 8, 9, 31, 33, 64])
def test_a_proof_with_a_hash_more_or_less_or_exchanged_is_refused(n: int) -> None:
    for m in range(1, n):
        steps, path = consistency_proof(m, n, node), inclusion_proof(m, n, node)
        for bad in mutations(steps):
            assert refused(verify_consistency, m, n, ROOTS[m], ROOTS[n], bad)
        for bad in mutations(path):
            assert refused(verify_inclusion, HASHES[m], m, n, bad, ROOTS[n])


def mutations(proof: list[bytes]) -> list[list[bytes]]:
    found = [proof[:-1], proof[1:], [*proof, bytes(32)], [bytes(32), *proof], [*proof, b""], proof[::-1]]
    found += [[*proof[:i], bytes([h[0] ^ 1]) + h[1:], *proof[i + 1 :]] for i, h in enumerate(proof)]
    return [bad for bad in found if bad != proof]


@given(st.lists(st.integers(0, 700), max_size=6))
@settings(max_examples=40, deadline=None)
def test_appends_in_any_portions_give_one_tree(portions: list[int]) -> None:
    entries = [i.to_bytes(2, "big") for i in range(sum(portions))]
    leaves = leaf_hashes(entries)
    store: dict[str, bytes] = {}
    frontier, at = Frontier(), 0
    for portion in portions:
        store |= appended_tiles(at, leaves[at : at + portion], store.get)
        store |= appended_bundles(at, entries[at : at + portion], store.get)
        frontier = frontier.extend(leaves[at : at + portion])
        at += portion
        assert TileReader(at, store.get).root() == frontier.root() == root(leaves[:at])
    if at:
        reader = VerifiedTileReader(at, frontier.root(), store.get)
        assert [reader.entry(i) for i in (0, at - 1)] == [entries[0], entries[-1]]


@given(st.lists(hashes32, max_size=40))
def test_a_frontier_is_read_back(leaves: list[bytes]) -> None:
    frontier = Frontier().extend(leaves)
    assert Frontier.parse(frontier.serialise()) == frontier


@given(st.none() | st.integers(0, 7), st.integers(0, 2**55 - 1), st.integers(1, 256))
def test_a_tile_path_is_read_back(level: int | None, n: int, width: int) -> None:
    assert parse_tile_path(TileRef(level, n, width).path) == TileRef(level, n, width)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_is_read_back(entries: list[bytes]) -> None:
    assert parse_bundle(build_bundle(entries), len(entries)) == entries


lines = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(lines, sizes, hashes32, st.lists(lines, max_size=3))
def test_a_checkpoint_is_read_back(origin: str, size: int, top: bytes, extensions: list[str]) -> None:
    checkpoint = Checkpoint(origin, size, top, tuple(extensions))
    note = parse_note(sign_note(checkpoint.text, LOG))
    assert Checkpoint.parse_text(note.text) == checkpoint


@given(hashes32)
def test_a_vkey_is_read_back(seed: bytes) -> None:
    vkey = Ed25519NoteSigner("log.example/a", seed).vkey
    assert Vkey.parse(str(vkey)) == vkey


@given(st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True), hashes32, hashes32, hashes32)
def test_an_entry_is_read_back(t: str, tag: bytes, pv: bytes, c: bytes) -> None:
    entry = Entry(t, tag, pv, c)
    assert Entry.parse(entry.serialise()) == entry


@given(whole, hashes32, hashes32, whole)
def test_an_opening_is_read_back(n: int, salt: bytes, digest: bytes, index: int) -> None:
    opening = Opening(n, salt, digest, "issue", index)
    assert Opening.from_json(opening.to_json()) == opening


@given(hashes32, hashes32, st.booleans(), whole, st.lists(hashes32, max_size=5, unique=True))
def test_an_access_record_is_read_back(receipt: bytes, key: bytes, show: bool, use_no: int, out: list[bytes]) -> None:
    basis = (None, key[:16]) if show else (key, None)
    record = AccessRecord(receipt, *basis, use_no, tuple(out), 1_800_000_000)
    assert AccessRecord.parse(record.serialise()) == record


SIGNED = sign_checkpoint(Checkpoint(ORIGIN, 5, ROOTS[5]), LOG)
PROOF = TlogProof(3, tuple(inclusion_proof(3, 5, node)), SIGNED)


@given(st.integers(0, MAX_TREE_SIZE - 1), st.lists(hashes32, max_size=63), st.none() | st.binary(max_size=99))
def test_a_tlog_proof_is_read_back(index: int, hashes: list[bytes], extra: bytes | None) -> None:
    proof = TlogProof(index, tuple(hashes), SIGNED, extra)
    assert TlogProof.parse(proof.serialise()) == proof


@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 7))
@settings(max_examples=300)
def test_a_checkpoint_with_any_flipped_bit_is_refused(at: int, bit: int) -> None:
    assert refused(verify_checkpoint, flip(SIGNED, at, bit), ORIGIN, LOG.vkey)


@given(st.integers(0, len(PROOF.serialise()) - 1), st.integers(0, 7))
@settings(max_examples=300)
def test_a_tlog_proof_with_any_flipped_bit_is_refused(at: int, bit: int) -> None:
    assert refused(verify_tlog_proof, flip(PROOF.serialise(), at, bit), b"\x03", ORIGIN, LOG.vkey)


def flip(raw: bytes, at: int, bit: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]


PARSERS: list[Callable[[bytes], Any]] = [
    Entry.parse,
    AccessRecord.parse,
    Frontier.parse,
    TlogProof.parse,
    parse_note,
    lambda raw: parse_bundle(raw, 3),
    lambda raw: Vkey.parse(raw.decode("latin-1")),
    lambda raw: Checkpoint.parse_text(raw.decode("latin-1")),
    lambda raw: parse_tile_path(raw.decode("latin-1")),
    lambda raw: parse_origin(raw.decode("latin-1")),
]
SEEDS = [
    b'{"c":"' + b"A" * 43 + b'","pv":"","t":"issue","tag":"","v":1}',
    SIGNED,
    PROOF.serialise(),
    str(LOG.vkey).encode(),
    b"tile/0/x001/234.p/5",
    ORIGIN.encode(),
]


@given(st.data())
@settings(max_examples=500)
def test_a_parser_raises_nothing_but_malformed(data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(SEEDS) | st.binary(max_size=80))
    at = data.draw(st.integers(0, len(seed)))
    raw = seed[:at] + data.draw(st.binary(max_size=4)) + seed[at + data.draw(st.integers(0, 4)) :]
    for parse in PARSERS:
        assert parses_or_is_malformed(parse, raw)


def parses_or_is_malformed(parse: Callable[[bytes], Any], raw: bytes) -> bool:
    try:
        parse(raw)
    except Malformed:
        return True
    return True  # any other exception goes on and fails the test
