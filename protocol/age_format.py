"""The header of an age v1 file: its grammar and its limits (C2SP age spec, "Header"). No keys.

The vault may use this module: it can tell whether a header is well formed and to which kinds of
recipient it speaks, and cannot open anything with it. The payload behind the header is
``protocol/stream.py``. Left out: ASCII armor (our files are binary), and the native ``p256tag`` and
``mlkem768p256tag`` stanzas, which pass as unknown ones.

The native stanzas that we know are checked here, whoever the reader is: a header is good or bad by
itself, never by which identity looks at it.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from protocol.encoding import PADDING, ZERO_ENDS, b64
from protocol.errors import Malformed

MAX_HEADER_BYTES = 256 << 10
MAX_STANZAS = 128
MAX_STANZA_ARGS = 16  # the tag among them
MAX_ARG_CHARS = 4096
MAX_BODY_BYTES = 4096
MAX_SCRYPT_LOG_N = 22  # 2^22 blocks of 1 KiB: the most memory that opening a file may ask for is 4 GiB

FILE_KEY_BYTES = 16
WRAPPED_KEY_BYTES = FILE_KEY_BYTES + 16
MAC_BYTES = 32
X25519_BYTES = 32
HYBRID_ENC_BYTES = 1120
SCRYPT_SALT_BYTES = 16

HYBRID_TAG = "mlkem768x25519"
X25519_TAG = "X25519"
SCRYPT_TAG = "scrypt"

_VERSION = b"age-encryption.org/v1"
_COLUMNS = 64
_MAC_LINE_CHARS = 4 + 43
_ARGUMENT = re.compile(r"[\x21-\x7e]+")
_B64 = re.compile(r"[A-Za-z0-9+/]*")
_LOG_N = re.compile(r"[1-9][0-9]?")


class LineReader(Protocol):
    """A binary stream that gives lines: any file or socket file opened in binary mode."""

    def readline(self, limit: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Stanza:
    """One reader's wrapped file key: a tag that names the kind of recipient, arguments, a body."""

    tag: str
    args: tuple[str, ...]
    body: bytes

    def __post_init__(self) -> None:
        if len(self.args) >= MAX_STANZA_ARGS or len(self.body) > MAX_BODY_BYTES:
            raise Malformed("age_stanza_limit", "a stanza of the age header is larger than we read")
        for argument in (self.tag, *self.args):
            if len(argument) > MAX_ARG_CHARS or not _ARGUMENT.fullmatch(argument):
                raise Malformed("age_stanza_argument", "a stanza of the age header has a bad argument")

    def serialise(self) -> bytes:
        """The stanza's lines, each with its line feed."""
        lines = [" ".join(("->", self.tag, *self.args))]
        text = raw_b64(self.body)
        # The body ends with a short line, an empty one if its last full line is full.
        lines += [text[i : i + _COLUMNS] for i in range(0, len(text) + 1, _COLUMNS)]
        return ("\n".join(lines) + "\n").encode("ascii")


@dataclass(frozen=True, slots=True)
class Header:
    """A whole age header. ``mac`` is 32 bytes; whether it is right only a holder of the file key can tell."""

    stanzas: tuple[Stanza, ...]
    mac: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.stanzas) <= MAX_STANZAS:
            raise Malformed(
                "age_stanza_count",
                "expected 1 to {limit} stanzas in the age header, got {got}",
                limit=MAX_STANZAS,
                got=len(self.stanzas),
            )
        if len(self.mac) != MAC_BYTES:
            raise Malformed("age_header_end", "the age header does not end with a MAC of 32 bytes")
        _check_native(self.stanzas)

    def serialise(self) -> bytes:
        """The header's bytes, from the version line to the line feed after the MAC."""
        return signed_bytes(self.stanzas) + b" " + raw_b64(self.mac).encode("ascii") + b"\n"


def signed_bytes(stanzas: tuple[Stanza, ...]) -> bytes:
    """What the MAC of a new header covers: everything up to and including ``---``."""
    return _VERSION + b"\n" + b"".join(s.serialise() for s in stanzas) + b"---"


def signed_part(header: bytes) -> bytes:
    """What the MAC of a received header covers, cut from its own bytes (a header that was parsed)."""
    return header[: len(header) - (_MAC_LINE_CHARS - 3) - 1]


def parse_header(raw: bytes) -> tuple[Header, int]:
    """The header at the start of ``raw`` and its length in bytes; the payload may follow.

    Raises ``Malformed`` (codes ``age_…``). C2SP age spec, "ABNF definition of file header".
    """
    lines = _Lines(raw)
    if raw.startswith(b"-----BEGIN AGE"):
        raise Malformed("age_armored", "an armored age file: only the binary form is read here")
    if lines.next() != _VERSION:
        raise Malformed("age_header_version", "expected an age v1 header")
    stanzas: list[Stanza] = []
    while (line := lines.next()).startswith(b"-> "):
        if len(stanzas) == MAX_STANZAS:
            raise Malformed("age_stanza_limit", "the age header has more than {limit} stanzas", limit=MAX_STANZAS)
        stanzas.append(_stanza(line, lines))
    if not line.startswith(b"--- ") or len(line) != _MAC_LINE_CHARS:
        raise Malformed("age_header_end", "the age header does not end with a MAC of 32 bytes")
    mac = raw_unb64(line[4:].decode("latin-1"), length=MAC_BYTES, what="age header MAC")
    return Header(tuple(stanzas), mac), lines.offset


