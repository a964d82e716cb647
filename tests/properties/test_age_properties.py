"""Laws of sealed objects, for any bytes: what goes in comes out, and no byte may change unnoticed."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol import bech32
from protocol.age_format import Header, Stanza, parse_header, parse_whole_header, raw_b64, raw_unb64
from protocol.envelope import open_bytes, open_file, seal_bytes
from protocol.errors import Malformed, OneFileError
from protocol.keyring import KeyRing
from protocol.keys import LANGUAGES, Mnemonic
from protocol.parcel import Parcel
from protocol.recipients import (
    HybridIdentity,
    Identity,
    Passphrase,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    parse_identity,
    parse_recipient,
)
from protocol.stream import CHUNK_BYTES, FileKey, decrypt_stream, encrypt_stream, payload_size

KEY = FileKey(b"YELLOW SUBMARINE")
HYBRID = HybridIdentity(bytes(range(32)))
CLASSIC = X25519Identity(bytes(range(32)))
PASSPHRASE = Passphrase("one")
SMALL = seal_bytes(b"a small document", [HYBRID.recipient()]).file
LARGE = seal_bytes(bytes(CHUNK_BYTES + 10), [CLASSIC.recipient()]).file
STORE = seal_bytes(b"a key store", [ScryptRecipient(PASSPHRASE, 1)]).file
# eth_account raises the recursion limit when it is imported, and Hypothesis minds that inside a test.
Mnemonic.generate("en")
IDENTITIES: list[Identity] = [HYBRID, CLASSIC, ScryptIdentity(PASSPHRASE, max_log_n=4)]

arguments = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80)
unknown_stanzas = st.builds(
    Stanza,
    arguments.filter(lambda tag: tag not in {"X25519", "scrypt", "mlkem768x25519"}),
    st.lists(arguments, max_size=5).map(tuple),
    st.binary(max_size=200),
)
headers = st.builds(
    Header, st.lists(unknown_stanzas, min_size=1, max_size=5).map(tuple), st.binary(min_size=32, max_size=32)
)
sizes = st.integers(0, 2 * CHUNK_BYTES + 5) | st.sampled_from([CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])


def refusal(call: Callable[[], object]) -> OneFileError | None:
    """One of our errors, or None if there was none; any other exception goes through and fails the test."""
    try:
        call()
    except OneFileError as error:
        return error
    return None


def parses_or_is_malformed(parse: Callable[[Any], object], raw: object) -> None:
    error = refusal(lambda: parse(raw))
    assert error is None or isinstance(error, Malformed)


def open_forged(raw: bytes) -> tuple[OneFileError | None, bytes]:
    out = io.BytesIO()
    return refusal(lambda: open_file(io.BytesIO(raw), out, IDENTITIES)), out.getvalue()


@given(st.binary(max_size=300))
def test_a_sealed_document_opens_to_itself(data: bytes) -> None:
    sealed = seal_bytes(data, [HYBRID.recipient()])
    assert open_bytes(sealed.header, sealed.payload, [HYBRID]) == data


@settings(max_examples=40)
@given(sizes, st.integers(0, 255))
def test_a_payload_opens_to_itself_at_any_size(size: int, byte: int) -> None:
    sealed, out = io.BytesIO(), io.BytesIO()
    encrypt_stream(KEY, io.BytesIO(bytes([byte]) * size), sealed)
    assert len(sealed.getvalue()) == payload_size(size)
    decrypt_stream(KEY, io.BytesIO(sealed.getvalue()), out)
    assert out.getvalue() == bytes([byte]) * size


@given(headers)
def test_a_header_reads_back_as_it_was_written(header: Header) -> None:
    raw = header.serialise()
    assert parse_whole_header(raw) == header
    assert parse_header(raw + b"payload") == (header, len(raw))


@given(st.sampled_from([SMALL, STORE]), st.integers(0, 1 << 20), st.integers(1, 255))
def test_any_changed_byte_of_a_small_file_is_one_of_our_errors(raw: bytes, place: int, change: int) -> None:
    forged = bytearray(raw)
    forged[place % len(raw)] ^= change
    error, out = open_forged(bytes(forged))
    assert error is not None
    assert out == b""


@settings(max_examples=50)
@given(st.integers(0, len(LARGE) - 1), st.integers(1, 255))
def test_any_changed_byte_of_a_large_file_gives_out_whole_authentic_chunks_at_most(place: int, change: int) -> None:
    forged = bytearray(LARGE)
    forged[place] ^= change
    error, out = open_forged(bytes(forged))
    assert error is not None
    assert out in {b"", bytes(CHUNK_BYTES)}


@given(st.sampled_from([SMALL, STORE]), st.data())
def test_a_file_that_was_cut_or_continued_is_never_taken_for_whole(raw: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(raw) - 1))
    more = data.draw(st.binary(min_size=1, max_size=40))
    for forged in (raw[:cut], raw + more):
        error, out = open_forged(forged)
        assert error is not None
        assert out == b""


@given(st.binary(max_size=400))
@example(b"age-encryption.org/v1\n")
@example(b"age-encryption.org/v1\n-> X25519 A\n\n--- \n")
def test_any_bytes_parse_as_a_header_or_are_malformed(raw: bytes) -> None:
    parses_or_is_malformed(parse_header, raw)
    parses_or_is_malformed(parse_header, b"age-encryption.org/v1\n-> " + raw)
    parses_or_is_malformed(KeyRing.parse, raw)
    parses_or_is_malformed(Parcel.parse, raw)


@given(st.binary(max_size=80), st.sampled_from(["age", "age1pq", "age-secret-key-"]))
def test_bech32_reads_back_as_it_was_written(data: bytes, hrp: str) -> None:
    text = bech32.encode(hrp, data)
    for spelling in (text, text.upper()):
        assert bech32.decode(spelling, hrp=hrp, length=len(data), what="x") == data


@given(st.binary(min_size=32, max_size=32), st.integers(0, 10_000), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_one_mistyped_character_of_a_recipient_is_noticed(data: bytes, place: int, typed: str) -> None:
    text = bech32.encode("age", data)
    at = 4 + place % (len(text) - 4)
    mistyped = text[:at] + typed + text[at + 1 :]
    error = refusal(lambda: bech32.decode(mistyped, hrp="age", length=32, what="x"))
    assert (error.code if error else None) == (None if mistyped == text else "bech32_checksum")


@given(st.text(max_size=100))
@example("age1\N{KELVIN SIGN}")
@example("AGE-SECRET-KEY-PQ-1")
def test_any_text_is_a_key_or_malformed(text: str) -> None:
    for parse in (parse_recipient, parse_identity, Passphrase):
        parses_or_is_malformed(parse, text)
        parses_or_is_malformed(parse, "age1pq1" + text)
    for language in (*LANGUAGES, text):
        parses_or_is_malformed(partial(Mnemonic, text), language)


@given(st.binary(max_size=100))
def test_unpadded_base64_reads_back_and_has_one_spelling(data: bytes) -> None:
    text = raw_b64(data)
    assert raw_unb64(text, what="x") == data
    parses_or_is_malformed(lambda spelled: raw_unb64(spelled, what="x"), text + "=")
