"""The consent screen, compiled from the scenario: one function for ``wallet grant``, ``wallet scan`` and the web page.

Every claim that the scenario asks of an item stands on it under its name in both languages with its grade, those that
are granted and those that are optional and off. What the screen says is what is signed: nothing is added later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from client.titles import both, type_title
from protocol.licence_forms import STANDARD_TITLES, Title
from protocol.licence_types import by_vct
from protocol.readiness import Candidate, Pick, match
from protocol.scenario import Scenario
from wallet_cli.services.opening import OpenedItem
from wallet_cli.services.presenting import Part

UNKNOWN_GRADE = 5  # of a claim that the catalogue does not know


def terms(scenario: Scenario) -> dict[str, Any]:
    """What the scenario itself says: title, purpose, ground and grade."""
    return {
        "scenario": scenario.scenario_id,
        "version": scenario.version,
        "title": both(scenario.title),
        "purposes": both(scenario.purpose),
        "legal_basis": list(scenario.legal_basis),
        "authority": scenario.authority,
        "sensitivity": scenario.sensitivity,
    }


def part_json(scenario: Scenario, part: Part) -> dict[str, Any]:
    """One item: what is granted of it by pointer, and every claim that was asked for, told to a person."""
    return {
        "item": part.item.record.id,
        "kind": part.item.kind,
        "title": both(kind_title(part.item)),
        "query": part.query,
        "claims": list(part.claims),
        "documents": [document.entry.name for document in part.documents],
        "asked": list(claims_asked(scenario, part)),
    }


def claims_asked(scenario: Scenario, part: Part) -> Iterator[dict[str, Any]]:
    """Each claim that is granted or could be: pointer, title, grade, whether it is optional, whether it is granted."""
    pick = _pick(scenario, part)
    for pointer in sorted({*part.claims, *pick.claims}):
        title, grade = told(part.item, pointer)
        yield {
            "pointer": pointer,
            "title": both(title),
            "sensitivity": grade,
            "optional": pointer in pick.optional,
            "granted": pointer in part.claims,
        }


def told(item: OpenedItem, pointer: str) -> tuple[Title, int]:
    """A claim's name and grade; a document by its name, at the grade of all that its type says."""
    kind = by_vct(item.credential.vct) if item.credential is not None else None
    for document in item.documents:
        if pointer == f"/files/{document.position - 1}":
            name = document.entry.name
            return Title(f"文件：{name}", f"document: {name}"), kind.sensitivity if kind else UNKNOWN_GRADE
    found = kind.graded().get(pointer) if kind else None
    if found is not None:
        return found.title, found.sensitivity
    return STANDARD_TITLES.get(pointer, (Title(pointer[1:], pointer[1:]), UNKNOWN_GRADE))


def kind_title(item: OpenedItem) -> Title:
    """What kind of item it is, in both languages; the type's own name where the catalogue does not know it."""
    return Title(item.kind, item.kind) if item.credential is None else type_title(item.credential)


def _pick(scenario: Scenario, part: Part) -> Pick:
    query = scenario.query.credential(part.query)
    assert query is not None  # a plan answers the scenario's own queries
    assert part.item.credential is not None  # and with issued items
    found = match(query, Candidate(part.item.record.item, part.item.credential))
    # Claims that a person named one by one may be fewer than the query wants.
    return found if isinstance(found, Pick) else Pick(part.query, part.item.record.item, (), ())
