"""Row e: a document of 1 GiB downloaded and opened by ``wallet open``, beside the ``age`` program.

Ours is the whole program with an unlocked profile: download over signed HTTP from a vault in a process of its own, the
payload kept in the wallet's store and checked against its digest, then opened to a file whose digest is the signed one.
``age`` gets the same payload under a header for an X25519 key (Debian's does not know hybrid ones): once through a pipe
from ``curl``, which downloads it from the same vault, once from a file that lies there already. It checks no digest.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.harness import Series, interleave
from bench.local_chain import local_chain
from bench.profiling import of_call
from bench.programs import Programs
from bench.results import Outcome, ratio_goal
from bench.vaults import vault_process
from client.http import Call
from client.passphrase import PassphraseSource
from client.session import Session
from protocol.encoding import b64u
from protocol.envelope import header_for, unwrap
from protocol.recipients import X25519Identity
from scripts.processes import program
from wallet_cli.services.opening import find_document, open_item, save_document

PROFILE = "sample"
SAMPLE_S = 0.02
GOAL = 1.0
OURS, PIPED, LOCAL = "wallet open", "curl and age", "age, from a file"


def run(*, quick: bool) -> Outcome:
    rounds, mib = (2, 64) if quick else (5, 1024)
    for name in ("age", "curl"):
        if shutil.which(name) is None:
            raise SystemExit(f"bench: the program {name} is not installed")
    with local_chain() as chain, vault_process(chain, payload_bytes=2 << 30) as (settings, _):
        case = Case(Programs.of(chain, settings), chain.folder, mib)
        peaks: dict[str, list[float]] = {OURS: [], PIPED: [], LOCAL: []}
        trials = {OURS: case.wallet, PIPED: case.piped, LOCAL: case.local}

        def trial(name: str) -> float:
            case.clear()
            seconds, peak = trials[name]()
            peaks[name].append(peak)
            case.check()
            return mib / seconds

        found = interleave({name: lambda name=name: trial(name) for name in trials}, rounds=rounds, warm_up=1)  # type: ignore[misc]  # mypy takes no default of a lambda
    return Outcome(
        unit="MiB a second",
        series=tuple(found.values()),
        goals=(
            ratio_goal("over curl and age", found[OURS], found[PIPED], GOAL),
            ratio_goal("over age from a file", found[OURS], found[LOCAL], GOAL),
        ),
        ours=(OURS,),
        facts={
            "MiB": mib,
            **{f"peak memory of {name}, MiB": round(Series("", tuple(peak)).median) for name, peak in peaks.items()},
        },
    )


def profile() -> tuple[str, ...]:
    with local_chain() as chain, vault_process(chain, payload_bytes=2 << 30) as (settings, _):
        return Case(Programs.of(chain, settings), chain.folder, 256).profile()


@dataclass(frozen=True, slots=True)
class _Document:
    """Where the document's payload lies in the wallet's store and at the vault, and what opens it for ``age``."""

    item: str
    stored: Path
    url: str
    header: Path
    key: Path
    sealed: Path


class Case:
    """A wallet with one large own document, and the same document for ``age``."""

    def __init__(self, programs: Programs, folder: Path, mib: int) -> None:
        self._programs, self._folder = programs, folder
        source = folder / "document.bin"
        self._digest = _random_file(source, mib)
        phrase = ("--phrase-file", str(folder / "phrase"), "--yes", "--unlock", "2h")
        programs.run("wallet", "init", "--profile", PROFILE, *phrase)
        item = programs.run("wallet", "put", str(source), "--profile", PROFILE)["item"]
        source.unlink()
        self._document = self._for_age(item)
        self._target = folder / "opened.bin"

    def wallet(self) -> tuple[float, float]:
        """Seconds, and the peak of memory in MiB."""
        to = ("--to", str(self._target), "--profile", PROFILE)
        return _timed([program("wallet"), "open", self._document.item, *to], self._programs.env)

    def piped(self) -> tuple[float, float]:
        with self._session() as session:
            signed = session.api.http.signed_headers(Call("GET", self._document.url))
        headers = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in signed.items())
        url = shlex.quote(session.vault_url + self._document.url)
        download = f"{{ cat {self._document.header}; curl -sSf {headers} {url}; }}"
        decrypt = f"age -d -i {self._document.key} -o {self._target}"
        return _timed(["bash", "-c", f"set -o pipefail; {download} | {decrypt}"], self._programs.env)

    def local(self) -> tuple[float, float]:
        key, sealed = str(self._document.key), str(self._document.sealed)
        return _timed(["age", "-d", "-i", key, "-o", str(self._target), sealed], self._programs.env)

    def profile(self) -> tuple[str, ...]:
        self.clear()
        with self._session() as session:
            item = open_item(session, session.store.item(self._document.item))
            document = find_document(item, None)
            return of_call(lambda: save_document(session, item, document, self._target))

    def clear(self) -> None:
        """Nothing is opened, nothing lies in the wallet's store."""
        self._target.unlink(missing_ok=True)
        self._document.stored.unlink(missing_ok=True)

    def check(self) -> None:
        """What was opened is what was put in; also writes it to the disk, so that no trial pays for another."""
        with self._target.open("rb") as opened:
            assert hashlib.file_digest(opened, "sha256").digest() == self._digest
            os.fsync(opened.fileno())

    def _for_age(self, item: str) -> _Document:
        with self._session() as session:
            opened = open_item(session, session.store.item(item))
            document = find_document(opened, None)
            identity = X25519Identity(secrets.token_bytes(32))
            key = unwrap(document.header, session.keys.identities(session.party.card_seq))
            header, secret = self._folder / "header", self._folder / "key"
            header.write_bytes(header_for(key, [identity.recipient()]))
            secret.write_text(identity.unsafe_text() + "\n")
            stored = session.store.payload_path(document.payload)
            sealed = self._folder / "document.age"
            assert stored.exists()  # the wallet has kept what it put in
            with sealed.open("wb") as whole, stored.open("rb") as payload:
                whole.write(header.read_bytes())
                shutil.copyfileobj(payload, whole, 1 << 20)
                os.fsync(whole.fileno())
            return _Document(item, stored, f"/v1/me/payloads/{b64u(document.payload)}", header, secret, sealed)

    def _session(self) -> _Closing:
        passphrase = PassphraseSource(Path(self._programs.env["ONEFILE_PASSPHRASE_FILE"]))
        return _Closing(Session.of("wallet", PROFILE, environ=self._programs.env, passphrase=passphrase))


