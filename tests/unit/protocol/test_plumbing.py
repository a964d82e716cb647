"""``python -m protocol``: exit codes, one line of error, never a traceback."""

from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from protocol import __main__ as plumbing
from protocol.__main__ import (
    ACCEPTED,
    FAILED,
    INTERRUPTED,
    MAX_ARGUMENT_FILE_BYTES,
    MAX_IDENTITIES,
    NO_IDENTITY,
    NO_MEMORY,
    REJECTED,
    USAGE,
    run,
)
from protocol.envelope import seal_bytes
from protocol.errors import Unavailable
from protocol.recipients import HybridIdentity, Passphrase, ScryptRecipient, X25519Identity

HYBRID = HybridIdentity(bytes(range(32)))
CLASSIC = X25519Identity(bytes(range(32)))
ROOT = Path(plumbing.__file__).parents[1]
LEAF = "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0="
INCLUSION = {"leafIdx": 0, "treeSize": 1, "root": LEAF, "leafHash": LEAF, "proof": [], "desc": "", "wantErr": True}
CONSISTENCY = {"size1": 1, "size2": 1, "root1": LEAF, "root2": LEAF, "proof": None}


class Full(io.BytesIO):
    """Standard output on a full disk."""

    def write(self, _data: object, /) -> NoReturn:
        raise OSError(28, "No space left on device")


class Broken(io.BytesIO):
    """A stream whose every use fails as it was told."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def readline(self, _limit: int | None = -1, /) -> NoReturn:
        raise self._error


def went(arguments: list[str], stdin: bytes = b"") -> tuple[int, bytes, str]:
    out, err = io.BytesIO(), io.StringIO()
    code = run(arguments, io.BytesIO(stdin), out, err)
    return code, out.getvalue(), err.getvalue()


def identities(folder: Path, *lines: str) -> list[str]:
    path = folder / "identities"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["age-decrypt", "-i", str(path)]


def test_what_is_sealed_here_opens_here_with_the_second_of_two_identities(tmp_path: Path) -> None:
    code, sealed, err = went(["age-encrypt", "-r", str(HYBRID.recipient())], b"backup")
    assert (code, err) == (ACCEPTED, "")
    arguments = identities(tmp_path, "# old key", CLASSIC.unsafe_text(), "", HYBRID.unsafe_text())
    assert went(arguments, sealed) == (ACCEPTED, b"backup", "")


def test_several_recipients_open_one_file(tmp_path: Path) -> None:
    other = X25519Identity(b"x" * 32)
    recipients = ["-r", str(CLASSIC.recipient()), "-r", str(other.recipient())]
    _, sealed, _ = went(["age-encrypt", *recipients], b"backup")
    assert went(identities(tmp_path, other.unsafe_text()), sealed)[:2] == (ACCEPTED, b"backup")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nsecond line\n"])
def test_the_first_line_of_a_passphrase_file_is_the_passphrase(tmp_path: Path, ending: str) -> None:
    (tmp_path / "pass").write_bytes(("open sesame" + ending).encode())
    sealed = seal_bytes(b"store", [ScryptRecipient(Passphrase("open sesame"), 4)]).file
    assert went(["age-decrypt", "--passphrase-file", str(tmp_path / "pass")], sealed)[:2] == (ACCEPTED, b"store")


@pytest.mark.parametrize("arguments", [["age-decrypt"], ["age-decrypt", "-i", os.devnull]])
def test_without_an_identity_none_fits(arguments: list[str]) -> None:
    code, out, err = went(arguments, seal_bytes(b"x", [HYBRID.recipient()]).file)
    assert (code, out, err) == (NO_IDENTITY, b"", "onefile: no identity here opens this object (no_identity)\n")


def test_a_damaged_file_is_rejected_after_its_authentic_part(tmp_path: Path) -> None:
    sealed = bytearray(seal_bytes(bytes(100_000), [HYBRID.recipient()]).file)
    sealed[-1] ^= 1
    code, out, err = went(identities(tmp_path, HYBRID.unsafe_text()), bytes(sealed))
    assert (code, out) == (REJECTED, bytes(65536))
    assert err == "onefile: chunk 1 of the payload is damaged or of another object (payload_chunk)\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bogus"],
        ["age-encrypt"],
        ["age-encrypt", "-r", "age1nonsense"],
        ["age-encrypt", "-r", str(HYBRID.recipient()), "-r", str(CLASSIC.recipient())],
        ["age-decrypt", "-i", "/nowhere"],
        ["age-decrypt", "-i", "nul\0"],
        ["age-decrypt", "-i", "/"],
        ["age-decrypt", "--passphrase-file", os.devnull],
        ["age-decrypt", "--passphrase-file", "/nowhere"],
        ["check-inclusion", "vector.json"],
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(arguments: list[str]) -> None:
    code, out, err = went(arguments)
    assert (code, out, err.count("\n")) == (USAGE, b"", 1)


@pytest.mark.parametrize(
    "content",
    [
        b"AGE-SECRET-KEY-1NONSENSE\n",
        b"\xff\xfe",
        b"#" * (MAX_ARGUMENT_FILE_BYTES + 1),
        (CLASSIC.unsafe_text() + "\n").encode() * (MAX_IDENTITIES + 1),
    ],
)
def test_an_identity_file_that_cannot_be_read_is_a_usage_error_and_shows_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "identities").write_bytes(content)
    code, _, err = went(["age-decrypt", "-i", str(tmp_path / "identities")])
    assert (code, err.count("\n")) == (USAGE, 1)
    assert "SECRET" not in err


@pytest.mark.parametrize(
    ("command", "vector", "code"),
    [
        ("check-inclusion", INCLUSION, ACCEPTED),
        ("check-inclusion", {**INCLUSION, "root": "A" * 43 + "="}, REJECTED),
        ("check-inclusion", {**INCLUSION, "root": ""}, REJECTED),
        ("check-inclusion", {**INCLUSION, "root": "*"}, REJECTED),
        ("check-inclusion", {**INCLUSION, "proof": "text"}, REJECTED),
        ("check-inclusion", {**INCLUSION, "proof": [1]}, REJECTED),
        ("check-inclusion", {**INCLUSION, "leafIdx": 2**64 - 1}, REJECTED),
        ("check-inclusion", {**INCLUSION, "leafIdx": "0"}, REJECTED),
        ("check-inclusion", {}, REJECTED),
        ("check-inclusion", [], REJECTED),
        ("check-consistency", CONSISTENCY, ACCEPTED),
        ("check-consistency", {**CONSISTENCY, "size2": 2}, REJECTED),
        ("check-consistency", INCLUSION, REJECTED),
    ],
)
def test_a_proof_vector_is_accepted_or_rejected_whatever_it_wants(command: str, vector: object, code: int) -> None:
    assert went([command], json.dumps(vector).encode())[0] == code


@pytest.mark.parametrize("stdin", [b"", b"\xff", b"[" * 100, b" " * ((1 << 20) + 1)])
def test_what_is_no_vector_is_rejected_in_one_line(stdin: bytes) -> None:
    code, out, err = went(["check-inclusion"], stdin)
    assert (code, out, err.count("\n")) == (REJECTED, b"", 1)


def test_a_full_disk_is_the_machines_failure() -> None:
    err = io.StringIO()
    arguments = ["age-encrypt", "-r", str(HYBRID.recipient())]
    assert run(arguments, io.BytesIO(b"x"), Full(), err) == FAILED
    assert err.getvalue() == "onefile: No space left on device\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), INTERRUPTED),
        (OSError(), FAILED),
        (Unavailable("scrypt_memory", "too little memory"), NO_MEMORY),
    ],
)
def test_what_stops_a_run_from_outside_has_its_own_code(error: BaseException, code: int) -> None:
    err = io.StringIO()
    assert run(["age-decrypt"], Broken(error), io.BytesIO(), err) == code
    assert err.getvalue().count("\n") == 1


def program(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The program's own entry, in this process, on file descriptors 0 and 1 as they are."""
    monkeypatch.setattr(sys, "argv", ["protocol", *arguments])
    with pytest.raises(SystemExit) as leaving:
        runpy.run_path(str(plumbing.__file__), run_name="__main__")
    assert isinstance(leaving.value.code, int)
    return leaving.value.code


