"""What a process of the vault loads before it works."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import vault_api.cli, vault_api.logs, vault_api.running, chain.ethereum
print([name for name in ("fastapi", "uvicorn", "web3", "eth_account", "alembic.command") if name in sys.modules])
"""


def test_a_role_that_serves_no_http_loads_no_server_of_it_and_nobody_what_sends_transactions() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