def parse_whole_header(raw: bytes) -> Header:
    """As ``parse_header``, and nothing may follow: for a header that is stored apart from its payload."""
    header, length = parse_header(raw)
    if length != len(raw):
        raise Malformed("age_header_trailing", "{got} bytes follow the age header", got=len(raw) - length)
    return header


def read_header(stream: LineReader) -> bytes:
    """The bytes of the header at the front of ``stream``, parsed once; the stream stands at the payload.

    Reads no byte beyond the header and never more than ``MAX_HEADER_BYTES``.
    """
    read = bytearray()
    while True:
        line = stream.readline(MAX_HEADER_BYTES - len(read))
        read += line
        if not line.endswith(b"\n") or line.startswith(b"---"):
            break
    raw = bytes(read)
    parse_whole_header(raw)
    return raw


def raw_b64(data: bytes) -> str:
    """Standard base64 without padding, as the header wants it."""
    return b64(data).rstrip("=")


def raw_unb64(text: str, *, length: int | None = None, what: str) -> bytes:
    """The bytes of canonical unpadded base64, of exactly ``length`` bytes if given; else ``Malformed``."""
    rest = len(text) % 4
    if not _B64.fullmatch(text) or rest == 1:
        raise Malformed("age_base64", "{what}: expected unpadded base64", what=what)
    if rest and text[-1] not in ZERO_ENDS[rest]:
        raise Malformed("age_base64", "{what}: the base64 is not canonical", what=what)
    data = a2b_base64(text + PADDING[rest])
    if length is not None and len(data) != length:
        raise Malformed("length", "{what}: expected {want} bytes, got {got}", what=what, want=length, got=len(data))
    return data


class _Lines:
    """A cursor over the lines of a header that never looks further than the header may reach."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.offset = 0

    def next(self) -> bytes:
        end = self._raw.find(b"\n", self.offset, MAX_HEADER_BYTES)
        if end < 0:
            if len(self._raw) >= MAX_HEADER_BYTES:
                raise Malformed("age_header_limit", "no age header ends within {limit} bytes", limit=MAX_HEADER_BYTES)
            raise Malformed("age_header_truncated", "the age header ends in the middle of a line")
        line = self._raw[self.offset : end]
        self.offset = end + 1
        return line


def _stanza(first: bytes, lines: _Lines) -> Stanza:
    tag, *args = first[3:].decode("latin-1").split(" ")
    body = "".join(_body_lines(lines))
    return Stanza(tag, tuple(args), raw_unb64(body, what="age stanza body"))


def _body_lines(lines: _Lines) -> Iterator[str]:
    while True:
        line = lines.next().decode("latin-1")
        if len(line) > _COLUMNS:
            raise Malformed("age_stanza_limit", "a stanza of the age header is larger than we read")
        # Each full line must be base64 by itself, or the line of another stanza would be eaten.
        if not _B64.fullmatch(line):
            raise Malformed("age_stanza_body", "a stanza of the age header has a body that is not base64")
        yield line
        if len(line) < _COLUMNS:
            return


def _check_native(stanzas: tuple[Stanza, ...]) -> None:
    for stanza in stanzas:
        if stanza.tag == X25519_TAG:
            _check_share(stanza, X25519_BYTES)
        elif stanza.tag == HYBRID_TAG:
            _check_share(stanza, HYBRID_ENC_BYTES)
        elif stanza.tag == SCRYPT_TAG:
            _check_scrypt(stanza, alone=len(stanzas) == 1)


def _check_share(stanza: Stanza, share_bytes: int) -> None:
    if len(stanza.args) != 1:
        raise Malformed("age_stanza_form", "a stanza {tag} takes one argument", tag=stanza.tag)
    raw_unb64(stanza.args[0], length=share_bytes, what="age key share")
    _check_wrapped(stanza)


def _check_scrypt(stanza: Stanza, *, alone: bool) -> None:
    # A passphrase promises that only who knows it can have written the file: no other way in beside it.
    if not alone:
        raise Malformed("age_scrypt_alone", "a passphrase stanza must be the only stanza of the age header")
    if len(stanza.args) != 2:
        raise Malformed("age_stanza_form", "a stanza scrypt takes two arguments")
    raw_unb64(stanza.args[0], length=SCRYPT_SALT_BYTES, what="age scrypt salt")
    if not _LOG_N.fullmatch(stanza.args[1]) or int(stanza.args[1]) > MAX_SCRYPT_LOG_N:
        raise Malformed(
            "age_scrypt_work", "the scrypt work factor is not a number from 1 to {limit}", limit=MAX_SCRYPT_LOG_N
        )
    _check_wrapped(stanza)


def _check_wrapped(stanza: Stanza) -> None:
    # Checked before any key is tried: a body of another length could hold one ciphertext for many keys.
    if len(stanza.body) != WRAPPED_KEY_BYTES:
        raise Malformed(
            "age_stanza_form",
            "a stanza {tag} has a body of {want} bytes, got {got}",
            tag=stanza.tag,
            want=WRAPPED_KEY_BYTES,
            got=len(stanza.body),
        )
