"""Key rings and headers that are wrapped anew (see ``protocol/wire.py`` for spellings and the law)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from protocol.wire import MAX_OBJECTS, Bytes32, Header, Jws, Problem, Seconds, Wire

MAX_REWRAPS = 64
MAX_RING_KEYS = 32  # as many as a ring has members (protocol/keyring.py), which the vault can not reach
MAX_RING_CHARS = 256 << 10

RingFile = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=MAX_RING_CHARS)]


class PutRing(Wire):
    """``PUT /v1/me/ring``: ``previous`` is the SHA-256 of the ring that this one follows, None for the first.

    ``keys`` are the P-256 keys (JWK) of the members: who signs ``GET /v1/ring`` with one of them is given the ring.
    """

    ring: RingFile
    previous: Bytes32 | None = None
    keys: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_RING_KEYS)]


class RingKept(Wire):
    """What is kept now."""

    sha256: Bytes32
    at: Seconds


class Ring(RingKept):
    """``GET /v1/me/ring`` of the holder, ``GET /v1/ring`` of a member: the ring, and the dossier's newest key card."""

    ring: RingFile
    card: dict[str, Any]


class Rewrap(Wire):
    """New headers of one item, one for each object in their order, and the holder's signed word that names them."""

    rewrap: Jws
    headers: Annotated[list[Header], Field(min_length=1, max_length=MAX_OBJECTS)]


class Rewraps(Wire):
    """``POST /v1/me/rewraps``: each is taken or refused by itself."""

    rewraps: Annotated[list[Rewrap], Field(min_length=1, max_length=MAX_REWRAPS)]


class RewrapRow(Wire):
    """What became of one: no problem, or why it was refused."""

    problem: Problem | None = None


class RewrapRows(Wire):
    """One row for each, in their order."""

    rows: list[RewrapRow]
