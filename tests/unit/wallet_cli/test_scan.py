"""Answering a window: who asks is said by the registry, and nothing is signed before it is shown."""

from __future__ import annotations

import dataclasses
import io
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client import qr
from protocol.encoding import b64u, unb64u
from protocol.errors import Unavailable
from protocol.grant import GrantEnvelope
from protocol.jose import P256Signer
from protocol.request_code import RequestCode, answer_id, match_number, sign_request
from protocol.scenario import parse_scenario
from tests.unit.wallet_cli.conftest import Outcome, World, small_loan
from tests.wallet_stage import Agency

Wallet = Callable[..., Outcome]


def request(world: World, by: Agency | None = None, signer: P256Signer | None = None, **changes: Any) -> RequestCode:
    agency = by or world.bank
    now = world.stage.clock.now()
    code = RequestCode(
        agency.account, 12, secrets.token_bytes(16), now + 60, bytes(32), now, parse_scenario(world.scenario_raw).hash
    )
    return dataclasses.replace(code, **changes)


def text_of(world: World, code: RequestCode, signer: P256Signer | None = None) -> str:
    return sign_request(code, signer or world.bank.present, origin=world.stage.vault.origin)


def test_a_windows_request_is_answered_by_one_grant_for_one_use(world: World, wallet: Wallet) -> None:
    code = request(world)
    text = text_of(world, code)
    dry = wallet("scan", "--text", text, "--dry-run", "--json").json
    assert (dry["agency_name"], dry["desk"], dry["scenario"], dry["max_uses"]) == ("City Bank", 12, "small-loan", 1)
    assert not list(world.alice.api.my_grants())
    done = wallet("scan", "--text", text, "--yes", "--json").json
    assert done["grant"] == b64u(answer_id(code.nonce))
    envelope = GrantEnvelope.from_json(world.bank.api.grant(unb64u(done["grant"])).envelope)
    digest = envelope.grant.digest(world.stage.domain("grant_registry"))
    assert done["match"] == match_number(code.nonce, digest)
    assert (envelope.grant.max_uses, envelope.grant.agency) == (1, world.bank.account)
    again = wallet("scan", "--text", text, "--yes", "--json")
    assert again.code != 0
    assert len(list(world.alice.api.my_grants())) == 1


def test_a_picture_of_the_windows_screen_is_read(
    world: World, wallet: Wallet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picture = tmp_path / "screen.png"
    qr.write_png(text_of(world, request(world)), picture)
    told = wallet("scan", str(picture), "--yes")
    assert "the window must show" in told.out
    qr.write_png(text_of(world, request(world)), picture)
    monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": io.BytesIO(picture.read_bytes()), "isatty": lambda _: False})())
    seen = wallet("scan", "-", "--dry-run").out
    assert "City Bank" in seen
    assert "12" in seen


def test_nothing_is_signed_unless_it_is_confirmed(world: World, wallet: Wallet) -> None:
    done = wallet("scan", "--text", text_of(world, request(world)), "--json")
    assert done.problem == "not_confirmed"
    assert not list(world.alice.api.my_grants())


def test_a_request_that_another_key_signed_is_refused(world: World, wallet: Wallet) -> None:
    for signer in (world.hr.present, P256Signer.from_secret(bytes(31) + b"\x07")):
        done = wallet("scan", "--text", text_of(world, request(world), signer), "--yes", "--json")
        assert done.problem == "request_signature"
    assert not list(world.alice.api.my_grants())


def test_a_request_of_who_may_not_read_is_refused(world: World, wallet: Wallet) -> None:
    text = text_of(world, request(world, world.hr), world.hr.present)
    assert wallet("scan", "--text", text, "--yes", "--json").problem == "not_a_reader"


def test_a_late_request_is_refused(world: World, wallet: Wallet) -> None:
    text = text_of(world, request(world))
    world.stage.clock.time += 61
    assert wallet("scan", "--text", text, "--yes", "--json").problem == "request_expired"


def test_a_request_for_a_scenario_that_nobody_published_is_refused(world: World, wallet: Wallet) -> None:
    text = text_of(world, request(world, scenario=b"\x01" * 32))
    assert wallet("scan", "--text", text, "--yes", "--json").code != 0
    assert small_loan(world.authority).scenario_id == "small-loan"


def test_without_the_chain_nobody_can_say_who_asks(world: World, wallet: Wallet) -> None:
    assert wallet("scan", "--text", text_of(world, request(world)), "--dry-run").code == 0  # leaves a trust file
    world.stage.chain.faults.fail("head", times=9, error=Unavailable("chain_unreachable", "gone"))
    done = wallet("scan", "--text", text_of(world, request(world)), "--yes", "--json")
    assert done.problem in {"request_needs_chain", "no_facts"}
    assert not list(world.alice.api.my_grants())


@pytest.mark.parametrize("arguments", [(), ("a.png", "--text", "x")])
def test_a_picture_or_a_text_is_given_and_not_both(world: World, wallet: Wallet, arguments: tuple[str, ...]) -> None:
    assert wallet("scan", *arguments).code == 2


def test_what_is_no_request_is_malformed(world: World, wallet: Wallet) -> None:
    assert wallet("scan", "--text", "OF1:ABC", "--json").problem == "request_code"
