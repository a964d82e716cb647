"""An S3 server (SeaweedFS) in a folder of its own, bound to 127.0.0.1 on ports that nobody uses.

It reports nothing to its makers (`-master.telemetry=false`) and is ended by SIGKILL: it would take ten seconds to say
goodbye to itself. Its keys are drawn anew for each server.
"""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import socket
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.processes import Child, Children, program
from scripts.servers.watching import ended_with_us

LOOPBACK = "127.0.0.1"
REGION = "us-east-1"
VOLUME_MB = 256  # of the files in which it keeps the blobs
ASK_S = 2.0
PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)


@dataclass(frozen=True, slots=True)
class S3:
    """A running server. ``child``: its process, for those who must end it early.

    ``shared_bucket`` is there from the beginning: a prefix of its own in it is enough for most uses, and is there at
    once, where the first object of a bucket takes a quarter of a second.
    """

    endpoint: str
    filer: str
    access_key: str
    secret_key: str
    child: Child
    shared_bucket: str = "onefile-shared"

    @contextmanager
    def bucket(self) -> Iterator[str]:
        """The name of a fresh bucket, which is removed with all that is in it."""
        name = self.create()
        try:
            yield name
        finally:
            self.remove(name)

    def create(self) -> str:
        """Make a bucket and return its name."""
        name = f"onefile-{secrets.token_hex(8)}"
        self.make(name)
        return name

    def make(self, name: str) -> None:
        """Make a bucket of this name."""
        _ask(f"{self.filer}/buckets/{name}/", "POST")

    def remove(self, name: str) -> None:
        """Remove a bucket with all that is in it."""
        _ask(f"{self.filer}/buckets/{name}?recursive=true&ignoreRecursiveError=true", "DELETE")

    def buckets(self) -> list[str]:
        """The names of the buckets that there are."""
        return self.under("")

    def under(self, folder: str) -> list[str]:
        """What lies in a folder of the store, also what S3 itself shows nobody: parts, in `<bucket>/.uploads`."""
        listed = json.loads(_ask(f"{self.filer}/buckets/{folder}/?limit=10000", "GET"))
        return [Path(entry["FullPath"]).name for entry in listed["Entries"] or []]

    def environment(self, bucket: str, prefix: str = "vault") -> dict[str, str]:
        """The vault's settings for this bucket, as its environment."""
        return {
            "ONEFILE_BLOB_URL": f"s3://{bucket}/{prefix}",
            "ONEFILE_BLOB_ENDPOINT": self.endpoint,
            "ONEFILE_BLOB_REGION": REGION,
            "ONEFILE_BLOB_ACCESS_KEY": self.access_key,
            "ONEFILE_BLOB_SECRET_KEY": self.secret_key,
        }


@contextmanager
def seaweed(folder: Path | None = None) -> Iterator[S3]:
    """A server that runs as long as the context does; ``folder``: where its data stay, None: thrown away."""
    home = folder or Path(tempfile.mkdtemp(prefix="onefile-s3-"))
    with ExitStack() as last:
        if folder is None:
            last.callback(shutil.rmtree, home)
        ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        last.callback(_remove_sockets, ports)
        access, secret = secrets.token_hex(10), secrets.token_hex(20)
        children = Children(home / "logs")
        child = children.start("seaweed", _command(home, ports, access, secret), {"PATH": "/usr/bin:/bin"})
        last.callback(_kill, child)
        s3 = S3(_at(ports["s3.port"]), _at(ports["filer.port"]), access, secret, child)
        child.wait_ready(lambda: _answers(f"{s3.endpoint}/status") and _answers(f"{s3.filer}/buckets/"))
        s3.make(s3.shared_bucket)
        left = [*_sockets(ports), *([] if folder else [home])]
        last.enter_context(ended_with_us(child.process.pid, signal.SIGKILL, *left))
        yield s3


def _command(home: Path, ports: dict[str, int], access: str, secret: str) -> list[str]:
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    keys = [{"accessKey": access, "secretKey": secret}]
    config = home / "s3.json"
    config.touch(mode=0o600)
    config.write_text(json.dumps({"identities": [{"name": "vault", "credentials": keys, "actions": actions}]}))
    given = [f"-{name}={port}" for name, port in ports.items()]
    return [
        program("weed"), "server", f"-dir={data}", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}",
        "-master.telemetry=false", "-master.peers=none", f"-master.volumeSizeLimitMB={VOLUME_MB}", "-volume.max=0",
        "-filer", "-s3", f"-s3.config={config}", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0", *given,
    ]  # fmt: skip


def _free_ports(count: int) -> list[int]:
    """Several at once, so that none is given twice."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind((LOOPBACK, 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _at(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def _answers(url: str) -> bool:
    try:
        _ask(url, "GET")
    except OSError:  # also an HTTP error: it does not work yet
        return False
    return True


def _ask(url: str, method: str) -> bytes:
    request = urllib.request.Request(url, method=method, headers={"Accept": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=ASK_S) as answer:
        said: bytes = answer.read()
        return said


def _kill(child: Child) -> None:
    child.signal(signal.SIGKILL)
    child.process.wait()


def _remove_sockets(ports: dict[str, int]) -> None:
    for left in _sockets(ports):
        left.unlink(missing_ok=True)


def _sockets(ports: dict[str, int]) -> list[Path]:
    """The socket files that it makes, named by its ports, in this folder whatever else was set."""
    return [left for port in ports.values() for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]
