"""The verdict: named checks, and one table of policies that draws the conclusion (docs/spec/verdict.md).

    {"verdict": "accept", "at": 1800000000, "checks": [{"name": "format", "status": "pass", "code": "ok",
     "detail": "…", "fact_age_s": null}, …]}

``reject`` if a required check fails; ``accept`` if every required check passes, or is unknown with a fact no older
than the policy bears; else ``indeterminate``. Nothing else is left to the caller. A check that has no meaning for
what is verified (uses, where there is no grant) is ``skipped`` with the code ``not_applicable``: only the functions
of ``protocol/verify*.py`` may say so, never a caller.

Wire law: a name is never given another meaning; new names are added at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from protocol.canonical import Json
from protocol.errors import Fact, Malformed, OneFileError, Unavailable, fill
from protocol.fields import Fields

CHECKS = (
    "format",
    "issuer_signature",
    "issuer_authority",
    "anchor_inclusion",
    "anchor_finality",
    "status",
    "holder_binding",
    "grant_signature",
    "grant_scope",
    "grant_time",
    "grant_uses",
    "grant_revocation",
    "mandate",
    "scenario_minimum",
    "log_consistency",
)
Status = Literal["pass", "fail", "unknown", "skipped"]
Conclusion = Literal["accept", "reject", "indeterminate"]
STATUSES: tuple[Status, ...] = ("pass", "fail", "unknown", "skipped")
CONCLUSIONS: tuple[Conclusion, ...] = ("accept", "reject", "indeterminate")

CHAIN_MAX_AGE_S = 3600  # how long facts read from the chain stay known
STATUS_MAX_AGE_S = 3600
FINALITY_GRACE_S = 900
NOT_APPLICABLE = "not_applicable"
MAX_CHECKS = 64


@dataclass(frozen=True, slots=True)
class Check:
    """One named check. ``template`` and ``facts`` give ``detail`` in English, and in another language by table.

    ``fact_age_s``: how old the oldest fact from outside is that the check rests on; None if it rests on none.
    """

    name: str
    status: Status
    code: str
    template: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    fact_age_s: int | None = None
    cause: OneFileError | None = field(default=None, compare=False, repr=False)

    @property
    def detail(self) -> str:
        return fill(self.template, dict(self.facts))

    def to_json(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "fact_age_s": self.fact_age_s,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification came to at ``at`` (seconds), and why."""

    verdict: Conclusion
    at: int
    checks: tuple[Check, ...]

    def check(self, name: str) -> Check | None:
        """The check of that name."""
        return next((found for found in self.checks if found.name == name), None)

    def to_json(self) -> dict[str, Json]:
        return {"verdict": self.verdict, "at": self.at, "checks": [c.to_json() for c in self.checks]}

    @classmethod
    def from_json(cls, value: Json) -> Verdict:
        """A verdict that somebody else drew; ``Malformed`` otherwise. It is a report, never proof."""
        fields = Fields(value, "verdict")
        found = cls(
            verdict=_one_of(fields.text("verdict"), CONCLUSIONS),
            at=fields.time("at"),
            checks=tuple(_check(part) for part in fields.objects("checks", most=MAX_CHECKS)),
        )
        fields.done()
        return found


@dataclass(frozen=True, slots=True)
class Policy:
    """``required``: what must hold. ``fresh``: a pass on older facts counts as unknown (seconds).

    ``bears``: a required check may be unknown while its fact is no older than this (seconds).
    """

    name: str
    required: frozenset[str]
    fresh: Mapping[str, int]
    bears: Mapping[str, int]


_RELEASE = frozenset(
    {
        "format",
        "grant_signature",
        "grant_scope",
        "grant_time",
        "grant_uses",
        "grant_revocation",
        "scenario_minimum",
        "mandate",
    }
)
_WINDOW = _RELEASE | {
    "issuer_signature",
    "issuer_authority",
    "status",
    "holder_binding",
    "anchor_inclusion",
    "anchor_finality",
}
_CHAIN_FACTS = dict.fromkeys(
    (
        "grant_signature",
        "grant_scope",
        "grant_revocation",
        "mandate",
        "issuer_signature",
        "issuer_authority",
        "holder_binding",
        "anchor_inclusion",
        "log_consistency",
    ),
    CHAIN_MAX_AGE_S,
)
_FRESH = {**_CHAIN_FACTS, "status": STATUS_MAX_AGE_S}

