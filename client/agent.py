"""Talk to the agent of a profile: start it, take the keys from it, lock it.

A profile is *unlocked* while its agent answers. No agent is no error: the passphrase is asked for.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from client.agent_main import MAX_FOR_S, MAX_LINE, PATIENCE_S, peer_uid, read_line
from client.background import spawn
from client.files import private_folder
from client.keystore import Keys, read_keys
from client.passphrase import PassphraseSource
from client.profile import Profile
from protocol.errors import Denied, Malformed, Unavailable

START_S = 10.0


def open_keys(profile: Profile, source: PassphraseSource) -> Keys:
    """The keys of ``profile``: from its agent if it is unlocked, else with the passphrase of ``source``."""
    return fetch(profile) or read_keys(profile.key_file, source.get())


def fetch(profile: Profile) -> Keys | None:
    """The keys that the agent holds; None if no agent answers."""
    answer = _ask(profile, {"op": "open"})
    keys = answer.get("keys") if answer else None
    return Keys.parse(keys.encode("utf-8", "surrogatepass")) if isinstance(keys, str) else None


def left_s(profile: Profile) -> int | None:
    """For how many seconds the profile stays unlocked; None if it is locked."""
    answer = _ask(profile, {"op": "status"})
    left = answer.get("left_s") if answer else None
    return left if isinstance(left, int) else None


def lock(profile: Profile) -> bool:
    """Make the agent wipe its keys and end; whether there was one."""
    return _ask(profile, {"op": "lock"}) is not None


def start(profile: Profile, keys: Keys, for_s: int) -> None:
    """Start an agent that keeps ``keys`` for so many seconds; an older one is told to lock first."""
    if not 0 < for_s <= MAX_FOR_S:
        raise Malformed("unlock_time", "expected 1 second to {most} seconds, got {got}", most=MAX_FOR_S, got=for_s)
    lock(profile)
    path = profile.agent_socket
    private_folder(path.parent)
    _check_folder(path.parent)
    order = {"socket": str(path), "for_s": for_s, "keys": keys.unsafe_plaintext().decode("utf-8")}
    if spawn("client.agent_main", order) is None:
        raise Unavailable("agent_start", "the agent process did not start")


def _ask(profile: Profile, request: dict[str, Any]) -> dict[str, Any] | None:
    path = profile.agent_socket
    if not path.exists():
        return None
    _check_folder(path.parent)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE_S)
        try:
            connection.connect(str(path))
            if peer_uid(connection) not in {None, os.getuid()}:
                return None
            connection.sendall(json.dumps(request).encode("utf-8") + b"\n")
        except OSError:
            return None
        line = read_line(connection)
    return _parse(line)


def _parse(line: bytes) -> dict[str, Any] | None:
    assert len(line) <= MAX_LINE
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) and answer.get("ok") is True else None


def _check_folder(folder: Path) -> None:
    """Somebody else's folder under our name would hand our keys to them."""
    state = folder.lstat()
    if state.st_uid != os.getuid() or state.st_mode & 0o077 or folder.is_symlink():
        raise Denied("agent_folder", "{path} is not a private folder of this user", path=str(folder))
