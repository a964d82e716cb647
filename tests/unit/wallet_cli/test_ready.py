"""Am I ready for a scenario, and what does it ask of me? One answer, and one consent screen for every way to give."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from protocol.encoding import b64u
from protocol.licence_forms import STANDARD_TITLES
from protocol.readiness import Missing
from protocol.scenario import parse_scenario, sign_scenario
from tests.unit.wallet_cli.conftest import BANK, Outcome, World, granted, small_loan
from wallet_cli.services import consent, syncing
from wallet_cli.services.opening import open_item
from wallet_cli.services.presenting import Part
from wallet_cli.services.ready import REASONS

Wallet = Callable[..., Outcome]


def test_what_is_here_is_named_with_its_issuer_and_the_exit_code_says_ready(shared: World, look: Wallet) -> None:
    done = look("ready", "small-loan", "--json")
    assert done.code == 0
    first, second = done.json["alternatives"]
    assert (done.json["ready"], first["ready"], second["ready"]) == (True, True, False)
    assert first["have"][0]["item"] == shared.item
    assert first["have"][0]["title"] == {"zh": "社会保险参保证明", "en": "Proof of social insurance"}
    assert {c["pointer"]: c["optional"] for c in first["have"][0]["claims"]}["/months_paid"] is False
    assert second["missing"][0]["issuers"] == [{"zh": "教育部门", "en": "Education"}]
    drawn = look("ready", "small-loan").out
    for text in ("way 1 of 2: ready", "way 2 of 2: not ready", "months paid", "Diploma", "issued by Education"):
        assert text in drawn


def test_who_lacks_everything_is_told_what_and_by_whom_and_ends_with_one(world: World, wallet: Wallet) -> None:
    world.stage.holder("bob")
    syncing.sync(world.stage.session("bob"))
    done = wallet("ready", "small-loan", "--profile", "bob", "--json")
    assert (done.code, done.json["ready"]) == (1, False)
    assert [one["missing"][0]["reason"] for one in done.json["alternatives"]] == ["no_item", "no_item"]
    assert "there is none; issued by Human resources" in wallet("ready", "small-loan", "--profile", "bob").out
    assert wallet("ready", "moon-landing", "--json").problem == "scenario_not_found"


def test_a_claim_that_an_item_does_not_say_is_named(world: World, wallet: Wallet) -> None:
    from protocol.dcql import parse_query
    from tests.scenario_samples import INSURANCE_VCT

    asked = {"id": "insurance", "format": "dc+sd-jwt", "meta": {"vct_values": [INSURANCE_VCT]}}
    query = parse_query({"credentials": [{**asked, "claims": [{"path": ["castle"]}]}]})
    raw = sign_scenario(small_loan(world.authority, scenario_id="castle", query=query), world.authority.present)
    world.authority.api.post_scenario(raw)
    done = wallet("ready", "castle")
    assert done.code == 1
    assert "it does not say what is asked" in done.out
    assert "not said in it: castle" in done.out


def test_a_scenario_that_was_withdrawn_is_not_ready_whatever_the_dossier_holds(world: World, wallet: Wallet) -> None:
    assert granted(world, wallet)
    before = parse_scenario(world.scenario_raw)
    changes: dict[str, Any] = {"version": 2, "supersedes": before.hash, "withdrawn": world.stage.clock.now()}
    second = dataclasses.replace(world.scenario, **changes)
    raw = sign_scenario(second, world.authority.present)
    world.authority.api.post_scenario(raw)
    assert f"scenario {b64u(parse_scenario(raw).hash)[:12]}" in wallet("notices").out
    done = wallet("ready", "small-loan", "--json")
    assert (done.code, done.json["ready"], done.json["refused"]["code"]) == (1, False, "scenario_withdrawn")
    assert "nothing is granted for it: the scenario was withdrawn" in wallet("ready", "small-loan").out
    assert "现在不会据此授权" in wallet("ready", "small-loan", "--lang", "zh").out


def test_a_version_that_is_only_announced_is_in_nobodys_way(world: World, wallet: Wallet) -> None:
    now = world.stage.clock.now()
    changes: dict[str, Any] = {"version": 2, "supersedes": parse_scenario(world.scenario_raw).hash, "effective": now + 1000}
    second = dataclasses.replace(world.scenario, **changes)
    world.authority.api.post_scenario(sign_scenario(second, world.authority.present))

    def versions() -> list[int]:
        rows = wallet("scenarios", "--json").json["scenarios"]
        return [row["version"] for row in rows] + [wallet("ready", "small-loan", "--json").json["version"]]

    assert versions() == [1, 1]
    assert wallet("grant", *BANK, "--dry-run", "--json").json["version"] == 1
    assert granted(world, wallet)
    world.stage.clock.time += 1000
    assert versions() == [2, 2]
    assert wallet("grant", *BANK, "--dry-run", "--json").json["version"] == 2


def test_every_reason_has_words() -> None:
    assert Missing.__doc__ is not None
    assert all(f"``{reason}``" in Missing.__doc__ for reason in REASONS)


def test_the_consent_screen_names_each_claim_in_both_languages_with_its_grade(shared: World, look: Wallet) -> None:
    shown = look("grant", *BANK, "--dry-run", "--json").json
    (part,) = shown["parts"]
    asked = {claim["pointer"]: claim for claim in part["asked"]}
    assert asked["/months_paid"] == {
        "pointer": "/months_paid",
        "title": {"zh": "累计缴费月数", "en": "months paid"},
        "sensitivity": 2,
        "optional": False,
        "granted": True,
    }
    assert (asked["/holder/name"]["optional"], asked["/holder/name"]["granted"]) == (True, False)
    assert asked["/files/0"]["title"]["zh"].startswith("文件：")
    assert asked["/files/0"]["granted"] is False
    assert shown["purposes"] == {"zh": "审核小额贷款申请", "en": "To decide on an application for a small loan"}
    drawn = look("grant", *BANK, "--dry-run").out
    for text in ("months paid", "Not granted", "grade 2", "180 days", "3 / 5"):
        assert text in drawn


def test_a_claim_of_no_catalogue_is_told_by_its_pointer_at_the_highest_grade(shared: World) -> None:
    item = open_item(shared.alice, shared.alice.store.item(shared.item))
    assert consent.told(item, "/certificate_number") == STANDARD_TITLES["/certificate_number"]
    title, grade = consent.told(item, "/castle")
    assert (title.en, grade) == ("castle", consent.UNKNOWN_GRADE)
    own = dataclasses.replace(item, credential=None)
    assert consent.told(own, "/files/0")[1] == consent.UNKNOWN_GRADE
    assert consent.kind_title(own).en == own.kind


def test_claims_that_are_named_one_by_one_stand_on_the_screen_alone(shared: World) -> None:
    item = open_item(shared.alice, shared.alice.store.item(shared.item))
    part = Part.of("education", item, ("/months_paid",))
    assert [claim["pointer"] for claim in consent.claims_asked(shared.scenario, part)] == ["/months_paid"]
