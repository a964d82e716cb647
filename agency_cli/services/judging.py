"""Whether what was asked, granted or shown holds: the reader's own verdict, from the chain and from signed bytes.

The vault's verdict is one opinion; this is ours. ``protocol/verify*.py`` draws it, here stands what it rests on. A use
has one verdict for each item, and is as good as the worst of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agency_cli.services.inbox import Given
from agency_cli.services.parcels import Handed
from agency_cli.services.standing import own_account, own_urn
from client import deployment as deployments
from client.checks import Desk
from client.log_reading import fetch_entry
from client.verification import Deposited, fetch_status, gather
from protocol.canonical import Json
from protocol.credential import Credential
from protocol.credential_evidence import Asked, CredentialEvidence
from protocol.encoding import b64u
from protocol.entries import origin_hash
from protocol.errors import Denied, OneFileError
from protocol.facts import AnchorFacts, CardFact, StatusFact
from protocol.grant import GrantEnvelope
from protocol.grant_evidence import GrantEvidence, KnownScenario
from protocol.identifiers import parse_agency_urn
from protocol.keycard import KeyCardEnvelope
from protocol.readiness import Candidate, Pick, match
from protocol.receipts import Receipt
from protocol.scenario import Scenario, check_linked
from protocol.signed import Signed
from protocol.verdict import POLICIES, Conclusion, Policy, Verdict, accepted, conclude, failed
from protocol.verify_credential import judge_credential
from protocol.verify_grant import judge_grant

_WORST: tuple[Conclusion, ...] = ("reject", "indeterminate", "accept")


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept of an item beside its parcel: its log entry, the newest proof of it, and the status token."""

    entry: bytes
    proof: bytes
    status: StatusFact | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One item, what was kept of it, and the verdict on it."""

    handed: Handed
    kept: Kept
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one use: each item's own, and the worst of them. ``policy`` names what they were drawn by."""

    policy: str
    at: int
    items: tuple[Judged, ...]

    @property
    def verdict(self) -> Conclusion:
        found = {judged.verdict.verdict for judged in self.items}
        return next((word for word in _WORST if word in found), "indeterminate")

    @property
    def failed_codes(self) -> tuple[str, ...]:
        """The codes of everything that failed."""
        checks = (check for judged in self.items for check in judged.verdict.checks)
        return tuple(check.code for check in checks if check.status == "fail")

    def to_json(self) -> dict[str, Json]:
        return {
            "verdict": self.verdict,
            "policy": self.policy,
            "at": self.at,
            "items": [{"item": judged.handed.id, **judged.verdict.to_json()} for judged in self.items],
        }

    def require_no_reject(self) -> None:
        """Raise what the first failed check said, unless nothing failed that the policy requires."""
        for judged in self.items:
            if judged.verdict.verdict == "reject":
                accepted(judged.verdict, POLICIES[self.policy])


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: the policy, the time (seconds), and what was kept of each item by its id, in the order handed."""

    policy: Policy
    at: int
    kept: Mapping[bytes, Kept]


def judge_given(desk: Desk, given: Given, scenario: Signed[Scenario], *, uses: int, now: int) -> Verdict:
    """Whether a grant holds for one more use after ``uses``, before anything of it was released."""
    evidence = grant_evidence(desk, given.envelope, scenario, uses=uses, posted_at=given.row.at, at=now)
    return judge_grant(given.envelope, evidence, POLICIES["release"])


def grant_evidence(
    desk: Desk, envelope: GrantEnvelope, scenario: Signed[Scenario], *, uses: int, posted_at: int | None, at: int
) -> GrantEvidence:
    """What a grant to us rests on, by the chain; the scenario was verified by the caller."""
    session, grant = desk.session, envelope.message
    return GrantEvidence(
        domain=deployments.grant_domain(session.deployment),
        log=origin_hash(session.log.origin),
        scenario=KnownScenario.of(scenario),
        dossier=desk.facts.dossier(grant.dossier),
        agency=desk.facts.agency(own_account(session)),
        nullified=desk.facts.nullifier(grant.nullifier),
        uses=uses,
        last_use_at=None,
        now=at,
        posted_at=posted_at,
    )


def keep(desk: Desk, handed: Iterable[Handed], anchors: AnchorFacts) -> dict[bytes, Kept]:
    """Fetch what the verdict on each item needs beside its parcel: its log entry and its issuer's status list."""
    found: dict[bytes, Kept] = {}
    for one in handed:
        proof = one.item.proof.encode("utf-8")
        entry = fetch_entry(desk.session, proof, anchors)
        found[one.slip.body.item] = Kept(entry, proof, fetch_status(desk, one.credential))
    return found


def judge_granted(
    desk: Desk,
    envelope: GrantEnvelope,
    evidence: GrantEvidence,
    scenario: Signed[Scenario],
    handed: Sequence[Handed],
    case: Case,
) -> Outcome:
    """The verdict on what a grant handed over: each presentation, and the grant itself."""
    nonce = b64u(envelope.message.grant_id)
    unlinked = _unlinked(scenario.body, [one.credential for one in handed])
    judged = []
    for one in handed:
        assert one.part is not None  # `open_granted` gives each its part
        asked = Asked(
            aud=own_urn(desk.session),
            nonce=nonce,
            named=one.part.claims,
            scenario=KnownScenario.of(scenario),
            query=one.part.query,
            item=one.part.item,
            documents=one.part.documents,
        )
        kept = case.kept[one.slip.body.item]
        verdict = judge_credential(
            one.item.presentation, _facts(desk, one, kept, case), case.policy, asked=asked, grant=(envelope, evidence)
        )
        judged.append(Judged(one, kept, with_lack(verdict, unlinked, case.policy)))
    return Outcome(case.policy.name, case.at, tuple(judged))


