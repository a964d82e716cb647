"""A scenario's source says what people decide; the rest follows, and nothing new is published where nothing changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agency_cli.services import scenarios
from agency_cli.services.scenarios import Draft, completed, find, newest, publish, read_source, sign, source_of
from agency_cli.services.standing import own_urn
from protocol.encoding import b64u
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.jose import P256Signer
from protocol.scenario import parse_scenario, sign_scenario
from protocol.signed import Signed
from tests.scenario_samples import scenario
from tests.unit.agency_cli.support import World
from tests.unit.client.support import NOW, answer, problem

EXAMPLES = Path(__file__).resolve().parents[3] / "docs/examples/scenarios"
DAY = 86_400
DRAFT = Draft(
    "small-loan",
    ("小额贷款", "Small loan"),
    ("审核小额贷款申请", "To decide on a small loan"),
    ("social-insurance-proof:months_paid,contribution_base,holder.name,files", "diploma:level"),
    ("《征信业管理条例》第十四条",),
    ("bank",),
    max_uses=3,
)


@pytest.fixture
def authority(world: World) -> World:
    return world.enrol("某市大数据局").admit(scenario=True).register()


def small_loan() -> dict[str, Any]:
    source = read_source(EXAMPLES / "small-loan.json")
    assert isinstance(source, dict)
    return source


def test_the_small_loan_of_the_examples_asks_two_claims_and_documents_three_times(authority: World) -> None:
    signed, _known = sign(authority.session, small_loan())
    body = signed.body
    query = body.query.credentials[0]
    assert body.authority == own_urn(authority.session)
    assert all(query.covers(pointer) for pointer in ("/months_paid", "/contribution_base"))
    assert query.wants_documents
    assert body.max_uses >= 3
    assert body.max_validity_days >= 7
    assert body.grantee_classes == ("bank",)
    assert (body.version, body.supersedes, body.withdrawn) == (1, None, None)
    assert body.effective <= NOW < body.expires
    signed.verified_by(authority.session.keys.present(1).public_jwk())


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_can_be_published(authority: World, path: Path) -> None:
    known, new = publish(authority.session, read_source(path))
    assert new
    assert parse_scenario(authority.vault.scenarios[0]).hash == known.signed.hash


def test_publishing_the_same_source_again_publishes_nothing(authority: World) -> None:
    first, _new = publish(authority.session, small_loan())
    authority.clock.sleep(3 * DAY)
    again, new = publish(authority.session, small_loan())
    assert (again.hash, new) == (first.hash, False)
    assert len(authority.vault.scenarios) == 1


def test_a_changed_source_becomes_the_next_version(authority: World) -> None:
    first, _new = publish(authority.session, small_loan())
    second, new = publish(authority.session, {**small_loan(), "max_uses": 5})
    assert new
    assert (second.scenario.version, second.scenario.supersedes) == (2, first.signed.hash)
    assert [one.hash for one in newest(scenarios.listed(authority.session))] == [second.hash]
    withdrawn, _new = publish(authority.session, {**small_loan(), "max_uses": 5, "withdrawn": NOW + 5})
    assert (withdrawn.scenario.version, withdrawn.scenario.withdrawn) == (3, NOW + 5)


def test_a_signed_scenario_is_published_as_it_is(authority: World) -> None:
    signed, _known = sign(authority.session, small_loan())
    path = authority.write("s.jwt", signed.raw.encode() + b"\n")
    read = read_source(path)
    assert isinstance(read, Signed)
    known, new = publish(authority.session, read)
    assert (known.hash, new) == (b64u(signed.hash), True)


def test_signing_offline_asks_nobody(authority: World) -> None:
    authority.vault.requests.clear()
    signed, _known = sign(
        authority.session, {**small_loan(), "version": 4, "supersedes": b64u(bytes(32))}, offline=True
    )
    assert (signed.body.version, signed.body.supersedes) == (4, bytes(32))
    assert authority.vault.requests == []


def test_only_a_scenario_authority_signs_and_publishes(world: World) -> None:
    world.issuer()
    signed = parse_scenario(sign_scenario(scenario(), P256Signer.from_secret(b"\x01" * 32)))
    acts: list[Any] = [
        lambda: sign(world.session, small_loan()),
        lambda: publish(world.session, small_loan()),
        lambda: publish(world.session, signed),
    ]
    for act in acts:
        with pytest.raises(Denied) as caught:
            act()
        assert caught.value.code == "not_a_scenario_authority"
    assert world.vault.scenarios == []


def test_nobody_signs_for_another_authority(authority: World) -> None:
    with pytest.raises(Untrusted) as caught:
        sign(authority.session, {**small_loan(), "authority": scenario().authority})
    assert caught.value.code == "scenario_authority"


def test_a_vault_that_answers_with_another_scenario_is_not_believed(authority: World) -> None:
    authority.vault.broken[("POST", "/v1/scenarios")] = [
        answer({"hash": b64u(bytes(32)), "scenario": "a.b.c", "index": 1}, 201)
    ]
    with pytest.raises(Untrusted) as caught:
        publish(authority.session, small_loan())
    assert caught.value.code == "scenario_answer"


def test_a_scenario_that_nobody_else_is_given_is_not_published(authority: World) -> None:
    authority.vault.broken[("GET", "/v1/scenarios/")] = [problem(404, "denied", "scenario_unknown")]
    with pytest.raises(Denied):
        publish(authority.session, small_loan())


def test_a_version_of_ours_that_we_did_not_sign_is_not_ours(authority: World) -> None:
    forged, _known = sign(authority.session, small_loan())
    thief = P256Signer.from_secret(b"\x05" * 32)
    authority.vault.scenarios.append(sign_scenario(forged.body, thief))
    head, body, _signature = forged.raw.split(".")
    authority.vault.scenarios.append(f"{head}.{body}." + b64u(bytes(63) + b"\x01"))
    known, new = publish(authority.session, small_loan())
    assert (known.scenario.version, new) == (1, True)
    assert known.signed.raw in authority.vault.scenarios


def test_days_are_days_of_china(authority: World) -> None:
    body = completed({**small_loan(), "effective": "2027-01-01", "expires": "2027-12-31"}, "urn", NOW)
    assert body["effective"] == 1_798_732_800  # 2026-12-31T16:00:00Z
    assert body["expires"] == body["effective"] + 365 * DAY
    with pytest.raises(Malformed):
        completed({**small_loan(), "effective": "2027-13-01"}, "urn", NOW)


def test_a_draft_becomes_a_source_that_can_be_signed(authority: World) -> None:
    source = source_of(DRAFT, NOW)
    assert source["sensitivity"] == 4
    signed, _known = sign(authority.session, json.loads(json.dumps(source)))
    body = signed.body
    assert [query.vct_values for query in body.query.credentials] == [
        ("urn:onefile:licence:social-insurance-proof:1",),
        ("urn:onefile:licence:diploma:1",),
    ]
    assert body.query.credentials[0].covers("/holder/name")
    assert body.query.credentials[0].covers("/files/3")
    assert body.query.alternatives == (("social-insurance-proof", "diploma"),)


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        ("diploma", "scenario_claims"),
        ("diploma:", "scenario_claims"),
        ("unheard-of:x", "licence_type_unknown"),
        ("diploma:colour", "field_unknown"),
        ("diploma:holder.colour", "field_unknown"),
    ],
)
def test_a_draft_that_asks_for_what_no_type_has_is_refused(ask: str, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        source_of(Draft("x", ("a", "b"), ("c", "d"), (ask,), ("e",), ("bank",)), NOW)
    assert caught.value.code == code


def test_a_scenario_is_found_by_hash_or_newest_of_its_name(authority: World) -> None:
    first, _new = publish(authority.session, small_loan())
    second, _new = publish(authority.session, {**small_loan(), "max_uses": 5})
    assert find(authority.session, first.hash).scenario.version == 1
    found = find(authority.session, "small-loan")
    assert (found.hash, found.verified) == (second.hash, True)
    with pytest.raises(Denied) as caught:
        find(authority.session, "large-loan")
    assert caught.value.code == "scenario_unknown"


def test_two_authorities_may_use_one_name_and_then_the_hash_decides(authority: World) -> None:
    publish(authority.session, small_loan())
    authority.vault.scenarios.append(sign_scenario(scenario(), P256Signer.from_secret(b"\x01" * 32)))
    with pytest.raises(Conflict) as caught:
        find(authority.session, "small-loan")
    assert caught.value.code == "scenario_ambiguous"


def test_a_scenario_that_its_authority_did_not_sign_is_told(authority: World) -> None:
    known, _new = publish(authority.session, small_loan())
    signature = known.signed.raw.rpartition(".")[2]
    forged = known.signed.raw.replace(signature, signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBA"))
    authority.vault.scenarios[0] = forged
    assert find(authority.session, "small-loan").verified is False


def test_while_the_chain_is_away_a_signature_is_not_judged(authority: World) -> None:
    publish(authority.session, small_loan())
    authority.chain.faults.fail("head", times=2)
    assert find(authority.session, "small-loan").verified is None
    authority.vault.broken[("GET", "/v1/scenarios")] = [httpx2.Response(200, json={"rows": [], "next": None})]
    with pytest.raises(Denied):
        find(authority.session, "small-loan")


def test_a_withdrawal_is_the_next_version_and_happens_once(authority: World) -> None:
    first, _new = publish(authority.session, small_loan())
    known, new = publish(authority.session, scenarios.withdrawal(authority.session, "small-loan"))
    assert (known.scenario.version, known.scenario.withdrawn, known.scenario.supersedes) == (2, NOW, first.signed.hash)
    assert (new, known.scenario.query) == (True, first.scenario.query)
    with pytest.raises(Conflict) as caught:
        scenarios.withdrawal(authority.session, "small-loan")
    assert caught.value.code == "scenario_withdrawn"
    with pytest.raises(Denied):
        scenarios.withdrawal(authority.session, "moon-landing")
