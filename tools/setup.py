"""Make everything that OneFile needs, inside this folder: ``python3 tools/setup.py``.

Standard library only, since it runs before anything is installed. Steps whose inputs have not changed are
skipped, so that a second call costs a few milliseconds. Asks nothing; says what it does on stderr.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOGS = ROOT / ".cache" / "setup"
MIN_PYTHON = (3, 11)
MAX_PYTHON = (3, 14)
MIN_NODE = 20
TRIES = 3
PAUSE_S = 5.0
HEARTBEAT_S = 10.0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(title: str, command: list[str], env: dict[str, str] | None = None) -> None:
    """Run ``command`` with up to three tries, its output in a log file, a sign of life every ten seconds."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / (title.split(" ", maxsplit=1)[0].lower() + ".log")
    for attempt in range(1, TRIES + 1):
        if _watched(title, command, env, log) == 0:
            return
        say(f"    attempt {attempt} of {TRIES} failed; the end of {log.relative_to(ROOT)}:")
        say("    " + "\n    ".join(log.read_text(errors="replace").splitlines()[-8:]))
        if attempt < TRIES:
            time.sleep(PAUSE_S * attempt)
    raise SystemExit(f"setup: {title} failed. Mend what the log says and run the same command again.")


def _watched(title: str, command: list[str], env: dict[str, str] | None, log: Path) -> int:
    started = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        while True:
            try:
                code = process.wait(HEARTBEAT_S)
            except subprocess.TimeoutExpired:
                say(f"    … {title}: {time.monotonic() - started:.0f} s")
                continue
            if code == 0:
                say(f"    done in {time.monotonic() - started:.1f} s")
            return code


def stamp_of(paths: Iterable[Path], *more: str) -> str:
    """A digest of the inputs of a step."""
    h = hashlib.sha256("\0".join((sys.version, str(ROOT), *more)).encode())
    for path in paths:
        h.update(path.read_bytes())
    return h.hexdigest()


def step(number: int, total: int, title: str, stamp: str, work: Callable[[], None]) -> None:
    """Do ``work`` unless the last successful run had the same inputs."""
    mark = VENV / f".onefile-{number}"
    if mark.exists() and mark.read_text() == stamp:
        return
    say(f"[{number}/{total}] {title}")
    work()
    mark.write_text(stamp)


def make_venv() -> None:
    if not PYTHON.exists():
        run("venv in .venv", [sys.executable, "-m", "venv", str(VENV)])


def install_python_packages() -> None:
    lock = ROOT / "requirements-dev.lock"
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install"]
    run("pip packages", [*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(lock)])
    editable = ["--no-deps", "--no-build-isolation", "--config-settings", "editable_mode=compat", "-e", str(ROOT)]
    run("onefile itself", [*pip, *editable])


def node_major() -> int:
    node = _find("node")
    if node is None:
        return 0
    out = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    digits = out.strip().lstrip("v").split(".")[0]
    return int(digits) if digits.isdigit() else 0


def install_node() -> None:
    if node_major() >= MIN_NODE and _find("npm"):
        return
    lock = ROOT / "requirements-node.lock"
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install"]
    run("node from PyPI", [*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(lock)])


def install_npm_packages() -> None:
    npm = _find("npm")
    if npm is None:
        raise SystemExit("setup: npm is missing although node was installed; remove .venv and run this again.")
    env = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    run("npm packages", [npm, "ci", "--no-fund", "--no-audit"], env)


def copy_scanner() -> None:
    """The browser's barcode reader, from npm's packages into ours, where the wheel finds it; every hash checked."""
    folder = ROOT / "client" / "scanner"
    (folder / "vendor").mkdir(exist_ok=True)
    for name, known in json.loads((folder / "files.json").read_text()).items():
        target = folder / "vendor" / name
        if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == known["sha256"]:
            continue
        raw = (ROOT / "node_modules" / known["from"]).read_bytes()
        if hashlib.sha256(raw).hexdigest() != known["sha256"]:
            raise SystemExit(
                f"setup: node_modules/{known['from']} is not the file that client/scanner/files.json names"
            )
        target.write_bytes(raw)


def compile_own_packages() -> None:
    """Bytecode of our own packages, so that no program compiles them at its start; what is fresh costs nothing."""
    folders = sorted({str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/__init__.py")})
    subprocess.run([str(PYTHON), "-m", "compileall", "-q", *folders], cwd=ROOT, check=True)


def _find(program: str) -> str | None:
    own = VENV / "bin" / program
    return str(own) if own.exists() else shutil.which(program)


def main() -> None:
    if not MIN_PYTHON <= sys.version_info[:2] < MAX_PYTHON:
        raise SystemExit(f"setup: Python 3.11 to 3.13 is needed, this is {sys.version.split()[0]}")
    total = 4
    if not PYTHON.exists():
        say(f"[1/{total}] virtual environment")
        make_venv()
    inputs = [ROOT / "requirements-dev.lock", ROOT / "pyproject.toml"]
    step(2, total, "Python packages, every hash checked", stamp_of(inputs), install_python_packages)
    step(3, total, "node 20 or newer", stamp_of([ROOT / "requirements-node.lock"]), install_node)
    if not (ROOT / "node_modules").is_dir():
        (VENV / ".onefile-4").unlink(missing_ok=True)
    npm_title = "compilers, local chain and strangers' programs from npm"
    step(4, total, npm_title, stamp_of([ROOT / "package-lock.json"]), install_npm_packages)
    copy_scanner()
    compile_own_packages()


if __name__ == "__main__":
    main()