# The one table (FORMATS, "Verdict"). The vault judges a release; a reader a show or an opened parcel at its window;
# a court, an auditor or the holder takes evidence.
POLICIES: dict[str, Policy] = {
    "release": Policy("release", _RELEASE, _FRESH, {}),
    "window": Policy("window", _WINDOW, _FRESH, {"anchor_finality": FINALITY_GRACE_S}),
    "evidence": Policy("evidence", frozenset(CHECKS), _FRESH, {}),
}


def passed(name: str, *, age: int | None = None) -> Check:
    """The check holds."""
    return Check(name, "pass", "ok", "", {}, age)


def skipped(name: str) -> Check:
    """The check has no meaning for what is verified."""
    return Check(name, "skipped", NOT_APPLICABLE, "")


def not_reached(name: str) -> Check:
    """The check could not be made, since what it needs failed before."""
    return Check(name, "skipped", "not_reached", "")


def failed(name: str, error: OneFileError, *, age: int | None = None) -> Check:
    """What ``error`` says of the check: ``Unavailable`` leaves it unknown, every other branch fails it."""
    status: Status = "unknown" if isinstance(error, Unavailable) else "fail"
    return Check(name, status, error.code, error.template, error.facts, age, error)


def attempt(name: str, check: Callable[[], object], *, age: int | None = None) -> Check:
    """Run a check that raises, and write down what it came to."""
    try:
        check()
    except OneFileError as error:
        return failed(name, error, age=age)
    return passed(name, age=age)


def conclude(policy: Policy, checks: Iterable[Check], at: int) -> Verdict:
    """Draw the verdict at ``at`` (seconds) by ``policy``; a check that nobody made is not one that holds."""
    judged = tuple(_age(policy, check) for check in checks)
    required = [check for check in judged if check.name in policy.required]
    if any(check.status == "fail" for check in required):
        return Verdict("reject", at, judged)
    held = {check.name for check in required if _holds(policy, check)}
    not_held = {check.name for check in required if not _holds(policy, check)}
    complete = policy.required <= held and not not_held
    return Verdict("accept" if complete else "indeterminate", at, judged)


def accepted(verdict: Verdict, policy: Policy) -> Verdict:
    """``verdict`` if it is ``accept``; else raise what the first required check said that stands against it.

    A failed check is raised before an unknown one, so that ``Unavailable`` means: nothing is known to be wrong.
    """
    if verdict.verdict == "accept":
        return verdict
    against = [c for c in verdict.checks if c.name in policy.required and not _holds(policy, c)]
    for check in sorted(against, key=lambda c: c.status != "fail"):
        if check.cause is not None:
            raise check.cause
    raise Unavailable(
        "verdict_incomplete", "some checks that the policy {policy} asks for were not made", policy=policy.name
    )


def in_order(made: Iterable[Check]) -> list[Check]:
    """The checks in the order of ``CHECKS``; those that nobody made have no meaning for what was verified."""
    by_name = {check.name: check for check in made}
    return [by_name.get(name) or skipped(name) for name in CHECKS]


def _age(policy: Policy, check: Check) -> Check:
    limit = policy.fresh.get(check.name)
    if check.status != "pass" or limit is None or check.fact_age_s is None or check.fact_age_s <= limit:
        return check
    stale = Unavailable(
        "facts_stale", "the facts for it are {age} s old; at most {limit} s count", age=check.fact_age_s, limit=limit
    )
    return failed(check.name, stale, age=check.fact_age_s)


def _holds(policy: Policy, check: Check) -> bool:
    if check.status == "skipped":
        # Whatever is verified has a form: `format` is never without meaning, so that skipping all is no way to accept.
        return check.code == NOT_APPLICABLE and check.name != "format"
    if check.status == "unknown":
        grace = policy.bears.get(check.name)
        return grace is not None and check.fact_age_s is not None and check.fact_age_s <= grace
    return check.status == "pass"


def _check(fields: Fields) -> Check:
    detail = fields.text("detail", limit=4096, least=0).replace("{", "{{").replace("}", "}}")
    found = Check(
        name=fields.text("name", limit=64),
        status=_one_of(fields.text("status"), STATUSES),
        code=fields.text("code", limit=64),
        template=detail,
        fact_age_s=_optional_age(fields),
    )
    fields.done()
    return found


def _optional_age(fields: Fields) -> int | None:
    value = fields.take("fact_age_s")
    if value is None:
        return None
    return Fields({"fact_age_s": value}, fields.what).uint("fact_age_s")


Word = TypeVar("Word", bound=str)


def _one_of(text: str, words: tuple[Word, ...]) -> Word:
    for word in words:
        if text == word:
            return word
    raise Malformed("verdict_word", "{got} is no word of a verdict", got=text)
