"""A test harness for authors of scenarios: materials and requests, and what is to become of them. No network, no keys.

    {"v": 1, "day": "2026-09-21",
     "readiness": [{"name": …, "items": [{"type": "diploma", "issued": "2026-09-01", "fields": {…}}],
                    "ready": ["education"]}, {"name": …, "items": [], "missing": {"education": "no_item"}}],
     "requests": [{"name": …, "agency": "bank", "asks": {"insurance": ["/months_paid"]}, "documents": ["insurance"],
                   "uses": 1, "days": 7, "retention_days": 30, "refused": {"code": "over_asking", "claims": [...]}}]}

A case of ``readiness`` names the queries of the alternative that is ready, or, for the best alternative that is not,
each missing query and its reason. A request without ``refused`` is to be allowed. What a case does not say of an item
is filled in: every required field gets a sample value, so that an author writes what matters. Everything is judged by
the functions by which wallet, vault and reader judge (``protocol/readiness.py``, ``protocol/scenario.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache, partial
from typing import Any

from agency_cli.services.orders import CHINA
from agency_cli.services.scenario_lint import ANY_AUTHORITY
from agency_cli.services.scenarios import completed
from console.i18n import describe
from protocol import canonical
from protocol.canonical import Json
from protocol.credential import Credential, FileEntry, StatusRef, open_credential, parse_day
from protocol.credential_issue import CertificateData, CredentialRequest, issue_credential, with_prepared
from protocol.errors import Denied, Malformed
from protocol.fields import Fields
from protocol.grant import NO_MANDATE, AccessGrant, ScopeItem
from protocol.hashing import sha256
from protocol.identifiers import parse_agency_urn
from protocol.jose import P256Signer
from protocol.licence_forms import BusinessField
from protocol.licence_types import licence_type
from protocol.readiness import Candidate, Readiness, readiness
from protocol.scenario import (
    Scenario,
    check_grantee,
    check_in_force,
    check_limits,
    check_over_asking,
    over_asked,
    scenario_from_json,
)
from protocol.status_list import status_uri

MAX_CASES = 200
MAX_ITEMS = 64
MAX_NAME = 200
MAX_ASKS = 64
MAX_NUMBER = 1_000_000
MAX_KEPT = 128  # credentials of items
FIRST_YEAR, LAST_YEAR = 1990, 2200
_ONE = bytes([1]) * 32
_SAMPLE: dict[str, Json] = {"text": "样例", "date": "2020-01-01", "integer": 1, "boolean": True}
# Sample data, of nobody: the number has a right check character and no holder.
_HOLDERS: dict[str, dict[str, Json]] = {
    "person": {"name": "样例", "identity_type": "居民身份证", "identity_number": "110101199003074514"},
    "enterprise": {"name": "样例企业", "identity_type": "统一社会信用代码", "identity_number": "91350211M000100Y43"},
}
_DEPARTMENT = "12100000000000001J"
_SECRET = P256Signer.from_secret(_ONE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case: what was to come of it, and what came."""

    name: str
    kind: str
    wanted: str
    got: str

    @property
    def passed(self) -> bool:
        return self.wanted == self.got


def run_cases(source: Mapping[str, Json], cases: Json) -> list[Outcome]:
    """Every case of a file against a source. ``Malformed`` if one of them can't be read."""
    fields = Fields(cases, "cases")
    fields.uint("v", most=1, least=1)
    day = _day(fields, "day")
    now = int(datetime.combine(day, time(12), CHINA).timestamp())
    scenario = scenario_from_json(completed(source, ANY_AUTHORITY, now))
    ready = tuple(fields.objects("readiness", most=MAX_CASES)) if fields.has("readiness") else ()
    requests = tuple(fields.objects("requests", most=MAX_CASES)) if fields.has("requests") else ()
    fields.done()
    found = list(_each(ready, partial(_readiness, scenario, now, day)))
    found += _each(requests, partial(_request, scenario, now))
    if not found:
        raise Malformed("cases_empty", "the file holds no case")
    return found


