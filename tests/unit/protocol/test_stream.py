"""The payload of an age file: chunk borders, damage, and memory that does not grow."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocol.errors import Malformed, OneFileError, Untrusted
from protocol.hashing import hkdf256, sha256
from protocol.stream import (
    CHUNK_BYTES,
    NONCE_BYTES,
    SEALED_CHUNK_BYTES,
    TAG_BYTES,
    FileKey,
    HashingReader,
    HashingWriter,
    decrypt_stream,
    encrypt_stream,
    payload_size,
    read_full,
    write_all,
)

KEY = FileKey(b"YELLOW SUBMARINE")
BORDERS = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 7]


class Drip:
    """A reader that gives one, two, three … bytes at a time, as a slow socket does."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)
        self._step = 0

    def read(self, size: int, /) -> bytes:
        self._step += 1
        return self._data.read(min(size, self._step))


class Sip:
    """A writer that takes at most 1,000 bytes at a time, as a raw file may."""

    def __init__(self) -> None:
        self.got = b""

    def write(self, data: bytes, /) -> int:
        self.got += data[:1000]
        return min(len(data), 1000)


class Zeros:
    """A reader of ``size`` zero bytes that never holds more than one chunk of them."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int, /) -> bytes:
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


class Sealing:
    """A reader that gives the payload of ``size`` zero bytes as it is made, chunk by chunk."""

    def __init__(self, size: int) -> None:
        self._pending = bytearray(bytes(NONCE_BYTES))
        self._cipher = ChaCha20Poly1305(hkdf256(KEY.unsafe_bytes, salt=bytes(NONCE_BYTES), info=b"payload"))
        self._chunks = size // CHUNK_BYTES
        self._index = 0

    def read(self, size: int, /) -> bytes:
        while len(self._pending) < size and self._index < self._chunks:
            self._pending += chunk(self._cipher, self._index, bytes(CHUNK_BYTES), self._index + 1 == self._chunks)
            self._index += 1
        given = bytes(self._pending[:size])
        del self._pending[:size]
        return given


class Nowhere:
    def write(self, data: bytes, /) -> None:
        assert data


def chunk(cipher: ChaCha20Poly1305, index: int, plaintext: bytes, final: bool) -> bytes:
    return cipher.encrypt(index.to_bytes(11, "big") + bytes([final]), plaintext, None)


def forge(*chunks: tuple[int, bytes, bool]) -> bytes:
    cipher = ChaCha20Poly1305(hkdf256(KEY.unsafe_bytes, salt=bytes(NONCE_BYTES), info=b"payload"))
    return bytes(NONCE_BYTES) + b"".join(chunk(cipher, *c) for c in chunks)


def sealed(data: bytes) -> bytes:
    out = io.BytesIO()
    encrypt_stream(KEY, io.BytesIO(data), out)
    return out.getvalue()


def opened(payload: bytes) -> bytes:
    out = io.BytesIO()
    decrypt_stream(KEY, io.BytesIO(payload), out)
    return out.getvalue()


def fails(payload: bytes) -> tuple[OneFileError, bytes]:
    out = io.BytesIO()
    with pytest.raises(OneFileError) as error:
        decrypt_stream(KEY, io.BytesIO(payload), out)
    return error.value, out.getvalue()


@pytest.mark.parametrize("size", BORDERS)
def test_a_payload_opens_to_what_was_sealed_at_every_chunk_border(size: int) -> None:
    data = bytes(i % 251 for i in range(size))
    payload = sealed(data)
    assert opened(payload) == data
    assert len(payload) == payload_size(size)


def test_two_payloads_of_one_plaintext_have_nothing_in_common() -> None:
    assert sealed(b"same")[:NONCE_BYTES] != sealed(b"same")[:NONCE_BYTES]


@pytest.mark.parametrize("size", [0, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_slow_readers_and_short_writes_change_nothing(size: int) -> None:
    data = bytes(i % 251 for i in range(size))
    sip = Sip()
    encrypt_stream(KEY, Drip(data), sip)
    out = Sip()
    decrypt_stream(KEY, Drip(sip.got), out)
    assert out.got == data


@pytest.mark.parametrize("length", [0, 1, NONCE_BYTES - 1, NONCE_BYTES, NONCE_BYTES + TAG_BYTES - 1])
def test_a_payload_without_a_whole_first_chunk_gives_nothing(length: int) -> None:
    error, out = fails(sealed(b"x")[:length])
    assert (type(error), error.code, out) == (Malformed, "payload_truncated", b"")


def test_a_payload_that_was_cut_between_two_chunks_is_never_taken_for_whole() -> None:
    payload = sealed(bytes(3 * CHUNK_BYTES))
    error, out = fails(payload[: NONCE_BYTES + 2 * SEALED_CHUNK_BYTES])
    assert (type(error), error.code) == (Malformed, "payload_truncated")
    assert out == bytes(2 * CHUNK_BYTES)  # authentic, and only a part


@pytest.mark.parametrize("before", [0, 1])
def test_a_short_chunk_that_is_not_called_the_last_gives_nothing(before: int) -> None:
    whole = [(index, bytes(CHUNK_BYTES), False) for index in range(before)]
    error, out = fails(forge(*whole, (before, b"short", False)))
    assert (type(error), error.code) == (Malformed, "payload_truncated")
    assert out == bytes(before * CHUNK_BYTES)


def test_what_follows_the_last_chunk_is_refused() -> None:
    error, out = fails(forge((0, bytes(CHUNK_BYTES), True), (1, b"more", True)))
    assert (type(error), error.code) == (Malformed, "payload_trailing")
    assert out == bytes(CHUNK_BYTES)


def test_an_empty_last_chunk_behind_another_one_is_refused() -> None:
    error, out = fails(forge((0, bytes(CHUNK_BYTES), False), (1, b"", True)))
    assert (type(error), error.code) == (Malformed, "payload_final_chunk")
    assert out == bytes(CHUNK_BYTES)


def test_no_byte_of_a_damaged_chunk_comes_out() -> None:
    payload = bytearray(sealed(bytes(3 * CHUNK_BYTES)))
    payload[NONCE_BYTES + SEALED_CHUNK_BYTES + 5] ^= 1
    error, out = fails(bytes(payload))
    assert (type(error), error.code, error.facts) == (Untrusted, "payload_chunk", {"index": 1})
    assert out == bytes(CHUNK_BYTES)


def test_chunks_in_another_order_are_refused() -> None:
    error, out = fails(forge((1, bytes(CHUNK_BYTES), False), (0, b"x", True)))
    assert (error.code, out) == ("payload_chunk", b"")


def test_the_key_of_another_object_opens_nothing() -> None:
    out = io.BytesIO()
    with pytest.raises(Untrusted, match="chunk 0 of the payload is damaged or of another object"):
        decrypt_stream(FileKey(bytes(16)), io.BytesIO(sealed(b"x")), out)
    assert out.getvalue() == b""


@pytest.mark.parametrize("direction", ["seal", "open"])
def test_memory_does_not_grow_with_the_document(direction: str) -> None:
    size = 128 << 20
    tracemalloc.start()
    try:
        if direction == "seal":
            encrypt_stream(KEY, Zeros(size), Nowhere())
        else:
            decrypt_stream(KEY, Sealing(size), Nowhere())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_hashing_streams_name_what_passed_through_them() -> None:
    reader, out = HashingReader(Drip(b"hello world")), Sip()
    writer = HashingWriter(out)
    data = read_full(reader, 100)
    writer.write(data * 300)
    assert (reader.sha256, reader.size) == (sha256(b"hello world"), 11)
    assert (writer.sha256, writer.size) == (sha256(out.got), 3300)


def test_reading_in_full_stops_at_the_end_of_the_stream() -> None:
    assert read_full(Drip(b"abcdef"), 4) == b"abcd"
    assert read_full(Drip(b"abcdef"), 9) == b"abcdef"
    assert read_full(Drip(b""), 9) == b""


def test_writing_in_full_ends_when_the_writer_took_everything() -> None:
    out = Sip()
    write_all(out, bytes(2500))
    assert out.got == bytes(2500)
