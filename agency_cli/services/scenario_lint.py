"""A linter for scenario sources: named rules, each with a code, for authors who want to ask for no more than they need.

Works on the source alone: no vault, no registry, no keys. An error is something that an authority should not sign; a
warning is something to think about. What ``protocol/scenario.py`` refuses to read is one finding, ``form`` or, where it
can be said better, its own code. docs/scenarios.md lists the rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from agency_cli.services.scenarios import completed
from console.i18n import N_
from protocol.canonical import Json
from protocol.dcql import ClaimQuery, CredentialQuery
from protocol.errors import Malformed
from protocol.licence_forms import BusinessField, LicenceType
from protocol.licence_types import by_vct
from protocol.pointers import format_pointer, selects
from protocol.scenario import DAY_S, Scenario, scenario_from_json

ANY_AUTHORITY = "urn:onefile:agency:1:0x" + "0" * 40 + ":0x" + "0" * 40
PRIVATE = 3  # from this grade on a less telling form is to be preferred
MAX_SINGLE_USE_DAYS = 30
MAX_VALIDITY_DAYS = 365
MAX_RETENTION_DAYS = 3 * 365
MAX_LIFE_DAYS = 5 * 366
_LAW = re.compile(r"《[^《》]+》")
_HAN = re.compile(r"[一-鿿]")
_LATIN = re.compile(r"[A-Za-z]")
_KINDS: dict[str, type] = {"text": str, "date": str, "integer": int, "boolean": bool}
# What the licence itself says and any credential can show, whatever its type.
_STANDARD = frozenset(
    {"sub", "files", "certificate_id", "certificate_number", "supersedes", "certificate_type_code"}
    | {"issue_dept_name", "issue_dept_code", "issue_date", "effective_date", "expiring_date"}
)
Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``code`` is stable; ``where`` is a query and claim, or a member; ``template`` says it, ``facts`` fill it."""

    code: str
    level: Level
    where: str
    template: str
    facts: Mapping[str, object] = field(default_factory=dict)


Rule = Callable[[Scenario], Iterator[Finding]]


def lint(source: Mapping[str, Json], now: int) -> list[Finding]:
    """Every finding on a source, errors first; empty for a clean one."""
    missing = list(_missing(source))
    if missing:
        return missing
    try:
        scenario = scenario_from_json(completed(source, ANY_AUTHORITY, now))
    except Malformed as error:
        return [Finding("form", "error", "-", error.template, error.facts)]
    found = [finding for rule in RULES for finding in rule(scenario)]
    return sorted(found, key=lambda f: (f.level != "error", f.code, f.where))


def _missing(source: Mapping[str, Json]) -> Iterator[Finding]:
    if not source.get("legal_basis"):
        yield Finding("no_legal_basis", "error", "legal_basis", N_("names no law that it rests on"))
    for name in ("title", "purpose"):
        said = source.get(name)
        if not isinstance(said, dict) or not (said.get("zh") and said.get("en")):
            yield Finding("one_language", "error", name, N_("is not written in both languages"))


def languages(scenario: Scenario) -> Iterator[Finding]:
    """``one_language``: the Chinese text has no Chinese in it, or the English one no English."""
    for name, said in (("title", scenario.title), ("purpose", scenario.purpose)):
        if not _HAN.search(said.zh) or not _LATIN.search(said.en) or said.zh == said.en:
            yield Finding("one_language", "error", name, N_("is not written in both languages"))


def legal_basis(scenario: Scenario) -> Iterator[Finding]:
    """``legal_basis_unnamed``: a ground that names no law or regulation by its title."""
    for number, ground in enumerate(scenario.legal_basis):
        if not _LAW.search(ground):
            yield Finding(
                "legal_basis_unnamed", "warning", f"legal_basis[{number}]", N_("names no law or regulation in 《》")
            )


def known_claims(scenario: Scenario) -> Iterator[Finding]:
    """``type_unknown``, ``claim_unknown``: what the catalogue does not have."""
    for query in scenario.query.credentials:
        for vct in query.vct_values:
            kind = by_vct(vct)
            if kind is None:
                text = N_("no licence type {vct} is in the catalogue, so that its claims can't be checked")
                yield Finding("type_unknown", "warning", query.id, text, {"vct": vct})
                continue
            for claim in query.claims:
                if not _fields(kind, claim) and str(claim.path[0]) not in _STANDARD:
                    text = N_("a {type} has no such claim")
                    yield Finding("claim_unknown", "error", _at(query, claim), text, {"type": kind.type})


def values(scenario: Scenario) -> Iterator[Finding]:
    """``value_kind``: a value that the claim can never have."""
    for query, claim, _pointer, found in _asked(scenario):
        wanted = _KINDS[found.kind]
        if any(type(value) is not wanted for value in claim.values):
            text = N_("asks for a value that is no {kind}")
            yield Finding("value_kind", "error", _at(query, claim), text, {"kind": found.kind})


def sensitivity(scenario: Scenario) -> Iterator[Finding]:
    """``sensitivity_low``: the scenario's grade is below a claim's; ``files_low``: below that of a whole document."""
    for query, claim, _pointer, found in _asked(scenario):
        if found.sensitivity > scenario.sensitivity:
            text = N_("the claim is of grade {grade}, the scenario says {said}")
            facts = {"grade": found.sensitivity, "said": scenario.sensitivity}
            yield Finding("sensitivity_low", "error", _at(query, claim), text, facts)
    for query in scenario.query.credentials:
        grades = [kind.sensitivity for kind in map(by_vct, query.vct_values) if kind is not None]
        if query.wants_documents and grades and max(grades) > scenario.sensitivity:
            text = N_("a document says all that its type says, which is of grade {grade}; the scenario says {said}")
            facts = {"grade": max(grades), "said": scenario.sensitivity}
            yield Finding("files_low", "error", query.id, text, facts)


