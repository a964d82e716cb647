"""Readiness: which of a holder's items meet a scenario, and what is missing and who issues it.

The wallet's view of ``Scenario.query``; everything is decided on the holder's own, fully disclosed
credentials. What a credential's status is, the caller knows: it offers only candidates that it would show.
Own documents are no candidates: they satisfy nothing that asks for an issuer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from protocol.credential import Credential, check_age, check_dates
from protocol.dcql import ClaimQuery, CredentialQuery
from protocol.errors import Denied
from protocol.licence_types import DIVISIONS, Title, by_vct
from protocol.pointers import format_pointer, selects
from protocol.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Candidate:
    """One item of the dossier, opened with all its disclosures. ``item`` is its id, 32 bytes."""

    item: bytes
    credential: Credential


@dataclass(frozen=True, slots=True)
class Pick:
    """An item that meets one credential query. ``claims`` are the pointers to name, sorted.

    ``optional`` are those of them that the holder may leave out.
    """

    query: str
    item: bytes
    claims: tuple[str, ...]
    optional: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Why no item meets one credential query.

    ``reason`` is ``no_item``, ``claims_missing``, ``credential_expired``, ``credential_not_yet``,
    ``credential_too_old`` or ``not_linked`` (there is one, of another case); ``detail`` the claims that are missing;
    ``titles`` and ``issuers`` name what would meet it and who issues that, for types of the catalogue.
    """

    query: str
    reason: str
    detail: tuple[str, ...]
    vct_values: tuple[str, ...]
    titles: tuple[Title, ...]
    issuers: tuple[Title, ...]


@dataclass(frozen=True, slots=True)
class Readiness:
    """One alternative of the scenario; ready if nothing is missing."""

    picks: tuple[Pick, ...]
    missing: tuple[Missing, ...]

    @property
    def ready(self) -> bool:
        return not self.missing


def readiness(scenario: Scenario, candidates: Iterable[Candidate], *, now: int) -> tuple[Readiness, ...]:
    """How each alternative stands at ``now``, those that are ready first, else those that lack least."""
    items = sorted(candidates, key=lambda c: (-c.credential.issued_at, c.item))
    anyhow = _answers(scenario, items, now)
    cases = [_of_one_case(_answers(scenario, case, now), anyhow) for case in _cases(scenario, items)]
    found = [
        min((_alternative(ids, answers) for answers in cases), key=lambda r: len(r.missing))
        for ids in scenario.query.alternatives
    ]
    return tuple(sorted(found, key=lambda r: len(r.missing)))


def match(query: CredentialQuery, candidate: Candidate) -> Pick | tuple[str, ...]:
    """The pick, if the candidate's type and claims meet ``query``; else the claims that it lacks.

    Raises nothing: a type that was not asked for lacks every claim.
    """
    credential = candidate.credential
    if credential.vct not in query.vct_values:
        return tuple(_written(c) for c in query.claims)
    named = {claim: _met(claim, credential) for claim in query.claims}
    lacking = tuple(_written(c) for c, pointers in named.items() if not pointers and not c.optional)
    if lacking:
        return lacking
    wanted = {p for claim, pointers in named.items() if not claim.optional for p in pointers}
    every = {p for pointers in named.values() for p in pointers}
    return Pick(query.id, candidate.item, tuple(sorted(every)), tuple(sorted(every - wanted)))


def _answers(scenario: Scenario, items: list[Candidate], now: int) -> dict[str, Pick | Missing]:
    return {c.id: _answer(c, items, scenario.max_age, now) for c in scenario.query.credentials}


def _cases(scenario: Scenario, items: list[Candidate]) -> list[list[Candidate]]:
    """The items that agree on every linked claim, the case of the newest first; all of them where none is linked."""
    pointers = [format_pointer(str(step) for step in path) for path in scenario.linked]
    found: dict[str, list[Candidate]] = {}
    for candidate in items:
        values = [candidate.credential.opened.values.get(pointer) for pointer in pointers]
        if None not in values:
            found.setdefault(repr(values), []).append(candidate)
    return list(found.values()) or [items]


def _of_one_case(answers: dict[str, Pick | Missing], anyhow: dict[str, Pick | Missing]) -> dict[str, Pick | Missing]:
    """The answers of one case; where only another case has an item, that is the reason."""
    return {
        query: replace(answer, reason="not_linked", detail=())
        if isinstance(answer, Missing) and isinstance(anyhow[query], Pick)
        else answer
        for query, answer in answers.items()
    }


def _alternative(ids: tuple[str, ...], answers: dict[str, Pick | Missing]) -> Readiness:
    chosen = [answers[i] for i in ids]
    return Readiness(
        picks=tuple(a for a in chosen if isinstance(a, Pick)),
        missing=tuple(a for a in chosen if isinstance(a, Missing)),
    )


def _answer(query: CredentialQuery, items: list[Candidate], max_age: int, now: int) -> Pick | Missing:
    closest: tuple[str, tuple[str, ...]] = ("no_item", ())
    for candidate in items:
        if candidate.credential.vct not in query.vct_values:
            continue
        found = match(query, candidate)
        why: tuple[str, tuple[str, ...]]
        if isinstance(found, Pick):
            reason = _out_of_date(candidate.credential, max_age, now)
            if reason is None:
                return found
            why = (reason, ())
        else:
            why = ("claims_missing", found)
        closest = why if closest[0] == "no_item" else closest
    return _missing(query, *closest)


def _missing(query: CredentialQuery, reason: str, detail: tuple[str, ...]) -> Missing:
    types = [t for t in map(by_vct, query.vct_values) if t is not None]
    issuers = dict.fromkeys(DIVISIONS[t.division] for t in types)
    return Missing(query.id, reason, detail, query.vct_values, tuple(t.title for t in types), tuple(issuers))


def _out_of_date(credential: Credential, max_age: int, now: int) -> str | None:
    try:
        check_dates(credential, now)
        check_age(credential, now, max_age)
    except Denied as error:
        return error.code
    return None


def _met(claim: ClaimQuery, credential: Credential) -> tuple[str, ...]:
    """The pointers to name for ``claim``; empty if the credential lacks it or has another value."""
    values = [v for p, v in credential.opened.values.items() if selects(claim.path, p)]
    return credential.resolve(claim.path) if any(map(claim.accepts, values)) else ()


def _written(claim: ClaimQuery) -> str:
    return format_pointer("*" if step is None else step for step in claim.path)
