"""The part of DCQL (OpenID4VP 1.0 §6) that scenarios use: which credentials, which claims, which alternatives.

    {"credentials": [{"id": "insurance", "format": "dc+sd-jwt", "meta": {"vct_values": [...]},
      "claims": [{"path": ["insured_region"]}, {"path": ["months_paid"], "optional": true}]}],
     "credential_sets": [{"options": [["insurance"], ["diploma"]]}]}

``credential_sets`` has at most one set: its options are the alternatives, each a list of credential ids
that satisfies the query; without it all credentials are wanted. ``optional`` is our one addition: a claim
that is used if it is there; a reader that does not know it asks for the claim. Left out, and refused:
``multiple``, ``claim_sets``, ``trusted_authorities``, other formats, unbound presentations.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import forms
from protocol.canonical import Json
from protocol.errors import Malformed
from protocol.fields import Fields, text_of
from protocol.pointers import Path, covers

FORMAT = "dc+sd-jwt"
MAX_CREDENTIALS = 32
MAX_CLAIMS = 64
MAX_ALTERNATIVES = 16
MAX_PATH = 8
MAX_VALUES = 64
QUERY_ID = r"[A-Za-z0-9_-]{1,64}"
Value = str | int | bool


@dataclass(frozen=True, slots=True)
class ClaimQuery:
    """One claim by its path; ``values``, if any, are the only ones that satisfy it."""

    path: Path
    id: str | None = None
    values: tuple[Value, ...] = ()
    optional: bool = False

    def to_json(self) -> dict[str, Json]:
        body: dict[str, Json] = {"path": list(self.path)}
        if self.id is not None:
            body["id"] = self.id
        if self.values:
            body["values"] = list(self.values)
        return {**body, "optional": True} if self.optional else body

    def accepts(self, value: Json) -> bool:
        """Whether ``value`` is one that is asked for; ``true`` and 1 are different values."""
        return not self.values or any(v == value and type(v) is type(value) for v in self.values)


@dataclass(frozen=True, slots=True)
class CredentialQuery:
    """One credential of any of ``vct_values``, and the claims wanted of it."""

    id: str
    vct_values: tuple[str, ...]
    claims: tuple[ClaimQuery, ...]

    def covers(self, pointer: str) -> bool:
        """Whether ``pointer`` is a claim that this query asks for, or a part of one."""
        return any(covers(claim.path, pointer) for claim in self.claims)

    @property
    def wants_documents(self) -> bool:
        """Whether documents may be handed over: only if a claim names ``files`` or entries of it."""
        return any(claim.path[0] == "files" for claim in self.claims)

    def to_json(self) -> dict[str, Json]:
        return {
            "id": self.id,
            "format": FORMAT,
            "meta": {"vct_values": list(self.vct_values)},
            "claims": [c.to_json() for c in self.claims],
        }


@dataclass(frozen=True, slots=True)
class Query:
    """``alternatives``: lists of credential ids, each of which satisfies the query; at least one."""

    credentials: tuple[CredentialQuery, ...]
    alternatives: tuple[tuple[str, ...], ...]

    def credential(self, query_id: str) -> CredentialQuery | None:
        """The credential query of this id."""
        return next((c for c in self.credentials if c.id == query_id), None)

    def to_json(self) -> dict[str, Json]:
        body: dict[str, Json] = {"credentials": [c.to_json() for c in self.credentials]}
        if self.alternatives == (tuple(c.id for c in self.credentials),):
            return body
        return {**body, "credential_sets": [{"options": [list(a) for a in self.alternatives]}]}


def parse_query(value: Json, what: str = "query") -> Query:
    """Read a DCQL query strictly. Raises ``Malformed`` only, also for DCQL that we do not support."""
    fields = Fields(value, what)
    credentials = tuple(_credential(f) for f in fields.objects("credentials", most=MAX_CREDENTIALS, least=1))
    ids = tuple(c.id for c in credentials)
    if len(set(ids)) != len(ids):
        raise Malformed("dcql_id", "two credentials of the query have one id")
    alternatives: tuple[tuple[str, ...], ...] = (ids,)
    if fields.has("credential_sets"):
        (only,) = fields.objects("credential_sets", most=1, least=1)
        alternatives = _alternatives(only, set(ids))
    fields.done()
    return Query(credentials, alternatives)


def parse_alternatives(options: list[Json], where: str) -> tuple[tuple[str, ...], ...]:
    """Lists of credential ids, none empty."""
    found = []
    for option in options:
        if not isinstance(option, list) or not 1 <= len(option) <= MAX_CREDENTIALS:
            raise Malformed("field_type", "{field}: expected {want}", field=where, want="list")
        found.append(tuple(text_of(name, where, pattern=QUERY_ID) for name in option))
    return tuple(found)


def parse_path(steps: list[Json]) -> Path:
    """A path of 1 to 8 steps, beginning with a name. Raises ``Malformed`` only."""
    if not 1 <= len(steps) <= MAX_PATH or not all(map(_is_step, steps)) or not isinstance(steps[0], str):
        raise Malformed("dcql_path", "a path holds names, indices from 0 and null, and begins with a name")
    return tuple(steps)


def _alternatives(fields: Fields, ids: set[str]) -> tuple[tuple[str, ...], ...]:
    found = parse_alternatives(fields.array("options", most=MAX_ALTERNATIVES, least=1), fields.what)
    fields.done()
    # Each credential has a use, each alternative says something new, and no id stands twice in one.
    named = {name for alternative in found for name in alternative}
    sets = {frozenset(alternative) for alternative in found}
    if named != ids or len(sets) != len(found) or any(len(set(a)) != len(a) for a in found):
        raise Malformed("dcql_alternatives", "the options do not name each credential, or name one twice")
    return found


def _credential(fields: Fields) -> CredentialQuery:
    query_id = fields.text("id", pattern=QUERY_ID)
    if fields.text("format") != FORMAT:
        raise Malformed("dcql_format", "expected credentials of format {want}", want=FORMAT)
    meta = fields.object("meta")
    found = CredentialQuery(
        id=query_id,
        vct_values=meta.texts("vct_values", most=16, least=1, pattern=forms.VCT),
        claims=tuple(_claim(f) for f in fields.objects("claims", most=MAX_CLAIMS, least=1)),
    )
    meta.done()
    fields.done()
    if len({c.path for c in found.claims}) != len(found.claims):
        raise Malformed("dcql_claims", "a claim stands twice in the query")
    return found


def _claim(fields: Fields) -> ClaimQuery:
    found = ClaimQuery(
        path=parse_path(fields.array("path", most=MAX_PATH, least=1)),
        id=fields.text("id", pattern=QUERY_ID) if fields.has("id") else None,
        values=tuple(fields.array("values", most=MAX_VALUES, least=1)) if fields.has("values") else (),
        optional=fields.boolean("optional") if fields.has("optional") else False,
    )
    fields.done()
    if not all(isinstance(v, str | int) for v in found.values):
        raise Malformed("dcql_values", "values are strings, integers and booleans")
    return found


def _is_step(step: Json) -> bool:
    if isinstance(step, str):
        return 0 < len(step) <= 64
    return step is None or (type(step) is int and step >= 0)
