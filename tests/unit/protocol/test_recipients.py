"""The three kinds of reader: text forms, wrapping, and what they refuse."""

from __future__ import annotations

import hashlib
import resource
from pathlib import Path

import pytest

from protocol import bech32
from protocol.age_format import HYBRID_ENC_BYTES, MAX_SCRYPT_LOG_N, Stanza, raw_b64, raw_unb64
from protocol.errors import Malformed, Unavailable
from protocol.hashing import sha256
from protocol.recipients import (
    HybridIdentity,
    HybridRecipient,
    Identity,
    Passphrase,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    X25519Recipient,
    parse_identity,
    parse_recipient,
)
from protocol.stream import FileKey

KEY = FileKey(b"YELLOW SUBMARINE")
HYBRID = HybridIdentity(bytes(range(32)))
CLASSIC = X25519Identity(bytes(range(32)))
# The identities of the age specification and, for X25519, its recipient.
SPEC_HYBRID = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR"
SPEC_X25519 = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
SPEC_X25519_RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
PAIRS: list[tuple[Identity, Recipient]] = [
    (HYBRID, HYBRID.recipient()),
    (CLASSIC, CLASSIC.recipient()),
    (ScryptIdentity(Passphrase("密码 one")), ScryptRecipient(Passphrase("密码 one"), 4)),
]


@pytest.mark.parametrize(("identity", "recipient"), PAIRS)
def test_who_a_key_was_wrapped_for_unwraps_it_among_stanzas_of_others(identity: Identity, recipient: Recipient) -> None:
    mine = recipient.wrap(KEY)
    assert identity.unwrap((Stanza("grease", (), b""), mine)) == KEY
    assert mine.tag == recipient.tag
    assert mine != recipient.wrap(KEY)


@pytest.mark.parametrize(("identity", "recipient"), PAIRS[:2])
def test_a_reader_finds_its_stanza_behind_those_of_others_of_its_kind(identity: Identity, recipient: Recipient) -> None:
    kind = type(identity)
    others = tuple(kind(bytes([seed]) * 32).recipient().wrap(KEY) for seed in (1, 2))
    assert identity.unwrap((*others, recipient.wrap(KEY))) == KEY


@pytest.mark.parametrize(
    ("identity", "recipient"),
    [
        (HybridIdentity(bytes(32)), HYBRID.recipient()),
        (X25519Identity(bytes(32)), CLASSIC.recipient()),
        (ScryptIdentity(Passphrase("two")), ScryptRecipient(Passphrase("one"), 4)),
    ],
)
def test_another_reader_of_the_same_kind_gets_nothing(identity: Identity, recipient: Recipient) -> None:
    assert identity.unwrap((recipient.wrap(KEY),)) is None


@pytest.mark.parametrize("identity", [identity for identity, _ in PAIRS])
def test_a_reader_without_a_stanza_of_its_kind_gets_nothing(identity: Identity) -> None:
    assert identity.unwrap((Stanza("grease", (), b""),)) is None


def test_the_examples_of_the_age_specification_are_read_and_written() -> None:
    hybrid, classic = parse_identity(SPEC_HYBRID), parse_identity(SPEC_X25519)
    assert isinstance(hybrid, HybridIdentity)
    assert hybrid.unsafe_text() == SPEC_HYBRID
    assert str(hybrid.recipient()).startswith("age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzxshfg87pzf5z")
    assert str(hybrid.recipient()).endswith("9efhxpfqdkmhh6gjtqmwze9pyyzk3tlhl53k2ykx3qheyty7saeq0d3fzv49zc0k")
    assert isinstance(classic, X25519Identity)
    assert classic.unsafe_text() == SPEC_X25519
    assert str(classic.recipient()) == SPEC_X25519_RECIPIENT


def test_recipients_are_read_back_from_their_text() -> None:
    assert parse_recipient(str(HYBRID.recipient())) == HYBRID.recipient()
    assert parse_recipient(SPEC_X25519_RECIPIENT) == X25519Identity.parse(SPEC_X25519).recipient()


@pytest.mark.parametrize("text", ["", "age1", "age1pq1", "age1pq1qqqqqq", "ssh-ed25519 AAAA", SPEC_HYBRID])
def test_what_is_no_recipient_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_recipient(text)


@pytest.mark.parametrize("text", ["", "AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1QQ", SPEC_X25519_RECIPIENT])
def test_what_is_no_identity_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_identity(text)


def test_the_hash_of_a_sealing_key_is_over_its_1216_bytes() -> None:
    assert len(HYBRID.recipient().public) == 1216
    assert HYBRID.recipient().sealing_key_hash() == sha256(HYBRID.recipient().public)


