"""Uploads in segments, which go on where they broke off (see ``protocol/wire.py`` for spellings and the law)."""

from __future__ import annotations

from pydantic import Field

from protocol.wire import MAX_PAYLOAD_BYTES, Bytes16, Bytes32, Count, Seconds, Wire

SEGMENT_BYTES = 4 << 20  # every segment but the last has exactly so many: 4 GiB are 1,024 of them


class BeginUpload(Wire):
    """``POST /v1/uploads``: a payload of this digest and size is going to be sent; the same again finds the upload."""

    sha256: Bytes32
    size: int = Field(ge=1, le=MAX_PAYLOAD_BYTES)


class Upload(Wire):
    """How far an upload is: the first ``offset`` bytes are kept, durably, until ``expires_at``, which moves along."""

    upload: Bytes16
    sha256: Bytes32
    size: Count
    offset: Count
    segment_bytes: Count
    expires_at: Seconds
