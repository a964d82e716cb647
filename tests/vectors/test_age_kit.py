"""The whole age test kit (C2SP CCTV, npm `cctv-age`), in process and through ``python -m protocol age-decrypt``.

Out of scope: the ``armor_*`` vectors, as our files are binary: each of them is refused with its name.
Everything else is read; the bytes given out before a payload fails are exactly those that the kit expects.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from protocol.__main__ import ACCEPTED, NO_IDENTITY, REJECTED, run
from protocol.envelope import open_file
from protocol.errors import Denied, Malformed, OneFileError, Untrusted
from protocol.recipients import Identity, Passphrase, ScryptIdentity, parse_identity
from tests.strangers import ROOT, need, need_path

KIT_VECTORS = 143  # of cctv-age 0.2.0, 33 of them armored


def read_kit() -> dict[str, bytes]:
    """Every vector of the kit by its name: nothing where node or the package is not installed."""
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "cctv-age").is_dir():
        return {}
    script = ROOT / "tests" / "vectors" / "age" / "kit.mjs"
    done = subprocess.run([node, str(script)], capture_output=True, timeout=60, check=True, cwd=ROOT)
    return {name: base64.b64decode(raw) for name, raw in sorted(json.loads(done.stdout).items())}


KIT = read_kit()
BINARY = [name for name in KIT if not name.startswith("armor_")]
ARMORED = [name for name in KIT if name.startswith("armor_")]
NOTHING = hashlib.sha256(b"").hexdigest()
EXITS = {
    "success": ACCEPTED,
    "no match": NO_IDENTITY,
    "HMAC failure": REJECTED,
    "header failure": REJECTED,
    "payload failure": REJECTED,
}
ERRORS: dict[str, type[OneFileError] | tuple[type[OneFileError], ...]] = {
    "no match": Denied,
    "HMAC failure": Untrusted,
    "header failure": Malformed,
    "payload failure": (Malformed, Untrusted),
}


def installed() -> None:
    need("node")
    need_path(ROOT / "node_modules" / "cctv-age", "npm's cctv-age")


@dataclass(frozen=True)
class Vector:
    expect: str
    payload: str
    identities: list[str]
    passphrases: list[str]
    body: bytes

    def keys(self) -> list[Identity]:
        return [
            *map(parse_identity, self.identities),
            *(ScryptIdentity(Passphrase(text)) for text in self.passphrases),
        ]


def read(name: str) -> Vector:
    head, body = KIT[name].split(b"\n\n", 1)
    lines = [line.split(": ", 1) for line in head.decode().split("\n")]
    facts = dict(lines)
    return Vector(
        expect=facts["expect"],
        payload=facts.get("payload", NOTHING),
        identities=[value for name, value in lines if name == "identity"],
        passphrases=[value for name, value in lines if name == "passphrase"],
        body=zlib.decompress(body) if facts.get("compressed") == "zlib" else body,
    )


def command(vector: Vector, folder: Path) -> list[str]:
    arguments = ["age-decrypt"]
    if vector.identities:
        (folder / "identities").write_text("# the kit's\n\n" + "\n".join(vector.identities) + "\n")
        arguments += ["-i", str(folder / "identities")]
    for text in vector.passphrases:
        (folder / "passphrase").write_text(text + "\n")
        arguments += ["--passphrase-file", str(folder / "passphrase")]
    return arguments


@pytest.mark.parametrize("name", BINARY)
def test_a_vector_of_the_age_kit_ends_as_the_kit_says(name: str) -> None:
    vector, out = read(name), io.BytesIO()
    if vector.expect == "success":
        open_file(io.BytesIO(vector.body), out, vector.keys())
    else:
        with pytest.raises(ERRORS[vector.expect]) as error:
            open_file(io.BytesIO(vector.body), out, vector.keys())
        assert (error.value.code == "age_header_mac") == (vector.expect == "HMAC failure")
        assert error.value.code.startswith("payload_") or vector.expect != "payload failure"
    assert hashlib.sha256(out.getvalue()).hexdigest() == vector.payload


@pytest.mark.parametrize("name", BINARY)
def test_the_plumbing_gives_the_kits_verdict_as_an_exit_code(name: str, tmp_path: Path) -> None:
    vector, out, err = read(name), io.BytesIO(), io.StringIO()
    assert run(command(vector, tmp_path), io.BytesIO(vector.body), out, err) == EXITS[vector.expect]
    assert hashlib.sha256(out.getvalue()).hexdigest() == vector.payload
    assert err.getvalue().count("\n") == (vector.expect != "success")


@pytest.mark.parametrize("name", ARMORED)
def test_an_armored_file_is_refused_and_not_half_read(name: str) -> None:
    vector, out = read(name), io.BytesIO()
    with pytest.raises(OneFileError):
        open_file(io.BytesIO(vector.body), out, vector.keys())
    assert out.getvalue() == b""


@pytest.mark.parametrize("name", ["hybrid", "hybrid_bad_tag", "hmac_bad", "stream_two_final_chunks"])
def test_the_real_program_gives_the_kits_verdict(name: str, tmp_path: Path) -> None:
    installed()
    vector = read(name)
    done = subprocess.run(
        [sys.executable, "-m", "protocol", *command(vector, tmp_path)],
        input=vector.body,
        capture_output=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == EXITS[vector.expect]
    assert hashlib.sha256(done.stdout).hexdigest() == vector.payload
    assert b"Traceback" not in done.stderr


def test_the_kit_is_whole_and_holds_every_kind_of_verdict() -> None:
    installed()
    assert len(KIT) == KIT_VECTORS
    assert {read(name).expect for name in BINARY} == set(EXITS)
