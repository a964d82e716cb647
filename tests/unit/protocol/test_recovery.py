"""Guardian sets, SLIP-39 shares, recovery requests and answers: what is read, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from shamir_mnemonic import generate_mnemonics

from protocol import canonical
from protocol.dossier_messages import RecoverDossier
from protocol.encoding import b64u
from protocol.envelope import seal_bytes
from protocol.errors import Denied, Malformed, OneFileError, Untrusted
from protocol.fields import Fields
from protocol.guardians import MAX_GUARDIANS, GuardianSet
from protocol.hashing import keccak256, sha256
from protocol.keys import AccountKey, Root, derive_sealing
from protocol.recipients import X25519Identity
from protocol.recovery import (
    MAX_ANSWER_BYTES,
    MAX_SHARE_BYTES,
    Answer,
    RecoveryRequest,
    Share,
    open_answer,
    open_share,
    seal_answer,
    seal_share,
)
from protocol.slip39 import combine, read_words, split_root

ROOT = Root(sha256(b"a root"))
KEYS = [AccountKey(sha256(b"guardian", bytes([i]))) for i in range(3)]
SET = GuardianSet.of(sha256(b"salt"), [key.address for key in KEYS])
DOSSIER = sha256(b"dossier")
WORDS = split_root(ROOT, 2, 3)
READER = derive_sealing(ROOT, 0)
MESSAGE = RecoverDossier(DOSSIER, b"\x01" * 20, b"\x02" * 20, by_all=False, nonce=0, deadline=1_800_000_000)
REQUEST = RecoveryRequest.make(31337, b"\xa2" * 20, MESSAGE, READER.recipient())


def share(index: int = 0) -> Share:
    return Share(DOSSIER, 1, SET, WORDS[index])


def answer(index: int = 0, **changes: Any) -> Answer:
    made = Answer(REQUEST.digest, KEYS[index].address, b"", share(index))
    signed = KEYS[index].sign_digest(MESSAGE.digest(REQUEST.domain))
    return replace(made, **{"signature": signed, **changes})


# --- guardian sets ----------------------------------------------------------------------------------


def test_a_set_hashes_as_the_contract_does_and_is_read_back() -> None:
    words = [SET.salt, (64).to_bytes(32, "big"), (3).to_bytes(32, "big")]
    assert SET.hash == keccak256(b"".join([*words, *(bytes(12) + account for account in SET.accounts)]))
    assert GuardianSet.take(Fields(SET.to_json(), "set")) == SET


@pytest.mark.parametrize(
    ("salt", "accounts"),
    [
        (b"short", SET.accounts),
        (SET.salt, (b"short",)),
        (SET.salt, ()),
        (SET.salt, tuple(i.to_bytes(20, "big") for i in range(MAX_GUARDIANS + 1))),
        (SET.salt, SET.accounts[::-1]),
        (SET.salt, (SET.accounts[0], SET.accounts[0])),
    ],
)
def test_a_set_that_can_not_be_is_refused(salt: bytes, accounts: tuple[bytes, ...]) -> None:
    with pytest.raises(Malformed):
        GuardianSet(salt, accounts)


# --- shares -----------------------------------------------------------------------------------------


def test_any_two_of_three_shares_give_the_root_and_one_nothing() -> None:
    for chosen in ((0, 1), (2, 0), (1, 2), (0, 1, 2)):
        assert combine([WORDS[i] for i in chosen]) == ROOT
    assert combine([WORDS[0], WORDS[0], WORDS[1]]) == ROOT
    with pytest.raises(Untrusted, match="2 are needed"):
        combine([WORDS[0], WORDS[0]])


def test_shares_of_two_splits_do_not_combine() -> None:
    other = split_root(ROOT, 2, 3)
    with pytest.raises(Untrusted, match="do not belong together"):
        combine([WORDS[0], other[1]])
    with pytest.raises(Untrusted, match="do not belong together"):
        combine([WORDS[0], _another_with_its_place(WORDS[0])])
    with pytest.raises(Untrusted, match="do not belong together"):
        combine([WORDS[0], _another_with_its_place(WORDS[1])])
    with pytest.raises(Untrusted):
        combine([])


def _another_with_its_place(words: str) -> str:
    """A good share that says the same of itself, with another value."""
    from shamir_mnemonic import Share as Slip39Share

    found = Slip39Share.from_mnemonic(words)
    return str(replace(found, value=bytes([found.value[0] ^ 1]) + found.value[1:]).mnemonic())


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (4, 3), (2, 17)])
def test_no_split_gives_one_guardian_the_root(threshold: int, count: int) -> None:
    with pytest.raises(Malformed):
        split_root(ROOT, threshold, count)


def test_words_that_are_no_share_of_a_root_are_refused() -> None:
    good = WORDS[0].split(" ")
    ((short, _),) = generate_mnemonics(1, [(2, 2)], bytes(16))
    ((alone,),) = generate_mnemonics(1, [(1, 1)], ROOT.unsafe_bytes)
    groups = generate_mnemonics(1, [(2, 2), (2, 2)], ROOT.unsafe_bytes)
    ((slow, _),) = generate_mnemonics(1, [(2, 2)], ROOT.unsafe_bytes, iteration_exponent=1)
    ((salted, _),) = generate_mnemonics(1, [(2, 2)], ROOT.unsafe_bytes, extendable=False, iteration_exponent=0)
    for words in (
        "",
        " ".join(good[:-1]),
        " ".join([*good[:-1], "academic" if good[-1] != "academic" else "acid"]),
        WORDS[0].upper(),
        "x" * 500,
        " ".join(["nonsense"] * 33),
        short,
        alone,
        groups[1][0],
        slow,
        salted,
    ):
        with pytest.raises(Malformed, match="share of a root"):
            read_words(words)


def test_a_secret_that_is_no_root_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shamir_mnemonic.combine_mnemonics", lambda _words: b"short")
    with pytest.raises(Malformed):
        combine(WORDS)


def test_a_sealed_share_opens_for_its_guardian_alone() -> None:
    sealed = seal_share(share(), READER.recipient())
    assert open_share(sealed, [READER]) == share()
    assert len(sealed) < MAX_SHARE_BYTES
    with pytest.raises(Denied):
        open_share(sealed, [derive_sealing(ROOT, 1)])
    with pytest.raises(Malformed, match="at most"):
        open_share(sealed + bytes(MAX_SHARE_BYTES), [READER])
    assert WORDS[0] not in repr(share())
    assert share().read.threshold == 2


def test_a_share_is_read_strictly() -> None:
    told = share().to_json()
    assert Share.parse(canonical.dumps(told)) == share()
    for changes in (
        {"v": 2},
        {"dossier": "0x00"},
        {"card": -1},
        {"guardians": {**SET.to_json(), "accounts": []}},
        {"guardians": {**SET.to_json(), "more": 1}},
        {"words": WORDS[0][:-1]},
        {"more": 1},
    ):
        with pytest.raises(Malformed):
            Share.parse(canonical.dumps({**told, **changes}))
    with pytest.raises(Malformed):
        Share(b"short", 1, SET, WORDS[0])


# --- requests and answers -----------------------------------------------------------------------------


def test_a_request_is_read_back_with_its_digits() -> None:
    found = RecoveryRequest.parse(REQUEST.raw)
    assert found == REQUEST
    assert len(found.match_number.replace(" ", "")) == 12
    assert found.match_number == REQUEST.match_number
    other = RecoveryRequest.make(31337, b"\xa2" * 20, replace(MESSAGE, new_owner=b"\x03" * 20), READER.recipient())
    assert other.match_number != REQUEST.match_number


def test_a_request_is_read_strictly() -> None:
    told = canonical.loads_canonical(REQUEST.raw, limit=10_000, what="request")
    assert isinstance(told, dict)
    classic = str(X25519Identity(sha256(b"x")).recipient())
    for changes in (
        {"v": 2},
        {"chain": "31337"},
        {"registry": "0x00"},
        {"message": {}},
        {"recipient": "age1"},
        {"recipient": classic},
        {"more": 1},
    ):
        with pytest.raises(Malformed):
            RecoveryRequest.parse(canonical.dumps({**told, **changes}))
    with pytest.raises(Malformed):
        RecoveryRequest.parse(REQUEST.raw + b" ")


def test_an_answer_is_for_who_asked_alone() -> None:
    sealed = seal_answer(answer(), REQUEST)
    assert open_answer(sealed, REQUEST, READER) == answer()
    assert len(sealed) < MAX_ANSWER_BYTES
    with pytest.raises(Denied):
        open_answer(sealed, REQUEST, derive_sealing(ROOT, 1))
    with pytest.raises(Malformed, match="at most"):
        open_answer(sealed + bytes(MAX_ANSWER_BYTES), REQUEST, READER)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"request": sha256(b"another")}, "answer_other_request"),
        ({"share": replace(share(), dossier=sha256(b"another"))}, "answer_other_request"),
        ({"guardian": b"\x09" * 20}, "answer_no_guardian"),
        ({"guardian": KEYS[1].address}, "signature"),
        ({"signature": bytes(65)}, None),
    ],
)
def test_an_answer_that_does_not_hold_is_refused(changes: dict[str, Any], code: str | None) -> None:
    with pytest.raises(OneFileError) as caught:
        open_answer(seal_answer(answer(**changes), REQUEST), REQUEST, READER)
    assert code in {None, caught.value.code}, caught.value.code


def test_an_answer_is_read_strictly() -> None:
    told = answer().to_json()
    assert isinstance(told, dict)
    assert Answer.parse(canonical.dumps(told)) == answer()
    for changes in (
        {"v": 2},
        {"request": b64u(b"short")},
        {"guardian": "0x00"},
        {"signature": "0x00"},
        {"share": {}},
        {"more": 1},
    ):
        with pytest.raises(Malformed):
            Answer.parse(canonical.dumps({**told, **changes}))
    with pytest.raises(Malformed):
        open_answer(seal_bytes(b"{}", [READER.recipient()]).file, REQUEST, READER)
