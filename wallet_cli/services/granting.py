"""Granting: from a scenario and the dossier's items to a signed, sealed and posted grant.

Three steps, so that a person sees what will be signed before it is: ``plan`` chooses and checks, ``seal_grant`` makes
parcels and headers and signs, ``post`` sends. What a plan names is all that is disclosed: nothing is added later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from client import deployment as deployments
from client.checks import Desk
from client.ids import draw_id
from client.scenario_leaves import check_newest
from client.scenarios import find_scenario
from client.session import Session
from client.titles import spoken
from protocol import wire
from protocol.encoding import b64u
from protocol.entries import grant_tag_key, origin_hash
from protocol.envelope import seal_bytes
from protocol.errors import Denied, Untrusted
from protocol.facts import ROLE_READER
from protocol.grant import (
    NO_MANDATE,
    AccessGrant,
    GrantEnvelope,
    nullifier_of,
    officer_class_hash,
    revocation_secret,
)
from protocol.hashing import sha256
from protocol.keycard import VerifiedKeyCard
from protocol.parcel import Parcel
from protocol.readiness import Candidate, Pick, Readiness, readiness
from protocol.recipients import HybridRecipient
from protocol.request_code import answer_id
from protocol.scenario import DAY_S, Scenario, check_grantee, check_in_force, check_limits, check_over_asking
from protocol.signed import Signed
from wallet_cli.services import consent, presenting
from wallet_cli.services.logged import stands
from wallet_cli.services.opening import OpenedItem, find_document, open_all
from wallet_cli.services.presenting import Part
from wallet_cli.services.registration import require_controller
from wallet_cli.services.tokens import urn_of


@dataclass(frozen=True, slots=True)
class GrantOrder:
    """What the holder asked for. ``claims``: (item id or its beginning, pointer); ``documents``: (item, name).

    ``seconds`` and ``uses`` None: what the scenario allows at most. ``optional``: name optional claims too.
    ``not_before`` None: now; ``min_interval_s``: between two uses; ``renews``: the grant whose place the new one takes.
    """

    agency: bytes
    scenario: str
    seconds: int | None = None
    uses: int | None = None
    claims: tuple[tuple[str, str], ...] = ()
    documents: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    retention_days: int | None = None
    officer_class: str | None = None
    min_interval_s: int = 0
    not_before: int | None = None
    renews: bytes | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be granted: everything that the consent screen shows."""

    scenario: Signed[Scenario]
    agency: bytes
    agency_name: str
    division: str
    card: VerifiedKeyCard
    parts: tuple[Part, ...]
    not_before: int
    not_after: int
    max_uses: int
    retention_days: int
    officer_class: str | None
    min_interval_s: int = 0
    renews: bytes | None = None
    answers: bytes | None = None  # the nonce of a window's request that the grant answers

    @property
    def purpose(self) -> str:
        """The scenario's purpose in the language that the holder reads: this text is signed."""
        return spoken(self.scenario.body.purpose)


@dataclass(frozen=True, slots=True)
class SealedGrant:
    """A signed grant with its parcels, in the order of the scope, and its extra headers."""

    envelope: GrantEnvelope
    parcels: tuple[bytes, ...]
    headers: tuple[wire.ExtraHeader, ...] = field(default=())


def stand(session: Session, desk: Desk, wanted: str) -> tuple[Signed[Scenario], tuple[Readiness, ...]]:
    """A scenario, and how the dossier stands to each of its alternatives."""
    scenario = find_scenario(session, desk, wanted)
    opened = [item for item in open_all(session) if isinstance(item, OpenedItem)]
    return scenario, readiness(scenario.body, candidates(opened), now=session.clock.now())


def candidates(items: Iterable[OpenedItem]) -> list[Candidate]:
    """Items that may answer a query: issued ones that are not known to be damaged. Own documents never do."""
    return [
        Candidate(item.record.item, item.credential)
        for item in items
        if item.credential is not None and item.record.damaged is None
    ]


