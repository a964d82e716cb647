"""Secret files of the vault: the log's Ed25519 seed and the relayer's secp256k1 key.

Each is one line of 64 hex digits, mode 0600, made once and never overwritten. Neither opens anything that a
holder has sealed. A copy of the log's seed lets its owner sign heads, which the next anchor exposes.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from protocol.errors import Malformed

SECRET_BYTES = 32


def read_secret(path: Path) -> bytes | None:
    """The 32 bytes of a secret file; None if there is none. ``Malformed`` if it is not one, or is open to others."""
    try:
        text = path.read_text("ascii").strip()
        mode = path.stat().st_mode & 0o077
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise _bad(path, "can't be read") from None
    if mode:
        raise _bad(path, "is open to others than its owner: chmod 600")
    try:
        secret = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise _bad(path, "is not 64 hex digits") from None
    if len(secret) != SECRET_BYTES:
        raise _bad(path, "is not 64 hex digits")
    if len(set(secret)) < 4:
        raise _bad(path, "holds a placeholder, not a secret")
    return secret


def create_secret(path: Path) -> bytes:
    """Make a new secret file, durably, and return what it holds; an existing one is an error."""
    secret = secrets.token_bytes(SECRET_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secret.hex().encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    return secret


def _bad(path: Path, problem: str) -> Malformed:
    return Malformed("secret_file", "{path} {problem}", path=str(path), problem=problem)
