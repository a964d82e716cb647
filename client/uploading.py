"""Large payloads on their way up: in segments, which go on where a connection or a program was cut off.

The vault knows an upload by its owner and the payload's digest, so that nothing is remembered here: announcing the
payload again says how far it is. What the vault says is believed of nothing but that; it cannot make a client send
without end, nor anything else than what was sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from client.api import VaultApi
from client.http import FULL, Step
from protocol import wire_uploads
from protocol.encoding import b64u
from protocol.errors import Conflict, Denied, Unavailable, Untrusted
from protocol.wire_uploads import SEGMENT_BYTES

ROUNDS = 6  # without a segment more; each of them has all the tries of a request, and waits twice as long
FIRST_WAIT_S = 1.0
SPARE = 64  # requests beyond one for each segment: for answers that were lost


@dataclass(slots=True)
class _Way:
    """How far a payload is, and how often we asked."""

    digest: bytes
    size: int
    step: Step
    reached: int = 0
    told: int = 0
    left: int = 0

    def take(self, answer: wire_uploads.Upload) -> wire_uploads.Upload:
        """The vault's word on the upload, if it can be true."""
        if (answer.sha256, answer.size) != (b64u(self.digest), self.size):
            raise _wrong()
        self.stand_at(answer.offset)
        return answer

    def stand_at(self, offset: object) -> int:
        """Where the vault says that the upload is; nobody is sent round and round."""
        self.left -= 1
        if self.left < 0 or not isinstance(offset, int) or not 0 <= offset <= self.size:
            raise _wrong()
        if offset % SEGMENT_BYTES and offset != self.size:
            raise _wrong()
        self.step(offset - self.told)
        self.told = offset
        self.reached = max(self.reached, offset)
        return offset


def send_payload(
    api: VaultApi, digest: bytes, size: int, source: Callable[[], BinaryIO], step: Step | None = None
) -> None:
    """Store a payload of ``size`` bytes under its SHA-256, however often the connection breaks.

    ``Unavailable`` when the vault gave no answer for so long that a person has to be told: the same call goes on. Or
    at once where its disk is full. ``step`` is told of bytes that the vault has, those of an earlier call first.
    """
    way = _Way(digest, size, step or (lambda _count: None), left=-(-size // SEGMENT_BYTES) + SPARE)
    wait, rounds, before = FIRST_WAIT_S, ROUNDS, 0
    while True:
        try:
            return _go_on(api, way, source)
        except Unavailable as error:
            if way.reached > before:
                wait, rounds, before = FIRST_WAIT_S, ROUNDS, way.reached
            rounds -= 1
            if error.code == FULL or not rounds:
                raise
            api.http.clock.sleep(wait)
            wait *= 2


def _go_on(api: VaultApi, way: _Way, source: Callable[[], BinaryIO]) -> None:
    upload = way.take(api.begin_upload(way.digest, way.size)).upload
    with source() as stream:
        while way.told < way.size:
            stream.seek(way.told)
            segment = stream.read(min(SEGMENT_BYTES, way.size - way.told))
            try:
                way.take(api.send_segment(upload, way.told, segment))
            except Conflict as error:
                _elsewhere(way, error)
            except Denied as error:
                upload = _again(api, way, error)
    try:
        api.complete_upload(upload, way.size)
    except Conflict as error:  # the vault has lost a segment, and says from where on
        _elsewhere(way, error)
        raise Unavailable("upload_broken", "the vault has lost a part of the upload") from None


def _elsewhere(way: _Way, error: Conflict) -> None:
    if error.code != "upload_offset":
        raise error
    way.stand_at(error.facts.get("offset"))


def _again(api: VaultApi, way: _Way, error: Denied) -> str:
    """The upload was forgotten meanwhile: it begins anew."""
    if error.code != "upload_unknown":
        raise error
    return way.take(api.begin_upload(way.digest, way.size)).upload


def _wrong() -> Untrusted:
    return Untrusted("vault_answer", "the vault's answer to {path} has not the agreed form", path="/v1/uploads")
