"""What of the chosen items answers a scenario: each item one query, together one alternative, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocol.errors import Denied, Malformed
from protocol.readiness import Candidate, Pick, match
from protocol.scenario import Scenario, check_linked, check_over_asking
from wallet_cli.services.opening import OpenedItem
from wallet_cli.services.presenting import Part
from wallet_cli.services.showing import Choice


def chosen(scenario: Scenario, asker: str, choice: Choice) -> tuple[Part, ...]:
    """The parts to show, in the order of the items.

    ``Denied("show_not_asked")`` for an item that was not asked for, ``Denied("show_not_enough")`` where the items meet
    a part of an alternative only, ``Denied("over_asking")`` for named claims beyond the scenario.
    """
    found = {pick.item: pick for pick in _picks(scenario, asker, choice.items)}
    parts = []
    for item in choice.items:
        pick = found[item.record.item]
        claims = choice.claims(pick)
        if not claims:
            raise Malformed("show_nothing", "nothing of this item would be shown")
        parts.append(Part.of(pick.query, item, claims))
    check_over_asking(scenario, [part.scope() for part in parts])
    check_linked(scenario, [part.item.credential.opened.values for part in parts if part.item.credential is not None])
    return tuple(parts)


def _picks(scenario: Scenario, asker: str, items: Sequence[OpenedItem]) -> tuple[Pick, ...]:
    options = [list(_answers(scenario, item)) for item in items]
    fitting = [
        (alternative, picks)
        for alternative in scenario.query.alternatives
        if (picks := _assign(options, frozenset(alternative))) is not None
    ]
    if not fitting:
        raise Denied("show_not_asked", "{name} asks for something else than this item", name=asker)
    for alternative, picks in fitting:
        if len(alternative) == len(items):
            return picks
    alternative, picks = fitting[0]
    lacking = [query for query in alternative if query not in {pick.query for pick in picks}]
    raise Denied(
        "show_not_enough",
        "{name} also asks for: {missing}; show it in the same code",
        name=asker,
        missing=", ".join(lacking),
    )


def _answers(scenario: Scenario, item: OpenedItem) -> Iterator[Pick]:
    assert item.credential is not None  # a choice takes no own documents
    candidate = Candidate(item.record.item, item.credential)
    for query in scenario.query.credentials:
        found = match(query, candidate)
        if isinstance(found, Pick):
            yield found


def _assign(options: Sequence[Sequence[Pick]], free: frozenset[str]) -> tuple[Pick, ...] | None:
    """One pick for each item, no query twice, all of them among ``free``; None if there is no such choice."""
    if not options:
        return ()
    for pick in options[0]:
        if pick.query in free:
            rest = _assign(options[1:], free - {pick.query})
            if rest is not None:
                return (pick, *rest)
    return None