def test_keys_of_another_length_are_refused() -> None:
    with pytest.raises(Malformed, match="1216 bytes, got 1184") as hybrid:
        HybridRecipient(bytes(1184))
    with pytest.raises(Malformed, match="32 bytes, got 33") as classic:
        X25519Recipient(bytes(33))
    assert hybrid.value.code == classic.value.code == "recipient_length"


def test_a_sealing_key_whose_ml_kem_part_is_out_of_range_is_refused() -> None:
    with pytest.raises(Malformed) as error:
        HybridRecipient(b"\xff" * 1216)
    assert error.value.code == "recipient_mlkem"


@pytest.mark.parametrize(
    "recipient", [X25519Recipient(bytes(32)), HybridRecipient(HYBRID.recipient().public[:1184] + bytes(32))]
)
def test_nothing_is_sealed_to_a_point_of_low_order(recipient: Recipient) -> None:
    with pytest.raises(Malformed) as error:
        recipient.wrap(KEY)
    assert error.value.code == "age_low_order"


def test_a_share_of_low_order_is_refused_and_not_tried() -> None:
    with pytest.raises(Malformed) as error:
        CLASSIC.unwrap((Stanza("X25519", (raw_b64(b"\x01" + bytes(31)),), bytes(32)),))
    assert error.value.code == "age_low_order"


def test_a_hybrid_share_of_low_order_is_refused_and_not_taken_for_another_readers() -> None:
    enc = raw_unb64(HYBRID.recipient().wrap(KEY).args[0], length=HYBRID_ENC_BYTES, what="enc")
    with pytest.raises(Malformed) as error:
        HYBRID.unwrap((Stanza("mlkem768x25519", (raw_b64(enc[:-32] + bytes(32)),), bytes(32)),))
    assert error.value.code == "age_low_order"


def test_the_work_factor_that_a_file_may_ask_for_is_bounded_by_its_reader() -> None:
    stanza = ScryptRecipient(Passphrase("one"), 5).wrap(KEY)
    assert stanza.args[1] == "5"
    assert ScryptIdentity(Passphrase("one"), max_log_n=5).unwrap((stanza,)) == KEY
    with pytest.raises(Malformed, match="from 1 to 4") as error:
        ScryptIdentity(Passphrase("one"), max_log_n=4).unwrap((stanza,))
    assert error.value.code == "age_scrypt_work"


@pytest.mark.parametrize("log_n", [1, 10])
def test_a_passphrase_is_stretched_as_openssl_does_it(log_n: int) -> None:
    salt = bytes(range(16))
    want = hashlib.scrypt(b"one", salt=b"age-encryption.org/v1/scrypt" + salt, n=1 << log_n, r=8, p=1, dklen=32)
    assert Passphrase("one").stretch(salt, log_n) == want


@pytest.mark.parametrize("log_n", [1, MAX_SCRYPT_LOG_N])
def test_every_work_factor_that_we_would_read_may_be_sealed_with(log_n: int) -> None:
    assert ScryptRecipient(Passphrase("one"), log_n).tag == "scrypt"


@pytest.mark.parametrize("log_n", [0, -1, MAX_SCRYPT_LOG_N + 1])
def test_nothing_is_sealed_with_a_work_factor_that_we_would_not_read(log_n: int) -> None:
    with pytest.raises(Malformed) as error:
        ScryptRecipient(Passphrase("one"), log_n)
    assert error.value.code == "age_scrypt_work"


def test_too_little_memory_for_a_passphrase_is_nobodys_fault() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (512 << 20), hard))
    try:
        with pytest.raises(Unavailable, match="4096 MiB") as error:
            Passphrase("one").stretch(bytes(16), MAX_SCRYPT_LOG_N)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert error.value.code == "scrypt_memory"


@pytest.mark.parametrize("text", ["", "x" * 1025, "é" * 513, "\ud800"])
def test_a_passphrase_is_text_of_bounded_length(text: str) -> None:
    with pytest.raises(Malformed) as error:
        Passphrase(text)
    assert error.value.code == "passphrase"


def test_a_passphrase_prints_as_what_it_is_and_nothing_of_it() -> None:
    assert repr(Passphrase("open sesame")) == str(Passphrase("open sesame")) == "Passphrase(****)"


@pytest.mark.parametrize("text", ["x", "x" * 1024, "é" * 512])
def test_a_passphrase_at_its_bounds_opens_what_it_sealed(text: str) -> None:
    stanza = ScryptRecipient(Passphrase(text), 1).wrap(KEY)
    assert ScryptIdentity(Passphrase(text)).unwrap((stanza,)) == KEY


def test_an_x25519_recipient_does_not_pass_for_a_hybrid_one() -> None:
    with pytest.raises(Malformed):
        parse_recipient(bech32.encode("age1pq", bytes(32)))
