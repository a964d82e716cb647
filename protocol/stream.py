"""The payload of an age v1 file: a nonce and chunks of ChaCha20-Poly1305 (C2SP age spec, "Payload").

Both directions run in constant memory: two chunks of 64 KiB. Opening never gives out a byte of a
chunk that did not authenticate, but it does give out the chunks before a damaged one: whoever opens
into a file writes to a temporary name and renames after the call returned, so that no reader ever
takes half a document for a whole one.

Left out: seeking, and any look at the header (``protocol/envelope.py`` joins the two).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from typing import ClassVar, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocol.age_format import FILE_KEY_BYTES
from protocol.errors import Malformed, Untrusted
from protocol.hashing import hkdf256
from protocol.secret import Secret

CHUNK_BYTES = 64 << 10
TAG_BYTES = 16
NONCE_BYTES = 16
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES


class ByteReader(Protocol):
    """Anything with ``read(n)``: at most n bytes, fewer at will, none only at the end."""

    def read(self, size: int, /) -> bytes: ...


class ByteWriter(Protocol):
    """Anything with ``write(data)``; a returned number smaller than the data is a short write."""

    def write(self, data: bytes, /) -> int | None: ...


class FileKey(Secret):
    """The 16-byte key of one age file: who has it can open the payload and wrap it for others."""

    __slots__ = ()
    LENGTH: ClassVar[int] = FILE_KEY_BYTES


class HashingReader:
    """A reader that keeps SHA-256 and size (bytes) of everything that was read through it."""

    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader
        self._sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        data = self._reader.read(size)
        self._sha256.update(data)
        self.size += len(data)
        return data

    @property
    def sha256(self) -> bytes:
        """The digest so far, 32 bytes."""
        return self._sha256.digest()


class HashingWriter:
    """A writer that keeps SHA-256 and size (bytes) of everything that was written through it."""

    def __init__(self, writer: ByteWriter) -> None:
        self._writer = writer
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes, /) -> None:
        write_all(self._writer, data)
        self._sha256.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> bytes:
        """The digest so far, 32 bytes."""
        return self._sha256.digest()


def payload_size(plaintext_size: int) -> int:
    """The size in bytes of the payload of a plaintext of ``plaintext_size`` bytes."""
    chunks = max(1, -(-plaintext_size // CHUNK_BYTES))
    return NONCE_BYTES + plaintext_size + chunks * TAG_BYTES


def encrypt_stream(file_key: FileKey, reader: ByteReader, writer: ByteWriter) -> None:
    """Seal everything that ``reader`` gives into ``writer`` under a fresh nonce.

    The same file key may seal only one payload (the nonce makes a second one safe, the format forbids it).
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    aead = _payload_cipher(file_key, nonce)
    write_all(writer, nonce)
    for index, chunk, final in _chunks(reader, CHUNK_BYTES):
        write_all(writer, aead.encrypt(_chunk_nonce(index, final), chunk, None))


def decrypt_stream(file_key: FileKey, reader: ByteReader, writer: ByteWriter) -> None:
    """Open a payload: each chunk reaches ``writer`` after it authenticated, and not before.

    Raises ``Untrusted("payload_chunk")`` for a chunk that is damaged, out of order or of another file, and
    ``Malformed`` (``payload_truncated``, ``payload_trailing``, ``payload_final_chunk``) where authentic
    chunks end too early, too late or with an empty one. What was written until then is authentic, and only
    a part: the caller must throw it away.
    """
    nonce = read_full(reader, NONCE_BYTES)
    if len(nonce) != NONCE_BYTES:
        raise _truncated()
    aead = _payload_cipher(file_key, nonce)
    for index, sealed, final in _chunks(reader, SEALED_CHUNK_BYTES):
        chunk, says_final = _open_chunk(aead, index, sealed, final)
        if not says_final and len(sealed) < SEALED_CHUNK_BYTES:
            raise _truncated()  # a short chunk is the last one: no honest writer called it anything else
        write_all(writer, chunk)
        if final and not says_final:
            raise _truncated()
        if says_final and not final:
            raise Malformed("payload_trailing", "something follows the last chunk of the payload")


def read_full(reader: ByteReader, size: int) -> bytes:
    """Exactly ``size`` bytes, or all that is left if it is less."""
    data = reader.read(size)
    while 0 < len(data) < size:
        more = reader.read(size - len(data))
        if not more:
            break
        data += more
    return data


def write_all(writer: ByteWriter, data: bytes) -> None:
    """Write all of ``data``, however little the writer takes at a time."""
    done = writer.write(data)
    while done is not None and done < len(data):
        data = data[done:]
        done = writer.write(data)


def _chunks(reader: ByteReader, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Number, bytes and "is the last" of each chunk; an empty stream has one empty chunk."""
    index, chunk = 0, read_full(reader, size)
    while True:
        # A full chunk is the last one exactly if nothing follows, so one chunk is read ahead.
        ahead = read_full(reader, size) if len(chunk) == size else b""
        yield index, chunk, not ahead
        if not ahead:
            return
        index, chunk = index + 1, ahead


def _open_chunk(aead: ChaCha20Poly1305, index: int, sealed: bytes, final: bool) -> tuple[bytes, bool]:
    """The plaintext, and whether its writer called it the last one: first asked as ``final`` says."""
    if len(sealed) < TAG_BYTES:
        raise _truncated()
    if len(sealed) == TAG_BYTES and index > 0:
        raise Malformed("payload_final_chunk", "the last chunk of the payload is empty")
    for says_final in (final, not final):
        try:
            return aead.decrypt(_chunk_nonce(index, says_final), sealed, None), says_final
        except InvalidTag:
            continue  # damaged; or authentic, and the payload was cut or continued behind it
    raise Untrusted("payload_chunk", "chunk {index} of the payload is damaged or of another object", index=index)


def _chunk_nonce(index: int, final: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if final else b"\x00")


def _payload_cipher(file_key: FileKey, nonce: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(hkdf256(file_key.unsafe_bytes, salt=nonce, info=b"payload"))


def _truncated() -> Malformed:
    return Malformed("payload_truncated", "the payload ends too early")
