"""Sealed objects: age v1 files whose header and payload live apart (FORMATS "Sealed object").

The payload is immutable and named by its SHA-256; each reader gets a header of their own with the
same file key; header ‖ payload is a file that any current age program opens. This module joins
``age_format``, ``recipients`` and ``stream``. The vault must not reach it.

What age does not promise: that a payload belongs to a statement. Header and payload of two objects for
one reader can be swapped unnoticed, so give ``payload_sha256`` from the signed slip or grant that names
the payload, or compare the plaintext with a digest that its issuer signed. And while a payload is being
opened, what is already written is authentic but may be only a part: write to a temporary name, rename
after the call returned.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from protocol import age_format
from protocol.age_format import HYBRID_TAG, SCRYPT_TAG, Header, LineReader, parse_header, parse_whole_header
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed, Untrusted
from protocol.hashing import hkdf256, hmac256, same
from protocol.recipients import Identity, Recipient
from protocol.stream import (
    ByteReader,
    ByteWriter,
    FileKey,
    HashingReader,
    HashingWriter,
    decrypt_stream,
    encrypt_stream,
)


class FileReader(LineReader, ByteReader, Protocol):
    """A binary stream with lines and bytes: any file opened for reading."""


@dataclass(frozen=True, slots=True)
class SealedInfo:
    """Header and file key of a payload that was just written; digests are SHA-256, sizes are in bytes."""

    header: bytes
    file_key: FileKey
    payload_sha256: bytes
    payload_size: int
    plaintext_sha256: bytes
    plaintext_size: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A small sealed object in memory."""

    header: bytes
    payload: bytes
    file_key: FileKey

    @property
    def file(self) -> bytes:
        """Header and payload joined: a standard age file."""
        return self.header + self.payload


def seal(reader: ByteReader, payload_writer: ByteWriter, recipients: Sequence[Recipient]) -> SealedInfo:
    """Seal a stream under a new file key; the payload goes to ``payload_writer``, the header is returned.

    Constant memory. The header is made first, so that bad recipients fail before a byte is written.
    """
    file_key = FileKey.random()
    header = header_for(file_key, recipients)
    plaintext, payload = HashingReader(reader), HashingWriter(payload_writer)
    encrypt_stream(file_key, plaintext, payload)
    return SealedInfo(header, file_key, payload.sha256, payload.size, plaintext.sha256, plaintext.size)


def seal_bytes(data: bytes, recipients: Sequence[Recipient]) -> Sealed:
    """As ``seal``, in memory."""
    payload = io.BytesIO()
    info = seal(io.BytesIO(data), payload, recipients)
    return Sealed(info.header, payload.getvalue(), info.file_key)


def header_for(file_key: FileKey, recipients: Sequence[Recipient]) -> bytes:
    """A new header for the same payload: this is how a grant or a new key card gives access.

    Each header is good for all of ``recipients`` and says nothing about the readers of other headers.
    """
    _check_mixture([recipient.tag for recipient in recipients])
    stanzas = tuple(recipient.wrap(file_key) for recipient in recipients)
    mac = _mac(file_key, age_format.signed_bytes(stanzas))
    return Header(stanzas, mac).serialise()


def unwrap(header: bytes, identities: Sequence[Identity]) -> FileKey:
    """The file key in ``header``, which is exactly one header and nothing more.

    Raises ``Malformed`` (the header), ``Denied("no_identity")`` (nobody here is a reader of it) or
    ``Untrusted("age_header_mac")`` (a stanza opened, and the header around it was changed).
    """
    return _file_key(parse_whole_header(header), header, identities)


def open_stream(
    header: bytes,
    payload_reader: ByteReader,
    writer: ByteWriter,
    identities: Sequence[Identity],
    *,
    payload_sha256: bytes | None = None,
) -> None:
    """Open a payload with its header, in constant memory; raises as ``unwrap`` and ``decrypt_stream`` do.

    With ``payload_sha256`` (32 bytes), raises ``Untrusted("payload_digest")`` at the end if the payload
    is another one; without it nothing is hashed.
    """
    file_key = unwrap(header, identities)
    if payload_sha256 is None:
        decrypt_stream(file_key, payload_reader, writer)
        return
    hashed = HashingReader(payload_reader)
    decrypt_stream(file_key, hashed, writer)
    if hashed.sha256 != payload_sha256:
        raise Untrusted(
            "payload_digest",
            "the payload has SHA-256 {got}, the signed statement names {want}",
            got=b64u(hashed.sha256),
            want=b64u(payload_sha256),
        )


def open_bytes(
    header: bytes, payload: bytes, identities: Sequence[Identity], *, payload_sha256: bytes | None = None
) -> bytes:
    """As ``open_stream``, in memory and all or nothing."""
    opened = io.BytesIO()
    open_stream(header, io.BytesIO(payload), opened, identities, payload_sha256=payload_sha256)
    return opened.getvalue()


def open_file(reader: FileReader, writer: ByteWriter, identities: Sequence[Identity]) -> None:
    """Open a joined age file from where ``reader`` stands to its end."""
    header = age_format.read_header(reader)
    open_stream(header, reader, writer, identities)


def open_joined(raw: bytes, identities: Sequence[Identity]) -> bytes:
    """Open a joined age file, in memory and all or nothing; raises as ``unwrap`` and ``decrypt_stream`` do."""
    parsed, length = parse_header(raw)
    opened = io.BytesIO()
    decrypt_stream(_file_key(parsed, raw[:length], identities), io.BytesIO(raw[length:]), opened)
    return opened.getvalue()


def _file_key(parsed: Header, header: bytes, identities: Sequence[Identity]) -> FileKey:
    for identity in identities:
        file_key = identity.unwrap(parsed.stanzas)
        if file_key is None:
            continue
        if not same(_mac(file_key, age_format.signed_part(header)), parsed.mac):
            raise Untrusted("age_header_mac", "the MAC of the age header is wrong: the header was changed")
        return file_key
    raise Denied("no_identity", "no identity here opens this object")


def _check_mixture(tags: list[str]) -> None:
    if not tags:
        raise Malformed("no_recipient", "an object must be sealed to somebody")
    if SCRYPT_TAG in tags and len(tags) > 1:
        raise Malformed("recipients_mixed", "a passphrase must be the only recipient")
    # One classic stanza would let a later quantum computer open what the hybrid ones protect.
    if HYBRID_TAG in tags and set(tags) != {HYBRID_TAG}:
        raise Malformed("recipients_mixed", "post-quantum and other recipients are not mixed in one header")


def _mac(file_key: FileKey, signed: bytes) -> bytes:
    return hmac256(hkdf256(file_key.unsafe_bytes, salt=None, info=b"header"), signed)
