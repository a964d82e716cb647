from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from protocol.errors import Malformed, Untrusted
from protocol.signatures import ORDER, recover, verify_account
from tests.grant_samples import ALICE, BOB

DIGEST = b"\x42" * 32
SIGNATURE = ALICE.sign(DIGEST)


def test_the_account_that_signed_is_recovered() -> None:
    assert recover(DIGEST, SIGNATURE) == ALICE.address
    verify_account(DIGEST, SIGNATURE, ALICE.address)


def test_every_thread_recovers_in_a_room_of_its_own() -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: recover(DIGEST, SIGNATURE), range(200)))
    assert set(found) == {ALICE.address}


def test_a_known_key_has_its_known_address() -> None:
    # The address of private key 1, as every Ethereum library prints it.
    from tests.grant_samples import Account

    one = Account(1)
    assert recover(DIGEST, one.sign(DIGEST)).hex() == "7e5f4552091a69125d5dfcb7b8c2659029395bdf"


def test_another_account_is_not_taken_for_the_signer() -> None:
    with pytest.raises(Untrusted) as caught:
        verify_account(DIGEST, SIGNATURE, BOB.address)
    assert caught.value.code == "signature"
    assert BOB.address.hex() in str(caught.value)


@pytest.mark.parametrize("length", [0, 64, 66])
def test_a_signature_of_another_length_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        recover(DIGEST, (SIGNATURE + b"\x00")[:length])


def test_a_digest_of_another_length_is_malformed() -> None:
    with pytest.raises(Malformed):
        recover(DIGEST[:31], SIGNATURE)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_only_v_27_and_28_are_taken(v: int) -> None:
    with pytest.raises(Malformed):
        recover(DIGEST, SIGNATURE[:64] + bytes([v]))


def test_the_mirrored_signature_with_a_high_s_is_refused() -> None:
    s = ORDER - int.from_bytes(SIGNATURE[32:64], "big")
    mirrored = SIGNATURE[:32] + s.to_bytes(32, "big") + bytes([55 - SIGNATURE[64]])
    with pytest.raises(Untrusted) as caught:
        recover(DIGEST, mirrored)
    assert caught.value.code == "signature_malleable"


def test_s_is_low_up_to_half_the_order_and_no_further() -> None:
    half = (ORDER // 2).to_bytes(32, "big")
    recover(DIGEST, SIGNATURE[:32] + half + SIGNATURE[64:])
    with pytest.raises(Untrusted):
        recover(DIGEST, SIGNATURE[:32] + (ORDER // 2 + 1).to_bytes(32, "big") + SIGNATURE[64:])


@pytest.mark.parametrize(
    ("r", "s"),
    [(0, 1), (1, 0), (ORDER, 1), (2**256 - 1, 1), (5, 1)],
    ids=["r is zero", "s is zero", "r is the order", "r is above the order", "r is on no point"],
)
def test_numbers_that_no_account_makes_are_refused(r: int, s: int) -> None:
    with pytest.raises(Untrusted) as caught:
        recover(DIGEST, r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\x1b")
    assert caught.value.code == "signature"
