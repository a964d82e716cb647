"""Who used what, and what is checked of each use."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from client.checks import open_desk
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.grant import GrantEnvelope
from protocol.receipts import ReceiptItem
from tests.unit.wallet_cli.conftest import Lying, Outcome, World
from tests.unit.wallet_cli.receipts import OTHER_LOG, receipt
from wallet_cli.services import granting, said, syncing, usage

Wallet = Callable[..., Outcome]


def use(world: World, documents: bool = False) -> str:
    """Grant, and let the bank use it once; the grant's id."""
    alice, desk = world.alice, open_desk(world.alice)
    wanted = ((world.item, "1"),) if documents else ()
    claims = ((world.item, "/months_paid"),) if documents else ()
    order = granting.GrantOrder(world.bank.account, "small-loan", claims=claims, documents=wanted)
    plan = granting.plan(alice, desk, order)
    grant_id = granting.post(alice, plan, granting.seal_grant(alice, desk, plan))
    release(world, grant_id)
    return b64u(grant_id)


def release(world: World, grant_id: bytes) -> None:
    grant = GrantEnvelope.from_json(world.bank.api.grant(grant_id).envelope).grant
    items = tuple(ReceiptItem(part.item, part.claims, part.documents) for part in grant.scope)
    released = world.bank.api.release(grant_id, receipt(world, grant=grant_id, items=items))
    assert isinstance(released, wire.Released)
    world.stage.tick()


def test_a_use_is_listed_with_its_checks(world: World, wallet: Wallet) -> None:
    assert "Nobody has used" in wallet("uses").err
    grant = use(world, documents=True)
    done = wallet("uses", "--json")
    assert done.code == 0
    (row,) = done.json["uses"]
    assert (row["agency_name"], row["officer"], row["use_no"], row["state"]) == ("City Bank", "teller/17", 1, "pass")
    assert row["grant"] == grant
    assert row["items"][0]["claims"] == ["/files/0", "/months_paid"]
    assert row["anchored_at"] is not None
    assert {check["status"] for check in row["checks"]} == {"pass"}
    assert [check["name"] for check in row["checks"]] == ["receipt", "receipt_signature", "scope", "log"]
    drawn = wallet("uses", grant[:8]).out
    assert "City Bank" in drawn
    assert "Proof of social insurance: " in drawn
    assert "1 document" in drawn
    assert wallet("uses", "zzz", "--no-sync", "--json").problem == "grant_not_found"


def lie_about_uses(world: World, change: Callable[[dict[str, Any]], Any]) -> Lying:
    def rule(body: Any) -> Any:
        changed = copy.deepcopy(body)
        for row in changed["rows"]:
            if row.get("receipt"):
                change(row)
        return changed

    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/log"] = rule
    return lying


@pytest.mark.parametrize("part", ["receipt", "record"])
def test_a_receipt_or_record_that_is_withheld_is_a_fault(world: World, wallet: Wallet, part: str) -> None:
    use(world)

    def withhold(row: Any) -> None:
        if part == "receipt":
            row["receipt"] = None
        else:
            row["receipt"] = row["logged"]["opening"] = row["logged"]["object"] = None

    lying = lie_about_uses(world, withhold)
    done = wallet("uses", "--json", transport=lying)
    (row,) = done.json["uses"]
    assert (done.code, row["state"]) == (3, "fail")
    assert row["checks"][0]["code"] == f"{part}_withheld"
    told = wallet("uses", "--no-sync", transport=lying)
    assert "WRONG" in told.out
    assert "the receipt is the one that was logged" in told.err


def test_another_receipt_than_the_logged_one_is_not_even_kept(world: World, wallet: Wallet) -> None:
    use(world)
    other = receipt(world, grant=b"g" * 32, items=(ReceiptItem(b"i" * 32, ("/a",), ()),))
    before = [row["receipt"] for row in world.alice.store.history()]
    lying = lie_about_uses(world, lambda row: row.update(receipt=other))
    assert wallet("uses", "--json", transport=lying).problem == "receipt_other"
    assert [row["receipt"] for row in world.alice.store.history()] == before
    misplaced = Lying(world.stage.transport)
    misplaced.rules["/v1/me/log"] = lambda body: {**body, "rows": [{**row, "receipt": other} for row in body["rows"]]}
    assert wallet("uses", "--json", transport=misplaced).problem == "receipt_other"


