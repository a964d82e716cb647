"""The sample of a birth, through the wallet: eleven items of one case make ready, and items of two are not granted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from agency_cli.services.judging import answers
from agency_cli.services.scenario_library import sample
from agency_cli.services.scenarios import completed
from protocol.credential_issue import with_prepared
from protocol.errors import Denied
from protocol.licence_types import licence_type
from protocol.licence_types_birth import BIRTH_TYPES
from protocol.scenario import Scenario, scenario_from_json, sign_scenario
from tests import credential_samples
from tests.unit.wallet_cli.conftest import Outcome, World
from tests.wallet_stage import card_of
from wallet_cli.services import opening, syncing, tokens

Wallet = Callable[..., Outcome]
TYPES = tuple(kind.type for kind in BIRTH_TYPES)


def fields(case: str) -> dict[str, Any]:
    said = {"child_name": "样例", "child_birth_date": "2026-09-01", "result": "办结", "decided_on": "2026-09-20"}
    return {**said, "case_number": case, "child_name_masked": "样**"}


def birth(world: World) -> Scenario:
    source = {**sample("birth-matter")[0], "grantee_classes": ["bank"], "authority": world.authority.urn, "max_age": 0}
    now = world.stage.clock.now()
    return dataclasses.replace(
        scenario_from_json(completed(source, world.authority.urn, now)), effective=now - 10, expires=now + 10**7
    )


def test_eleven_items_of_one_case_make_ready_and_one_of_another_case_does_not(world: World, wallet: Wallet) -> None:
    world.authority.api.post_scenario(sign_scenario(birth(world), world.authority.present))
    hall = world.stage.issuer("Service Hall", TYPES)
    token, card = tokens.card_token(world.alice, hall.account), card_of(world.alice)
    for kind in TYPES:
        case = "B-2" if kind == TYPES[-1] else "A-1"
        hall.issue(token, card, kind=kind, fields=fields(case), documents=())
    world.stage.tick()
    syncing.sync(world.alice)
    done = wallet("ready", "birth-matter", "--json")
    assert done.code == 1
    (missing,) = done.json["alternatives"][0]["missing"]
    assert (missing["query"], missing["reason"]) == (TYPES[-1], "not_linked")
    refused = wallet("grant", "--agency", "City Bank", "--scenario", "birth-matter", "--dry-run", "--json")
    assert (refused.code, refused.problem) == (4, "claims_not_met")

    hall.issue(token, card, kind=TYPES[-1], fields=fields("A-1"), documents=())
    world.stage.tick()
    syncing.sync(world.alice)
    done = wallet("ready", "birth-matter", "--json")
    assert (done.code, len(done.json["alternatives"][0]["have"])) == (0, 11)
    granted = wallet("grant", "--agency", "City Bank", "--scenario", "birth-matter", "--yes", "--json")
    assert granted.code == 0, granted.err
    given = {part["item"] for part in granted.json["parts"]}
    items = [item for item in opening.open_all(world.alice) if isinstance(item, opening.OpenedItem)]
    said = {
        item.credential.opened.values.get("/case_number")
        for item in items
        if item.credential and item.record.id in given
    }
    assert (len(given), said) == (11, {"A-1"})


def test_a_reader_that_is_shown_two_cases_refuses_them(world: World) -> None:
    from protocol.credential import open_credential

    def shown(kind: str, case: str) -> Any:
        request = credential_samples.request(
            licence=licence_type(kind), fields={**fields(case), "child_name_masked": "样**"}, files=()
        )
        from protocol.credential_issue import issue_credential

        return open_credential(issue_credential(with_prepared(request), credential_samples.ISSUER))

    one_case = [shown(kind, "A-1") for kind in TYPES]
    scenario = birth(world)
    queries, lacking = answers(scenario, one_case)
    assert (tuple(queries), lacking) == (TYPES, None)
    _queries, lacking = answers(scenario, [*one_case[:-1], shown(TYPES[-1], "B-2")])
    assert isinstance(lacking, Denied)
    assert lacking.code == "not_linked"
