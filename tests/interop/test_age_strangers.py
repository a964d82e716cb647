"""Our sealed objects in other people's age programs, and theirs in ours.

Debian's ``age`` (1.1: X25519, passphrase) and npm's ``age-encryption`` (hybrid, X25519, passphrase).
"""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path

import pytest

from client.keystore import Keys, read_keys, write_keys
from protocol.age_format import parse_header
from protocol.encoding import unb64u
from protocol.envelope import header_for, open_file, seal_bytes, unwrap
from protocol.keys import AccountKey, Root
from protocol.recipients import (
    DEFAULT_SCRYPT_LOG_N,
    HybridIdentity,
    Identity,
    Passphrase,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
)
from tests.interop.programs import Refused, node, ran
from tests.strangers import ROOT, need

GOLDEN = ROOT / "tests" / "vectors" / "age" / "sealed_object.json"
HYBRID = HybridIdentity(bytes(range(32)))
BANK = HybridIdentity(b"b" * 32)
COURT = HybridIdentity(b"c" * 32)
CLASSIC = X25519Identity(bytes(range(32)))
CLERK = X25519Identity(b"k" * 32)
PASS = "密码 pass"
SIZES = [0, 1, 65_536, 65_537, 3_000_001]  # nothing, a byte, a chunk, a byte more, some megabytes
RECIPIENTS = [HYBRID.recipient(), CLASSIC.recipient(), ScryptRecipient(Passphrase(PASS), 10)]
KINDS = ["hybrid", "x25519", "passphrase"]


