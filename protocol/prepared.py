"""Prepared claims: what an issuer makes at issue of the fields that it entered, so that less can be shown.

``prepare`` fills in what the type's rules make (``PreparedClaim``); docs/spec/credential.md §8 lists the rules. All
speak of the day of issue: a yes to "aged 18 or over" stays true, a no may become stale, and the reader sees the day in
the clear. Left out: proofs that a claim follows from a hidden one. The issuer is believed for both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date

from protocol.canonical import Json
from protocol.credential import parse_day
from protocol.errors import Malformed
from protocol.licence_forms import LicenceType, PreparedClaim

MASK = "*"
# The surnames of two characters that are common today; any other name keeps its first character.
_LONG_SURNAMES = frozenset(
    {"欧阳", "上官", "司马", "司徒", "诸葛", "皇甫", "尉迟", "公孙", "慕容", "令狐", "东方", "夏侯", "端木", "轩辕"}
)
_CITY = re.compile(r"^.{1,20}?(?:市|地区|自治州|盟)")
_PROVINCE = re.compile(r"^.{1,12}?(?:省|自治区|特别行政区)")
Value = str | int | bool
Numbers = tuple[int, ...]


def prepare(licence: LicenceType, fields: Mapping[str, Json], issued: date) -> dict[str, Json]:
    """The business fields with the claims that follow from them.

    A prepared claim that the order gives itself must say what its rule says: ``Malformed("prepared_other")`` otherwise.
    """
    return _filled(licence.prepared, fields, issued, licence.type)


def prepare_holder(licence: LicenceType, holder: Mapping[str, Json], issued: date) -> dict[str, Json]:
    """The members of ``holder`` with their masked forms."""
    return _filled(licence.holder_prepared, holder, issued, "holder")


def _filled(claims: Iterable[PreparedClaim], values: Mapping[str, Json], issued: date, where: str) -> dict[str, Json]:
    found = dict(values)
    for claim in claims:
        made = make(claim, values.get(claim.source), issued)
        if made is None:
            continue
        if found.setdefault(claim.name, made) != made:
            raise Malformed("prepared_other", "{field}: the rule gives another value", field=f"{where}.{claim.name}")
    return found


def make(claim: PreparedClaim, source: Json, issued: date) -> Value | None:
    """What the claim says of ``source`` on the day of issue; None where the rule can't say."""
    if claim.rule == "given":
        return source is not None
    if source is None:
        return None
    return _RULES[claim.rule](source, claim.numbers, issued)


def _at_least(source: Json, numbers: Numbers, _issued: date) -> Value | None:
    return source >= numbers[0] if type(source) is int else None


def _below(source: Json, numbers: Numbers, _issued: date) -> Value | None:
    return source < numbers[0] if type(source) is int else None


def _band(source: Json, numbers: Numbers, _issued: date) -> Value | None:
    """``<a``, ``a-b`` (a ≤ x < b) or ``>=z``: as wide as the table says, whatever the value."""
    if type(source) is not int:
        return None
    low = max((edge for edge in numbers if edge <= source), default=None)
    high = min((edge for edge in numbers if edge > source), default=None)
    if low is None:
        return f"<{high}"
    return f">={low}" if high is None else f"{low}-{high}"


def _years(source: Json, numbers: Numbers, issued: date) -> Value | None:
    """Whether so many years had passed on the day of issue; who was born on 29 February is a year older on 1 March."""
    day = parse_day(source, "prepared.source")
    years = issued.year - day.year - ((issued.month, issued.day) < (day.month, day.day))
    return years >= numbers[0]


def _year(source: Json, _numbers: Numbers, _issued: date) -> Value | None:
    return parse_day(source, "prepared.source").year


def _mask(source: Json, numbers: Numbers, _issued: date) -> Value | None:
    """The first and last so many characters; a text of no more than twice as many is masked whole."""
    if not isinstance(source, str):
        return None
    first, last = numbers
    if len(source) <= 2 * (first + last):
        return MASK * len(source)
    return source[:first] + MASK * (len(source) - first - last) + source[len(source) - last :]


def _surname(source: Json, _numbers: Numbers, _issued: date) -> Value | None:
    """The surname and two stars, however long the rest is: its length would tell a rare name."""
    if not isinstance(source, str) or not source:
        return None
    kept = 2 if source[:2] in _LONG_SURNAMES else 1
    return source[:kept] + MASK * 2


def _region(source: Json, _numbers: Numbers, _issued: date) -> Value | None:
    """The address as far as its city, or its province; nothing of an address that names neither."""
    if not isinstance(source, str):
        return None
    found = _CITY.search(source) or _PROVINCE.search(source)
    return found.group() if found else None


_RULES: dict[str, Callable[[Json, Numbers, date], Value | None]] = {
    "at_least": _at_least,
    "below": _below,
    "band": _band,
    "years": _years,
    "year": _year,
    "mask": _mask,
    "surname": _surname,
    "region": _region,
}
RULES = frozenset({*_RULES, "given"})
