"""Keys of sending accounts: read from files that nobody else can read, shown nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account

from chain.signer import MAX_KEY_FILE, TxSigner, address_of, open_or_create
from protocol.errors import Denied, Malformed, OneFileError, Unavailable
from protocol.hashing import sha256

SECRET = sha256(b"a secret key")


def code(path: Path, **options: str) -> tuple[type[OneFileError], str]:
    with pytest.raises(OneFileError) as caught:
        TxSigner.from_file(path, **options)
    return type(caught.value), caught.value.code


def private(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def keystore() -> str:
    return json.dumps(Account.encrypt(SECRET, "pass", kdf="scrypt", iterations=2))


def test_the_account_is_that_of_the_key() -> None:
    assert TxSigner(SECRET).account == address_of(SECRET) == bytes.fromhex(Account.from_key(SECRET).address[2:])


def test_the_key_shows_nowhere() -> None:
    shown = repr(TxSigner(SECRET)) + str(TxSigner(SECRET))
    assert SECRET.hex() not in shown
    assert TxSigner(SECRET).account.hex() in shown


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32, b"short"], ids=repr)
def test_what_is_no_key_is_malformed(secret: bytes) -> None:
    with pytest.raises(Malformed):
        TxSigner(secret)


def test_a_drawn_key_is_private_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "chain" / "governor.key"
    made = TxSigner.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert TxSigner.from_file(path).account == made.account
    assert open_or_create(path).account == made.account
    assert open_or_create(tmp_path / "other.key").account != made.account


def test_a_key_is_never_drawn_over_another(tmp_path: Path) -> None:
    TxSigner.create(tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(FileExistsError):
        TxSigner.create(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == before


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = private(tmp_path / "key", "0x" + SECRET.hex())
    path.chmod(0o640)
    assert code(path) == (Denied, "key_file_open")


def test_no_key_file_is_unavailable(tmp_path: Path) -> None:
    assert code(tmp_path / "key") == (Unavailable, "key_file_missing")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x12",
        SECRET.hex(),
        "0x" + SECRET.hex().upper(),
        "密" * 20,
        "{",
        "{}",
        '{"version": 3}',
        "x" * (MAX_KEY_FILE + 1),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_other_text_is_no_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(Malformed) as caught:
        TxSigner.from_file(private(tmp_path / "key", text), passphrase="pass")
    assert SECRET.hex() not in str(caught.value).lower()


def test_a_keystore_opens_with_its_passphrase_only(tmp_path: Path, keystore: str) -> None:
    path = private(tmp_path / "key", keystore)
    assert TxSigner.from_file(path, passphrase="pass").account == TxSigner(SECRET).account
    assert code(path, passphrase="other") == (Denied, "passphrase_wrong")
    assert code(path) == (Denied, "passphrase_needed")


def test_a_keystore_that_is_not_text_is_malformed() -> None:
    with pytest.raises(Malformed):
        TxSigner.from_bytes(b"{\xff", passphrase="pass")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("n", 1 << 22),
        ("r", 1 << 22),
        ("p", 1 << 22),
        ("dklen", 1 << 30),
        ("c", 2_000_000_000),
    ],
)
def test_a_keystore_that_asks_for_too_much_work_is_refused_before_it_is_tried(
    keystore: str, member: str, value: int
) -> None:
    made = json.loads(keystore)
    made["crypto"]["kdfparams"][member] = value
    with pytest.raises(Malformed) as caught:
        TxSigner.from_bytes(json.dumps(made).encode(), passphrase="pass")
    assert caught.value.code == "key_file_work"


@pytest.mark.parametrize("value", [0, -1, "8", True, None])
def test_a_keystore_with_a_work_factor_that_is_none_is_malformed(keystore: str, value: object) -> None:
    made = json.loads(keystore)
    made["crypto"]["kdfparams"]["dklen"] = value
    with pytest.raises(Malformed) as caught:
        TxSigner.from_bytes(json.dumps(made).encode(), passphrase="pass")
    assert caught.value.code == "key_file"


def test_a_keystore_that_names_its_work_twice_is_malformed(keystore: str) -> None:
    made = json.loads(keystore)
    made["Crypto"] = {**made["crypto"], "kdfparams": {"n": 2, "dklen": 32}}
    with pytest.raises(Malformed) as caught:
        TxSigner.from_bytes(json.dumps(made).encode(), passphrase="pass")
    assert caught.value.code == "key_file"