def document(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def npm(direction: str, kind: str, *values: str, stdin: bytes) -> bytes:
    return node("age.mjs", direction, kind, *values, stdin=stdin, package="age-encryption")


def opened(raw: bytes, identity: Identity) -> bytes:
    out = io.BytesIO()
    open_file(io.BytesIO(raw), out, [identity])
    return out.getvalue()


def debian_opens(raw: bytes, identity: X25519Identity, folder: Path) -> bytes:
    key = folder / "key"
    key.write_text(identity.unsafe_text() + "\n")
    return ran([need("age"), "-d", "-i", key], raw)


def at_a_terminal(command: list[str | Path], typed: str) -> None:
    """Run a program that asks for a passphrase on its terminal, and answer."""
    line = shlex.join(map(str, command))
    ran([need("script"), "--quiet", "--return", "--command", line, "/dev/null"], typed.encode())


# --- one reader, every size -----------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_debians_age_opens_what_we_seal(size: int, tmp_path: Path) -> None:
    sealed = seal_bytes(document(size), [CLASSIC.recipient()])
    assert debian_opens(sealed.file, CLASSIC, tmp_path) == document(size)


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_debians_age_seals(size: int) -> None:
    raw = ran([need("age"), "-r", str(CLASSIC.recipient())], document(size))
    assert opened(raw, CLASSIC) == document(size)


@pytest.mark.parametrize("size", SIZES)
def test_age_encryption_opens_what_we_seal_with_the_hybrid_key(size: int) -> None:
    sealed = seal_bytes(document(size), [HYBRID.recipient()])
    assert npm("decrypt", "identity", HYBRID.unsafe_text(), stdin=sealed.file) == document(size)


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_age_encryption_seals_with_the_hybrid_key(size: int) -> None:
    raw = npm("encrypt", "recipient", str(HYBRID.recipient()), stdin=document(size))
    assert opened(raw, HYBRID) == document(size)


def test_x25519_files_open_both_ways_in_age_encryption() -> None:
    ours = seal_bytes(b"classic", [CLASSIC.recipient()]).file
    assert npm("decrypt", "identity", CLASSIC.unsafe_text(), stdin=ours) == b"classic"
    theirs = npm("encrypt", "recipient", str(CLASSIC.recipient()), stdin=b"classic")
    assert opened(theirs, CLASSIC) == b"classic"


def test_debians_age_derives_our_recipient_from_our_identity(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(CLASSIC.unsafe_text() + "\n")
    assert ran([need("age-keygen"), "-y", key]).decode().strip() == str(CLASSIC.recipient())


def test_we_open_with_a_key_that_debians_age_made(tmp_path: Path) -> None:
    key = tmp_path / "key"
    ran([need("age-keygen"), "-o", key])
    text = next(line for line in key.read_text().splitlines() if not line.startswith("#"))
    theirs = X25519Identity.parse(text)
    assert opened(ran([need("age"), "-e", "-i", key], b"to its own key"), theirs) == b"to its own key"


# --- several readers ------------------------------------------------------------------------------


def test_each_of_several_readers_opens_our_file_in_age_encryption() -> None:
    sealed = seal_bytes(document(70_000), [one.recipient() for one in (BANK, HYBRID, COURT)])
    for reader in (BANK, HYBRID, COURT):
        assert npm("decrypt", "identity", reader.unsafe_text(), stdin=sealed.file) == document(70_000)


def test_each_of_several_readers_opens_a_file_of_age_encryption_with_us() -> None:
    to = [str(one.recipient()) for one in (BANK, HYBRID, COURT)]
    raw = npm("encrypt", "recipient", *to, stdin=document(70_000))
    assert [opened(raw, reader) == document(70_000) for reader in (BANK, HYBRID, COURT)] == [True] * 3


def test_several_x25519_readers_open_both_ways_in_debians_age(tmp_path: Path) -> None:
    ours = seal_bytes(b"for both", [CLASSIC.recipient(), CLERK.recipient()])
    theirs = ran([need("age"), "-r", str(CLASSIC.recipient()), "-r", str(CLERK.recipient())], b"for both")
    for reader in (CLASSIC, CLERK):
        assert debian_opens(ours.file, reader, tmp_path) == b"for both"
        assert opened(theirs, reader) == b"for both"


# --- header and payload apart ---------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_a_second_readers_header_joined_to_the_old_payload_is_a_whole_age_file(size: int) -> None:
    sealed = seal_bytes(document(size), [HYBRID.recipient()])
    header = header_for(unwrap(sealed.header, [HYBRID]), [BANK.recipient()])
    assert npm("decrypt", "identity", BANK.unsafe_text(), stdin=header + sealed.payload) == document(size)


def test_a_payload_of_a_stranger_can_be_given_to_a_second_reader_by_us(tmp_path: Path) -> None:
    whole = npm("encrypt", "recipient", str(HYBRID.recipient()), stdin=document(70_000))
    _, length = parse_header(whole)
    header, payload = whole[:length], whole[length:]
    key = unwrap(header, [HYBRID])
    for_bank, for_clerk = header_for(key, [BANK.recipient()]), header_for(key, [CLERK.recipient()])
    assert npm("decrypt", "identity", BANK.unsafe_text(), stdin=for_bank + payload) == document(70_000)
    assert debian_opens(for_clerk + payload, CLERK, tmp_path) == document(70_000)


@pytest.mark.parametrize("recipient", RECIPIENTS, ids=KINDS)
def test_strangers_refuse_a_header_with_the_payload_of_another_object(recipient: Recipient) -> None:
    # Both are for one reader, but under two file keys: no header opens another object's payload.
    one, two = (seal_bytes(text, [recipient]) for text in (b"one", b"two"))
    value = {"mlkem768x25519": HYBRID.unsafe_text(), "X25519": CLASSIC.unsafe_text(), "scrypt": PASS}[recipient.tag]
    kind = "passphrase" if recipient.tag == "scrypt" else "identity"
    with pytest.raises(Refused, match="decrypt"):
        npm("decrypt", kind, value, stdin=one.header + two.payload)


@pytest.mark.parametrize("place", ["stanza", "mac", "nonce", "chunk", "end"])
def test_strangers_refuse_our_file_when_one_byte_is_changed(place: str, tmp_path: Path) -> None:
    sealed = seal_bytes(document(70_000), [CLASSIC.recipient()])
    head = len(sealed.header)
    at = {"stanza": 40, "mac": head - 10, "nonce": head + 3, "chunk": head + 30_000, "end": -1}[place]
    raw = bytearray(sealed.file)
    raw[at] = raw[at] ^ 1 if at < 0 or at > head else ord("A" if raw[at] != ord("A") else "B")
    with pytest.raises(Refused, match="age: error"):
        debian_opens(bytes(raw), CLASSIC, tmp_path)
    with pytest.raises(Refused, match=r"decrypt|HMAC"):
        npm("decrypt", "identity", CLASSIC.unsafe_text(), stdin=bytes(raw))


# --- passphrases ----------------------------------------------------------------------------------


def test_passphrase_files_open_both_ways_in_age_encryption() -> None:
    ours = seal_bytes(b"key store", [ScryptRecipient(Passphrase(PASS), 10)]).file
    assert npm("decrypt", "passphrase", PASS, stdin=ours) == b"key store"
    theirs = npm("encrypt", "passphrase", PASS, stdin=b"key store")
    assert opened(theirs, ScryptIdentity(Passphrase(PASS))) == b"key store"


def test_passphrase_files_open_both_ways_in_debians_age(tmp_path: Path) -> None:
    ours, theirs, plain = tmp_path / "ours", tmp_path / "theirs", tmp_path / "plain"
    ours.write_bytes(seal_bytes(b"key store", [ScryptRecipient(Passphrase(PASS), 10)]).file)
    at_a_terminal([need("age"), "-d", "-o", plain, ours], f"{PASS}\n")
    assert plain.read_bytes() == b"key store"
    at_a_terminal([need("age"), "-p", "-o", theirs, plain], f"{PASS}\n{PASS}\n")
    assert opened(theirs.read_bytes(), ScryptIdentity(Passphrase(PASS))) == b"key store"


def test_a_wallets_key_store_opens_in_both_programs_and_theirs_in_ours(tmp_path: Path) -> None:
    keys = Keys.first("person", Root(bytes(range(32))), AccountKey(b"h" * 32))
    path, plain, again = tmp_path / "keys.age", tmp_path / "plain", tmp_path / "again.age"
    write_keys(path, keys, Passphrase(PASS), DEFAULT_SCRYPT_LOG_N)
    assert npm("decrypt", "passphrase", PASS, stdin=path.read_bytes()) == keys.unsafe_plaintext()
    at_a_terminal([need("age"), "-d", "-o", plain, path], f"{PASS}\n")
    assert plain.read_bytes() == keys.unsafe_plaintext()
    assert json.loads(plain.read_text())["kind"] == "person"
    again.touch(mode=0o600)
    again.write_bytes(npm("encrypt", "passphrase", PASS, stdin=plain.read_bytes()))
    assert read_keys(again, Passphrase(PASS)) == keys


# --- golden bytes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", ["holder", "bank"])
def test_the_golden_object_opens_in_age_encryption(reader: str) -> None:
    golden = json.loads(GOLDEN.read_text())
    raw = unb64u(golden[reader]["header"]) + unb64u(golden["payload"])
    assert npm("decrypt", "identity", golden[reader]["identity"], stdin=raw).decode() == golden["plaintext"]
