"""Signed notes and checkpoints: grammar, keys, and whose signature counts."""

from __future__ import annotations

import base64

import pytest

from protocol.errors import Malformed, Untrusted
from protocol.merkle import EMPTY_ROOT, consistency_proof, leaf_hashes, root, tree_levels
from protocol.note import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Checkpoint,
    FormerKey,
    Vkey,
    checkpoint_hash,
    parse_note,
    sign_checkpoint,
    sign_note,
    verify_checkpoint,
    verify_growth,
    verify_note,
)
from protocol.note_signer import Ed25519NoteSigner

ORIGIN = "onefile/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3/main"
LOG = Ed25519NoteSigner(ORIGIN, bytes(range(32)))
WITNESS = Ed25519NoteSigner("witness.example/w1", bytes(32))
HEAD = Checkpoint(ORIGIN, 8, bytes(range(32)))
SIGNED = sign_checkpoint(HEAD, LOG)


def code_of(error: pytest.ExceptionInfo[Malformed] | pytest.ExceptionInfo[Untrusted]) -> str:
    return error.value.code


def test_a_checkpoint_is_the_text_that_the_specification_shows() -> None:
    lines = SIGNED.decode().split("\n")
    assert lines[:4] == [ORIGIN, "8", base64.b64encode(bytes(range(32))).decode(), ""]
    assert lines[4].startswith(f"— {ORIGIN} ")
    assert lines[5:] == [""]


def test_a_signed_checkpoint_verifies_under_its_key_alone() -> None:
    assert verify_checkpoint(SIGNED, ORIGIN, LOG.vkey) == HEAD
    other = Ed25519NoteSigner(ORIGIN, bytes(32))
    with pytest.raises(Untrusted) as caught:
        verify_checkpoint(SIGNED, ORIGIN, other.vkey)
    assert code_of(caught) == "note_unsigned"


def test_a_vkey_reads_back_from_its_text() -> None:
    assert Vkey.parse(str(LOG.vkey)) == LOG.vkey
    assert str(LOG.vkey).startswith(f"{ORIGIN}+{LOG.vkey.key_id.hex()}+")