def test_the_program_writes_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    saved = os.dup(0)
    feed, end = os.pipe()
    os.write(end, b"backup")
    os.close(end)
    os.dup2(feed, 0)
    try:
        code = program(["age-encrypt", "-r", str(HYBRID.recipient())], monkeypatch)
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(feed)
    assert code == ACCEPTED
    assert capfdbinary.readouterr().out.startswith(b"age-encryption.org/v1\n")


@pytest.mark.usefixtures("capfd")
def test_the_program_survives_a_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    saved = os.dup(0)
    os.close(0)
    try:
        monkeypatch.setattr(sys, "stderr", None)
        assert program(["age-decrypt"], monkeypatch) == FAILED
    finally:
        os.dup2(saved, 0)
        os.close(saved)


@pytest.mark.usefixtures("capfd")
def test_the_program_survives_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    saved_in, saved_out = os.dup(0), os.dup(1)
    full, nothing = os.open("/dev/full", os.O_WRONLY), os.open(os.devnull, os.O_RDONLY)
    os.dup2(full, 1)
    os.dup2(nothing, 0)
    try:
        assert program(["age-encrypt", "-r", str(HYBRID.recipient())], monkeypatch) == FAILED
    finally:
        os.dup2(saved_in, 0)
        os.dup2(saved_out, 1)
        for descriptor in (saved_in, saved_out, full, nothing):
            os.close(descriptor)


def test_help_is_printed_and_is_no_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "protocol", "--help"], capture_output=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.returncode == ACCEPTED
    assert b"age-decrypt" in done.stdout


def test_a_reader_that_goes_away_leaves_one_line_and_no_traceback() -> None:
    command = (
        f"head -c 5000000 /dev/zero | {sys.executable} -m protocol age-encrypt -r {HYBRID.recipient()} | head -c 9"
    )
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60, check=False, cwd=ROOT)
    assert done.stdout == b"age-encry"
    assert done.stderr == b"onefile: Broken pipe\n"
