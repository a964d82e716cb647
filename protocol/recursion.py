"""Undoes what a library does to the whole process when it is imported.

py_ecc, which web3 and eth_account bring along for a curve that we do not use, raises the interpreter's recursion limit
to 100,000. That is deeper than the C stack holds: nested JSON in any parser of the process would then end it
instead of raising. Call `keep_limit` after such an import.
"""

from __future__ import annotations

import sys

LIMIT = 1_000  # the interpreter's own default
TOO_DEEP = 10_000  # what nobody who knows the C stack asks for; test runners ask for a little more than the default


def keep_limit() -> None:
    """Bring the recursion limit back to the interpreter's default if it is far beyond it."""
    if sys.getrecursionlimit() > TOO_DEEP:
        sys.setrecursionlimit(LIMIT)
