"""Scenario: a signed file that says who may ask for which claims, on what ground, and for how long.

One source for four uses: the query that a reader asks, the over-asking check of the vault, the limits of
a grant, and the wallet's readiness view (``protocol/readiness.py``). ``docs/spec/scenario.md`` says it field
by field. A scenario is named by the SHA-256 of its JWS bytes: a new version is another scenario, and a
grant stays with the one that the holder read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from protocol import forms
from protocol.canonical import Json
from protocol.dcql import MAX_ALTERNATIVES, Query, parse_alternatives, parse_path, parse_query
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed
from protocol.fields import Fields
from protocol.grant import MAX_PURPOSE_CHARS, MAX_USES, AccessGrant, ScopeItem
from protocol.identifiers import parse_agency_urn
from protocol.jose import EcSigner, PublicJwk, parse_jws, sign_typed
from protocol.licence_forms import Title
from protocol.pointers import Path, format_pointer
from protocol.signed import Signed

SCENARIO_TYP = "onefile-scenario+jwt"
DAY_S = 86_400
MAX_DAYS = 36_500
MAX_LINKED = 4
_MAX_CHARS = 64 << 10


@dataclass(frozen=True, slots=True)
class Scenario:
    """``max_age``: seconds since the credential was issued, 0 for any age. Times in seconds.

    ``sensitivity`` 1 to 5; ``grantee_classes`` the divisions of agencies that may be grantees; ``withdrawn`` the
    time from which nothing may be granted or used any more; ``supersedes`` the hash of the version before. ``linked``:
    claims that are the same in all items that answer together, as a case number is.
    """

    scenario_id: str
    version: int
    title: Title
    authority: str
    legal_basis: tuple[str, ...]
    purpose: Title
    query: Query
    sensitivity: int
    max_age: int
    retention_days: int
    max_uses: int
    max_validity_days: int
    grantee_classes: tuple[str, ...]
    effective: int
    expires: int
    withdrawn: int | None = None
    supersedes: bytes | None = None
    linked: tuple[Path, ...] = ()

    @property
    def uri(self) -> str:
        """The name of all versions in the log: ``urn:onefile:scenario:<authority's account>:<scenario_id>``."""
        return f"urn:onefile:scenario:0x{parse_agency_urn(self.authority).account.hex()}:{self.scenario_id}"

    def to_json(self) -> dict[str, Json]:
        # A scenario without linked claims has no such member: its bytes are those of before there were any.
        linked: dict[str, Json] = {"linked": [list(path) for path in self.linked]} if self.linked else {}
        return {
            "scenario_id": self.scenario_id,
            "version": self.version,
            "title": {"zh": self.title.zh, "en": self.title.en},
            "authority": self.authority,
            "legal_basis": list(self.legal_basis),
            "purpose": {"zh": self.purpose.zh, "en": self.purpose.en},
            "query": self.query.to_json(),
            "alternatives": [list(a) for a in self.query.alternatives],
            "sensitivity": self.sensitivity,
            "max_age": self.max_age,
            "retention_days": self.retention_days,
            "max_uses": self.max_uses,
            "max_validity_days": self.max_validity_days,
            "grantee_classes": list(self.grantee_classes),
            "effective": self.effective,
            "expires": self.expires,
            "withdrawn": self.withdrawn,
            "supersedes": None if self.supersedes is None else b64u(self.supersedes),
            **linked,
        }


def sign_scenario(scenario: Scenario, signer: EcSigner) -> str:
    """The scenario as JWS by its authority; refuses to sign what ``parse_scenario`` would refuse to read."""
    raw = sign_typed(SCENARIO_TYP, scenario.to_json(), signer)
    parse_scenario(raw)
    return raw


def parse_scenario(raw: str | bytes) -> Signed[Scenario]:
    """Parse strictly; nothing is verified. ``.hash`` is the scenario's name in a grant. ``Malformed`` only."""
    jws = parse_jws(raw, typ=SCENARIO_TYP, limit=_MAX_CHARS)
    return Signed(scenario_from_json(jws.claims()), jws)


def verify_scenario(raw: str | bytes, key: PublicJwk) -> Signed[Scenario]:
    """The scenario if ``key`` signed it; that it is the key of a scenario authority is the registry's fact."""
    return parse_scenario(raw).verified_by(key)