def plan(session: Session, desk: Desk, order: GrantOrder) -> Plan:
    """Choose what answers the scenario and check it against every limit; nothing is signed or sent.

    ``Denied``: ``claims_not_met``, ``over_asking``, ``grant_exceeds_scenario``, ``scenario_…``, ``not_a_reader``.
    """
    now = session.clock.now()
    scenario = find_scenario(session, desk, order.scenario)
    body = scenario.body
    check_in_force(body, now)
    check_newest(session, desk, scenario)
    agency = desk.facts.agency(order.agency)
    if not agency.has_role(ROLE_READER, now):
        raise Denied("not_a_reader", "{name} is not registered as a reader", name=agency.name)
    check_grantee(body, agency.division)
    opened = {item.record.item: item for item in open_all(session) if isinstance(item, OpenedItem)}
    parts = _parts(body, opened, order, now)
    check_over_asking(body, [part.scope() for part in parts])
    # The vault's clock decides when a grant begins; ours may be ahead of it.
    begin = max(order.not_before or 0, min(now, session.public_api.info().time))
    check_in_force(body, max(now, begin))
    seconds = body.max_validity_days * DAY_S if order.seconds is None else order.seconds
    found = Plan(
        scenario=scenario,
        agency=order.agency,
        agency_name=agency.name,
        division=agency.division,
        card=desk.newest_card(order.agency),
        parts=parts,
        not_before=begin,
        not_after=begin + seconds,
        max_uses=order.uses or body.max_uses,
        retention_days=body.retention_days if order.retention_days is None else order.retention_days,
        officer_class=order.officer_class,
        min_interval_s=order.min_interval_s,
        renews=order.renews,
    )
    check_limits(body, _message(session, found, bytes([1]) * 32, [bytes(32)] * len(parts), 1))
    return found


def with_also(plan: Plan, also: Collection[tuple[str, str]]) -> Plan:
    """The plan with optional claims (item id, pointer) that the holder ticked on its consent screen.

    What was not offered there is left out: nothing is granted that stood on no screen.
    """
    body = plan.scenario.body
    return replace(plan, parts=tuple(_ticked(body, part, also) for part in plan.parts))


def seal_grant(session: Session, desk: Desk, plan: Plan) -> SealedGrant:
    """Make the parcels and headers that the plan names, and sign the grant."""
    require_controller(session)
    grant_id = draw_id() if plan.answers is None else answer_id(plan.answers)
    epoch = _epoch(session, desk)
    parcels = tuple(_parcel(session, desk, plan, part, grant_id) for part in plan.parts)
    message = _message(session, plan, grant_id, [sha256(parcel) for parcel in parcels], epoch)
    digest = message.digest(deployments.grant_domain(session.deployment))
    envelope = GrantEnvelope.of(message, session.keys.hot.sign_digest(digest))
    headers = presenting.extra_headers(session, plan.parts, HybridRecipient(plan.card.sealing_key))
    return SealedGrant(envelope, parcels, tuple(headers))


