"""Recovery shares, sealed to guardians (see ``protocol/wire.py`` for spellings and the law)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from protocol.wire import Bytes32, Hex32, Seconds, Wire

MAX_SHARES = 16  # as many guardians as a set has (protocol/guardians.py)
MAX_SHARE_CHARS = 11 << 10  # 8 KiB in base64url

ShareFile = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=MAX_SHARE_CHARS)]


class PostShare(Wire):
    """One share: the guardian's dossier, and an age file that only that dossier's keys open."""

    guardian: Hex32
    share: ShareFile


class PostShares(Wire):
    """``POST /v1/me/shares``: takes the place of all shares that this dossier posted before; none removes them."""

    shares: Annotated[list[PostShare], Field(max_length=MAX_SHARES)]


class SharesKept(Wire):
    """How many are kept now."""

    kept: int


class Share(Wire):
    """A row of ``GET /v1/me/shares``: whose share this dossier was given to keep, and since when."""

    dossier: Hex32
    share: ShareFile
    sha256: Bytes32
    at: Seconds
