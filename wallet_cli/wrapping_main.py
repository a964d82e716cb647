"""The process that wraps headers when the command that changed the keys has ended.

Started by ``wallet_cli/services/wrapping.py``. It reads one line of JSON from standard input, says ``ready``, and
imports what is large only then, so that nobody waits for that. The lock that excludes a second one is a descriptor
that it got from who started it; it is given back when the process ends, however it ends.
"""

from __future__ import annotations

import json
import sys

from client.agent_main import harden

MAX_ORDER = 256 << 10  # 256 roots, and settings


def main() -> int:
    """Take the order, and work."""
    harden()
    order = json.loads(sys.stdin.readline(MAX_ORDER))
    sys.stdin.close()
    sys.stdout.write("ready\n")
    sys.stdout.close()
    from wallet_cli.services import wrapping

    session, bound = wrapping.session_of(order), bool(order["bound"])
    del order
    return wrapping.work(session, bound=bound)


if __name__ == "__main__":
    raise SystemExit(main())
