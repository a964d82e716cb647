"""The vault as a program of its own, killed without warning and started again."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.local_chain import LocalChain
from bench.vaults import settings_of
from scripts.processes import Child, NotReadyError, program
from vault_api.settings import Settings

READY_S = 30.0
POLL_S = 0.01


@dataclass(slots=True)
class Server:
    """``vault-api serve`` on the chain's folder. One process at a time; its log is the file of its name."""

    chain: LocalChain
    settings: Settings
    env: dict[str, str]
    restarts_s: list[float] = field(default_factory=list)
    restarts_cpu_s: list[float] = field(default_factory=list)
    _child: Child | None = None
    _began: float = 0.0

    @classmethod
    def of(cls, chain: LocalChain, **given: object) -> Server:
        """Not started yet; ``given``: settings that are not the defaults."""
        settings = settings_of(chain, **given)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEFILE_")}
        own = {
            "ONEFILE_HOME": str(settings.home),
            "ONEFILE_DEPLOYMENT_FILE": str(settings.deployment),
            "ONEFILE_RPC_URL": chain.url,
            "ONEFILE_PUBLIC_ORIGIN": settings.public_origin,
            **{f"ONEFILE_{name.upper()}": str(value) for name, value in given.items()},
        }
        return cls(chain, settings, {**kept, **own})

    @property
    def url(self) -> str:
        return self.settings.public_origin

    def start(self) -> None:
        """Start the program; it is not ready yet."""
        command = [program("vault-api"), "serve", "--port", str(self.settings.port)]
        self._began = time.monotonic()
        self._child = self.chain.children.start("vault-api", command, self.env)

    def wait_ready(self) -> float:
        """Seconds from the start until ``/readyz`` says so; ``NotReadyError`` if it ends or stays silent."""
        child = self._running()
        while not self._ready():
            if child.process.poll() is not None:
                raise NotReadyError(f"the vault ended with {child.process.returncode}\n{child.tail()}")
            if time.monotonic() - self._began > READY_S:
                raise NotReadyError(f"the vault was not ready within {READY_S:.0f} s\n{child.tail()}")
            time.sleep(POLL_S)
        return time.monotonic() - self._began

    def restart(self) -> None:
        """Start it and note how long it took, and how much of that a processor worked for it."""
        self.start()
        self.restarts_s.append(self.wait_ready())
        self.restarts_cpu_s.append(_cpu_s(self._running().process.pid))

    def kill(self) -> None:
        """SIGKILL, now; returns when the process is gone."""
        child = self._running()
        child.signal(signal.SIGKILL)
        child.process.wait()
        self.chain.children.running.remove(child)
        self._child = None

    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("the vault was not started")
        return self._child

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        return False


def _cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
