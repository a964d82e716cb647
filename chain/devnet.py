"""A local chain for trying things out: one Anvil process whose state survives even SIGKILL.

Anvil's own `--state f --state-interval 1` writes the file in place, every second, and a kill in the middle leaves
a torn one. So the state is asked for over RPC when the chain has grown and put in place by rename. History is kept
for the last `HISTORY` blocks only: with all of it, each block adds a copy of every contract.

Anvil runs without its well-known accounts. The governor's key is drawn into the state folder (mode 0600);
anyone else is given ether by `fund`. Blocks are made when a transaction comes; Anvil leaves ready transactions
behind under load, so `tend` makes a block when some wait. With `block_time` blocks come by the clock.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2

from chain.compile import PROJECT
from chain.files import write_atomically
from chain.signer import TxSigner, open_or_create
from protocol.encoding import hex0x
from protocol.errors import Conflict, Unavailable

CHAIN_ID = 31337
HOST = "127.0.0.1"
DEFAULT_PORT = 8545
HISTORY = 24  # blocks whose state can be read; see docs/spec/chain.md §7
READY_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0
TEND_INTERVAL_S = 0.25
SAVE_INTERVAL_S = 1.0
RPC_TIMEOUT_S = 10.0
ETHER = 10**18
GOVERNOR_ETHER = 1_000
_MARK = "ONEFILE_DEVNET_STATE"  # in Anvil's environment: which state folder a process serves


def find_anvil() -> Path:
    """The Anvil program: `ONEFILE_ANVIL`, else the one that npm installed, else the one on the PATH."""
    named = os.environ.get("ONEFILE_ANVIL")
    places = [named] if named else [PROJECT / "node_modules/.bin/anvil", shutil.which("anvil")]
    for place in places:
        if place and Path(place).exists():
            return Path(place).resolve()
    raise Unavailable("anvil_missing", "there is no anvil program: run `make setup`, or name it in ONEFILE_ANVIL")


class Devnet:
    """One chain in one state folder. Start it once; `tend` it while it runs; stop it."""

    def __init__(self, state: Path, *, port: int = DEFAULT_PORT, block_time: int = 0) -> None:
        self.state = state
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self._block_time = block_time
        self._process: subprocess.Popen[bytes] | None = None
        self._http = _client()
        self._saved_head: str | None = None
        self._saved_at = 0.0
        self._waiting = False

    @property
    def governor(self) -> TxSigner:
        """The account that owns the AgencyRegistry of this chain; its key is drawn at first use."""
        return open_or_create(self.state / "governor.key")

    @property
    def pid(self) -> int | None:
        """The id of the Anvil process; None when it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    def start(self) -> None:
        """Start Anvil and return when it answers and the governor has ether.

        `Conflict("port_taken")` if somebody else listens there; `Unavailable` if Anvil does not come up. An
        Anvil that was left behind on this state folder is saved and ended first.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        self._end_orphan()
        if _answers(self.port):
            raise Conflict("port_taken", "something else listens on port {port} of {host}", port=self.port, host=HOST)
        # No --state: see the module's docstring. No CORS: a web page has no business with this chain.
        command = [str(find_anvil()), "--host", HOST, "--port", str(self.port), "--chain-id", str(CHAIN_ID)]
        command += ["--accounts", "0", "--hardfork", "cancun", "--prune-history", str(HISTORY), "--no-cors", "--quiet"]
        command += ["--no-request-size-limit"]
        if self._block_time:
            command += ["--block-time", str(self._block_time)]
        if self._saved.exists():
            command += ["--load-state", str(self._saved)]
        with (self.state / "anvil.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches us first, and we save before we end it
                env={**os.environ, _MARK: str(self.state.resolve())},
            )
        self._note().write_text(json.dumps({"pid": self._process.pid, "port": self.port}) + "\n")
        self._await_ready()
        self.fund(self.governor.account, GOVERNOR_ETHER)

    def fund(self, account: bytes, ether: int) -> None:
        """Set the account's balance. Only a devnet can do this."""
        fund(self.url, account, ether)

    def mine(self, blocks: int = 1) -> None:
        """Make blocks at once."""
        for _ in range(blocks):
            self.rpc("evm_mine")

    def tend(self) -> None:
        """What must be done every `TEND_INTERVAL_S`: free stranded transactions, save the state if it grew.

        `Unavailable` when Anvil is gone.
        """
        waiting = _number(self.rpc("txpool_status"), "pending") > 0
        # Twice in a row: a transaction that was on its way at one look is no reason to make a block.
        if waiting and self._waiting:
            self.rpc("evm_mine")
        self._waiting = waiting
        if time.monotonic() - self._saved_at >= SAVE_INTERVAL_S:
            self.save()

    def save(self) -> None:
        """Write the state of the chain to disk, if it has changed since the last time."""
        head = str(self.rpc("eth_getBlockByNumber", ["latest", False])["hash"])
        self._saved_at = time.monotonic()
        if head != self._saved_head:
            _save_state(self.rpc("anvil_dumpState", [True]), self._saved)
            self._saved_head = head

    def stop(self) -> None:
        """Save, end Anvil, and wait for its end. May be called when it never ran."""
        if self._process is not None:
            with contextlib.suppress(Unavailable):
                self.save()
            _end(self._process)
            self._process = None
        self._note().unlink(missing_ok=True)
        self._http.close()

    def kill(self) -> None:
        """End Anvil as a crash would: nothing is saved."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def rpc(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The result of one call; `Unavailable` if there is none."""
        return _rpc(self._http, self.url, method, params)

    @property
    def _saved(self) -> Path:
        return self.state / "anvil.json"

    def _note(self) -> Path:
        return self.state / "anvil.pid"

    def _await_ready(self) -> None:
        until = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < until:
            if self.pid is None:
                break
            with contextlib.suppress(Unavailable):
                self.rpc("eth_chainId")
                return
            time.sleep(0.02)
        self.kill()
        raise Unavailable("anvil_failed", "anvil did not start: see {log}", log=str(self.state / "anvil.log"))

    def _end_orphan(self) -> None:
        """Save and end the Anvil that a killed parent left behind on this state folder."""
        try:
            note = json.loads(self._note().read_text())
            pid, port = int(note["pid"]), int(note["port"])
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except (OSError, ValueError, KeyError, TypeError):
            return
        # A process id may have been given to somebody else since: only ours carries the mark.
        if f"{_MARK}={self.state.resolve()}".encode() not in environment:
            return
        with contextlib.suppress(Unavailable):
            url = f"http://{HOST}:{port}"
            _save_state(_rpc(self._http, url, "anvil_dumpState", [True]), self._saved)
        _end_foreign(pid)
        # Its first thread may be gone while another still holds the port for a moment.
        until = time.monotonic() + STOP_TIMEOUT_S
        while _answers(port) and time.monotonic() < until:
            time.sleep(0.02)


