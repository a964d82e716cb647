"""Words between the processes of one database: they shorten waits, and nothing depends on their arrival.

A word is told when its transaction commits, never before. On SQLite there is one process, and nothing is told.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

CHANNEL = "onefile"
_TELL = text("SELECT pg_notify(:channel, :word)")


def tell(conn: Connection, word: str) -> None:
    """Tell every process that listens, as soon as this transaction has committed."""
    if conn.dialect.name == "postgresql":
        conn.execute(_TELL, {"channel": CHANNEL, "word": word})
