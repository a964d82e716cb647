"""The keys of this vault's log: from which entry on which one signs (docs/spec/log.md §9).

One row of ``meta``: the verifier keys, oldest first, each with the index of the entry that it came with. A head is
signed by the newest key whose entry it covers. Entry 0 brings the first one. Cannot say what the chain thinks of a
key: ``vault_api/rotation.py`` asks it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select

from protocol.errors import Conflict
from protocol.note import MAX_FORMER_KEYS, FormerKey, Vkey
from vault_api.db import tables as t
from vault_api.db.prepared import Prepared

LOG_KEYS = "log_keys"  # the row of ``meta``
NAMED = "log_key_named"  # and the one of what the follower has seen

KEPT = select(t.meta.c.value).where(t.meta.c.name == LOG_KEYS)
_READ: Prepared[Any] = Prepared(KEPT)


@dataclass(frozen=True, slots=True)
class LogKeys:
    """Verifier keys as text and the entries that they came with, oldest first; there is always one."""

    rows: tuple[tuple[str, int], ...]

    @classmethod
    def first(cls, vkey: str) -> LogKeys:
        """Of a log that has had no other."""
        return cls(((vkey, 0),))

    def then(self, vkey: str, since: int) -> LogKeys:
        """With one more, which came with the entry ``since``."""
        return LogKeys((*self.rows, (vkey, since)))

    @property
    def present(self) -> str:
        """The key that signs now."""
        return self.rows[-1][0]

    @property
    def since(self) -> int:
        """The entry that the present key came with."""
        return self.rows[-1][1]

    @property
    def former(self) -> tuple[FormerKey, ...]:
        """Those before, each good for heads that do not cover the entry of the next; the newest of them."""
        pairs = list(zip(self.rows, self.rows[1:], strict=False))[-MAX_FORMER_KEYS:]
        return tuple(FormerKey(Vkey.parse(vkey), until) for (vkey, _since), (_next, until) in pairs)

    def has(self, vkey: str) -> bool:
        """Whether this key signs or signed."""
        return any(vkey == one for one, _since in self.rows)

    def of(self, size: int) -> str:
        """The key that signs a head of ``size`` entries."""
        return next((vkey for vkey, since in reversed(self.rows) if since < size), self.rows[0][0])

    def serialise(self) -> str:
        """As ``meta`` has it."""
        return json.dumps(self.rows, separators=(",", ":"))


def parsed(text: str | None) -> LogKeys | None:
    """What ``serialise`` gave; None for a row that is not there."""
    return None if text is None else _parsed(text)


@lru_cache(maxsize=4)
def _parsed(text: str) -> LogKeys:
    return LogKeys(tuple((str(vkey), int(since)) for vkey, since in json.loads(text)))


def keys_of(conn: Connection) -> LogKeys | None:
    """The keys as the database knows them; None for one of a program that knew a single key."""
    row = _READ.first(conn, {})
    return None if row is None else parsed(row.value)


def keep_keys(conn: Connection, keys: LogKeys) -> None:
    """Write them, in the caller's transaction."""
    conn.execute(delete(t.meta).where(t.meta.c.name == LOG_KEYS))
    conn.execute(insert(t.meta), {"name": LOG_KEYS, "value": keys.serialise()})


def check_key(conn: Connection, vkey: str) -> None:
    """``Conflict("log_key_former")`` if another key than ``vkey`` signs this log by now.

    Asked in the transaction that keeps a head. Whoever knows of the entry that a new key came with reads the new key
    here, as both were committed together.
    """
    keys = keys_of(conn)
    if keys is not None and keys.present != vkey:
        raise former_key(vkey, keys.present)


def note_named(conn: Connection, vkey: str, block: int) -> None:
    """The follower has seen that the chain names this key since ``block``."""
    conn.execute(delete(t.meta).where(t.meta.c.name == NAMED))
    conn.execute(insert(t.meta), {"name": NAMED, "value": json.dumps([vkey, block])})


def forget_named(conn: Connection, above: int) -> None:
    """Blocks above ``above`` have left the chain."""
    named = _named(conn)
    if named is not None and named[1] > above:
        conn.execute(delete(t.meta).where(t.meta.c.name == NAMED))


def check_named(engine: Engine) -> None:
    """``Conflict("log_key_former")`` if the follower has seen the chain name a key that has not signed yet.

    Readers outside then refuse what the present one signs beyond the last anchor.
    """
    with engine.connect() as conn:
        named, keys = _named(conn), keys_of(conn)
    if named is not None and keys is not None and not keys.has(named[0]):
        raise former_key(keys.present, named[0])


def _named(conn: Connection) -> tuple[str, int] | None:
    value = conn.execute(select(t.meta.c.value).where(t.meta.c.name == NAMED)).scalar()
    if value is None:
        return None
    vkey, block = json.loads(value)
    return str(vkey), int(block)


def former_key(got: str, want: str) -> Conflict:
    """A key that another one has replaced."""
    return Conflict("log_key_former", "the log key file holds {got}, which {want} has replaced", got=got, want=want)


def other_key(got: str, want: str) -> Conflict:
    """A key that is none of this log's."""
    return Conflict(
        "log_key_other", "the log key file holds {got}, the chain names {want} for this log", got=got, want=want
    )
