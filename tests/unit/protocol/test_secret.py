"""Secrets stay out of prints, pickles and copies."""

from __future__ import annotations

import copy
import pickle

import pytest

from protocol.errors import Malformed
from protocol.keys import AccountKey, Mnemonic, PresentKey, RevokeKey, Root, TagKey
from protocol.recipients import HybridIdentity, Passphrase, X25519Identity
from protocol.secret import Secret
from protocol.stream import FileKey

PHRASE = " ".join(["abandon"] * 11 + ["about"])
BYTES32 = bytes(range(1, 33))
SECRETS = [
    Root(BYTES32),
    TagKey(BYTES32),
    RevokeKey(BYTES32),
    PresentKey(BYTES32),
    AccountKey(BYTES32),
    HybridIdentity(BYTES32),
    X25519Identity(BYTES32),
    FileKey(BYTES32[:16]),
    Mnemonic(PHRASE, "en"),
]


@pytest.mark.parametrize("secret", [*SECRETS, Passphrase("open sesame")], ids=lambda s: type(s).__name__)
def test_a_secret_never_shows_itself(secret: object) -> None:
    shown = f"{secret} {secret!r} {secret!s}"
    assert "****" in shown
    for leak in ("open sesame", "abandon", BYTES32[:16].hex(), "\\x01\\x02"):
        assert leak not in shown


@pytest.mark.parametrize("secret", SECRETS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_neither_pickled_nor_copied(secret: object, take: object) -> None:
    with pytest.raises(TypeError, match="is secret"):
        take(secret)  # type: ignore[operator]  # bad use on purpose


def test_secrets_compare_by_value_within_one_type_only() -> None:
    assert Root(BYTES32) == Root(BYTES32)
    assert Root(BYTES32) != Root(bytes(32))
    assert Root(BYTES32) != TagKey(BYTES32)
    assert Root(BYTES32) != BYTES32


def test_a_secret_cannot_be_a_dictionary_key() -> None:
    with pytest.raises(TypeError):
        hash(Root(BYTES32))


def test_a_secret_of_another_length_is_refused_and_named_by_its_type() -> None:
    with pytest.raises(Malformed, match="FileKey: expected 16 bytes, got 32") as error:
        FileKey(BYTES32)
    assert error.value.code == "secret_length"


def test_fresh_secrets_differ() -> None:
    assert Secret.random() != Secret.random()
    assert len(FileKey.random().unsafe_bytes) == 16
