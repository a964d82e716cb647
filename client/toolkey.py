"""This machine's own signing key for trust files: ``<home>/tool.key``, made when it is first needed.

It signs nothing but what this machine assembled for itself, and has no card on any chain.
"""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

from client.files import check_private, read_bounded, write_private
from protocol.encoding import b64u, unb64u
from protocol.errors import Conflict, Malformed
from protocol.jose import P256Signer


def tool_key(home: Path) -> P256Signer:
    """The key, made if it is not there."""
    path = home / "tool.key"
    if not path.exists():
        # Two commands may need it first at the same moment: the key of the one that comes second is not written.
        with contextlib.suppress(Conflict):
            write_private(path, b64u(_scalar()).encode("ascii") + b"\n", new=True)
    check_private(path)
    try:
        text = read_bounded(path, limit=100).decode("ascii").strip()
    except UnicodeDecodeError:
        raise Malformed("tool_key", "the tool key at {path} is garbled", path=str(path)) from None
    return P256Signer.from_secret(unb64u(text, length=32, what="tool key"))


def _scalar() -> bytes:
    while True:
        found = secrets.token_bytes(32)
        # All but one in 2^32 draws are below the group order and not zero.
        if 0 < int.from_bytes(found, "big") < 0xFFFFFFFF00000000_0000000000000000_0000000000000000_0000000000000000:
            return found
