"""Our own programs as a person starts them: ``agency`` and ``wallet`` with profiles below the chain's folder."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.local_chain import LocalChain
from chain.ledger import ROLE_ISSUER
from protocol.encoding import unhex0x
from scripts.processes import ROOT, program
from vault_api.settings import Settings

TIMEOUT_S = 600
PASSPHRASE = "sample passphrase, for measurements only\n"
NAME, CODE = "Sample Human Resources", "11371000MB0000002L"
LICENCE = "social-insurance-proof"


@dataclass(slots=True)
class Programs:
    """Runs programs against one chain and one vault."""

    chain: LocalChain
    env: dict[str, str]

    @classmethod
    def of(cls, chain: LocalChain, settings: Settings) -> Programs:
        """The environment that a person of this vault has."""
        passphrase = chain.folder / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(PASSPHRASE)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEFILE_")}
        own = {
            "ONEFILE_HOME": str(settings.home),
            "ONEFILE_DEPLOYMENT_FILE": str(settings.deployment),
            "ONEFILE_RPC_URL": chain.url,
            "ONEFILE_VAULT_URL": settings.public_origin,
            "ONEFILE_PASSPHRASE_FILE": str(passphrase),
            "NO_COLOR": "1",
        }
        return cls(chain, {**kept, **own})

    def run(self, name: str, *arguments: str) -> Any:
        """What the program answered as JSON; ``RuntimeError`` with the end of its stderr if it failed."""
        done = subprocess.run(
            [program(name), *arguments, "--json", "--lang", "en"], env=self.env, cwd=ROOT, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{name} {' '.join(arguments)}: exit {done.returncode}\n{done.stderr[-1500:]}")
        return json.loads(done.stdout)

    def issuer(self, profile: str) -> bytes:
        """A department with keys, admitted and registered, that issues ``LICENCE``; its account."""
        made = self.run("agency", "init", "--name", NAME, "--code", CODE, "--profile", profile)
        account = unhex0x(made["account"], length=20, what="account")
        governor = self.chain.ledger(self.chain.governor)
        governor.admit_agency(account, NAME, "human-resources")
        governor.set_role(account, ROLE_ISSUER)
        governor.allow_issue(account, LICENCE)
        self.run("agency", "register", "--profile", profile)
        return account


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A batch file in JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path