def prepared(scenario: Scenario) -> Iterator[Finding]:
    """``prefer_prepared``: a masked form, a band or a yes would say less; ``source_and_prepared``: both are asked."""
    for query, claim, pointer, found in _asked(scenario):
        forms = [form for vct in query.vct_values if (kind := by_vct(vct)) for form in kind.less_telling(pointer)]
        both = [form for form in forms if query.covers(form)]
        if both:
            text = N_("{forms} follows from it and tells nothing more: ask for one of them")
            yield Finding("source_and_prepared", "error", _at(query, claim), text, {"forms": ", ".join(both)})
        elif forms and found.sensitivity >= PRIVATE:
            text = N_("is of grade {grade}; would one of {forms} do?")
            facts = {"grade": found.sensitivity, "forms": ", ".join(dict.fromkeys(forms))}
            yield Finding("prefer_prepared", "warning", _at(query, claim), text, facts)


def stacked(scenario: Scenario) -> Iterator[Finding]:
    """``forms_stacked``: several prepared forms of one field, which together come close to it."""
    for query in scenario.query.credentials:
        for kind in filter(None, map(by_vct, query.vct_values)):
            for pointer in kind.graded():
                asked = [form for form in kind.less_telling(pointer) if query.covers(form)]
                if len(asked) > 1 and not query.covers(pointer):
                    text = N_("{forms} together tell more of {field} than each of them")
                    facts = {"forms": ", ".join(asked), "field": pointer}
                    yield Finding("forms_stacked", "warning", query.id, text, facts)


def limits(scenario: Scenario) -> Iterator[Finding]:
    """``validity_long``, ``retention_long``, ``life_long``: longer than the use needs."""
    days = scenario.max_validity_days
    if days > MAX_VALIDITY_DAYS or (scenario.max_uses == 1 and days > MAX_SINGLE_USE_DAYS):
        text = N_("a grant may live {days} days for {uses} uses")
        yield Finding("validity_long", "warning", "max_validity_days", text, {"days": days, "uses": scenario.max_uses})
    if scenario.retention_days > MAX_RETENTION_DAYS:
        text = N_("is kept for {days} days: name the law that wants it so")
        yield Finding("retention_long", "warning", "retention_days", text, {"days": scenario.retention_days})
    if scenario.expires - scenario.effective > MAX_LIFE_DAYS * DAY_S:
        yield Finding("life_long", "warning", "expires", N_("the scenario is in force for more than five years"))


def alternatives(scenario: Scenario) -> Iterator[Finding]:
    """``alternative_more``: an alternative that asks for all of another and more."""
    options = scenario.query.alternatives
    for number, one in enumerate(options):
        if any(set(other) < set(one) for other in options):
            text = N_("asks for more than another alternative that suffices")
            yield Finding("alternative_more", "error", f"alternatives[{number}]", text)


def wholes(scenario: Scenario) -> Iterator[Finding]:
    """``asks_whole``: a group of claims without saying which; ``nothing_required``: a query that anything meets."""
    for query in scenario.query.credentials:
        for claim in query.claims:
            if claim.path in {("holder",), ("files",)}:
                yield Finding("asks_whole", "warning", _at(query, claim), N_("asks for everything below: name what"))
        if all(claim.optional for claim in query.claims):
            text = N_("asks for nothing that is required: any item of the type will do")
            yield Finding("nothing_required", "error", query.id, text)


def cases(scenario: Scenario) -> Iterator[Finding]:
    """``case_not_linked``: several items carry a case number and need not carry the same."""
    path = ("case_number",)
    asking = [q.id for q in scenario.query.credentials if any(claim.path == path for claim in q.claims)]
    if len(asking) > 1 and path not in scenario.linked:
        text = N_("{count} items show a case number that need not be the same: name it under linked")
        yield Finding("case_not_linked", "warning", "linked", text, {"count": len(asking)})


RULES: tuple[Rule, ...] = (
    languages,
    legal_basis,
    known_claims,
    values,
    sensitivity,
    prepared,
    stacked,
    limits,
    alternatives,
    wholes,
    cases,
)


def _asked(scenario: Scenario) -> Iterator[tuple[CredentialQuery, ClaimQuery, str, BusinessField]]:
    """Each claim of the catalogue that a query asks for, with its pointer and field; each once a query."""
    for query in scenario.query.credentials:
        seen: set[tuple[str, str]] = set()
        for kind in filter(None, map(by_vct, query.vct_values)):
            for claim in query.claims:
                for pointer, found in _fields(kind, claim).items():
                    if (pointer, found.name) not in seen:
                        seen.add((pointer, found.name))
                        yield query, claim, pointer, found


def _fields(kind: LicenceType, claim: ClaimQuery) -> dict[str, BusinessField]:
    """The claims of the type that a path asks for: that which it names, or all below it."""
    path = claim.path
    graded = kind.graded()
    if path == ("holder",):
        return {pointer: found for pointer, found in graded.items() if pointer.startswith("/holder/")}
    return {pointer: found for pointer, found in graded.items() if selects(path, pointer)}


def _at(query: CredentialQuery, claim: ClaimQuery) -> str:
    return f"{query.id}:{format_pointer('*' if step is None else str(step) for step in claim.path)}"
