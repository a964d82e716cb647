"""Big documents through the whole system, with real programs, and what memory they take.

A department issues COUNT credentials with a document of SIZE each, all at once; the holder claims, opens and grants
them; a bank uses the grants and opens the documents, all at once. Of the vault and of every program the peak of its
resident set (VmHWM) is read while it runs, and held against its idle level: the vault's after the same story with a
small document, a program's own peak with a small document. Every opened document is compared with what was issued.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from scripts.demo import openings
from scripts.demo.cast import BANK, BUREAU, INSURANCE, LABOUR, write_claims
from scripts.demo.teller import Teller, base_env
from scripts.processes import ROOT, Children, NotReadyError, free_port, program
from scripts.stack import Stack

MIB = 1 << 20
UNITS = {"KiB": 1 << 10, "MiB": MIB, "GiB": 1 << 30}
COPIES = 3.3  # of all documents at once: sealed, in segments, put together; later sealed, opened, in the vault
SMALL = 64 << 10
ALONE_MIB, TOGETHER_MIB = 64, 256
PACE = 2 * MIB  # bytes a second at which it is given up
PATIENCE_S = 120
SAMPLE_S = 0.02
NAME = "scan.bin"


@dataclass(slots=True)
class Peaks:
    """The highest resident set of the vault in each act, and of the programs, in KiB."""

    vault: dict[str, int] = field(default_factory=dict)
    program: dict[str, int] = field(default_factory=dict)

    def note(self, act: str, kib: int) -> None:
        self.program[act] = max(self.program.get(act, 0), kib)


@dataclass(slots=True)
class Run:
    """One story with documents of ``size`` bytes, ``count`` of each act at once."""

    stack: Stack
    teller: Teller
    vault: int
    work: Path
    size: int
    count: int
    peaks: Peaks = field(default_factory=Peaks)
    seconds: dict[str, float] = field(default_factory=dict)

    def all(self) -> None:
        digest = _written(self.work / NAME, self.size)
        items = self._act("issue", [self._issue] * self.count)
        (self.work / NAME).unlink()
        self.teller.wallet("alice", "sync")
        self.teller.wallet("alice", "claim", *items)
        self._act("open", [partial(self._open, item, digest) for item in items])
        for sealed in (self.stack.home / "wallets").glob("*/**/objects/*.payload"):
            sealed.unlink()
        grants = self._act("grant", [partial(self._grant, item) for item in items])
        self._act("release", [partial(self._release, grant, digest) for grant in grants])

    def _issue(self) -> str:
        claims = write_claims(self.work, INSURANCE)
        command = ["agency", "issue", "--type", INSURANCE.kind, "--to", str(self.work / "invitation")]
        command += ["--claims", str(claims), "--number", f"SAMPLE{secrets.randbelow(10**10):010d}"]
        command += [
            "--document",
            str(self.work / NAME),
            "--expires",
            str(INSURANCE.expires),
            "--profile",
            LABOUR.profile,
        ]
        return str(self._measured("issue", command)["item"])

    def _open(self, item: str, digest: bytes) -> None:
        to = self.work / f"{item}.opened"
        self._measured("open", ["wallet", "open", item, NAME, "--to", str(to), "--profile", "alice"])
        _compare(to, digest)

    def _grant(self, item: str) -> str:
        order = ["wallet", "grant", "--agency", BANK.name, "--scenario", "small-loan", "--for", "7d", "--uses", "1"]
        order += ["--claim", f"{item}:/months_paid", "--claim", f"{item}:/contribution_base"]
        order += ["--document", f"{item}:{NAME}", "--yes", "--profile", "alice"]
        return str(self._measured("grant", order)["grant"])

    def _release(self, grant: str, digest: bytes) -> None:
        out = self.work / f"use-{grant}"
        self._measured("release", ["agency", "release", grant, "--out", str(out), "--profile", BANK.profile])
        _compare(next(out.rglob(NAME)), digest)
        shutil.rmtree(out)

    def _act(self, name: str, works: Sequence[Callable[[], str | None]]) -> list[str]:
        """Do all at once; the vault's peak is that of this act alone."""
        _forget_peak(self.vault)
        began = time.monotonic()
        with ThreadPoolExecutor(len(works)) as pool:
            found = [one.result() for one in [pool.submit(work) for work in works]]
        self.seconds[name] = time.monotonic() - began
        self.peaks.vault[name] = _peak(self.vault)
        return [one for one in found if one is not None]

    def _measured(self, act: str, command: list[str]) -> dict[str, object]:
        """What the program answered; its peak is noted."""
        patience = PATIENCE_S + self.count * self.size / PACE
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                [program(command[0]), *command[1:], "--json", "--lang", "en"],
                env=self.stack.env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
            with _watched(process) as seen, _ended(process):
                process.wait(patience)
            self.peaks.note(act, seen[0])
            out.seek(0)
            err.seek(0)
            if process.returncode:
                raise NotReadyError(
                    f"{' '.join(command[:2])}: exit {process.returncode}\n{err.read().decode()[-1500:]}"
                )
            found: dict[str, object] = json.load(out)
            return found