def scenario_from_json(value: Json) -> Scenario:
    """An unsigned scenario, as an authority writes it. Raises ``Malformed`` only."""
    fields = Fields(value, "scenario")
    query = parse_query(fields.take("query"), "scenario.query")
    scenario = Scenario(
        scenario_id=fields.text("scenario_id", pattern=forms.SLUG),
        version=fields.uint("version", most=1_000_000, least=1),
        title=_title(fields.object("title"), 100),
        authority=fields.text("authority", pattern=forms.AGENCY_URN),
        legal_basis=fields.texts("legal_basis", most=16, least=1, limit=500),
        purpose=_title(fields.object("purpose"), MAX_PURPOSE_CHARS),
        query=query,
        sensitivity=fields.uint("sensitivity", most=5, least=1),
        max_age=fields.uint("max_age", most=MAX_DAYS * DAY_S),
        retention_days=fields.uint("retention_days", most=MAX_DAYS),
        max_uses=fields.uint("max_uses", most=MAX_USES, least=1),
        max_validity_days=fields.uint("max_validity_days", most=MAX_DAYS, least=1),
        grantee_classes=fields.texts("grantee_classes", most=32, least=1, pattern=forms.SLUG),
        effective=fields.time("effective"),
        expires=fields.time("expires"),
        withdrawn=_or_none(fields, "withdrawn"),
        supersedes=_hash_or_none(fields),
        linked=_linked(fields, query),
    )
    _check_alternatives(fields, query)
    fields.done()
    if scenario.expires <= scenario.effective:
        raise Malformed("scenario_time", "the scenario expires before it takes effect")
    return scenario


def over_asked(scenario: Scenario, scope: Iterable[ScopeItem]) -> tuple[str, ...]:
    """What of ``scope`` the scenario does not allow, by name; empty if it keeps within it.

    Claims ⊆ those of the query that the item answers; documents only where the query asks for files; one
    item a query; queries ⊆ one alternative. Less than the scenario asks for is allowed: the holder chooses.
    """
    parts = tuple(scope)
    excess = [name for part in parts for name in _excess(scenario.query, part)]
    queries = [part.query for part in parts]
    excess += sorted({q for q in queries if queries.count(q) > 1})
    if not excess and not any(set(queries) <= set(a) for a in scenario.query.alternatives):
        excess = sorted(queries)
    return tuple(excess)


def check_over_asking(scenario: Scenario, scope: Iterable[ScopeItem]) -> None:
    """Raise ``Denied("over_asking")``, naming what is too much (``over_asked``), unless ``scope`` keeps within."""
    excess = over_asked(scenario, scope)
    if excess:
        raise Denied(
            "over_asking",
            "the scenario {scenario} does not allow: {excess}",
            scenario=scenario.scenario_id,
            excess=", ".join(excess)[:500],
        )


def check_linked(scenario: Scenario, shown: Iterable[Mapping[str, Json]]) -> None:
    """Raise ``Denied("not_linked")``, naming the claim, unless all items show one value of each linked claim.

    ``shown``: for each item its values by pointer.
    """
    items = tuple(shown)
    for path in scenario.linked:
        pointer = format_pointer(str(step) for step in path)
        values = [values.get(pointer) for values in items]
        if None in values or any(type(v) is not type(values[0]) or v != values[0] for v in values):
            raise Denied("not_linked", "the items are not of one case: they differ in {claim}", claim=pointer)


def check_in_force(scenario: Scenario, now: int) -> None:
    """Raise ``Denied`` unless the scenario is in force at ``now``."""
    if scenario.withdrawn is not None and now >= scenario.withdrawn:
        raise Denied("scenario_withdrawn", "the scenario was withdrawn at {at}", at=scenario.withdrawn)
    if not scenario.effective <= now < scenario.expires:
        raise Denied(
            "scenario_not_in_force",
            "the scenario is in force from {effective} to {expires}; the clock says {now}",
            effective=scenario.effective,
            expires=scenario.expires,
            now=now,
        )


