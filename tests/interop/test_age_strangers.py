"""Our sealed objects in other people's age programs, and theirs in ours.

Debian's ``age`` (1.1: X25519 only) and npm's ``age-encryption`` (hybrid, X25519, passphrase).
"""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest

from protocol.encoding import unb64u
from protocol.envelope import header_for, open_file, seal_bytes, unwrap
from protocol.recipients import (
    HybridIdentity,
    Identity,
    Passphrase,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
)
from tests.strangers import ROOT, need, need_path

SCRIPT = ROOT / "tests" / "interop" / "age.mjs"
GOLDEN = ROOT / "tests" / "vectors" / "age" / "sealed_object.json"
HYBRID = HybridIdentity(bytes(range(32)))
BANK = HybridIdentity(b"b" * 32)
CLASSIC = X25519Identity(bytes(range(32)))
SIZES = [0, 1, 65536, 200_001]


def document(size: int) -> bytes:
    return bytes(i * 7 % 251 for i in range(size))


def ran(command: list[str], stdin: bytes) -> bytes:
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def npm(direction: str, kind: str, value: str, stdin: bytes) -> bytes:
    need_path(ROOT / "node_modules" / "age-encryption", "npm's age-encryption")
    return ran([need("node"), str(SCRIPT), direction, kind, value], stdin)


def opened(raw: bytes, identity: Identity) -> bytes:
    out = io.BytesIO()
    open_file(io.BytesIO(raw), out, [identity])
    return out.getvalue()


@pytest.mark.parametrize("size", SIZES)
def test_debians_age_opens_what_we_seal(size: int, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(CLASSIC.unsafe_text() + "\n")
    sealed = seal_bytes(document(size), [CLASSIC.recipient()])
    assert ran([need("age"), "-d", "-i", str(key)], sealed.file) == document(size)


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_debians_age_seals(size: int) -> None:
    raw = ran([need("age"), "-r", str(CLASSIC.recipient())], document(size))
    assert opened(raw, CLASSIC) == document(size)


def test_debians_age_derives_our_recipient_from_our_identity(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(CLASSIC.unsafe_text() + "\n")
    assert ran([need("age-keygen"), "-y", str(key)], b"").decode().strip() == str(CLASSIC.recipient())


@pytest.mark.parametrize("size", SIZES)
def test_age_encryption_opens_what_we_seal_with_the_hybrid_key(size: int) -> None:
    sealed = seal_bytes(document(size), [BANK.recipient(), HYBRID.recipient()])
    assert npm("decrypt", "identity", HYBRID.unsafe_text(), sealed.file) == document(size)


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_age_encryption_seals_with_the_hybrid_key(size: int) -> None:
    raw = npm("encrypt", "recipient", str(HYBRID.recipient()), document(size))
    assert opened(raw, HYBRID) == document(size)


def test_a_second_readers_header_joined_to_the_old_payload_is_a_whole_age_file() -> None:
    sealed = seal_bytes(document(70_000), [HYBRID.recipient()])
    header = header_for(unwrap(sealed.header, [HYBRID]), [BANK.recipient()])
    assert npm("decrypt", "identity", BANK.unsafe_text(), header + sealed.payload) == document(70_000)


def test_a_payload_of_a_stranger_can_be_given_to_a_second_reader_by_us() -> None:
    raw = npm("encrypt", "recipient", str(HYBRID.recipient()), document(70_000))
    header, payload = raw[: raw.index(b"\n--- ") + 49], raw[raw.index(b"\n--- ") + 49 :]
    ours = header_for(unwrap(header, [HYBRID]), [BANK.recipient()])
    assert npm("decrypt", "identity", BANK.unsafe_text(), ours + payload) == document(70_000)


def test_passphrase_files_open_both_ways() -> None:
    ours = seal_bytes(b"key store", [ScryptRecipient(Passphrase("密码 pass"), 10)]).file
    assert npm("decrypt", "passphrase", "密码 pass", ours) == b"key store"
    theirs = npm("encrypt", "passphrase", "密码 pass", b"key store")
    assert opened(theirs, ScryptIdentity(Passphrase("密码 pass"))) == b"key store"


def test_x25519_files_open_both_ways_in_age_encryption() -> None:
    ours = seal_bytes(b"classic", [CLASSIC.recipient()]).file
    assert npm("decrypt", "identity", CLASSIC.unsafe_text(), ours) == b"classic"
    theirs = npm("encrypt", "recipient", str(CLASSIC.recipient()), b"classic")
    assert opened(theirs, CLASSIC) == b"classic"


@pytest.mark.parametrize("reader", ["holder", "bank"])
def test_the_golden_object_opens_in_age_encryption(reader: str) -> None:
    golden = json.loads(GOLDEN.read_text())
    raw = unb64u(golden[reader]["header"]) + unb64u(golden["payload"])
    assert npm("decrypt", "identity", golden[reader]["identity"], raw).decode() == golden["plaintext"]