def judge_shown(
    desk: Desk, receipt: Receipt, scenario: Signed[Scenario], handed: Sequence[Handed], case: Case
) -> Outcome:
    """The verdict on what a wallet showed at our window: each presentation, and whether together they answer us."""
    assert receipt.nonce is not None  # a receipt for a show has one
    queries, lacking = answers(scenario.body, [one.credential for one in handed])
    judged = []
    for one, query in zip(handed, queries, strict=True):
        asked = Asked(
            aud=own_urn(desk.session),
            nonce=b64u(receipt.nonce),
            named=one.credential.named,
            scenario=KnownScenario.of(scenario),
            query=query,
        )
        kept = case.kept[one.slip.body.item]
        verdict = judge_credential(one.item.presentation, _facts(desk, one, kept, case), case.policy, asked=asked)
        judged.append(Judged(one, kept, with_lack(verdict, lacking, case.policy)))
    return Outcome(case.policy.name, case.at, tuple(judged))


def cards_used(desk: Desk, handed: Iterable[Handed], scenario: Signed[Scenario]) -> tuple[KeyCardEnvelope, ...]:
    """The full key cards at hand of those who signed what was handed over; kept, they spare the vault a question."""
    urns = [scenario.body.authority, *(one.credential.issuer for one in handed)]
    found: dict[bytes, KeyCardEnvelope] = {}
    for account in dict.fromkeys(parse_agency_urn(urn).account for urn in urns):
        try:
            found |= {card.raw: card for card in desk.cards.of(desk.facts.agency(account))}
        except OneFileError:
            continue  # nobody that the registry knows: there is no card of theirs to keep
    return tuple(found.values())


def _facts(desk: Desk, one: Handed, kept: Kept, case: Case) -> CredentialEvidence:
    item = one.item
    return gather(
        desk,
        item.presentation,
        Deposited(item.slip, item.salt, item.leaf_salt, kept.entry, kept.proof),
        own_cards=(KeyCardEnvelope.from_json(one.parcel.card),),
        status=kept.status,
        at=case.at,
    )


# What a show must answer: nobody signed a scope for it, so that the scenario alone says what belongs to what.


def answers(scenario: Scenario, shown: Sequence[Credential]) -> tuple[list[str], OneFileError | None]:
    """For each credential the query that it answers, and why together they do not answer the scenario, or None."""
    queries = _queries(scenario, shown)
    return queries, _lacking(scenario, shown, queries)


def _queries(scenario: Scenario, shown: Sequence[Credential]) -> list[str]:
    """For each credential the query that it answers: by its type, and by the claims that it shows; empty if none."""
    found: list[str] = []
    for one in shown:
        fitting = [q for q in scenario.query.credentials if one.vct in q.vct_values and q.id not in found]
        exact = [q for q in fitting if all(q.covers(pointer) for pointer in one.named)]
        found.append((exact or fitting)[0].id if fitting else "")
    return found


def _lacking(scenario: Scenario, shown: Sequence[Credential], queries: Sequence[str]) -> OneFileError | None:
    """Why the items together do not answer the scenario, or None if they meet one of its alternatives and no other."""
    answered = {query: one for query, one in zip(queries, shown, strict=True) if query}
    for alternative in scenario.query.alternatives:
        if set(answered) == set(alternative) and all(_meets(scenario, q, answered[q]) for q in alternative):
            return _unlinked(scenario, shown)
    return Denied(
        "claims_not_met", "what was shown does not answer the scenario {scenario}", scenario=scenario.scenario_id
    )


def _unlinked(scenario: Scenario, shown: Sequence[Credential]) -> OneFileError | None:
    """Why the items are not of one case, or None if they agree on every claim that the scenario links."""
    try:
        check_linked(scenario, [one.opened.values for one in shown])
    except Denied as error:
        return error
    return None


def _meets(scenario: Scenario, query_id: str, credential: Credential) -> bool:
    query = scenario.query.credential(query_id)
    assert query is not None  # an alternative names the scenario's own queries
    return isinstance(match(query, Candidate(b"", credential)), Pick)


def with_lack(verdict: Verdict, lacking: OneFileError | None, policy: Policy) -> Verdict:
    """The verdict with the whole's failure in the place of a scenario check that passed for the item alone."""
    if lacking is None:
        return verdict
    checks = [
        failed(check.name, lacking) if check.name == "scenario_minimum" and check.status == "pass" else check
        for check in verdict.checks
    ]
    return conclude(policy, checks, verdict.at)


def as_of(evidence: GrantEvidence, at: int, epoch: int) -> GrantEvidence:
    """The evidence as it was at ``at``: what took rights away only later does not undo a use that was in order."""
    nullified = evidence.nullified
    if nullified.spent_at is not None and nullified.spent_at > at:
        nullified = nullified._replace(spent_at=None)
    dossier = replace(evidence.dossier, grant_epoch=epoch, cards=_cards(evidence.dossier.cards, at))
    agency = replace(evidence.agency, cards=_cards(evidence.agency.cards, at))
    return evidence._replace(nullified=nullified, dossier=dossier, agency=agency, now=at)


def _cards(cards: Sequence[CardFact], at: int) -> tuple[CardFact, ...]:
    """The cards that were there at ``at``, as they were reported then."""
    there = (card for card in cards if card.since <= at)
    return tuple(
        replace(card, compromised_since=None) if card.compromised_since and card.compromised_since > at else card
        for card in there
    )
