"""A presentation without network: packed small, sealed to the window that asked, and cut into QR frames.

    message = 01 ‖ DEFLATE(packed)                one way: whoever sees the frames reads it
            = 02 ‖ age file of DEFLATE(packed)    two ways: for the X25519 key of a request code alone
    packed  = for each part of the presentation: length (2 bytes) ‖ the part with its base64url decoded
    frame   = "OF2:" i "/" n ":" Base45(first 4 bytes of SHA-256(message) ‖ piece)

The parts are the three of the issuer's JWT, each disclosure, and the three of the key-binding JWT. Raw DEFLATE
(RFC 1951). Frames fit QR version 16 at level L and may be seen in any order. What is unpacked here has been verified
by nobody: ``protocol/verify_credential.py`` does. Source: FORMATS "Show".
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from protocol.encoding import b64u, base45, unb64u, unbase45
from protocol.envelope import open_joined, seal_bytes
from protocol.errors import Denied, Malformed
from protocol.hashing import same, sha256
from protocol.recipients import X25519Identity, X25519Recipient

PREFIX = "OF2:"
ONE_WAY_LIFETIME_S = 60
ONE_WAY_SKEW_S = 5
MAX_FRAMES = 16
PIECE_BYTES = 560  # of a message in one frame: 854 characters in all
MAX_PACKED_BYTES = 16_384
MAX_PARTS = 128
_ID_BYTES = 4
_FRAME = re.compile(r"OF2:([1-9][0-9]?)/([1-9][0-9]?):([0-9A-Z $%*+\-./:]+)")
_FRAME_CHARS = 860
_ONE_WAY, _TWO_WAYS = b"\x01", b"\x02"
_JWT_PARTS = 3


def pack(presentation: str) -> bytes:
    """An SD-JWT with key binding, its base64url decoded; ``Malformed`` if it is not one."""
    tokens = presentation.split("~")
    issuer, disclosures, binding = tokens[0].split("."), tokens[1:-1], tokens[-1].split(".")
    parts = [*issuer, *disclosures, *binding]
    if len(tokens) < 2 or (len(issuer), len(binding)) != (_JWT_PARTS, _JWT_PARTS) or len(parts) > MAX_PARTS:
        raise Malformed("offline_presentation", "this is no presentation with key binding")
    raw = [unb64u(part, what="presentation") for part in parts]
    packed = b"".join(len(part).to_bytes(2, "big") + part for part in raw if len(part) <= 0xFFFF)
    if len(packed) > MAX_PACKED_BYTES or any(len(part) > 0xFFFF for part in raw):
        raise _too_large()
    return packed


def unpack(packed: bytes) -> str:
    """The presentation that ``pack`` was given; ``Malformed`` on anything else."""
    parts: list[str] = []
    left = packed
    while left:
        size = int.from_bytes(left[:2], "big")
        part, left = left[2 : 2 + size], left[2 + size :]
        if len(part) != size or len(parts) == MAX_PARTS:
            raise _malformed()
        parts.append(b64u(part))
    if len(parts) < 2 * _JWT_PARTS:
        raise _malformed()
    issuer, disclosures, binding = parts[:_JWT_PARTS], parts[_JWT_PARTS:-_JWT_PARTS], parts[-_JWT_PARTS:]
    return "~".join((".".join(issuer), *disclosures, ".".join(binding)))


def one_way(presentation: str) -> bytes:
    """The message that answers no request: everybody who sees it can read it, and show it again for a minute."""
    return _ONE_WAY + _deflate(pack(presentation))


def two_ways(presentation: str, window: bytes) -> bytes:
    """The message that only the X25519 key ``window`` of a request code opens."""
    return _TWO_WAYS + seal_bytes(_deflate(pack(presentation)), [X25519Recipient(window)]).file


def is_one_way(message: bytes) -> bool:
    """Whether the message answers no request: the window then has no challenge of its own in it."""
    return message.startswith(_ONE_WAY)


def check_one_way_time(iat: int, now: int) -> None:
    """Raise ``Denied("offline_late")`` unless a presentation of ``iat`` that answers nobody counts at ``now``."""
    if not iat - ONE_WAY_SKEW_S <= now < iat + ONE_WAY_LIFETIME_S:
        raise Denied(
            "offline_late",
            "what is shown was made at {iat} and counts for {seconds} s; the clock says {now}",
            iat=iat,
            seconds=ONE_WAY_LIFETIME_S,
            now=now,
        )


def open_message(message: bytes, window: X25519Identity | None) -> str:
    """The presentation in ``message``; ``window`` is the secret of the request that it answers, None for one way."""
    if len(message) > MAX_FRAMES * PIECE_BYTES:  # no frames bring more, and nothing larger is unpacked
        raise _malformed()
    kind, body = message[:1], message[1:]
    if kind == _ONE_WAY and window is None:
        return unpack(_inflate(body))
    if kind == _TWO_WAYS and window is not None:
        return unpack(_inflate(open_joined(body, [window])))
    raise Malformed("offline_kind", "this message is of another kind than the one that is waited for")


def frames(message: bytes) -> list[str]:
    """The texts to draw one after the other, in alphanumeric mode."""
    count = -(-len(message) // PIECE_BYTES)
    if not 1 <= count <= MAX_FRAMES:
        raise _too_large()
    ident = sha256(message)[:_ID_BYTES]
    pieces = [message[start : start + PIECE_BYTES] for start in range(0, len(message), PIECE_BYTES)]
    return [f"{PREFIX}{i}/{count}:{base45(ident + piece)}" for i, piece in enumerate(pieces, start=1)]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: number ``index`` (from 1) of ``count``, of the message whose SHA-256 begins with ``ident``."""

    index: int
    count: int
    ident: bytes
    piece: bytes


