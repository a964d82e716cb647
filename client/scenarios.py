"""Scenarios, taken from the vault and believed only if a registered scenario authority signed them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from client.checks import Desk
from client.session import Session
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed, Untrusted
from protocol.facts import ROLE_SCENARIO
from protocol.identifiers import parse_agency_urn
from protocol.scenario import Scenario, parse_scenario
from protocol.signed import Signed

MIN_PREFIX = 6  # characters of a hash that name a scenario


def verified_scenario(desk: Desk, raw: str, *, at: int | None = None) -> Signed[Scenario]:
    """The scenario if the agency that it names as its authority signed it, and was one at ``at`` (default: now).

    Raises ``Malformed``, ``Untrusted`` (registry, key, signature), ``Denied("scenario_authority")`` or ``Unavailable``
    where chain or card can't be asked.
    """
    signed = parse_scenario(raw)
    authority = parse_agency_urn(signed.body.authority)
    # (1) The authority is one of this deployment: another registry has other agencies under the same accounts.
    deployment = desk.session.deployment
    if (authority.chain_id, authority.registry) != (deployment.chain_id, deployment.contracts.agency_registry):
        raise Untrusted("scenario_registry", "the scenario's authority is of another chain or registry")
    # (2) A registered card of it signed.
    card = desk.issuer_card(authority.account, signed.jws.kid)
    signed.verified_by(card.present_key)
    # (3) It is an authority. A role that was ended takes its scenarios along; so does a stolen key, since a scenario
    # does not tell when it was signed.
    facts = desk.facts.agency(authority.account)
    fact = facts.card(card.hash)
    if fact is None or fact.compromised_since is not None:
        raise Untrusted("scenario_key", "the key that signed the scenario is reported compromised")
    if not facts.has_role(ROLE_SCENARIO, desk.session.clock.now() if at is None else at):
        raise Denied("scenario_authority", "{name} is not registered as a scenario authority", name=facts.name)
    return signed


def scenario_by_hash(session: Session, desk: Desk, digest: bytes) -> Signed[Scenario]:
    """The scenario of this hash (SHA-256 of its JWS), verified."""
    row = session.public_api.scenario(digest)
    return _named(verified_scenario(desk, row.scenario), digest)


def find_scenario(session: Session, desk: Desk, wanted: str) -> Signed[Scenario]:
    """The verified scenario that ``wanted`` names: its hash, the beginning of one, or a scenario id.

    An id names the newest version that has taken effect: one that is only announced serves nobody yet.
    ``Denied("scenario_not_found")`` if there is none, ``Denied("scenario_ambiguous")`` if two authorities use the id or
    two hashes begin so.
    """
    rows = [parse_scenario(row.scenario) for row in session.public_api.scenarios()]
    return verified_scenario(desk, named_scenario(rows, wanted, session.clock.now()).raw)


def named_scenario(rows: Sequence[Signed[Scenario]], wanted: str, now: int) -> Signed[Scenario]:
    """That of ``rows`` which ``wanted`` names, as ``find_scenario`` says; nothing is verified."""
    by_hash = [row for row in rows if len(wanted) >= MIN_PREFIX and b64u(row.hash).startswith(wanted)]
    found = by_hash or newest_in_effect((row for row in rows if row.body.scenario_id == wanted), now)
    if not found:
        raise Denied("scenario_not_found", "there is no scenario {scenario}", scenario=wanted)
    if len(found) > 1:
        raise Denied(
            "scenario_ambiguous",
            "{count} scenarios are named {scenario}: name one by its hash",
            count=len(found),
            scenario=wanted,
        )
    return found[0]


def good_scenarios(session: Session, desk: Desk) -> Iterator[Signed[Scenario]]:
    """Every scenario of the vault that verifies; what does not is left out, and ``Unavailable`` is raised."""
    for row in session.public_api.scenarios():
        try:
            yield verified_scenario(desk, row.scenario)
        except (Malformed, Untrusted, Denied):
            continue


def listed_scenarios(session: Session) -> dict[bytes, Scenario]:
    """The vault's scenarios by hash, for a person's eye: a hash names one scenario, whoever says so; not verified."""
    found: dict[bytes, Scenario] = {}
    for row in session.public_api.scenarios():
        try:
            signed = parse_scenario(row.scenario)
        except Malformed:
            continue
        found[signed.hash] = signed.body
    return found


def withdrawn(scenarios: Mapping[bytes, Scenario], scenario: Scenario | None, now: int) -> bool:
    """Whether this or a later version of the scenario was withdrawn, which ends its grants; as the vault shows it."""
    return scenario is not None and any(
        one.uri == scenario.uri and one.version >= scenario.version
        for one in scenarios.values()
        if one.withdrawn is not None and one.withdrawn <= now
    )


def newest_in_effect(rows: Iterable[Signed[Scenario]], now: int) -> list[Signed[Scenario]]:
    """Of each scenario the newest version that has taken effect; where none has, the newest (spec/scenario.md §7)."""
    newest: dict[str, Signed[Scenario]] = {}
    for row in sorted(rows, key=lambda row: (row.body.effective <= now, row.body.version)):
        newest[row.body.uri] = row
    return list(newest.values())


def _named(signed: Signed[Scenario], digest: bytes) -> Signed[Scenario]:
    if signed.hash != digest:
        raise Untrusted("scenario_hash", "the vault sent another scenario than the one asked for")
    return signed
