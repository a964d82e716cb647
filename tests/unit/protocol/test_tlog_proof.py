"""A proof of one entry that stands alone: the text of C2SP tlog-proof and its verification."""

from __future__ import annotations

import base64

import pytest

from protocol.errors import Malformed, Untrusted
from protocol.merkle import inclusion_proof, leaf_hashes, root, tree_levels
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tlog_proof import HEADER, MAX_EXTRA, MAX_PROOF_BYTES, TlogProof, verify_tlog_proof

ORIGIN = "onefile/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3/main"
LOG = Ed25519NoteSigner(ORIGIN, bytes(range(32)))
ENTRIES = [b"entry %d" % i for i in range(5)]
HASHES = leaf_hashes(ENTRIES)
LEVELS = tree_levels(HASHES)
HEAD = Checkpoint(ORIGIN, 5, root(HASHES))
SIGNED = sign_checkpoint(HEAD, LOG)


def proof_of(index: int, extra: bytes | None = None) -> TlogProof:
    hashes = inclusion_proof(index, 5, lambda level, i: LEVELS[level][i])
    return TlogProof(index, tuple(hashes), SIGNED, extra)


def test_the_text_is_header_index_hashes_and_the_checkpoint_verbatim() -> None:
    hashes = "".join(base64.b64encode(h).decode() + "\n" for h in proof_of(3).hashes)
    assert proof_of(3).serialise() == f"{HEADER}\nindex 3\n{hashes}\n".encode() + SIGNED


def test_extra_data_stands_between_header_and_index() -> None:
    assert proof_of(3, b"opening").serialise().split(b"\n")[1] == b"extra b3BlbmluZw=="


@pytest.mark.parametrize("extra", [None, b"", b"anything"])
@pytest.mark.parametrize("index", range(5))
def test_every_entry_is_proven_by_what_is_read_back(index: int, extra: bytes | None) -> None:
    raw = proof_of(index, extra).serialise()
    assert TlogProof.parse(raw) == proof_of(index, extra)
    assert verify_tlog_proof(raw, ENTRIES[index], ORIGIN, LOG.vkey) == (index, HEAD)


def test_a_tree_of_one_entry_needs_no_hash() -> None:
    signed = sign_checkpoint(Checkpoint(ORIGIN, 1, HASHES[0]), LOG)
    raw = TlogProof(0, (), signed).serialise()
    assert raw.startswith(f"{HEADER}\nindex 0\n\n{ORIGIN}\n".encode())
    assert verify_tlog_proof(raw, ENTRIES[0], ORIGIN, LOG.vkey)[0] == 0


def test_a_proof_says_nothing_about_another_entry() -> None:
    with pytest.raises(Untrusted) as caught:
        verify_tlog_proof(proof_of(3).serialise(), ENTRIES[2], ORIGIN, LOG.vkey)
    assert caught.value.code == "inclusion_proof"


def test_a_proof_under_another_key_is_not_believed() -> None:
    other = Ed25519NoteSigner(ORIGIN, bytes(32))
    with pytest.raises(Untrusted) as caught:
        verify_tlog_proof(proof_of(3).serialise(), ENTRIES[3], ORIGIN, other.vkey)
    assert caught.value.code == "note_unsigned"


LINE = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ("", "tlog_proof"),
        ("c2sp.org/tlog-proof@v2\nindex 3", "tlog_proof"),
        (f"{HEADER}", "tlog_proof_index"),
        (f"{HEADER}\nextra AA==", "tlog_proof_index"),
        (f"{HEADER}\nindex 03", "tlog_proof_index"),
        (f"{HEADER}\nindex -1", "tlog_proof_index"),
        (f"{HEADER}\nindex +1", "tlog_proof_index"),
        (f"{HEADER}\nindex 1 ", "tlog_proof_index"),
        (f"{HEADER}\nindex 9999999999999999999", "leaf_index"),
        (f"{HEADER}\nindex ٣", "tlog_proof"),
        (f"{HEADER}\nindex 3\nindex 4", "base64"),
        (f"{HEADER}\nextra ***\nindex 3", "base64"),
        (f"{HEADER}\nextra AA==\nextra AA==\nindex 3", "tlog_proof_index"),
        (f"{HEADER}\nindex 3\nextra AA==", "base64"),
        (f"{HEADER}\nindex 3\nAAAA", "length"),
        (f"{HEADER}\r\nindex 3", "tlog_proof"),
        ("\n".join([HEADER, "index 3", *[LINE] * 64]), "too_many_hashes"),
    ],
)
def test_a_text_that_is_no_proof_is_malformed(head: str, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        TlogProof.parse(head.encode() + b"\n\n" + SIGNED)
    assert caught.value.code == code


def test_a_proof_without_a_checkpoint_is_malformed() -> None:
    for raw in (
        f"{HEADER}\nindex 3\n".encode(),
        f"{HEADER}\nindex 3\n\n".encode(),
        f"{HEADER}\nindex 3\n\nno note".encode(),
    ):
        with pytest.raises(Malformed):
            TlogProof.parse(raw)


def test_more_bytes_than_the_bounds_allow_are_malformed() -> None:
    for make in (
        lambda: TlogProof.parse(b"x" * (MAX_PROOF_BYTES + 1)),
        lambda: proof_of(3, bytes(MAX_EXTRA + 1)),
    ):
        with pytest.raises(Malformed) as caught:
            make()
        assert caught.value.code == "too_large"


def test_a_hash_of_another_length_is_not_written_down() -> None:
    with pytest.raises(Malformed) as caught:
        TlogProof(0, (bytes(31),), SIGNED)
    assert caught.value.code == "hash_length"
