"""One exception tree, sorted by whose fault it is.

    OneFileError
    ├── Malformed     the bytes are bad: they do not parse, or break a bound
    ├── Untrusted     the bytes parse, but what they claim is false
    ├── Denied        the claim is true, but does not give this right (or no longer)
    ├── Unavailable   nobody's fault that we know of: retry later
    └── Conflict      the request contradicts what is already recorded

Every error carries ``code`` (stable, snake_case, part of the public interface), a ``template``
in English with named fields, and the ``facts`` that fill it. Messages say what was expected and
what came, and never carry a secret. Translation looks the template up and fills the same facts.
HTTP statuses and exit codes are one table each, elsewhere: ``vault_api/problems.py`` and
``console/exits.py``.
"""

from __future__ import annotations

from typing import ClassVar

Fact = str | int


class OneFileError(Exception):
    """An error that OneFile raises on purpose; ``fault`` names the branch of the tree."""

    fault: ClassVar[str] = "failure"

    def __init__(self, code: str, template: str, /, **facts: Fact) -> None:
        super().__init__(code, template)
        self.code = code
        self.template = template
        self.facts = {name: _tellable(value) for name, value in facts.items()}

    def __str__(self) -> str:
        return fill(self.template, self.facts)


class Malformed(OneFileError):
    """The bytes do not parse. Parsers raise this and nothing else, whatever they are given."""

    fault = "malformed"


class Untrusted(OneFileError):
    """The bytes parse, but a signature, digest, proof or name in them does not hold."""

    fault = "untrusted"


class Denied(OneFileError):
    """Who asks is known, and may not (or may no longer)."""

    fault = "denied"


class Unavailable(OneFileError):
    """Something outside did not answer in time; the same call may succeed later."""

    fault = "unavailable"


class Conflict(OneFileError):
    """The request contradicts something already recorded; nothing was changed."""

    fault = "conflict"


FAULTS: dict[str, type[OneFileError]] = {
    kind.fault: kind for kind in (Malformed, Untrusted, Denied, Unavailable, Conflict)
}


def fill(template: str, facts: dict[str, Fact]) -> str:
    """Fill ``template`` with ``facts``; a field without a fact stays as it stands."""
    return template.format_map(_Lenient(facts))


def _tellable(value: Fact) -> Fact:
    """A fact that any terminal, log and answer can be given: a lone surrogate, which no encoding has, becomes ``?``."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode("utf-8")
    return value


class _Lenient(dict[str, Fact]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"