def _each(cases: Iterable[Fields], judge: Callable[[str, Fields], Outcome]) -> Iterator[Outcome]:
    """The outcomes; what can't be read of a case is told with its name, so that an author finds it among many."""
    for number, case in enumerate(cases, start=1):
        name = f"#{number}"
        try:
            name = case.text("name", limit=MAX_NAME)
            yield judge(name, case)
        except Malformed as error:
            raise Malformed(error.code, "case {case}: {problem}", case=name, problem=describe(error)) from None


# readiness


def _readiness(scenario: Scenario, now: int, day: date, name: str, case: Fields) -> Outcome:
    items = [_candidate(number, one, day) for number, one in enumerate(case.objects("items", most=MAX_ITEMS), start=1)]
    wanted = _wanted_readiness(case)
    case.done()
    return Outcome(name, "readiness", wanted, _said(readiness(scenario, items, now=now)[0]))


def _wanted_readiness(case: Fields) -> str:
    if case.has("ready"):
        return "ready: " + ", ".join(sorted(case.texts("ready", most=MAX_ITEMS, least=1, limit=64)))
    missing = case.take("missing")
    if not isinstance(missing, dict) or not missing:
        raise Malformed("field_type", "{field}: expected {want}", field="cases.missing", want="object")
    return _missing({str(query): str(reason) for query, reason in missing.items()})


def _said(best: Readiness) -> str:
    if best.ready:
        return "ready: " + ", ".join(sorted(pick.query for pick in best.picks))
    return _missing({missing.query: missing.reason for missing in best.missing})


def _missing(reasons: Mapping[str, str]) -> str:
    return "missing: " + ", ".join(f"{query} ({reason})" for query, reason in sorted(reasons.items()))


def _candidate(number: int, item: Fields, day: date) -> Candidate:
    kind = licence_type(item.text("type", limit=64))
    issued = _day(item, "issued") if item.has("issued") else day
    until = _day(item, "expires") if item.has("expires") else None
    documents = item.uint("documents", most=8) if item.has("documents") else 0
    given, holder = canonical.dumps(_object(item, "fields")), canonical.dumps(_object(item, "holder"))
    item.done()
    return Candidate(bytes([number]) * 32, _issued(kind.type, number, issued, until, documents, given, holder))


@lru_cache(MAX_KEPT)
def _issued(
    kind_name: str, number: int, issued: date, until: date | None, documents: int, fields: bytes, holders: bytes
) -> Credential:
    """The credential of an item, whose ``fields`` and ``holder`` are JSON; cases of one file repeat their items."""
    kind, given, holder = licence_type(kind_name), canonical.loads_object(fields), canonical.loads_object(holders)
    # What the issuer's rules make is made here too, unless the author says otherwise.
    made = {claim.name for claim in kind.prepared} - set(given)
    request = CredentialRequest(
        licence=kind,
        issuer=ANY_AUTHORITY,
        issued_at=int(datetime.combine(issued, time(9), CHINA).timestamp()),
        subject=_ONE,
        key=_SECRET.public_jwk(),
        status=StatusRef(status_uri(parse_agency_urn(ANY_AUTHORITY).account, 0), 0),
        certificate=CertificateData("1", str(number), 1, "样例", _DEPARTMENT, issued, issued, until),
        holder={**_HOLDERS[kind.subject], **holder},
        fields={name: value for name, value in _filled(kind.fields, given).items() if name not in made},
        files=tuple(FileEntry(f"{n}.pdf", "application/pdf", 1, _ONE, _ONE) for n in range(documents)),
    )
    return open_credential(issue_credential(with_prepared(request), _SECRET))


def _day(fields: Fields, name: str) -> date:
    found = parse_day(fields.take(name), f"cases.{name}")
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Malformed(
            "cases_day", "{field}: a day of {first} to {last}", field=name, first=FIRST_YEAR, last=LAST_YEAR
        )
    return found


