"""Random ids that people can type: of items and grants."""

from __future__ import annotations

import secrets

from protocol.encoding import b64u


def draw_id() -> bytes:
    """32 random bytes whose base64url does not begin with a dash, which a command line takes for an option."""
    while b64u(found := secrets.token_bytes(32)).startswith("-"):
        pass
    return found
