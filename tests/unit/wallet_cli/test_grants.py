"""Scenarios, the consent screen, grants and their end."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from client.checks import open_desk
from protocol.credential import open_credential
from protocol.encoding import unb64u
from protocol.entries import grant_tag_key
from protocol.envelope import open_joined, unwrap
from protocol.errors import Denied, Unavailable, Untrusted
from protocol.grant import GrantEnvelope
from protocol.hashing import sha256
from protocol.parcel import Parcel
from protocol.scenario import sign_scenario
from protocol.stream import decrypt_stream
from tests.unit.wallet_cli.conftest import BANK, Lying, Outcome, World, granted
from tests.wallet_stage import PDF, card_of
from wallet_cli.services import granting, presenting, scenarios, syncing

Wallet = Callable[..., Outcome]


def test_scenarios_are_listed_and_compared_with_the_dossier(shared: World, look: Wallet) -> None:
    (row,) = look("scenarios", "--json").json["scenarios"]
    assert (row["scenario"], row["max_uses"], row["sensitivity"]) == ("small-loan", 3, 3)
    assert "ready" not in row
    (ready,) = look("scenarios", "--ready", "--json").json["scenarios"]
    assert ready["ready"] is True
    assert ready["picks"][0]["item"] == shared.item
    drawn = look("scenarios", "--ready")
    assert "meets it" in drawn.out
    assert "meets it" not in look("scenarios").out


def test_what_is_missing_is_named_with_its_issuer(world: World, wallet: Wallet) -> None:
    world.stage.holder("bob")
    syncing.sync(world.stage.session("bob"))
    row = wallet("scenarios", "small-loan", "--profile", "bob", "--json").json["scenarios"][0]
    assert row["ready"] is False
    assert row["missing"][0]["reason"] == "no_item"
    told = wallet("scenarios", "--ready", "--profile", "bob")
    assert "Proof of social insurance" in told.out
    assert "lacks something" in told.out
    assert "Proof of social insurance (there is none)" in told.out
    done = wallet("grant", *BANK, "--profile", "bob", "--json")
    assert (done.code, done.problem) == (4, "claims_not_met")


def test_an_older_or_withdrawn_version_is_not_listed(world: World, wallet: Wallet) -> None:
    now = world.stage.clock.now()
    from protocol.scenario import parse_scenario

    second = dataclasses.replace(
        world.scenario, version=2, supersedes=parse_scenario(world.scenario_raw).hash, withdrawn=now + 5
    )
    world.authority.api.post_scenario(sign_scenario(second, world.authority.present))
    assert wallet("scenarios", "--json").json["scenarios"] == []
    assert "no scenarios" in wallet("scenarios").err


def test_a_dry_run_shows_who_what_why_and_how_long_and_signs_nothing(shared: World, look: Wallet) -> None:
    done = look("grant", *BANK, "--dry-run", "--json")
    assert done.code == 0
    shown = done.json
    assert shown["dry_run"] is True
    assert (shown["agency_name"], shown["division"]) == ("City Bank", "bank")
    assert shown["parts"][0]["claims"] == ["/insured_region", "/months_paid"]
    assert shown["parts"][0]["documents"] == []
    assert (shown["max_uses"], shown["retention_days"]) == (3, 180)
    assert shown["not_after"] - shown["not_before"] == 30 * 86_400
    drawn = look("grant", *BANK, "--dry-run").out
    for text in ("City Bank", "Small loan", "《征信业管理条例》第十四条", "/months_paid", "30d", "180 days"):
        assert text in drawn
    assert look("grants", "--json").json == {"grants": []}


def test_a_document_is_handed_over_beside_what_the_scenario_requires(shared: World, look: Wallet) -> None:
    (part,) = look("grant", *BANK, "--document", f"{shared.item}:证明.pdf", "--dry-run", "--json").json["parts"]
    assert part["claims"] == ["/files/0", "/insured_region", "/months_paid"]
    assert part["documents"] == ["证明.pdf"]


def test_the_purpose_is_signed_in_the_language_that_was_read(shared: World, look: Wallet) -> None:
    assert look("grant", *BANK, "--dry-run", "--json", "--lang", "zh").json["purpose"] == "审核小额贷款申请"
    assert look("grant", *BANK, "--dry-run", "--json", "--lang", "en").json["purpose"].startswith("To decide")


def test_a_grant_hands_over_exactly_what_was_named(world: World, wallet: Wallet) -> None:
    item = world.item
    grant = granted(
        world,
        wallet,
        "--claim",
        f"{item[:10]}:/months_paid",
        "--claim",
        f"{item}:/insured_region",
        "--document",
        f"{item}:证明.pdf",
    )
    row = world.bank.api.grant(unb64u(grant))
    message = GrantEnvelope.from_json(row.envelope).grant
    (part,) = message.scope
    assert part.claims == ("/files/0", "/insured_region", "/months_paid")
    assert (message.not_after - message.not_before, message.max_uses) == (7 * 86_400, 3)


def test_a_parcel_opens_to_the_named_claims_and_documents_only(world: World) -> None:
    alice, item, identity = world.alice, world.item, world.bank.keys.sealing(1)
    desk = open_desk(alice)
    claims = ((item, "/months_paid"), (item, "/insured_region"))
    order = granting.GrantOrder(world.bank.account, "small-loan", claims=claims, documents=((item, "1"),))
    sealed = granting.seal_grant(alice, desk, granting.plan(alice, desk, order))
    grant = sealed.envelope.grant
    parcel = Parcel.parse(open_joined(sealed.parcels[0], [identity]))
    assert sha256(sealed.parcels[0]) == grant.scope[0].parcel
    assert parcel.grant == grant.grant_id
    assert parcel.grant_tag_key == grant_tag_key(alice.keys.tag_key.unsafe_bytes, grant.grant_id)
    credential = open_credential(parcel.items[0].presentation)
    assert credential.named == ("/files/0", "/insured_region", "/months_paid")
    assert "/holder/name" not in credential.opened.values
    assert parcel.items[0].documents[0].name == "证明.pdf"
    key = unwrap(unb64u(sealed.headers[0].header), [identity])
    stored = next(d for d in world.stage.blobs.objects.values() if sha256(d) == unb64u(sealed.headers[0].payload))
    opened = io.BytesIO()
    decrypt_stream(key, io.BytesIO(stored), opened)
    assert opened.getvalue() == PDF


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--claim", "{item}:/contribution_base"), "over_asking"),
        (("--claim", "{item}:/holder/identity_number"), "over_asking"),
        (("--uses", "4"), "grant_exceeds_scenario"),
        (("--for", "31d"), "grant_exceeds_scenario"),
        (("--retention", "181"), "grant_exceeds_scenario"),
        (("--claim", "zzz:/months_paid"), "item_not_found"),
        (("--document", "{item}:other.pdf"), "document_not_found"),
    ],
)
def test_more_than_the_scenario_allows_is_refused_before_anything_is_sent(
    shared: World, look: Wallet, more: tuple[str, ...], code: str
) -> None:
    done = look("grant", *BANK, *(part.format(item=shared.item) for part in more), "--yes", "--json")
    assert (done.code, done.problem) == (6 if "found" in code else 4, code)
    assert look("grants", "--json").json == {"grants": []}


def test_claims_of_an_item_that_the_scenario_does_not_ask_for_are_named(
    world: World, wallet: Wallet, tmp_path: Path
) -> None:
    (tmp_path / "lease.txt").write_text("sample")
    own = wallet("put", str(tmp_path / "lease.txt"), "--json").json["item"]
    world.stage.tick()
    wallet("sync")
    done = wallet("grant", *BANK, "--claim", f"{own}:/one", "--claim", f"{own}:/two", "--yes", "--json")
    assert (done.code, done.problem) == (4, "over_asking")
    assert f"does not allow: {own[:12]}:/one, {own[:12]}:/two" in done.err


@pytest.mark.parametrize(
    "more",
    [
        ("--claim", "{item}:months_paid"),
        ("--uses", "99999999999999999999"),
        ("--interval", "100000d"),
        ("--retention", "99999999999"),
        ("--from", "0001-01-01"),
        ("--officer-class", ""),
        ("--officer-class", "Branch Manager"),
    ],
)
def test_what_no_grant_can_say_is_a_slip_of_the_pen(shared: World, look: Wallet, more: tuple[str, ...]) -> None:
    done = look("grant", *BANK, *(part.format(item=shared.item) for part in more), "--yes", "--json")
    assert (done.code, done.problem) == (2, "usage")


def test_a_grant_that_would_begin_after_the_end_of_its_scenario_is_not_signed(shared: World, look: Wallet) -> None:
    done = look("grant", *BANK, "--from", "9000-01-01", "--dry-run", "--json")
    assert (done.code, done.problem) == (4, "scenario_not_in_force")


def test_a_claim_that_the_credential_lacks_is_refused(shared: World) -> None:
    desk = open_desk(shared.alice)
    order = granting.GrantOrder(shared.bank.account, "small-loan", claims=((shared.item, "/files/7"),))
    plan = granting.plan(shared.alice, desk, order)
    with pytest.raises(Denied, match="has no claim"):
        granting.seal_grant(shared.alice, desk, plan)


def test_an_item_that_the_scenario_does_not_ask_for_is_refused(world: World, wallet: Wallet) -> None:
    police = world.stage.issuer("Police", types=("driving-licence",))
    from wallet_cli.services import tokens

    police.issue(
        tokens.card_token(world.alice, police.account),
        card_of(world.alice),
        kind="driving-licence",
        fields={
            "vehicle_classes": "C1",
            "first_issue_date": "2012-03-01",
            "birth_date": "1949-12-31",
            "address": "x",
            "archive_number": "1",
            "penalty_points": 0,
            "standing": "ok",
        },
        documents=(),
    )
    world.stage.tick()
    syncing.sync(world.alice)
    other = next(r.id for r in world.alice.store.items() if r.id != world.item)
    done = wallet("grant", *BANK, "--claim", f"{other}:/vehicle_classes", "--yes", "--json")
    assert (done.code, done.problem) == (4, "over_asking")


@pytest.mark.parametrize("text", ["nothing", ":/x", "item:"])
def test_a_part_is_written_item_colon_part(look: Wallet, text: str) -> None:
    assert look("grant", *BANK, "--claim", text).code == 2


def test_an_agency_that_may_not_ask_gets_nothing(shared: World, look: Wallet) -> None:
    done = look("grant", "--agency", "Human Resources", "--scenario", "small-loan", "--dry-run", "--json")
    assert (done.code, done.problem) == (4, "not_a_reader")


def test_an_agency_of_another_class_gets_nothing(world: World, wallet: Wallet) -> None:
    world.stage.agency("Shop", "shop", (2,))
    done = wallet("grant", "--agency", "Shop", "--scenario", "small-loan", "--dry-run", "--json")
    assert (done.code, done.problem) == (4, "scenario_grantee")


def test_a_scenario_that_nobody_published_is_not_found(look: Wallet) -> None:
    done = look("grant", "--agency", "City Bank", "--scenario", "big-loan", "--dry-run", "--json")
    assert (done.code, done.problem) == (6, "scenario_not_found")


def test_a_grant_that_is_not_confirmed_is_not_signed(
    world: World, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = wallet("grant", *BANK)
    assert done.code == 1
    assert "City Bank" in done.out
    assert wallet("grant", *BANK, "--json").out == ""
    assert wallet("grants", "--json").json == {"grants": []}

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert "granted:" in wallet("grant", *BANK, "--officer-class", "teller").out


def test_optional_claims_are_granted_only_on_request(shared: World, look: Wallet) -> None:
    plain = look("grant", *BANK, "--dry-run", "--json").json["parts"][0]["claims"]
    every = look("grant", *BANK, "--optional", "--dry-run", "--json").json["parts"][0]
    assert "/holder/name" not in plain
    assert every["claims"] == ["/files/0", "/holder/name", "/insured_region", "/months_paid"]
    assert every["documents"] == ["证明.pdf"]


def test_the_epoch_is_never_the_vaults_word(world: World) -> None:
    alice = world.stage.session("alice")
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me"] = lambda body: {**body, "grant_epoch": 2}
    alice.transport = lying
    world.stage.chain.faults.fail("head", times=2, error=Unavailable("chain_unreachable", "gone"))
    desk = open_desk(alice)
    assert not desk.live
    plan = granting.plan(alice, desk, granting.GrantOrder(world.bank.account, "small-loan"))
    assert granting.seal_grant(alice, desk, plan).envelope.grant.grant_epoch == 1


def test_a_plan_begins_by_the_vaults_clock_when_ours_is_ahead(world: World) -> None:
    alice = world.alice
    lying = Lying(world.stage.transport)
    lying.rules["/v1/info"] = lambda body: {**body, "time": body["time"] - 40}
    alice.close()
    session = world.stage.session("alice")
    session.transport = lying
    plan = granting.plan(session, open_desk(session), granting.GrantOrder(world.bank.account, "small-loan"))
    assert plan.not_before == world.stage.clock.now() - 40


def test_a_credential_bound_to_a_key_that_is_not_ours_is_not_presented(shared: World) -> None:
    from protocol.jose import P256Signer

    with pytest.raises(Exception, match="bound to another key"):
        presenting._bound_key(shared.alice, P256Signer.from_secret(b"\x05" * 32).public_jwk())


def test_a_parcel_carries_our_newest_card_and_no_other(world: World) -> None:
    bob = world.stage.holder("bob")
    session = world.stage.session("alice")
    lying = Lying(world.stage.transport)
    lying.rules["/v1/cards/query"] = lambda _body: {"card": card_of(bob).to_json()}
    session.transport = lying
    with pytest.raises(Untrusted, match="the key card is of"):
        presenting.own_card(session)


def test_a_proof_is_taken_from_the_newest_head_where_the_anchored_one_is_not_served(world: World) -> None:
    session = world.stage.session("alice")
    record = session.store.items()[0]
    world.hr.issue(None, card_of(world.alice), documents=())
    desk = open_desk(session)
    anchored = desk.facts.anchors().head
    assert anchored is not None
    lying = Lying(world.stage.transport)
    honest = session.public_api.proof(record.index)

    def refuse(_body: Any) -> Any:
        return httpx2.Response(404) if lying.count == 1 else honest

    lying.count = 0  # type: ignore[attr-defined]  # how often it was asked

    def counted(body: Any) -> Any:
        lying.count += 1  # type: ignore[attr-defined]  # as above
        return refuse(body)

    lying.rules["/v1/log/proof"] = counted
    other = world.stage.session("alice")
    other.transport = lying
    assert presenting.best_proof(other, desk, record.index, record.entry) == honest
    lying.rules["/v1/log/proof"] = lambda _body: session.public_api.proof(0)
    with pytest.raises(Untrusted):
        presenting.best_proof(other, desk, record.index, record.entry)


def test_an_item_that_was_deleted_is_not_handed_over(shared: World) -> None:
    from wallet_cli.services import opening

    item = opening.open_item(shared.alice, shared.alice.store.items()[0])
    gone = dataclasses.replace(item, record=dataclasses.replace(item.record, salt=None))
    with pytest.raises(Denied, match="was deleted"):
        presenting.parcel_item(shared.alice, open_desk(shared.alice), gone, "x")


def test_the_best_alternative_is_the_first(shared: World) -> None:
    scenario, standing = granting.stand(shared.alice, open_desk(shared.alice), "small-loan")
    assert scenario.body.scenario_id == "small-loan"
    assert scenarios._best(standing).ready


def test_another_alternative_is_chosen_when_the_holder_names_its_item(world: World, wallet: Wallet) -> None:
    school = world.stage.issuer("School", types=("diploma",))
    from protocol.licence_types import licence_type
    from wallet_cli.services import tokens

    fields: dict[str, Any] = {}
    for field in licence_type("diploma").fields:
        fields[field.name] = {"text": "x", "date": "2020-01-01", "integer": 1, "boolean": True}[field.kind]
    school.issue(
        tokens.card_token(world.alice, school.account),
        card_of(world.alice),
        kind="diploma",
        fields=fields,
        documents=(),
    )
    world.stage.tick()
    syncing.sync(world.alice)
    diploma = next(r.id for r in world.alice.store.items() if r.id != world.item)
    shown = wallet("grant", *BANK, "--claim", f"{diploma}:/school", "--dry-run", "--json").json
    (part,) = shown["parts"]
    told = {name: part[name] for name in ("item", "kind", "query", "claims", "documents")}
    assert told == {"item": diploma, "kind": "diploma", "query": "education", "claims": ["/school"], "documents": []}
