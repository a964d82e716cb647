"""What an author gets: the linter's rules, the harness, and a library whose every case holds."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import agency_cli.hints  # noqa: F401 (registers the next steps)
from agency_cli.commands.scenario_author import library as library_command
from agency_cli.commands.scenario_author import lint as lint_command
from agency_cli.commands.scenario_author import test as try_command
from agency_cli.services.scenario_cases import run_cases
from agency_cli.services.scenario_library import names, sample
from agency_cli.services.scenario_lint import ANY_AUTHORITY, lint
from agency_cli.services.scenarios import completed
from console.hints import hint_for
from console.i18n import describe
from protocol.errors import Denied, Malformed
from protocol.licence_types import licence_type
from protocol.scenario import parse_scenario, scenario_from_json, sign_scenario
from tests.scenario_samples import AUTHORITY, SCENARIO

NOW = 1_790_000_000
WANTED = {
    "small-loan",
    "notary-two-cities",
    "relief-screening",
    "migrant-wages",
    "enterprise-registration",
    "food-licence-check",
    "school-enrolment",
    "birth-matter",
    "property-check",
    "hire-driver",
    "hotel-check-in",
    "hospital-registration",
}


def test_the_library_holds_the_twelve_matters() -> None:
    assert set(names()) == WANTED
    with pytest.raises(Denied):
        sample("moon-landing")


@pytest.mark.parametrize("name", names())
def test_every_sample_has_no_error_and_all_its_cases_come_out(name: str) -> None:
    source, cases = sample(name)
    assert [found for found in lint(source, NOW) if found.level == "error"] == []
    outcomes = run_cases(source, cases)
    assert [one for one in outcomes if not one.passed] == []
    kinds = [one.kind for one in outcomes]
    assert kinds.count("readiness") >= 2
    assert any("over_asking" in one.got for one in outcomes)


@pytest.mark.parametrize("name", names())
def test_every_sample_says_that_it_is_one_and_can_be_signed_without_the_note(name: str) -> None:
    source, _cases = sample(name)
    assert "样例" in str(source["note"])
    assert "no legal advice" in str(source["note"])
    scenario = scenario_from_json(completed(source, ANY_AUTHORITY, NOW))
    assert parse_scenario(sign_scenario(scenario, AUTHORITY)).body == scenario


def test_the_matter_of_a_birth_links_eleven_items_by_one_case_number() -> None:
    source, _cases = sample("birth-matter")
    scenario = scenario_from_json(completed(source, ANY_AUTHORITY, NOW))
    assert len(scenario.query.credentials) == 11
    assert scenario.linked == (("case_number",),)
    assert len({licence_type(q.vct_values[0].split(":")[3]).division for q in scenario.query.credentials}) >= 5


def clean() -> dict[str, Any]:
    return copy.deepcopy(sample("property-check")[0])


def asked(source: dict[str, Any], *claims: dict[str, Any]) -> dict[str, Any]:
    source["query"]["credentials"][0]["claims"] = list(claims)
    return source


def many_options(source: dict[str, Any]) -> dict[str, Any]:
    one = source["query"]["credentials"][0]
    source["query"]["credentials"].append({**one, "id": "more"})
    source["query"]["credential_sets"] = [{"options": [["property"], ["property", "more"]]}]
    return source


def two_cases(source: dict[str, Any]) -> dict[str, Any]:
    found, _cases = sample("birth-matter")
    return {name: value for name, value in found.items() if name != "linked"}


RULES: list[tuple[str, Any]] = [
    ("no_legal_basis", lambda s: {**s, "legal_basis": []}),
    ("one_language", lambda s: {**s, "purpose": {"zh": "核验"}}),
    ("one_language", lambda s: {**s, "title": {"zh": "Check", "en": "Check"}}),
    ("form", lambda s: {**s, "sensitivity": 9}),
    ("legal_basis_unnamed", lambda s: {**s, "legal_basis": ["本行规定"]}),
    ("type_unknown", lambda s: json.loads(json.dumps(s).replace("property-certificate", "castle-certificate"))),
    ("claim_unknown", lambda s: asked(s, {"path": ["castle"]})),
    ("value_kind", lambda s: asked(s, {"path": ["mortgaged"], "values": ["no"]})),
    ("sensitivity_low", lambda s: {**s, "sensitivity": 1}),
    ("files_low", lambda s: asked({**s, "sensitivity": 2}, {"path": ["use"]}, {"path": ["files", None]})),
    ("prefer_prepared", lambda s: asked({**s, "sensitivity": 4}, {"path": ["location"]})),
    ("source_and_prepared", lambda s: asked(s, {"path": ["location"]}, {"path": ["location_region"]})),
    ("validity_long", lambda s: {**s, "max_validity_days": 31}),
    ("validity_long", lambda s: {**s, "max_validity_days": 366, "max_uses": 9}),
    ("retention_long", lambda s: {**s, "retention_days": 2000}),
    ("life_long", lambda s: {**s, "effective": "2026-01-01", "expires": "2036-01-01"}),
    ("alternative_more", many_options),
    ("asks_whole", lambda s: asked(s, {"path": ["holder"]})),
    ("nothing_required", lambda s: asked(s, {"path": ["use"], "optional": True})),
    ("case_not_linked", two_cases),
]


@pytest.mark.parametrize(("code", "change"), RULES)
def test_the_linter_names_the_rule_that_a_source_breaks(code: str, change: Any) -> None:
    assert lint(clean(), NOW) == []
    found = lint(change(clean()), NOW)
    assert code in {one.code for one in found}
    assert all(one.template.format(**one.facts) for one in found)


def test_forms_of_one_field_that_together_tell_more_are_named() -> None:
    source = asked(clean(), {"path": ["income_at_least_3000"]}, {"path": ["income_at_least_5000"]})
    source["query"]["credentials"][0]["meta"]["vct_values"] = [licence_type("wage-record").vct]
    assert "forms_stacked" in {one.code for one in lint(source, NOW)}


def test_a_claim_of_any_licence_is_no_unknown_one() -> None:
    source = asked(clean(), {"path": ["certificate_number"]}, {"path": ["issue_date"]})
    assert "claim_unknown" not in {one.code for one in lint(source, NOW)}


def test_two_types_with_one_claim_are_told_of_it_once() -> None:
    source = asked({**clean(), "sensitivity": 4}, {"path": ["location"]})
    vcts = [licence_type(name).vct for name in ("property-certificate", "lease-record")]
    source["query"]["credentials"][0]["meta"]["vct_values"] = vcts
    assert [one.code for one in lint(source, NOW)].count("prefer_prepared") == 1


CASES: dict[str, Any] = {"v": 1, "day": "2026-09-21"}


@pytest.mark.parametrize(
    "cases",
    [
        CASES,
        {**CASES, "v": 2},
        {**CASES, "day": "1066-10-14"},
        {**CASES, "readiness": [{"name": "x", "items": []}]},
        {**CASES, "readiness": [{"name": "x", "items": [], "missing": {}}]},
        {**CASES, "readiness": [{"name": "x", "items": [{"type": "castle"}], "ready": ["property"]}]},
        {**CASES, "readiness": [{"name": "x", "items": [{"type": "diploma", "fields": 7}], "ready": ["x"]}]},
        {**CASES, "requests": [{"name": "x", "asks": {}}]},
        {**CASES, "requests": [{"name": "x", "asks": {"property": "/use"}}]},
        {**CASES, "requests": [{"name": "x", "asks": {"property": ["/use"]}, "days": 0}]},
        {**CASES, "requests": [{"name": "x", "asks": {"property": ["/use"]}, "more": 1}]},
    ],
)
def test_cases_of_another_form_are_refused(cases: Any) -> None:
    with pytest.raises(Malformed):
        run_cases(clean(), cases)


def test_what_can_not_be_read_of_a_case_is_told_with_its_name_or_number() -> None:
    good = {"name": "good", "asks": {"property": ["/use"]}}
    for bad, said in (({"name": "bad", "asks": {"property": ["use"]}}, "case bad: "), ({"asks": {}}, "case #2: ")):
        with pytest.raises(Malformed) as caught:
            run_cases(clean(), {**CASES, "requests": [good, bad]})
        assert describe(caught.value).startswith(said)


def test_a_case_that_comes_out_otherwise_says_what_came() -> None:
    cases = {
        **CASES,
        "readiness": [{"name": "none", "items": [], "ready": ["property"]}],
        "requests": [
            {"name": "two", "asks": {"property": ["/use"], "property#2": ["/use"]}},
            {"name": "early", "asks": {"property": ["/use"]}, "refused": {"code": "over_asking"}},
        ],
    }
    source = {**clean(), "effective": "2026-01-01"}
    none, two, early = run_cases(source, cases)
    assert (none.passed, none.got) == (False, "missing: property (no_item)")
    assert (two.passed, two.got) == (False, "refused: over_asking property")
    assert (early.passed, early.got) == (False, "allowed")
    later = run_cases({**source, "effective": "2027-01-01"}, {**CASES, "requests": cases["requests"][:1]})
    assert later[0].got == "refused: scenario_not_in_force"


def run(command: Any, *arguments: str) -> Any:
    return CliRunner().invoke(command, list(arguments), standalone_mode=False)


def test_the_commands_end_with_what_they_found(tmp_path: Path) -> None:
    assert "small-loan" in run(library_command).output
    assert '"scenario_id": "small-loan"' in run(library_command, "small-loan").output
    written = run(library_command, "small-loan", "--write", str(tmp_path))
    assert written.exception is None
    source, cases = tmp_path / "small-loan.json", tmp_path / "small-loan.cases.json"
    assert run(lint_command, str(source)).return_value == 0
    assert run(try_command, str(source), "--cases", str(cases)).return_value == 0
    source.unlink()
    again = run(library_command, "small-loan", "--write", str(tmp_path)).exception
    assert getattr(again, "code", "") == "file_exists"
    assert not source.exists()  # both files or none
    cases.unlink()
    assert run(library_command, "small-loan", "--write", str(tmp_path)).exception is None

    body = json.loads(source.read_text(encoding="utf-8"))
    source.write_text(json.dumps({**body, "sensitivity": 1}), encoding="utf-8")
    assert run(lint_command, str(source)).return_value == 1
    source.write_text(json.dumps({**body, "max_uses": 1, "grantee_classes": ["hotel"]}), encoding="utf-8")
    failed = run(try_command, str(source), "--cases", str(cases))
    assert failed.return_value == 1
    assert "got allowed" in failed.output
    source.write_text(json.dumps({**body, "retention_days": 2000}), encoding="utf-8")
    assert run(lint_command, str(source)).return_value == 0
    assert run(lint_command, str(source), "--strict").return_value == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a": 1,\n "b": }', "source.json: not valid JSON at line 2, column 7"),
        (b'{"a": 1, "a": 2}', "a member that stands twice"),
        (b'{"a": 1.5}', "a number with a fraction"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": "\xff"}', "expected text in UTF-8"),
        (b"", "expected a scenario's source (JSON) or a signed scenario"),
        (b"scenario: small-loan", "expected a scenario's source (JSON) or a signed scenario"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "nested deeper"),
    ],
)
def test_a_slip_in_a_source_is_pointed_out(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "source.json"
    path.write_bytes(text)
    refused = run(lint_command, str(path)).exception
    assert isinstance(refused, Malformed)
    assert said in describe(refused)


def test_a_scenario_may_be_in_force_to_the_last_day_of_the_calendar() -> None:
    assert [found.code for found in lint({**clean(), "expires": "9999-12-31"}, NOW)] == ["life_long"]
    assert completed({**clean(), "expires": "2027-01-01"}, ANY_AUTHORITY, NOW)["expires"] == 1_798_819_200


def test_a_sample_that_the_library_does_not_have_is_not_looked_for_at_the_vault() -> None:
    refused = run(library_command, "no-such").exception
    assert isinstance(refused, Denied)
    assert "agency scenario library" in (hint_for(refused) or "")


def test_a_signed_scenario_is_no_source(tmp_path: Path) -> None:
    path = tmp_path / "signed"
    path.write_text(sign_scenario(SCENARIO, AUTHORITY), encoding="ascii")
    assert isinstance(run(lint_command, str(path)).exception, Malformed)
    assert run(library_command, "--write", str(tmp_path)).exception is not None
