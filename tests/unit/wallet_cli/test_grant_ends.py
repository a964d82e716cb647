"""Grants are listed and ended, and a vault that hides, invents or ends one is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from protocol.encoding import unb64u
from protocol.grant import GrantEnvelope, nullifier_of
from tests.unit.wallet_cli.conftest import BANK, Lying, Outcome, World, granted
from wallet_cli.services import revoking, syncing

Wallet = Callable[..., Outcome]


def test_grants_are_listed_and_ended_at_vault_and_chain(world: World, wallet: Wallet) -> None:
    grant = granted(world, wallet)
    (row,) = wallet("grants", "--live", "--json").json["grants"]
    assert (row["grant"], row["agency_name"], row["state"], row["uses"]) == (grant, "City Bank", "live", 0)
    assert "live" in wallet("grants").out
    assert wallet("revoke", grant, "--json").problem == "not_confirmed"
    done = wallet("revoke", grant[:9], "--yes", "--json")
    assert (done.code, done.json["on_chain"]) == (0, True)
    message = GrantEnvelope.from_json(world.bank.api.grant(unb64u(grant)).envelope).grant
    assert world.stage.ledger.nullified_at(message.nullifier) is not None
    secret = revoking.secret_of(world.alice, message.grant_id)
    assert nullifier_of(secret) == message.nullifier
    assert wallet("grants", "--json").json["grants"][0]["state"] == "revoked"
    assert wallet("grants", "--live", "--json").json["grants"] == []
    assert "no grants" in wallet("grants", "--live").err
    world.stage.tick()
    syncing.sync(world.alice)
    assert [row["logged"]["opening"]["t"] for row in world.alice.store.history()] == ["key", "issue", "grant", "revoke"]


def test_a_grant_that_nobody_made_is_not_found(look: Wallet) -> None:
    done = look("revoke", "zzz", "--yes", "--json")
    assert (done.code, done.problem) == (6, "grant_not_found")


def test_when_the_relay_fails_the_vault_has_still_ended_the_grant(world: World, wallet: Wallet) -> None:
    grant = granted(world, wallet)
    world.stage.chain.faults.fail("revoke", times=9)
    done = wallet("revoke", grant, "--yes")
    assert done.code == 0
    assert "the chain follows" in done.out
    assert wallet("grants", "--json").json["grants"][0]["state"] == "revoked"


@pytest.mark.parametrize("code", ["already_revoked", "other"])
def test_the_chain_says_whether_a_nullifier_is_spent_and_not_the_vault(world: World, wallet: Wallet, code: str) -> None:
    grant, other = granted(world, wallet), granted(world, wallet)
    lying = Lying(world.stage.transport)
    body = {"code": code, "detail": "x", "fault": "conflict"}
    lying.rules["/v1/relay"] = lambda _body: httpx2.Response(409, json=body)
    assert wallet("revoke", grant, "--yes", "--json", transport=lying).json["on_chain"] is True
    world.stage.chain.faults.fail("revoke", times=9)
    assert wallet("revoke", other, "--yes", "--json").json["on_chain"] is False


def test_grants_that_the_vault_hides_invents_or_ends_are_noticed(world: World, wallet: Wallet) -> None:
    grant = granted(world, wallet)
    syncing.sync(world.alice)
    lying = Lying(world.stage.transport)

    def problem(change: Callable[[Any], Any]) -> str:
        lying.rules["/v1/me/grants"] = change
        return wallet("grants", "--json", transport=lying).problem

    assert problem(lambda body: {**body, "rows": []}) == "grant_withheld"
    (row,) = world.alice.api.my_grants()
    invented = {**row.model_dump(mode="json"), "grant": "A" * 43}
    assert problem(lambda body: {**body, "rows": [*body["rows"], invented]}) == "grant_not_ours"
    ended = {**row.model_dump(mode="json"), "state": "revoked"}
    assert problem(lambda body: {**body, "rows": [ended]}) == "grant_not_ended"
    assert wallet("revoke", grant, "--yes").code == 0
    lying.rules["/v1/me/grants"] = lambda body: {**body, "rows": [{**body["rows"][0], "state": "live"}]}
    assert wallet("grants", "--json", transport=lying).json["grants"][0]["state"] == "revoked"


def test_an_answer_about_another_grant_is_refused(world: World, wallet: Wallet) -> None:
    lying = Lying(world.stage.transport)
    lying.rules["/v1/grants"] = lambda body: {**body, "grant": "A" * 43}
    done = wallet("grant", *BANK, "--yes", "--json", transport=lying)
    assert (done.code, done.problem) == (3, "grant_answer")
