"""From an HTTP answer that is not a success to one of our errors, by ``fault`` and ``code`` (RFC 9457).

What does not look like a problem of ours (a proxy's page, an empty body) is told by its status alone.
"""

from __future__ import annotations

import re
from itertools import islice

from console.i18n import is_time
from protocol import canonical
from protocol.canonical import Json
from protocol.errors import FAULTS, Denied, Fact, Malformed, OneFileError, Unavailable

MAX_PROBLEM = 64 << 10
MAX_DETAIL = 2000
MAX_FACTS = 64
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FACT = re.compile(r"[a-z][a-z0-9_]{0,31}")


def error_of(status: int, body: bytes) -> OneFileError:
    """The error that an answer with this status and body means; never raises."""
    try:
        problem = canonical.loads_object(body, limit=MAX_PROBLEM, what="problem")
    except Malformed:
        return _by_status(status)
    code, detail, fault = (problem.get(name) for name in ("code", "detail", "fault"))
    if not (isinstance(code, str) and isinstance(detail, str) and isinstance(fault, str)) or not _CODE.fullmatch(code):
        return _by_status(status)
    kind = FAULTS.get(fault, OneFileError)
    # The detail is already filled and in our language: its braces are text, not fields.
    text = detail[:MAX_DETAIL].replace("{", "{{").replace("}", "}}")
    facts = _facts(problem.get("facts"))
    return kind(code, _with_times(text, facts), **facts)


def _with_times(text: str, facts: dict[str, Fact]) -> str:
    """The text with a field in the place of each time, so that a person reads a date; a vault tells seconds."""
    for name, fact in facts.items():
        if is_time(name, fact):
            text = re.sub(rf"(?<!\d){fact}(?!\d)", f"{{{name}}}", text)
    return text


def _facts(value: Json) -> dict[str, Fact]:
    if not isinstance(value, dict):
        return {}
    found = ((name, fact) for name, fact in value.items() if _FACT.fullmatch(name) and type(fact) in {str, int})
    return {name: fact[:MAX_DETAIL] if isinstance(fact, str) else fact for name, fact in islice(found, MAX_FACTS)}


def _by_status(status: int) -> OneFileError:
    if status == 404:
        return Denied("not_found", "the vault has no such thing (HTTP {status})", status=status)
    if status >= 500 or status == 429:
        return Unavailable("vault_garbage", "the vault answered HTTP {status} and nothing readable", status=status)
    return Malformed("vault_garbage", "the vault answered HTTP {status} and nothing readable", status=status)