def fund(url: str, account: bytes, ether: int) -> None:
    """Set the balance of an account (20 bytes) on a devnet; `Unavailable` on any other chain."""
    with _client() as http:
        _rpc(http, url, "anvil_setBalance", [hex0x(account), hex(ether * ETHER)])


def fresh_state_folder() -> Path:
    """A new state folder among the temporary files; the caller removes it."""
    return Path(tempfile.mkdtemp(prefix="onefile-chain-"))


def _client() -> httpx2.Client:
    # Never TLS to ourselves: a context that trusts nobody spares the loading of the system's authorities.
    return httpx2.Client(timeout=RPC_TIMEOUT_S, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def _rpc(http: httpx2.Client, url: str, method: str, params: Sequence[Any]) -> Any:
    question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    try:
        answer = http.post(url, json=question).json()
        return answer["result"]
    except (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError):
        raise Unavailable("devnet_unreachable", "the local chain at {url} does not answer", url=url) from None


def _number(value: Any, name: str) -> int:
    try:
        return int(value[name], 16)
    except (KeyError, TypeError, ValueError):
        raise Unavailable("devnet_garbage", "the local chain answered nonsense") from None


def _save_state(dump: Any, path: Path) -> None:
    try:
        raw = gzip.decompress(bytes.fromhex(dump.removeprefix("0x")))
    except (AttributeError, ValueError, OSError, EOFError):
        raise Unavailable("devnet_garbage", "the local chain answered nonsense") from None
    if not raw:
        raise Unavailable("devnet_garbage", "the local chain answered nonsense")
    write_atomically(path, raw)


def _answers(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_foreign(pid: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + STOP_TIMEOUT_S
        while Path(f"/proc/{pid}/environ").exists() and time.monotonic() < until:
            if not _alive(pid):
                return
            time.sleep(0.02)


def _alive(pid: int) -> bool:
    # A zombie that its parent has not waited for yet is dead for us.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
