"""A full disk, told apart from one that does not answer: 507, and nothing that was acknowledged is harmed.

Whatever is written here is written so that a write that fails half-way leaves nothing that counts: a transaction is
rolled back, a blob has no name before it is whole. So a full disk needs no other care than an honest answer.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator

from obstore.exceptions import BaseError

from protocol.errors import Unavailable

CODE = "storage_full"
# No space, no space within a quota, a file beyond what may be written.
_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_IN_TEXT = re.compile(
    rf"\(os error (?:{'|'.join(map(str, sorted(_ERRNOS)))})\)"
)  # how the blob store's library says it
_POSTGRES_FULL = "53100"
_LONGEST_CHAIN = 20


def is_full(error: BaseException) -> bool:
    """Whether ``error``, or what it came of, is a disk without space."""
    return any(map(_says_full, _chain(error)))


def storage_full() -> Unavailable:
    """What the caller is told."""
    return Unavailable(CODE, "the vault has no space left; what it acknowledged is safe, this was not taken")


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _ERRNOS
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    if isinstance(error, BaseError):
        return _IN_TEXT.search(str(error)) is not None
    return getattr(error, "sqlstate", None) == _POSTGRES_FULL or getattr(error, "code", None) == CODE


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if following is None:
            return
        yield following
        following = following.__cause__ or following.__context__