class _Closing:
    """A session that gives its connections back."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> Session:
        return self._session

    def __exit__(self, *_: object) -> None:
        self._session.close()


def _random_file(path: Path, mib: int) -> bytes:
    digest = hashlib.sha256()
    with path.open("wb") as target:
        for _ in range(mib):
            part = secrets.token_bytes(1 << 20)
            digest.update(part)
            target.write(part)
    return digest.digest()


def _timed(command: Sequence[str], env: dict[str, str]) -> tuple[float, float]:
    """Seconds from start to end, and the peak of memory of all its processes together, in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    peaks: dict[int, int] = {}
    watching = threading.Thread(target=_watch, args=(process, peaks))
    watching.start()
    code = process.wait()
    took = time.perf_counter() - start
    watching.join()
    if code:
        raise RuntimeError(f"{command[0]} ended with {code}")
    return took, sum(peaks.values()) / 1024


def _watch(process: subprocess.Popen[bytes], peaks: dict[int, int]) -> None:
    """Note the largest resident set (KiB) of each process below ``process``, until it ends."""
    while process.returncode is None:
        for pid in _family(process.pid):
            peaks[pid] = max(peaks.get(pid, 0), _peak(pid))
        time.sleep(SAMPLE_S)


def _family(pid: int) -> list[int]:
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []  # it has ended
    return [pid, *(found for child in below for found in _family(int(child)))]


def _peak(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found.group(1)) if found else 0
