"""``python -m bench.figures.opener``: the control of the figure ``canaries``, a process that does hold the values.

Reads ``{header, payload, secret, to}`` from stdin, opens the object with the sealing key, writes it to the file ``to``
as a wallet does, says "opened" and keeps it until stdin ends.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from protocol.encoding import unb64
from protocol.envelope import open_bytes
from protocol.recipients import HybridIdentity


def main() -> None:
    given = json.loads(sys.stdin.readline())
    identity = HybridIdentity(unb64(given["secret"], what="secret"))
    header, payload = (unb64(given[name], what=name) for name in ("header", "payload"))
    opened = open_bytes(header, payload, [identity])
    Path(given["to"]).write_bytes(opened)
    print("opened", flush=True)
    sys.stdin.read()
    assert opened


if __name__ == "__main__":
    main()
