"""Scenarios: from a source that people write to the signed file that grants name.

A source is the scenario's JSON without what follows by itself: ``authority`` is this agency, ``alternatives`` follow
from the query, ``effective`` is today, ``version`` and ``supersedes`` follow from what the vault has. ``note`` is for
other authors and is not signed. Days may be written ``YYYY-MM-DD``: a scenario begins with the first second of that day
in China Standard Time, and expires with its last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from agency_cli.services.orders import CHINA, china_today
from agency_cli.services.standing import own_urn, standing
from client.files import read_bounded
from client.scenarios import MIN_PREFIX
from client.session import Session
from client.written import loads_written
from protocol.canonical import Json
from protocol.credential import parse_day
from protocol.dcql import FORMAT, parse_query
from protocol.encoding import b64u
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.identifiers import parse_agency_urn
from protocol.licence_types import LicenceType, licence_type
from protocol.scenario import DAY_S, Scenario, parse_scenario, scenario_from_json, sign_scenario, verify_scenario
from protocol.signed import Signed

MAX_SOURCE_BYTES = 256 << 10
_FOLLOWS = frozenset({"version", "supersedes", "authority", "effective", "expires"})


@dataclass(frozen=True, slots=True)
class Known:
    """A scenario that the vault serves. ``verified``: its authority's registered key signed it; None: not checkable."""

    signed: Signed[Scenario]
    index: int
    verified: bool | None = None

    @property
    def scenario(self) -> Scenario:
        return self.signed.body

    @property
    def hash(self) -> str:
        return b64u(self.signed.hash)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new scenario asks for. ``asks``: ``TYPE:claim,claim`` each; ``files`` among the claims asks documents."""

    scenario_id: str
    title: tuple[str, str]
    purpose: tuple[str, str]
    asks: tuple[str, ...]
    legal_basis: tuple[str, ...]
    grantee_classes: tuple[str, ...]
    max_uses: int = 1
    max_validity_days: int = 30
    retention_days: int = 180
    max_age_days: int = 0


def source_of(draft: Draft, now: int) -> dict[str, Json]:
    """A source for ``draft``, valid for a year, ready to be edited and signed."""
    types = [_asked(ask) for ask in draft.asks]
    today = china_today(now)
    (title_zh, title_en), (purpose_zh, purpose_en) = draft.title, draft.purpose
    source: dict[str, Json] = {
        "scenario_id": draft.scenario_id,
        "title": {"zh": title_zh, "en": title_en},
        "legal_basis": list(draft.legal_basis),
        "purpose": {"zh": purpose_zh, "en": purpose_en},
        "query": {"credentials": [_credential_query(kind, claims) for kind, claims in types]},
        "sensitivity": max(_sensitivity(kind, claims) for kind, claims in types),
        "max_age": draft.max_age_days * 86_400,
        "retention_days": draft.retention_days,
        "max_uses": draft.max_uses,
        "max_validity_days": draft.max_validity_days,
        "grantee_classes": list(draft.grantee_classes),
        "effective": today.isoformat(),
        "expires": (today + timedelta(days=365)).isoformat(),
    }
    # What can't be signed later is refused now; any authority will do for that.
    scenario_from_json(completed(source, "urn:onefile:agency:1:0x" + "0" * 40 + ":0x" + "0" * 40, now))
    return source


def read_source(path: Path) -> dict[str, Json] | Signed[Scenario]:
    """A source (JSON), or a scenario that is signed already (JWS)."""
    raw = read_bounded(path, limit=MAX_SOURCE_BYTES).strip()
    if raw.startswith(b"{"):
        return loads_written(raw, limit=MAX_SOURCE_BYTES, what=path.name)
    if raw.count(b".") != 2:  # a JWS has three parts: whatever this is, nobody has signed it
        raise Malformed(
            "scenario_source", "{path}: expected a scenario's source (JSON) or a signed scenario", path=path.name
        )
    return parse_scenario(raw)


def completed(source: Mapping[str, Json], authority: str, now: int, before: Known | None = None) -> dict[str, Json]:
    """The source with what follows by itself; ``before`` is the newest version that the vault has."""
    body = {name: value for name, value in source.items() if name != "note"}
    today = datetime.combine(china_today(now), time(), CHINA)
    body.setdefault("authority", authority)
    body.setdefault("version", 1 if before is None else before.scenario.version + 1)
    body.setdefault("supersedes", None if before is None else before.hash)
    body.setdefault("withdrawn", None)
    body.setdefault("max_age", 0)
    body.setdefault("effective", int(today.timestamp()))
    body.setdefault("expires", int(today.timestamp()) + 365 * 86_400)
    body["effective"], body["expires"] = _moment(body["effective"]), _moment(body["expires"], end=True)
    if "alternatives" not in body:
        body["alternatives"] = [list(option) for option in parse_query(body.get("query"), "query").alternatives]
    return body


def sign(
    session: Session, source: Mapping[str, Json], *, offline: bool = False
) -> tuple[Signed[Scenario], Known | None]:
    """Sign a source as its authority; returns the version at the vault instead if that says the same.

    ``offline`` asks neither vault nor registry: the source then names version and ``supersedes`` itself.
    """
    now, urn = session.clock.now(), own_urn(session)
    before = None
    if not offline:
        standing(session).require_scenario_authority()
        before = newest_of(session, urn, source.get("scenario_id"))
    body = completed(source, urn, now, before)
    if before is not None and _same(body, before.scenario, source):
        return before.signed, before
    if body["authority"] != urn:
        raise Untrusted("scenario_authority", "the scenario is of {got}", got=str(body["authority"])[:200])
    scenario = scenario_from_json(body)
    return parse_scenario(sign_scenario(scenario, session.keys.present(session.party.card_seq))), None


def publish(session: Session, found: Mapping[str, Json] | Signed[Scenario]) -> tuple[Known, bool]:
    """Bring a scenario to the vault, signed first if it is a source; and whether it is new there."""
    known: Known | None = None
    if isinstance(found, Signed):
        standing(session).require_scenario_authority()
        signed = found
    else:
        signed, known = sign(session, found)
    if known is not None:
        return known, False
    row = session.api.post_scenario(signed.raw)
    # What everybody gets who asks for it must be this very file: the answer to us alone promises nothing.
    if row.hash != b64u(signed.hash) or session.public_api.scenario(signed.hash).scenario != signed.raw:
        raise Untrusted("scenario_answer", "the vault answered with another scenario than was published")
    return Known(signed, row.index), True


def withdrawal(session: Session, scenario_id: str, at: int | None = None) -> dict[str, Json]:
    """The source of the version that withdraws our scenario from ``at`` on (default: now); nothing is published.

    ``Denied("scenario_unknown")`` if we have none of this id, ``Conflict("scenario_withdrawn")`` if it is withdrawn.
    """
    before = newest_of(session, own_urn(session), scenario_id)
    if before is None:
        raise Denied("scenario_unknown", "no scenario of this hash is here")
    if before.scenario.withdrawn is not None:
        raise Conflict("scenario_withdrawn", "the scenario was withdrawn at {at}", at=before.scenario.withdrawn)
    follows = {"version", "supersedes", "alternatives"}
    source = {name: value for name, value in before.scenario.to_json().items() if name not in follows}
    return {**source, "withdrawn": session.clock.now() if at is None else at}


def listed(session: Session) -> list[Known]:
    """Every version that the vault serves, in the order in which they came; each parsed, none verified."""
    return [Known(parse_scenario(row.scenario), row.index) for row in session.public_api.scenarios()]


def newest(known: Iterable[Known]) -> list[Known]:
    """The newest version of each scenario."""
    found: dict[str, Known] = {}
    for one in known:
        if one.scenario.uri not in found or one.scenario.version > found[one.scenario.uri].scenario.version:
            found[one.scenario.uri] = one
    return list(found.values())


def newest_of(session: Session, authority: str, scenario_id: Json) -> Known | None:
    """The newest version of one scenario of ours (``authority``, our urn); what we did not sign is not ours."""
    mine = [
        k
        for k in listed(session)
        if (k.scenario.authority, k.scenario.scenario_id) == (authority, scenario_id) and _ours(session, k.signed)
    ]
    return newest(mine)[0] if mine else None


def _ours(session: Session, signed: Signed[Scenario]) -> bool:
    """Whether one of our keys signed it, of whichever card."""
    for seq in range(session.party.card_seq, 0, -1):
        if session.keys.present(seq).thumbprint() == signed.jws.kid:
            try:
                signed.verified_by(session.keys.present(seq).public_jwk())
            except Untrusted:
                return False
            return True
    return False


def find(session: Session, text: str) -> Known:
    """By hash or its beginning, or the newest of a scenario id; verified. ``Denied("scenario_unknown")`` if none."""
    known = listed(session)
    by_hash = [one for one in known if len(text) >= MIN_PREFIX and one.hash.startswith(text)]
    if len(by_hash) == 1:
        return verified(session, by_hash[0])
    found = [one for one in newest(known) if one.scenario.scenario_id == text]
    if len(found) > 1:
        raise Conflict(
            "scenario_ambiguous", "{count} authorities have a scenario of this name: give its hash", count=len(found)
        )
    if not found:
        raise Denied("scenario_unknown", "no scenario of this hash is here")
    return verified(session, found[0])


def verified(session: Session, known: Known) -> Known:
    """Check the signature by a registered card of the authority; not checkable while the chain is away."""
    from client.checks import open_desk

    try:
        desk = open_desk(session)
        card = desk.issuer_card(parse_agency_urn(known.scenario.authority).account, known.signed.jws.kid)
    except (Unavailable, Denied):
        return Known(known.signed, known.index, None)
    try:
        verify_scenario(known.signed.raw, card.present_key)
    except OneFileError:
        return Known(known.signed, known.index, verified=False)
    return Known(known.signed, known.index, verified=True)


def _same(body: Mapping[str, Json], before: Scenario, source: Mapping[str, Json]) -> bool:
    """Whether the source says nothing that the newest version does not say already."""
    said = before.to_json()
    ignored = {name for name in _FOLLOWS if name not in source}
    return all(said.get(name) == value for name, value in body.items() if name not in ignored)


def _moment(value: Json, *, end: bool = False) -> Json:
    if not isinstance(value, str):
        return value
    day: date = parse_day(value, "scenario.day")
    # Added to the seconds, since no calendar has a day after 9999-12-31.
    return int(datetime.combine(day, time(), CHINA).timestamp()) + (DAY_S if end else 0)


def _asked(ask: str) -> tuple[LicenceType, tuple[str, ...]]:
    name, _sep, claims = ask.partition(":")
    kind = licence_type(name.strip())
    names = tuple(claim.strip() for claim in claims.split(",") if claim.strip())
    if not names:
        raise Malformed("scenario_claims", "write TYPE:claim,claim; {type} names no claim", type=kind.type)
    for claim in names:
        if claim != "files" and not claim.startswith("holder."):
            kind.field(claim)
        elif claim.startswith("holder.") and claim[7:] not in {field.name for field in kind.holder_claims}:
            raise Malformed("field_unknown", "{field}: unknown member", field=claim[:200])
    return kind, names


def _credential_query(kind: LicenceType, claims: tuple[str, ...]) -> Json:
    paths: list[Json] = []
    for claim in claims:
        path: list[Json] = ["files", None] if claim == "files" else list(claim.split("."))
        paths.append({"path": path})
    return {"id": kind.type, "format": FORMAT, "meta": {"vct_values": [kind.vct]}, "claims": paths}


def _sensitivity(kind: LicenceType, claims: tuple[str, ...]) -> int:
    grades = {pointer[1:].replace("/", "."): field.sensitivity for pointer, field in kind.graded().items()}
    return max(kind.sensitivity if claim == "files" else grades[claim] for claim in claims)