def _filled(fields: tuple[BusinessField, ...], given: Mapping[str, Json]) -> dict[str, Json]:
    """The given values, with a sample for each required field; a field that is given as null is left out."""
    samples = {field.name: _SAMPLE[field.kind] for field in fields if field.required}
    return {name: value for name, value in {**samples, **given}.items() if value is not None}


def _object(item: Fields, name: str) -> dict[str, Json]:
    found = item.take(name) if item.has(name) else {}
    if not isinstance(found, dict):
        raise Malformed("field_type", "{field}: expected {want}", field=f"cases.{name}", want="object")
    return found


# requests


def _request(scenario: Scenario, now: int, name: str, case: Fields) -> Outcome:
    division = case.text("agency", limit=64) if case.has("agency") else scenario.grantee_classes[0]
    scope = tuple(_scope(case))
    grant = _grant(scenario, scope, case, now)
    wanted = _wanted_request(case)
    case.done()
    checks: tuple[Callable[[], None], ...] = (
        partial(check_in_force, scenario, now),
        partial(check_grantee, scenario, division),
        partial(check_limits, scenario, grant),
        partial(check_over_asking, scenario, scope),
    )
    for check in checks:
        try:
            check()
        except Denied as error:
            claims = over_asked(scenario, scope) if error.code == "over_asking" else ()
            return Outcome(name, "request", wanted, _refused(error.code, claims))
    return Outcome(name, "request", wanted, "allowed")


def _wanted_request(case: Fields) -> str:
    if not case.has("refused"):
        return "allowed"
    refused = case.object("refused")
    claims = refused.texts("claims", most=MAX_ASKS, limit=600) if refused.has("claims") else ()
    code = refused.text("code", limit=64)
    refused.done()
    return _refused(code, claims)


def _refused(code: str, claims: tuple[str, ...]) -> str:
    return f"refused: {code}" + "".join(f" {claim}" for claim in sorted(claims))


def _scope(case: Fields) -> Iterator[ScopeItem]:
    asks = case.take("asks")
    if not isinstance(asks, dict) or not 1 <= len(asks) <= MAX_ASKS:
        raise Malformed("field_type", "{field}: expected {want}", field="cases.asks", want="object")
    handed = case.texts("documents", most=MAX_ASKS, limit=64) if case.has("documents") else ()
    for query, claims in asks.items():
        if not isinstance(claims, list) or not all(isinstance(claim, str) for claim in claims):
            raise Malformed("field_type", "{field}: expected {want}", field="cases.asks", want="list")
        documents = (_ONE,) if query in handed else ()
        # A query of a case is an item of its own: two items for one query are written with a "#".
        yield ScopeItem(
            sha256(query.encode()), query.partition("#")[0], _ONE, tuple(sorted(map(str, claims))), documents
        )


def _grant(scenario: Scenario, scope: tuple[ScopeItem, ...], case: Fields, now: int) -> AccessGrant:
    numbers: dict[str, Any] = {}
    for name, usual in (
        ("uses", scenario.max_uses),
        ("days", scenario.max_validity_days),
        ("retention_days", scenario.retention_days),
    ):
        numbers[name] = case.uint(name, most=MAX_NUMBER, least=name != "retention_days") if case.has(name) else usual
    return AccessGrant(
        grant_id=_ONE,
        log=_ONE,
        dossier=_ONE,
        grant_epoch=1,
        grantor=_ONE[:20],
        mandate=NO_MANDATE,
        agency=_ONE[:20],
        agency_card=_ONE,
        scenario=_ONE,
        purpose=scenario.purpose.zh,
        officer_class=bytes(32),
        scope=scope,
        not_before=now,
        not_after=now + int(timedelta(days=numbers["days"]).total_seconds()),
        max_uses=numbers["uses"],
        min_interval_s=0,
        retention_days=numbers["retention_days"],
        max_depth=0,
        nullifier=_ONE,
    )
