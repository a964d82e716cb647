"""The agent process: keeps the opened keys of one profile in memory until it expires or is told to lock.

Started by ``client/agent.py``; standard library only, so that it is small and starts at once. It knows
nothing of what it keeps. Requests and answers are one JSON line each, at most 64 KiB:

    {"op": "status"} → {"ok": true, "left_s": 840}
    {"op": "open"}   → {"ok": true, "left_s": 840, "keys": "…"}
    {"op": "lock"}   → {"ok": true}, and the process ends

Only processes of the same user are answered: the socket lies in a folder of mode 0700, has mode 0600, and
the peer's user id is asked of the kernel. Time counts while the machine sleeps.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
from pathlib import Path

MAX_LINE = 64 << 10
PATIENCE_S = 2.0
MAX_FOR_S = 7 * 24 * 3600
_PR_SET_DUMPABLE = 4


def clock_s() -> float:
    """Seconds that also pass while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def peer_uid(connection: socket.socket) -> int | None:
    """The user id behind a Unix connection; None where the kernel does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    _pid, uid, _gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return int(uid)


def read_line(connection: socket.socket) -> bytes:
    """One line without its end; empty if the peer closed, sent too much or was too slow."""
    data = b""
    try:
        while b"\n" not in data and len(data) <= MAX_LINE:
            part = connection.recv(4096)
            if not part:
                return b""
            data += part
    except OSError:
        return b""
    line, found, _rest = data.partition(b"\n")
    return line if found and len(line) <= MAX_LINE else b""


class Agent:
    """The keys and how long they are kept."""

    def __init__(self, keys: bytes, for_s: float) -> None:
        self._keys = bytearray(keys)
        self._ends = clock_s() + for_s

    def left_s(self) -> float:
        """Seconds until the keys are wiped; not below 0."""
        return max(0.0, self._ends - clock_s())

    def answer(self, line: bytes) -> dict[str, object]:
        """The answer to one request line."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return {"ok": False, "error": "malformed"}
        op = request.get("op") if isinstance(request, dict) else None
        left = {"left_s": int(self.left_s())}
        if op == "status":
            return {"ok": True, **left}
        if op == "open":
            return {"ok": True, **left, "keys": self._keys.decode("utf-8")}
        if op == "lock":
            self._ends = clock_s()
            return {"ok": True}
        return {"ok": False, "error": "unknown op"}

    def wipe(self) -> None:
        """Overwrite the keys; copies that Python made go with the process."""
        self._keys[:] = bytes(len(self._keys))

    def serve(self, listener: socket.socket) -> None:
        """Answer until the time is over or somebody locks."""
        while self.left_s() > 0:
            listener.settimeout(min(self.left_s() + 0.01, 5.0))
            try:
                connection, _address = listener.accept()
            except TimeoutError:
                continue
            with connection:
                self._one(connection)

    def _one(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_S)
        uid = peer_uid(connection)
        if uid is not None and uid != os.getuid():
            return
        line = read_line(connection)
        if line and self.left_s() > 0:
            with contextlib.suppress(OSError):
                connection.sendall(json.dumps(self.answer(line)).encode("utf-8") + b"\n")


def harden() -> None:
    """No core dump, and no reading of this process's memory by others of the same user (Linux)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def listen(path: Path) -> socket.socket:
    """A listening socket of mode 0600 at ``path``, in place of one that nobody answers at."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(8)
    return listener


def main() -> int:
    """Read ``{"socket", "for_s", "keys"}`` from standard input, say ``ready``, and serve."""
    harden()
    order = json.loads(sys.stdin.readline(MAX_LINE))
    path = Path(order["socket"])
    agent = Agent(order["keys"].encode("utf-8"), min(float(order["for_s"]), MAX_FOR_S))
    del order
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listener = listen(path)
    mine = path.stat().st_ino
    sys.stdout.write("ready\n")
    sys.stdout.close()
    try:
        agent.serve(listener)
    finally:
        agent.wipe()
        listener.close()
        # A newer agent may have taken the name meanwhile; its socket is not ours to remove.
        with contextlib.suppress(OSError):
            if path.stat().st_ino == mine:
                path.unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
