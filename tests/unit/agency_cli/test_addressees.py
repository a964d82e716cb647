"""Who gets a credential: named by token, file, id or urn, and believed only as the chain has them."""

from __future__ import annotations

import io

import pytest

from agency_cli.services.holders import Addressee, addressee
from agency_cli.services.issuing import Desk, check, issue
from protocol.encoding import hex0x
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Untrusted
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.keycard import first_card
from protocol.keys import AccountKey, derive_present
from tests.unit.agency_cli.desk import nothing_left, order
from tests.unit.agency_cli.support import HolderKeys, World


def test_a_holder_is_named_by_token_file_id_or_urn(world: World, desk: Desk, alice: HolderKeys) -> None:
    token = alice.token(world)
    path = world.write("token.txt", f"{token}\n".encode())
    assert addressee(str(path)) == addressee(token) == addressee("token.txt", base=world.folder)
    assert addressee(str(path)) == Addressee(alice.id, token)
    assert addressee(hex0x(alice.id)) == addressee(dossier_urn(alice.id)) == Addressee(alice.id)


def test_a_token_may_come_from_standard_input(
    world: World, desk: Desk, alice: HolderKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = alice.token(world)
    monkeypatch.setattr("sys.stdin", io.StringIO(token + "\n"))
    assert addressee("-") == Addressee(alice.id, token)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0x12", "length"),
        ("urn:onefile:dossier:0x", "dossier_urn"),
        ("nothing", "addressee_missing"),
        ("x" * 5000, "addressee_missing"),
        ("a\0b", "addressee_missing"),
        (".", "addressee_missing"),
        ("eyJ.a.b", "base64url"),
    ],
)
def test_what_names_nobody_is_refused(text: str, code: str) -> None:
    with pytest.raises(OneFileError) as caught:
        addressee(text)
    assert caught.value.code == code


def test_a_file_that_is_no_token_is_refused(world: World) -> None:
    with pytest.raises(Malformed):
        addressee(str(world.write("token.bin", b"\xff\xfe")))


def test_the_first_deposit_needs_a_token(world: World, desk: Desk, alice: HolderKeys) -> None:
    with pytest.raises(Denied) as caught:
        issue(desk, order(desk), Addressee(alice.id))
    assert caught.value.code == "card_token_needed"
    nothing_left(world)


def test_a_dossier_that_is_not_open_is_refused(world: World, desk: Desk) -> None:
    with pytest.raises(Denied) as caught:
        check(desk, order(desk), Addressee(b"\x05" * 32))
    assert caught.value.code == "dossier_unknown"


def test_an_old_token_is_refused(world: World, desk: Desk, alice: HolderKeys) -> None:
    with pytest.raises(Denied) as caught:
        check(desk, order(desk), addressee(alice.token(world, age_s=700)))
    assert caught.value.code == "card_token_expired"


def test_a_token_of_a_former_key_card_is_refused(world: World, desk: Desk, alice: HolderKeys) -> None:
    token = alice.token(world)
    alice.renew()
    with pytest.raises(Conflict) as caught:
        check(desk, order(desk), addressee(token))
    assert caught.value.code == "card_token_superseded"


def test_a_token_for_another_agency_is_refused(world: World, desk: Desk, alice: HolderKeys) -> None:
    with pytest.raises(Untrusted) as caught:
        check(desk, order(desk), addressee(alice.token(world, agency=b"\x01" * 20)))
    assert caught.value.code == "wrong_audience"


def test_a_key_card_that_is_not_the_newest_on_chain_is_not_sealed_to(
    world: World, desk: Desk, alice: HolderKeys
) -> None:
    former = alice.envelope()
    alice.renew()
    world.vault.cards[alice.id] = former
    with pytest.raises(Untrusted) as caught:
        check(desk, order(desk), Addressee(alice.id))
    assert caught.value.code == "card_not_newest"


def test_a_key_card_of_the_vaults_own_making_is_not_sealed_to(world: World, desk: Desk, alice: HolderKeys) -> None:
    thief = HolderKeys(world, "mallory")
    thief.id, thief.hot = alice.id, AccountKey(sha256(b"mallory"))
    thief.card = first_card(
        alice.id, derive_present(thief.root, 1).public_jwk(), thief._public(1), valid_from=world.clock.now()
    )
    world.vault.cards[alice.id] = thief.envelope()
    with pytest.raises(Untrusted) as caught:
        check(desk, order(desk), Addressee(alice.id))
    assert caught.value.code == "card_signature"
