"""Sealed objects: one payload, many headers, and nobody in between."""

from __future__ import annotations

import io

import pytest

from protocol.age_format import parse_whole_header, signed_bytes
from protocol.envelope import (
    header_for,
    open_bytes,
    open_file,
    open_joined,
    open_stream,
    seal,
    seal_bytes,
    unwrap,
)
from protocol.errors import Denied, Malformed, Untrusted
from protocol.hashing import sha256
from protocol.recipients import HybridIdentity, Passphrase, Recipient, ScryptIdentity, ScryptRecipient, X25519Identity
from protocol.stream import CHUNK_BYTES, FileKey

ALICE = HybridIdentity(b"a" * 32)
BANK = HybridIdentity(b"b" * 32)
CLASSIC = X25519Identity(b"c" * 32)
DATA = bytes(i % 251 for i in range(CHUNK_BYTES + 100))


def test_a_sealed_object_names_its_bytes_and_opens_apart() -> None:
    payload = io.BytesIO()
    info = seal(io.BytesIO(DATA), payload, [ALICE.recipient()])
    assert info.payload_sha256 == sha256(payload.getvalue())
    assert info.payload_size == len(payload.getvalue())
    assert (info.plaintext_sha256, info.plaintext_size) == (sha256(DATA), len(DATA))
    assert open_bytes(info.header, payload.getvalue(), [ALICE], payload_sha256=info.payload_sha256) == DATA


def test_header_and_payload_joined_are_one_age_file() -> None:
    sealed = seal_bytes(DATA, [ALICE.recipient()])
    assert sealed.file == sealed.header + sealed.payload
    assert open_joined(sealed.file, [BANK, ALICE]) == DATA
    out = io.BytesIO()
    open_file(io.BytesIO(sealed.file), out, [ALICE])
    assert out.getvalue() == DATA


def test_another_reader_gets_a_header_and_the_payload_stays_as_it_is() -> None:
    sealed = seal_bytes(DATA, [ALICE.recipient()])
    with pytest.raises(Denied):
        open_bytes(sealed.header, sealed.payload, [BANK])
    header = header_for(unwrap(sealed.header, [ALICE]), [BANK.recipient()])
    assert open_bytes(header, sealed.payload, [BANK]) == DATA
    with pytest.raises(Denied):
        open_bytes(header, sealed.payload, [ALICE])


def test_several_readers_share_one_header_and_any_identity_may_be_the_one() -> None:
    sealed = seal_bytes(b"ring", [ALICE.recipient(), BANK.recipient()])
    assert open_bytes(sealed.header, sealed.payload, [CLASSIC, BANK]) == b"ring"
    assert open_bytes(sealed.header, sealed.payload, [ALICE]) == b"ring"


@pytest.mark.parametrize("identities", [[], [BANK], [CLASSIC]])
def test_who_is_no_reader_is_denied(identities: list[HybridIdentity]) -> None:
    sealed = seal_bytes(b"x", [ALICE.recipient()])
    with pytest.raises(Denied) as error:
        unwrap(sealed.header, identities)
    assert error.value.code == "no_identity"


def test_a_stanza_that_was_added_on_the_way_is_noticed() -> None:
    sealed = seal_bytes(b"x", [ALICE.recipient()])
    header = parse_whole_header(sealed.header)
    stanzas = (*header.stanzas, BANK.recipient().wrap(FileKey(bytes(16))))
    forged = signed_bytes(stanzas) + sealed.header[-45:]
    with pytest.raises(Untrusted) as error:
        unwrap(forged, [ALICE])
    assert error.value.code == "age_header_mac"


def test_a_swapped_pair_opens_in_age_and_is_caught_by_the_signed_digest() -> None:
    # age binds no context: this is why every payload is named by a signed statement outside.
    mine, other = seal_bytes(b"mine", [ALICE.recipient()]), seal_bytes(b"other", [ALICE.recipient()])
    assert open_bytes(other.header, other.payload, [ALICE]) == b"other"
    with pytest.raises(Untrusted) as error:
        open_bytes(other.header, other.payload, [ALICE], payload_sha256=sha256(mine.payload))
    assert error.value.code == "payload_digest"


def test_a_header_of_another_object_does_not_open_the_payload() -> None:
    mine, other = seal_bytes(b"mine", [ALICE.recipient()]), seal_bytes(b"other", [ALICE.recipient()])
    out = io.BytesIO()
    with pytest.raises(Untrusted):
        open_stream(mine.header, io.BytesIO(other.payload), out, [ALICE])
    assert out.getvalue() == b""


def test_a_header_that_is_stored_apart_has_nothing_behind_it() -> None:
    sealed = seal_bytes(b"x", [ALICE.recipient()])
    with pytest.raises(Malformed):
        unwrap(sealed.file, [ALICE])


@pytest.mark.parametrize(
    ("recipients", "code"),
    [
        ([], "no_recipient"),
        ([ScryptRecipient(Passphrase("x"), 4), CLASSIC.recipient()], "recipients_mixed"),
        ([ScryptRecipient(Passphrase("x"), 4)] * 2, "recipients_mixed"),
        ([ALICE.recipient(), CLASSIC.recipient()], "recipients_mixed"),
    ],
)
def test_recipients_that_weaken_each_other_are_refused_before_a_byte_is_written(
    recipients: list[Recipient], code: str
) -> None:
    out = io.BytesIO()
    with pytest.raises(Malformed) as error:
        seal(io.BytesIO(b"x"), out, recipients)
    assert (error.value.code, out.getvalue()) == (code, b"")


def test_a_passphrase_alone_seals_an_object() -> None:
    sealed = seal_bytes(b"x", [ScryptRecipient(Passphrase("open sesame"), 4)])
    assert open_bytes(sealed.header, sealed.payload, [ScryptIdentity(Passphrase("open sesame"))]) == b"x"


def test_no_secret_shows_when_a_sealed_object_is_printed() -> None:
    sealed = seal_bytes(b"x", [ALICE.recipient()])
    assert "FileKey(****)" in repr(sealed)
    assert repr(sealed.file_key.unsafe_bytes) not in repr(sealed)