def post(session: Session, plan: Plan, sealed: SealedGrant) -> bytes:
    """Post the grant and keep a copy of what was granted; the grant's id."""
    grant_id = sealed.envelope.grant.grant_id
    request = wire.PostGrant(
        grant=sealed.envelope.to_json(),
        parcels=[b64u(parcel) for parcel in sealed.parcels],
        headers=list(sealed.headers),
    )
    answer = session.api.post_grant(request)
    # What we signed is ours whatever the vault says of it: it is remembered before the answer is looked at.
    session.store.save_grant(
        grant_id, {**plan_json(plan), "grant": b64u(grant_id), "envelope": sealed.envelope.to_json()}
    )
    if answer.grant != b64u(grant_id) or answer.opening.object_sha256 != b64u(sealed.envelope.hash):
        raise Untrusted("grant_answer", "the vault answered for another grant than was posted")
    stands(session, "grant", sealed.envelope.raw, answer.opening)
    return grant_id


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan for programs, and for the consent screen."""
    body = plan.scenario.body
    return {
        **consent.terms(body),
        "agency": "0x" + plan.agency.hex(),
        "agency_name": plan.agency_name,
        "division": plan.division,
        "scenario_hash": b64u(plan.scenario.hash),
        "purpose": plan.purpose,
        "not_before": plan.not_before,
        "not_after": plan.not_after,
        "max_uses": plan.max_uses,
        "retention_days": plan.retention_days,
        "officer_class": plan.officer_class,
        "min_interval_s": plan.min_interval_s,
        "renews": None if plan.renews is None else b64u(plan.renews),
        "parts": [consent.part_json(body, part) for part in plan.parts],
    }


# choosing


def _parts(scenario: Scenario, opened: dict[bytes, OpenedItem], order: GrantOrder, now: int) -> tuple[Part, ...]:
    named = _named(opened, order)
    standing = readiness(scenario, candidates(_preferred(opened, named)), now=now)
    chosen = _alternative(standing, named)
    parts = [_part(opened[pick.item], pick, named, order) for pick in chosen.picks]
    if named:
        parts = [part for part in parts if part.item.record.item in named]
        unused = set(named) - {part.item.record.item for part in parts}
        if unused:
            raise Denied(
                "over_asking",
                "the scenario {scenario} does not allow: {excess}",
                scenario=scenario.scenario_id,
                excess=", ".join(f"{opened[i].record.id[:12]}:{part}" for i in unused for part in named[i])[:500],
            )
    return tuple(parts)


def _named(opened: dict[bytes, OpenedItem], order: GrantOrder) -> dict[bytes, list[str]]:
    """Item id → the pointers that the holder named for it; documents as ``/files/<i>``."""
    named: dict[bytes, list[str]] = {}
    for wanted, pointer in order.claims:
        named.setdefault(_item(opened, wanted).record.item, []).append(pointer)
    for wanted, name in order.documents:
        item = _item(opened, wanted)
        position = find_document(item, name).position
        named.setdefault(item.record.item, []).append(f"/files/{position - 1}")
    return named


def _item(opened: dict[bytes, OpenedItem], wanted: str) -> OpenedItem:
    found = [item for item in opened.values() if wanted and item.record.id.startswith(wanted)]
    if len(found) != 1:
        raise Denied(
            "item_not_found", "{count} items here have an id that begins with {item}", count=len(found), item=wanted
        )
    return found[0]


def _preferred(opened: dict[bytes, OpenedItem], named: dict[bytes, list[str]]) -> list[OpenedItem]:
    """The items that may be picked: of a kind that the holder named one of, only that one."""
    kinds = {opened[item].kind: item for item in named}
    return [item for item in opened.values() if kinds.get(item.kind, item.record.item) == item.record.item]


def _alternative(standing: Sequence[Readiness], named: dict[bytes, list[str]]) -> Readiness:
    """The first alternative that is met and holds what the holder named."""
    ready = [option for option in standing if option.ready]
    fitting = [o for o in ready if set(named) <= {pick.item for pick in o.picks}]
    if fitting or ready:
        return (fitting or ready)[0]
    missing = [m for option in standing[:1] for m in option.missing]
    raise Denied(
        "claims_not_met",
        "the dossier does not meet the scenario: {missing}",
        missing="; ".join(f"{m.query} ({m.reason})" for m in missing) or "-",
    )


def _part(item: OpenedItem, pick: Pick, named: dict[bytes, list[str]], order: GrantOrder) -> Part:
    # Naming claims of an item means exactly those; naming a document hands it over too.
    exact = any(item.record.id.startswith(start) for start, _pointer in order.claims)
    usual = () if exact else (c for c in pick.claims if order.optional or c not in pick.optional)
    return Part.of(pick.query, item, {*usual, *named.get(item.record.item, ())})


def _ticked(scenario: Scenario, part: Part, also: Collection[tuple[str, str]]) -> Part:
    offered = {claim["pointer"] for claim in consent.claims_asked(scenario, part) if claim["optional"]}
    wanted = {pointer for item, pointer in also if item == part.item.record.id}
    return Part.of(part.query, part.item, {*part.claims, *(offered & wanted)})


# signing and sealing


def _message(session: Session, plan: Plan, grant_id: bytes, parcels: Sequence[bytes], epoch: int) -> AccessGrant:
    secret = revocation_secret(session.keys.revoke_key.unsafe_bytes, grant_id)
    return AccessGrant(
        grant_id=grant_id,
        log=origin_hash(session.log.origin),
        dossier=session.party.subject,
        grant_epoch=epoch,
        grantor=session.keys.hot.address,
        mandate=NO_MANDATE,
        agency=plan.agency,
        agency_card=plan.card.hash,
        scenario=plan.scenario.hash,
        purpose=plan.purpose,
        officer_class=officer_class_hash(plan.officer_class),
        scope=tuple(part.scope(parcel) for part, parcel in zip(plan.parts, parcels, strict=True)),
        not_before=plan.not_before,
        not_after=plan.not_after,
        max_uses=plan.max_uses,
        min_interval_s=plan.min_interval_s,
        retention_days=plan.retention_days,
        max_depth=0,
        nullifier=nullifier_of(secret),
    )


def _epoch(session: Session, desk: Desk) -> int:
    """The dossier's grant epoch: by the chain, or as it was when this machine last saw the chain.

    Never by the vault: a grant signed for an epoch to come would begin to hold when its holder ends all grants.
    """
    return desk.facts.dossier(session.party.subject).grant_epoch


def _parcel(session: Session, desk: Desk, plan: Plan, part: Part, grant_id: bytes) -> bytes:
    """The sealed parcel of one item: an age file for the agency's card alone."""
    presented = presenting.present(
        session, part.item, part.claims, aud=urn_of(session, plan.agency), nonce=b64u(grant_id)
    )
    item = presenting.parcel_item(session, desk, part.item, presented, part.handed())
    tag_key = grant_tag_key(session.keys.tag_key.unsafe_bytes, grant_id)
    parcel = Parcel(grant_id, None, (item,), presenting.own_card(session), None, tag_key)
    return seal_bytes(parcel.serialise(), [HybridRecipient(plan.card.sealing_key)]).file
