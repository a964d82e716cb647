"""What travels of notices: what the vault tells a holder or an agency that asks for what is new.

Models beside ``protocol/wire.py``, by the same law. A notice is a pointer and, where somebody signed, the signed
statement itself: who reads it verifies the statement and never the pointer (docs/spec/notices.md).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from protocol.wire import MAX_PAGE, MAX_TOKEN_CHARS, Bytes16, Bytes32, Count, Jws, Seconds, Signed, Wire

MAX_KIND_CHARS = 32
RETENTION_GRACE_S = 86_400  # after the time: an agency deletes and reports once a day

# What the vault says of itself; every other kind is that of the signed statement which the notice carries.
GRANT_GIVEN = "grant_given"
GRANT_ENDED = "grant_ended"
RETENTION_OVERDUE = "retention_overdue"
SCENARIO_WITHDRAWN = "scenario_withdrawn"
BY_THE_VAULT = frozenset({GRANT_GIVEN, GRANT_ENDED, RETENTION_OVERDUE, SCENARIO_WITHDRAWN})

Token = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TOKEN_CHARS)]


class Notice(Wire):
    """One notice. ``about``: SHA-256 of what is spoken of: a receipt, a statement, a slip, a scenario.

    ``index``: of the log entry, where there is one; ``statement``: what was signed, for kinds of statements,
    and ``card`` the key card of who signed it, which counts only if the chain has its hash.
    """

    id: Token
    kind: Annotated[str, StringConstraints(min_length=1, max_length=MAX_KIND_CHARS)]
    at: Seconds
    grant: Bytes32 | None = None
    show: Bytes16 | None = None
    item: Bytes32 | None = None
    about: Bytes32 | None = None
    index: Count | None = None
    statement: Jws | None = None
    card: Signed | None = None


class Notices(Wire):
    """Notices in the order in which they came. ``next`` asks for what follows, now (``more``) or later."""

    rows: Annotated[list[Notice], Field(max_length=MAX_PAGE)]
    next: Token
    more: bool