def measure(size: int, count: int, folder: Path) -> bool:
    """Print what was measured; whether all of it is within its bounds."""
    _check_disk(folder, size, count)
    home = folder / "home"
    with Children(folder / "logs") as children:
        stack = Stack.at(home, free_port(), free_port(), children, base_env(str(home)))
        try:
            small = _prepared(stack, folder)
            small.all()
            idle = _resident(small.vault)
            print(f"vault, idle: {idle / 1024:.0f} MiB", flush=True)
            big = replace(small, size=size, count=count, peaks=Peaks(), seconds={})
            big.all()
        finally:
            stack.lock_keys()
    return _told(small, big, idle)


def _prepared(stack: Stack, folder: Path) -> Run:
    """Chain, vault, a department, a holder and a bank that may ask."""
    work = folder / "work"
    work.mkdir()
    teller = Teller("en", stack.env)
    with contextlib.redirect_stdout(io.StringIO()):
        stack.start()
        openings.admit(teller, LABOUR, BUREAU)
        openings.open_dossier(teller, work, "alice", "person")
        openings.admit_bank(teller)
        invitation = teller.wallet("alice", "card", "--for", LABOUR.name).json["card_token"]
    (work / "invitation").write_text(invitation)
    vault = next(child.process.pid for child in stack.children.running if child.name == "vault-api")
    return Run(stack, teller, vault, work, SMALL, 1)


def _told(small: Run, big: Run, idle: int) -> bool:
    most = ALONE_MIB if big.count == 1 else TOGETHER_MIB
    rows = [("vault", act, idle, peak, most) for act, peak in big.peaks.vault.items()]
    who = {"issue": "agency", "open": "wallet", "grant": "wallet", "release": "agency"}
    rows += [(who[act], act, small.peaks.program[act], peak, ALONE_MIB) for act, peak in big.peaks.program.items()]
    print(f"{big.count} × {big.size / MIB:,.0f} MiB, in MiB of memory")
    print(f"{'program':8} {'while':8} {'idle':>6} {'peak':>6} {'above':>6} {'most':>5} {'seconds':>8}")
    for name, act, base, peak, limit in rows:
        above = (peak - base) / 1024
        word = "" if above <= limit else "  TOO MUCH"
        took = f"{big.seconds[act]:8.1f}" if name == "vault" else " " * 8
        print(f"{name:8} {act:8} {base / 1024:6.0f} {peak / 1024:6.0f} {above:6.0f} {limit:5} {took}{word}")
    return all(peak - base <= limit * 1024 for _name, _act, base, peak, limit in rows)


def _check_disk(folder: Path, size: int, count: int) -> None:
    free, need = shutil.disk_usage(folder).free, int(COPIES * size * count) + size + (256 << 20)
    if free < need:
        raise SystemExit(
            f"big documents: {need / 1e9:.1f} GB of free disk are needed in {folder}, {free / 1e9:.1f} are free"
        )


def _written(path: Path, size: int) -> bytes:
    digest, block = hashlib.sha256(), secrets.token_bytes(MIB)
    with path.open("wb") as target:
        for start in range(0, size, MIB):
            part = start.to_bytes(8, "big") + block[8 : min(MIB, size - start)]
            digest.update(part)
            target.write(part)
    return digest.digest()


def _compare(path: Path, digest: bytes) -> None:
    with path.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").digest() != digest:
            raise NotReadyError(f"{path.name} is not what was issued")
    path.unlink()


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _watched(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """The peak of a program in KiB, looked at until it has ended."""
    seen, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_S):
            seen[0] = max(seen[0], _peak(process.pid))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # from now on VmHWM begins at what is resident


def _peak(pid: int) -> int:
    return _status(pid, "VmHWM")


def _resident(pid: int) -> int:
    return _status(pid, "VmRSS")


def _status(pid: int, name: str) -> int:
    try:
        found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0  # it has ended
    return int(found[1]) if found else 0


def size_of(text: str) -> int:
    """``64MiB``, ``1GiB`` in bytes."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})(KiB|MiB|GiB)", text)
    if match is None:
        raise argparse.ArgumentTypeError("expected a size as 64MiB or 1GiB")
    return int(match[1]) * UNITS[match[2]]


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 where a bound was broken."""
    parser = argparse.ArgumentParser(prog="python -m scripts.big_documents", description=__doc__)
    parser.add_argument("--size", type=size_of, default=size_of("1GiB"))
    parser.add_argument("--count", type=int, choices=range(1, 11), default=1)
    parser.add_argument("--folder", type=Path, help="where it works (default: the system's temporary folder)")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="onefile-big-", dir=given.folder) as name:
        return 0 if measure(given.size, given.count, Path(name)) else 1


if __name__ == "__main__":
    sys.exit(main())