def check_current(scenario: Scenario, later: Iterable[Scenario], now: int, *, given: bool) -> None:
    """Raise ``Denied`` if a later version ends what is asked under this one. ``later``: the later versions in the log.

    A later version that is withdrawn ends everything under the earlier ones, ``given`` grants too; one that is in
    effect ends only what begins (a new grant, a show): a grant stays with the version that its holder read.
    """
    versions = tuple(later)
    for one in versions:
        if one.withdrawn is not None and now >= one.withdrawn:
            raise Denied("scenario_withdrawn", "the scenario was withdrawn at {at}", at=one.withdrawn)
    if given:
        return
    in_effect = [one.version for one in versions if now >= one.effective]
    if in_effect:
        raise Denied(
            "scenario_superseded",
            "version {version} of the scenario {scenario} was replaced by version {newest}",
            version=scenario.version,
            scenario=scenario.scenario_id,
            newest=max(in_effect),
        )


def check_grantee(scenario: Scenario, division: str) -> None:
    """Raise ``Denied`` unless an agency of this division (AgencyRegistry) may be a grantee."""
    if division not in scenario.grantee_classes:
        raise Denied("scenario_grantee", "an agency of class {division} may not use this scenario", division=division)


def check_retention(scenario: Scenario, retain_until: int, now: int) -> None:
    """Raise ``Denied("receipt_retention")`` if a show's receipt would keep for longer than the scenario allows."""
    most = now + scenario.retention_days * DAY_S
    if retain_until > most:
        raise Denied(
            "receipt_retention",
            "the scenario allows keeping until {most_until}, the receipt says {got_until}",
            most_until=most,
            got_until=retain_until,
        )


def check_limits(scenario: Scenario, grant: AccessGrant) -> None:
    """Raise ``Denied("grant_exceeds_scenario")``, naming the limit, unless the grant keeps within all three."""
    # A day that has begun counts: a second more than the scenario's days is one day too many.
    limits = (
        ("max_uses", grant.max_uses, scenario.max_uses),
        ("max_validity_days", -(-(grant.not_after - grant.not_before) // DAY_S), scenario.max_validity_days),
        ("retention_days", grant.retention_days, scenario.retention_days),
    )
    for limit, got, most in limits:
        if got > most:
            raise Denied(
                "grant_exceeds_scenario",
                "{limit}: the scenario allows {most}, the grant says {got}",
                limit=limit,
                most=most,
                got=got,
            )


def _excess(query: Query, part: ScopeItem) -> list[str]:
    asked = query.credential(part.query)
    if asked is None:
        return [part.query]
    # /sub is always shown (docs/spec/credential.md §2), so that naming it is not asking for more.
    excess = [f"{part.query}:{c}" for c in part.claims if c != "/sub" and not asked.covers(c)]
    if part.documents and not asked.wants_documents:
        excess.append(f"{part.query}:documents")
    return excess


def _title(fields: Fields, limit: int) -> Title:
    found = Title(zh=fields.text("zh", limit=limit), en=fields.text("en", limit=limit))
    fields.done()
    return found


def _or_none(fields: Fields, name: str) -> int | None:
    if fields.is_null(name):
        return None
    return fields.time(name)


def _hash_or_none(fields: Fields) -> bytes | None:
    return None if fields.is_null("supersedes") else fields.bytes32("supersedes")


def _linked(fields: Fields, query: Query) -> tuple[Path, ...]:
    if not fields.has("linked"):
        return ()
    options = fields.array("linked", most=MAX_LINKED, least=1)
    found = tuple(parse_path(option) if isinstance(option, list) else () for option in options)
    # What nobody must show can't be compared.
    required = [{claim.path for claim in one.claims if not claim.optional} for one in query.credentials]
    if () in found or len(set(found)) != len(found) or not all(set(found) <= paths for paths in required):
        raise Malformed("scenario_linked", "a linked claim must be asked of every credential, and is not optional")
    if any(step is None for path in found for step in path):
        raise Malformed("scenario_linked", "a linked claim must be asked of every credential, and is not optional")
    return found


def _check_alternatives(fields: Fields, query: Query) -> None:
    # The alternatives stand twice: in DCQL for whoever speaks DCQL, and plainly for whoever reads the file.
    options = fields.array("alternatives", most=MAX_ALTERNATIVES, least=1)
    if parse_alternatives(options, "scenario.alternatives") != query.alternatives:
        raise Malformed("scenario_alternatives", "alternatives and credential_sets do not say the same")