def row_of(world: World) -> dict[str, Any]:
    return next(row for row in world.alice.store.history() if row.get("receipt"))


def judged(world: World, **changes: Any) -> usage.Use:
    """The use as it would be judged with another receipt in its place, logged as such."""
    from protocol.entries import AccessRecord
    from protocol.receipts import parse_receipt

    row = copy.deepcopy(row_of(world))
    record = AccessRecord.parse(unb64u(row["logged"]["object"]))
    raw = receipt(world, **changes)
    import dataclasses

    row["receipt"] = raw
    signed = parse_receipt(raw)
    row["logged"]["object"] = b64u(
        dataclasses.replace(record, receipt=signed.hash, grant=signed.body.grant, show=signed.body.show).serialise()
    )
    desk = open_desk(world.alice)
    from client.verification import anchor_facts

    event = (2, row, AccessRecord.parse(unb64u(row["logged"]["object"])))
    return usage._use(world.alice, desk, event, anchor_facts(desk), said.grants(world.alice))


def codes(found: usage.Use) -> dict[str, str]:
    return {check.name: check.code for check in found.checks}


def test_each_excess_of_a_reader_is_named(world: World) -> None:
    grant_id = unb64u(use(world))
    syncing.sync(world.alice)
    item = unb64u(world.item)
    good = (ReceiptItem(item, ("/months_paid",), ()),)
    assert codes(judged(world, grant=grant_id, items=good))["scope"] == "ok"
    more = (ReceiptItem(item, ("/contribution_base",), ()),)
    assert codes(judged(world, grant=grant_id, items=more))["scope"] == "use_exceeds_grant"
    foreign = (ReceiptItem(b"i" * 32, ("/months_paid",), ()),)
    assert codes(judged(world, grant=grant_id, items=foreign))["scope"] == "use_exceeds_grant"
    assert codes(judged(world, grant=grant_id, items=good, scenario=b"s" * 32))["scope"] == "use_other_grant"
    assert codes(judged(world, grant=b"x" * 32, items=good))["scope"] == "use_without_grant"
    assert codes(judged(world, grant=grant_id, items=good, aud=OTHER_LOG))["receipt_signature"] == "wrong_audience"
    assert codes(judged(world, grant=grant_id, items=good, card=b"c" * 32))["receipt_signature"] == "receipt_card"
    elsewhere = world.bank.urn.replace("31337", "1")
    assert codes(judged(world, grant=grant_id, items=good, iss=elsewhere))["receipt_signature"] == "receipt_registry"
    assert judged(world, grant=grant_id, items=good, iss=elsewhere).state == "fail"


def test_a_use_over_the_count_is_named(world: World) -> None:
    import dataclasses

    from protocol.entries import AccessRecord
    from protocol.receipts import parse_receipt

    use(world)
    syncing.sync(world.alice)
    row = row_of(world)
    record = AccessRecord.parse(unb64u(row["logged"]["object"]))
    over = dataclasses.replace(record, use_no=9)
    with pytest.raises(Exception, match="use 9 of at most 3"):
        usage._check_scope(over, parse_receipt(row["receipt"]).body, said.grants(world.alice))


def test_a_use_is_held_against_the_grant_that_was_logged_and_the_vault_is_not_asked(
    world: World, wallet: Wallet
) -> None:
    use(world)
    lying = Lying(world.stage.transport)
    assert wallet("uses", "--json", transport=lying).json["uses"][0]["state"] == "pass"
    assert not [line for line in lying.seen if line.startswith("GET /v1/me/grants")]


def test_without_the_chain_a_use_is_unknown_and_not_wrong(world: World, wallet: Wallet) -> None:
    use(world)
    from protocol.errors import Unavailable

    syncing.sync(world.alice)
    (world.alice.profile.folder / "trust.json").unlink()
    world.stage.chain.faults.fail("log_events", times=9, error=Unavailable("chain_unreachable", "gone"))
    done = wallet("uses", "--no-sync", "--json")
    row = done.json["uses"][0]
    assert (done.code, row["state"]) == (0, "unknown")
    assert row["anchored_at"] is None
