"""One name for each request, in its answer, its problem and every line that is logged for it.

Taken over from ``X-Request-Id`` only if it is a UUID or 32 hexadecimal digits: what a proxy draws, and nothing that
could be a dossier, an account or a number of somebody.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

from starlette.types import Scope

HEADER = b"x-request-id"
_FORM = re.compile(rb"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CURRENT: ContextVar[str | None] = ContextVar("onefile_request_id", default=None)


def request_id_of(scope: Scope) -> str:
    """The request's own id if it came with one of the agreed form, else a fresh one."""
    given = [value for name, value in scope["headers"] if name == HEADER]
    if len(given) == 1 and _FORM.fullmatch(given[0]):
        return str(given[0].decode("ascii"))
    return secrets.token_hex(16)
