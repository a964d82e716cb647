"""Renewing a grant: the same scope, the newest version, the old one's place; and what was broken off."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from protocol.errors import Denied
from protocol.grant import GrantEnvelope
from protocol.receipts import Officer, ReceiptItem
from protocol.scenario import DAY_S, parse_scenario, sign_scenario
from tests.unit.wallet_cli.conftest import Outcome, World, granted, small_loan
from tests.unit.wallet_cli.receipts import receipt
from tests.unit.wallet_cli.test_grants_at_work import Cut, raw_id, told
from wallet_cli.services import renewing, revoking, said

Wallet = Callable[..., Outcome]


def test_a_renewal_has_the_same_scope_and_takes_the_old_ones_place(world: World, wallet: Wallet) -> None:
    old = granted(world, wallet, "--interval", "1h", "--officer-class", "credit-officer")
    release_as(world, old)
    dry = wallet("grants", "renew", old[:10], "--days", "3", "--dry-run", "--json").json
    assert (dry["dry_run"], dry["renews"], dry["max_uses"]) == (True, old, 3)
    assert "credit-officer" in wallet("grants", "renew", old, "--dry-run").out
    assert wallet("grants", "renew", old).code == 1
    new = wallet("grants", "renew", old, "--uses", "2", "--yes", "--json").json["grant"]
    rows = {row["grant"]: row for row in wallet("grants", "--json").json["grants"]}
    assert (rows[old]["state"], rows[new]["state"], rows[new]["max_uses"]) == ("revoked", "live", 2)
    assert rows[new]["scope"] == rows[old]["scope"]
    assert (rows[new]["min_interval_s"], rows[new]["any_officer"]) == (3600, False)
    (notice,) = told(world)
    assert (notice.grant, notice.about) == (raw_id(old), said.grants(world.alice)[raw_id(new)].envelope.hash)
    assert "took its place" in str(notice.text)
    assert wallet("grants", "renew", old, "--json").problem == "renewal_revoked"


def release_as(world: World, grant: str) -> None:
    message = GrantEnvelope.from_json(world.bank.api.grant(raw_id(grant)).envelope).grant
    items = tuple(ReceiptItem(part.item, part.claims, part.documents) for part in message.scope)
    officer = Officer("credit-officer", "4")
    world.bank.api.release(raw_id(grant), receipt(world, grant=raw_id(grant), items=items, officer=officer))
    world.stage.tick()


def test_a_grant_that_ran_out_is_renewed_for_the_newest_version(world: World, wallet: Wallet) -> None:
    old = granted(world, wallet)
    world.stage.clock.time += 8 * DAY_S
    world.stage.tick()
    world.hr.publish_statuses()
    world.stage.tick()
    now = world.stage.clock.now()
    newest = dataclasses.replace(
        small_loan(world.authority, version=world.scenario.version + 1, max_uses=1, max_validity_days=2),
        supersedes=parse_scenario(world.scenario_raw).hash,
        effective=now - 10,
    )
    world.authority.api.post_scenario(sign_scenario(newest, world.authority.present))
    world.stage.tick()
    new = wallet("grants", "renew", old, "--yes", "--json").json
    assert (new["max_uses"], new["not_after"] - new["not_before"]) == (1, 2 * DAY_S)
    rows = {row["grant"]: row["state"] for row in wallet("grants", "--json").json["grants"]}
    assert rows == {old: "expired", new["grant"]: "live"}


def test_a_renewal_that_was_broken_off_is_finished_and_not_given_twice(world: World, wallet: Wallet) -> None:
    old = granted(world, wallet)
    cut = Cut(world.stage.transport, f"/v1/grants/{old}/revoke")
    assert wallet("grants", "renew", old, "--yes", transport=cut).code == 7
    world.stage.tick()
    assert len(wallet("grants", "--live", "--json").json["grants"]) == 2
    assert wallet("grants", "renew", old, "--yes").code == 0
    rows = wallet("grants", "--json").json["grants"]
    assert sorted(row["state"] for row in rows) == ["live", "revoked"]


def test_the_class_of_officers_is_named_again_where_this_device_does_not_know_it(world: World, wallet: Wallet) -> None:
    old = granted(world, wallet, "--officer-class", "credit-officer")
    (world.alice.profile.folder / "grants" / f"{old}.json").unlink()
    assert wallet("grants", "renew", old, "--yes", "--json").problem == "officer_class_name"
    assert wallet("grants", "renew", old, "--officer-class", "credit-officer", "--yes").code == 0
    message = revoking.message_of(world.alice, revoking.find_grant(world.alice, old))
    world.alice.store.save_grant(raw_id(old), {"grant": old, "officer_class": "another"})
    with pytest.raises(Denied):
        renewing._officer_class(world.alice, old, message, None)
