"""One whole system on this machine: a local chain with its state on disk, the contracts, and the vault."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from client import agent
from client.profile import FOLDERS, Profile
from scripts.processes import ROOT, Child, Children, NotReadyError, listening, program

SETUP_TIMEOUT_S = 120
ANCHOR_INTERVAL_S = "2"
PASSPHRASE = "sample passphrase, for sample data only\n"


@dataclass(slots=True)
class Stack:
    """Chain and vault below one home folder; ``start`` them, and the ``Children`` end them."""

    home: Path
    chain_port: int
    vault_port: int
    children: Children
    env: dict[str, str]

    @classmethod
    def at(cls, home: Path, chain_port: int, vault_port: int, children: Children, env: dict[str, str]) -> Stack:
        """A stack on these ports; nothing is started yet. ``env`` is the base environment of all programs."""
        origin = f"http://127.0.0.1:{vault_port}"
        passphrase = home / "sample-passphrase"
        own = {
            "ONEFILE_HOME": str(home),
            "ONEFILE_RPC_URL": f"http://127.0.0.1:{chain_port}",
            "ONEFILE_VAULT_URL": origin,
            "ONEFILE_PUBLIC_ORIGIN": origin,
            "ONEFILE_ANCHOR_INTERVAL_S": ANCHOR_INTERVAL_S,
            "ONEFILE_PASSPHRASE_FILE": str(passphrase),
            "ONEFILE_SWAGGER_FOLDER": str(ROOT / "node_modules" / "swagger-ui-dist"),
        }
        return cls(home, chain_port, vault_port, children, {**env, **own})

    @property
    def origin(self) -> str:
        return self.env["ONEFILE_PUBLIC_ORIGIN"]

    def start(self) -> None:
        """Chain, contracts, vault; returns when the vault answers."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        passphrase = Path(self.env["ONEFILE_PASSPHRASE_FILE"])
        if not passphrase.exists():
            passphrase.touch(mode=0o600)
            passphrase.write_text(PASSPHRASE)
        self.start_chain()
        self.call("chain", "deploy")
        self.start_vault()

    def start_chain(self) -> Child:
        child = self.spawn("chain", "devnet", "--port", str(self.chain_port))
        child.wait_ready(lambda: listening(self.chain_port))
        return child

    def start_vault(self) -> Child:
        if (self.home / "vault").exists():
            self.call("vault-api", "migrate")  # what an earlier version left
        child = self.spawn("vault-api", "serve", "--port", str(self.vault_port))
        child.wait_ready(lambda: listening(self.vault_port))
        return child

    def lock_keys(self) -> None:
        """End the agents that keep keys of this home open: they are no children of ours."""
        for program_name, folder in FOLDERS.items():
            for made in (self.home / folder).glob("*"):
                agent.lock(Profile.of(program_name, made.name, self.home))

    def call(self, name: str, *arguments: str) -> str:
        """Run one of our programs to its end and return its output; ``NotReadyError`` if it fails."""
        done = subprocess.run(
            [program(name), *arguments, "--json"], env=self.env, cwd=ROOT, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=SETUP_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise NotReadyError(f"{name} {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def spawn(self, name: str, *arguments: str, log: str = "") -> Child:
        """Start one of our programs, to be ended with the others; what it says goes to the log of its name."""
        return self.children.start(log or name, [program(name), *arguments], self.env)