def parse_frame(text: str) -> Frame:
    """Read one frame strictly. Raises ``Malformed`` only."""
    found = _FRAME.fullmatch(text) if len(text) <= _FRAME_CHARS else None
    if found is None:
        raise Malformed("offline_frame", "this is no frame of ours")
    index, count, raw = int(found[1]), int(found[2]), unbase45(found[3], what="frame")
    whole = len(raw) == _ID_BYTES + PIECE_BYTES
    last = _ID_BYTES < len(raw) <= _ID_BYTES + PIECE_BYTES
    if not index <= count <= MAX_FRAMES or not (whole or (last and index == count)):
        raise Malformed("offline_frame", "this is no frame of ours")
    return Frame(index, count, raw[:_ID_BYTES], raw[_ID_BYTES:])


@dataclass(slots=True)
class Assembly:
    """Frames as a camera sees them: in any order, some twice; those of another message begin anew."""

    _seen: dict[int, Frame] = field(default_factory=dict)

    def add(self, frame: Frame) -> bytes | None:
        """The message once every frame of it was seen, else None; ``Malformed`` if the pieces are not what it was."""
        known = next(iter(self._seen.values()), frame)
        if (known.ident, known.count) != (frame.ident, frame.count):
            self._seen.clear()
        self._seen[frame.index] = frame
        if len(self._seen) < frame.count:
            return None
        message = b"".join(self._seen[index].piece for index in range(1, frame.count + 1))
        self._seen.clear()
        if not same(sha256(message)[:_ID_BYTES], frame.ident):
            raise Malformed("offline_frames", "the frames do not belong together")
        return message

    def progress(self) -> tuple[int, int]:
        """How many frames of the message were seen, and how many it has; 0 of 0 before the first one."""
        return len(self._seen), max((frame.count for frame in self._seen.values()), default=0)

    def missing(self) -> Sequence[int]:
        """The numbers of the frames that were not seen yet; none before the first one."""
        count = max((frame.count for frame in self._seen.values()), default=0)
        return [index for index in range(1, count + 1) if index not in self._seen]


def whole_message(texts: Sequence[str]) -> bytes:
    """The message of all these frames; ``Malformed("offline_frames_missing")`` where one is not among them."""
    assembly = Assembly()
    for text in texts:
        message = assembly.add(parse_frame(text))
        if message is not None:
            return message
    raise Malformed(
        "offline_frames_missing",
        "frames that are not there: {missing}",
        missing=", ".join(map(str, assembly.missing())),
    )


def _deflate(raw: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return packer.compress(raw) + packer.flush()


def _inflate(raw: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        found = unpacker.decompress(raw, MAX_PACKED_BYTES + 1)
    except zlib.error:
        raise _malformed() from None
    if len(found) > MAX_PACKED_BYTES or not unpacker.eof or unpacker.unused_data:
        raise _malformed()
    return found


def _malformed() -> Malformed:
    return Malformed("offline_message", "this is no packed presentation")


def _too_large() -> Malformed:
    return Malformed("offline_too_large", "the presentation is too large for codes; show fewer claims")
