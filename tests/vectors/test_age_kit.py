"""The age test kit (C2SP CCTV), in process and through ``python -m protocol age-decrypt``.

Out of scope: the ``armor_*`` vectors, as our files are binary: each of them is refused with its name.
Everything else is read; the bytes given out before a payload fails are exactly those that the kit expects.
"""

from __future__ import annotations

import hashlib
import io
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
from tests.strangers import ROOT, SHARED

KIT = SHARED / "vectors" / "age"
VECTORS = sorted(KIT.iterdir()) if KIT.is_dir() else []
BINARY = [path for path in VECTORS if not path.name.startswith("armor_")]
ARMORED = [path for path in VECTORS if path.name.startswith("armor_")]
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
present = pytest.mark.skipif(not VECTORS, reason="../shared/vectors/age is not present")


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


def read(path: Path) -> Vector:
    head, body = path.read_bytes().split(b"\n\n", 1)
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


@present
@pytest.mark.parametrize("path", BINARY, ids=lambda path: path.name)
def test_a_vector_of_the_age_kit_ends_as_the_kit_says(path: Path) -> None:
    vector, out = read(path), io.BytesIO()
    if vector.expect == "success":
        open_file(io.BytesIO(vector.body), out, vector.keys())
    else:
        with pytest.raises(ERRORS[vector.expect]) as error:
            open_file(io.BytesIO(vector.body), out, vector.keys())
        assert (error.value.code == "age_header_mac") == (vector.expect == "HMAC failure")
        assert error.value.code.startswith("payload_") or vector.expect != "payload failure"
    assert hashlib.sha256(out.getvalue()).hexdigest() == vector.payload


@present
@pytest.mark.parametrize("path", BINARY, ids=lambda path: path.name)
def test_the_plumbing_gives_the_kits_verdict_as_an_exit_code(path: Path, tmp_path: Path) -> None:
    vector, out, err = read(path), io.BytesIO(), io.StringIO()
    assert run(command(vector, tmp_path), io.BytesIO(vector.body), out, err) == EXITS[vector.expect]
    assert hashlib.sha256(out.getvalue()).hexdigest() == vector.payload
    assert err.getvalue().count("\n") == (vector.expect != "success")


@present
@pytest.mark.parametrize("path", ARMORED, ids=lambda path: path.name)
def test_an_armored_file_is_refused_and_not_half_read(path: Path) -> None:
    vector, out = read(path), io.BytesIO()
    with pytest.raises(OneFileError):
        open_file(io.BytesIO(vector.body), out, vector.keys())
    assert out.getvalue() == b""


@present
@pytest.mark.parametrize("name", ["hybrid", "hybrid_bad_tag", "hmac_bad", "stream_two_final_chunks"])
def test_the_real_program_gives_the_kits_verdict(name: str, tmp_path: Path) -> None:
    vector = read(KIT / name)
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


@present
def test_the_kit_holds_every_kind_of_verdict() -> None:
    assert {read(path).expect for path in BINARY} == set(EXITS)