def test_the_key_of_the_go_checksum_database_has_the_id_that_it_states() -> None:
    vkey = Vkey.parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    assert vkey.key_id.hex() == "033de0ae"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (7, "vkey"),
        ("", "vkey"),
        ("name+00000000", "vkey"),
        ("name+0000000G+AAAA", "vkey"),
        ("name+00000000+****", "base64"),
        ("name+00000000+AAAA", "length"),
        ("name+00000000+" + base64.b64encode(b"\x04" + bytes(32)).decode(), "vkey_algorithm"),
        ("name+00000000+" + base64.b64encode(b"\x01" + bytes(32)).decode(), "vkey_hash"),
        ("na me+00000000+" + base64.b64encode(b"\x01" + bytes(32)).decode(), "note_name"),
        ("+00000000+" + base64.b64encode(b"\x01" + bytes(32)).decode(), "note_name"),
    ],
)
def test_a_text_that_is_no_vkey_is_malformed(text: object, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        Vkey.parse(text)
    assert code_of(caught) == code


def test_a_key_of_another_length_is_malformed() -> None:
    with pytest.raises(Malformed):
        Vkey("name", bytes(31))
    with pytest.raises(Malformed):
        Ed25519NoteSigner("name", bytes(33))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\u0085b", "a\nb", "a\x00b", "a\ud800b", "x" * 256])
def test_a_key_name_with_spaces_or_plus_is_malformed(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        Ed25519NoteSigner(name, bytes(32))
    assert code_of(caught) == "note_name"


def test_signatures_of_unknown_keys_are_ignored() -> None:
    raw = sign_note(HEAD.text, WITNESS, LOG)
    assert verify_checkpoint(raw, ORIGIN, LOG.vkey) == HEAD
    assert [line.name for line in parse_note(raw).signatures] == [WITNESS.name, ORIGIN]


def test_a_note_holds_only_if_every_known_signature_does() -> None:
    raw = sign_note(HEAD.text, WITNESS, LOG)
    assert verify_note(raw, [WITNESS.vkey, LOG.vkey]).text == HEAD.text
    witness, log = (line for line in raw.split(b"\n") if line.startswith("—".encode()))
    blob = bytearray(base64.b64decode(witness.split(b" ")[2]))
    blob[-1] ^= 1
    bad = raw.replace(witness.split(b" ")[2], base64.b64encode(bytes(blob)))
    with pytest.raises(Untrusted) as caught:
        verify_note(bad, [WITNESS.vkey, LOG.vkey])
    assert code_of(caught) == "note_signature"
    assert verify_note(bad, [LOG.vkey]).text == HEAD.text
    assert log in bad


def test_a_signature_of_another_length_does_not_hold() -> None:
    blob = base64.b64encode(LOG.vkey.key_id + b"short").decode()
    with pytest.raises(Untrusted) as caught:
        verify_note(f"{HEAD.text}\n— {ORIGIN} {blob}\n".encode(), [LOG.vkey])
    assert code_of(caught) == "note_signature"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "note"),
        (b"text\n", "note"),
        (b"text\n\n", "note"),
        (b"text\n\n\xe2\x80\x94 name AAAAAAA=", "note"),
        (b"text\n\n- name AAAAAAA=\n", "note"),
        (b"text\n\n\xe2\x80\x94 name\n", "note"),
        (b"text\n\n\xe2\x80\x94 name AAAA\n", "note"),
        (b"text\n\n\xe2\x80\x94 name AAAAAAA\n", "base64"),
        (b"text\n\n\xe2\x80\x94  AAAAAAA=\n", "note_name"),
        (b"text\n\n\xe2\x80\x94 na+me AAAAAAA=\n", "note_name"),
        (b"text\n\n\xe2\x80\x94 name AAAAAAA= x\n", "base64"),
        (b"te\rxt\n\n\xe2\x80\x94 name AAAAAAA=\n", "note"),
        (b"te\xffxt\n\n\xe2\x80\x94 name AAAAAAA=\n", "note"),
        (b"text\n\n" + b"\xe2\x80\x94 name AAAAAAA=\n" * (MAX_SIGNATURES + 1), "too_many_signatures"),
        (b"x" * (MAX_NOTE_BYTES + 1), "too_large"),
    ],
)
def test_bytes_that_are_no_note_are_malformed(raw: bytes, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_note(raw)
    assert code_of(caught) == code


def test_as_many_signatures_as_the_bound_allows_are_read() -> None:
    raw = sign_note("text\n", *[WITNESS] * MAX_SIGNATURES)
    assert len(parse_note(raw).signatures) == MAX_SIGNATURES


def test_a_note_may_hold_empty_lines_and_any_script() -> None:
    text = "一人一档\n\n第二段\n"
    assert verify_note(sign_note(text, WITNESS), [WITNESS.vkey]).text == text


@pytest.mark.parametrize("text", ["no newline", "tab\there\n", "", "\x00\n", "cr\r\n"])
def test_a_text_that_no_note_may_hold_is_not_signed(text: str) -> None:
    with pytest.raises(Malformed):
        sign_note(text, LOG)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("origin\n8\n", "note"),
        ("origin\n8\n\n", "note"),
        ("origin\n8\nroot", "note"),
        ("origin\n08\nAAAA\n", "note"),
        ("origin\n-8\nAAAA\n", "note"),
        ("origin\n٨\nAAAA\n", "note"),
        ("origin\n8\nAAAA\n", "length"),
        ("origin\n8\n****\n", "base64"),
        ("\n8\nAAAA\n", "note"),
        (f"origin\n9999999999999999999\n{'A' * 43}=\n", "tree_size"),
        (f"origin\n8\n{'A' * 43}=\n\nextension\n", "note"),
    ],
)
def test_a_text_that_is_no_checkpoint_is_malformed(text: str, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        Checkpoint.parse_text(text)
    assert code_of(caught) in {code, "note"}


def test_extension_lines_are_kept_and_signed() -> None:
    head = Checkpoint(ORIGIN, 8, bytes(32), ("extension one", "two"))
    assert verify_checkpoint(sign_checkpoint(head, LOG), ORIGIN, LOG.vkey) == head


@pytest.mark.parametrize(
    "fields", [("", 8, bytes(32)), ("a\nb", 8, bytes(32)), ("a", -1, bytes(32)), ("a", 1, bytes(31))]
)
def test_a_checkpoint_that_could_not_be_read_back_is_not_built(fields: tuple[str, int, bytes]) -> None:
    with pytest.raises(Malformed):
        Checkpoint(*fields)


def test_a_log_key_signs_for_its_own_origin_only() -> None:
    with pytest.raises(Malformed) as caught:
        sign_checkpoint(HEAD, WITNESS)
    assert code_of(caught) == "checkpoint_key"


def test_the_checkpoint_hash_is_that_of_the_signed_bytes() -> None:
    assert checkpoint_hash(SIGNED) != checkpoint_hash(sign_note(HEAD.text, LOG, WITNESS))
    assert len(checkpoint_hash(SIGNED)) == 32


def test_a_signer_does_not_show_its_seed() -> None:
    shown = repr(LOG)
    assert ORIGIN in shown
    assert bytes(range(32)).hex() not in shown
    assert base64.b64encode(bytes(range(32))).decode() not in shown


def test_a_head_that_extends_another_is_accepted() -> None:
    hashes = leaf_hashes([b"a", b"b", b"c"])
    levels = tree_levels(hashes)
    older, newer = (Checkpoint(ORIGIN, n, root(hashes[:n])) for n in (2, 3))
    assert verify_growth(older, newer, consistency_proof(2, 3, lambda level, i: levels[level][i])) is None
    assert verify_growth(newer, newer, []) is None
    assert verify_growth(Checkpoint(ORIGIN, 0, EMPTY_ROOT), newer, []) is None


@pytest.mark.parametrize(
    ("newer", "code"),
    [
        (Checkpoint(ORIGIN, 7, HEAD.root), "rolled_back"),
        (Checkpoint(ORIGIN, 8, bytes(32)), "equivocation"),
        (Checkpoint("another", 9, HEAD.root), "checkpoint_origin"),
        (Checkpoint(ORIGIN, 9, HEAD.root), "consistency_proof"),
    ],
)
def test_a_head_that_does_not_extend_another_is_named(newer: Checkpoint, code: str) -> None:
    with pytest.raises(Untrusted) as caught:
        verify_growth(HEAD, newer, [])
    assert code_of(caught) == code


def test_a_head_of_another_log_is_untrusted_whoever_signed_it() -> None:
    with pytest.raises(Untrusted) as caught:
        verify_checkpoint(SIGNED, ORIGIN, WITNESS.vkey)
    assert code_of(caught) == "checkpoint_key"
    with pytest.raises(Untrusted) as caught:
        verify_checkpoint(sign_note("another\n8\n" + HEAD.text.split("\n")[2] + "\n", LOG), ORIGIN, LOG.vkey)
    assert code_of(caught) == "checkpoint_origin"


# --- keys that were replaced ----------------------------------------------------------------------

FIRST, SECOND = (Ed25519NoteSigner(ORIGIN, bytes([seed]) * 32) for seed in (1, 2))
FORMER = (FormerKey(FIRST.vkey, 5), FormerKey(SECOND.vkey, 8))


def head_of(size: int) -> Checkpoint:
    return Checkpoint(ORIGIN, size, bytes(range(32)))


@pytest.mark.parametrize(("signer", "size"), [(FIRST, 5), (SECOND, 8), (SECOND, 3), (LOG, 800)])
def test_a_former_key_counts_up_to_what_was_anchored_when_it_was_replaced(
    signer: Ed25519NoteSigner, size: int
) -> None:
    assert verify_checkpoint(sign_checkpoint(head_of(size), signer), ORIGIN, LOG.vkey, FORMER) == head_of(size)


@pytest.mark.parametrize(("signer", "size"), [(FIRST, 6), (SECOND, 9)])
def test_a_former_key_counts_no_further(signer: Ed25519NoteSigner, size: int) -> None:
    with pytest.raises(Untrusted) as caught:
        verify_checkpoint(sign_checkpoint(head_of(size), signer), ORIGIN, LOG.vkey, FORMER)
    assert code_of(caught) == "checkpoint_key_former"


def test_a_head_that_two_keys_signed_counts_by_the_newer() -> None:
    assert verify_checkpoint(sign_note(head_of(7).text, FIRST, SECOND), ORIGIN, LOG.vkey, FORMER) == head_of(7)
    assert verify_checkpoint(sign_note(head_of(90).text, FIRST, LOG), ORIGIN, LOG.vkey, FORMER) == head_of(90)


def test_a_false_signature_of_a_former_key_and_a_key_of_another_log_are_refused() -> None:
    signed = sign_checkpoint(head_of(3), FIRST).decode()
    head, line = signed.rsplit(" ", 1)
    raw = base64.b64decode(line)
    forged = f"{head} {base64.b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode()}\n".encode()
    for note, former, code in (
        (forged, FORMER, "note_signature"),
        (sign_checkpoint(head_of(3), FIRST), FORMER[1:], "note_unsigned"),
        (SIGNED, (FormerKey(WITNESS.vkey, 9),), "checkpoint_key"),
    ):
        with pytest.raises(Untrusted) as caught:
            verify_checkpoint(note, ORIGIN, LOG.vkey, former)
        assert code_of(caught) == code


def test_a_key_that_came_back_counts_for_everything() -> None:
    former = (FormerKey(LOG.vkey, 2), FormerKey(SECOND.vkey, 4))
    assert verify_checkpoint(SIGNED, ORIGIN, LOG.vkey, former) == HEAD
