"""Vectors of scenarios, and of scopes that keep within one or ask for more."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from protocol.encoding import b64u, hex0x
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.jose import sign_typed
from protocol.scenario import SCENARIO_TYP, sign_scenario
from protocol.statements import STATEMENT_TYP
from tests.credential_samples import DOSSIER, HOLDER
from tests.scenario_samples import AUTHORITY, DIPLOMA_VCT, NOW, SCENARIO
from tests.vectors.book import Book
from tests.vectors.judges import signed
from tests.vectors.makers.signed import bodies, high_s, jwk, refuse_jws

BODY = SCENARIO.to_json()

def _linked() -> dict[str, Any]:
    """A scenario whose two credentials are asked for one number, together."""
    asked = copy.deepcopy(BODY["query"]["credentials"])
    for one in asked:
        one["claims"] += [{"path": ["number"]}, {"path": ["files", None]}]
    asked[0]["claims"] = [claim for claim in asked[0]["claims"] if "optional" not in claim]
    alternatives = [["insurance", "education"]]
    return {**BODY, "query": {"credentials": asked}, "alternatives": alternatives, "linked": [["number"]]}


LINKED = _linked()
Change = Callable[[dict[str, Any]], None]


def asking(change: Change) -> str:
    """The scenario with a change of its query, signed."""
    body = copy.deepcopy(BODY)
    change(body["query"])
    return sign_typed(SCENARIO_TYP, body, AUTHORITY)


def scenarios() -> Book:
    about = "raw: a scenario (JWS) by its authority's key; the result is its SHA-256, which grants name, and its uri"
    book = Book("scenario", about, signed.scenario)
    good = sign_scenario(SCENARIO, AUTHORITY)
    book.accept("a small loan", raw=good, key=jwk(AUTHORITY))
    second = {**BODY, "version": 2, "withdrawn": NOW, "supersedes": b64u(sha256(good.encode()))}
    book.also("its second version, withdrawn", raw=sign_typed(SCENARIO_TYP, second, AUTHORITY))
    both = {
        **BODY,
        "query": {"credentials": BODY["query"]["credentials"]},
        "alternatives": [["insurance", "education"]],
    }
    book.also("all credentials at once", raw=sign_typed(SCENARIO_TYP, both, AUTHORITY))
    book.also(
        "values and claim ids",
        raw=asking(lambda q: q["credentials"][1]["claims"][0].update(id="a", values=["x", 1, True])),
    )
    book.also("the other s", raw=high_s(good))
    book.also("items of one case", raw=sign_typed(SCENARIO_TYP, LINKED, AUTHORITY))
    book.refuse("another key", "untrusted:jws_kid", key=jwk(HOLDER))
    refuse_jws(book, SCENARIO_TYP, BODY, AUTHORITY, STATEMENT_TYP)
    bent = bodies(book, SCENARIO_TYP, BODY, AUTHORITY)
    bent("no legal ground", "malformed:field_count", legal_basis=[])
    bent("a legal ground twice", "malformed:field_duplicate", legal_basis=["a", "a"])
    bent("no purpose in English", "malformed:field_missing", purpose={"zh": "审核"})
    bent("a title in a third language", "malformed:field_unknown", title={"zh": "a", "en": "a", "fr": "a"})
    bent("an id in upper case", "malformed:field_form", scenario_id="Small-loan")
    bent("version 0", "malformed:field_range", version=0)
    bent("a dossier as its authority", "malformed:field_form", authority=dossier_urn(DOSSIER))
    bent("sensitivity 6", "malformed:field_range", sensitivity=6)
    bent("no uses", "malformed:field_range", max_uses=0)
    bent("no day", "malformed:field_range", max_validity_days=0)
    bent("nobody who may use it", "malformed:field_count", grantee_classes=[])
    bent("expires as it takes effect", "malformed:scenario_time", expires=SCENARIO.effective)
    bent("no word of withdrawal", "malformed:field_missing", withdrawn=...)
    bent("withdrawn: false", "malformed:field_type", withdrawn=False)
    bent("a version before it in hex", "malformed:base64url", supersedes=hex0x(sha256(b"")))
    bent("an unknown member", "malformed:field_unknown", fee=0)
    bent("alternatives that differ from the query's", "malformed:scenario_alternatives", alternatives=[["insurance"]])
    bent(
        "alternatives in another order", "malformed:scenario_alternatives", alternatives=[["education"], ["insurance"]]
    )
    for name, linked in (
        ("no linked claim", []),
        ("a linked claim that one credential is not asked for", [["months_paid"]]),
        ("a linked claim twice", [["number"], ["number"]]),
        ("a linked claim by its name alone", ["number"]),
        ("a linked list", [["files", None]]),
    ):
        code = "field_count" if not linked else "scenario_linked"
        raw = sign_typed(SCENARIO_TYP, {**LINKED, "linked": linked}, AUTHORITY)
        book.refuse(name, f"malformed:{code}", raw=raw)
    refuse_queries(book)
    return book


def refuse_queries(book: Book) -> None:
    """What can be wrong with the DCQL query in it."""

    def first(q: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = q["credentials"][0]
        return found

    rows: list[tuple[str, str, Change]] = [
        ("another format", "dcql_format", lambda q: first(q).update(format="mso_mdoc")),
        ("two credentials of one id", "dcql_id", lambda q: q["credentials"][1].update(id="insurance")),
        ("an id with a space", "field_form", lambda q: first(q).update(id="an insurance")),
        ("no claims", "field_count", lambda q: first(q).update(claims=[])),
        ("a claim twice", "dcql_claims", lambda q: first(q)["claims"].append({"path": ["months_paid"]})),
        ("an empty path", "field_count", lambda q: first(q)["claims"][0].update(path=[])),
        ("a path that begins with an index", "dcql_path", lambda q: first(q)["claims"][0].update(path=[0, "a"])),
        ("a negative index", "dcql_path", lambda q: first(q)["claims"][0].update(path=["files", -1])),
        ("a path with true in it", "dcql_path", lambda q: first(q)["claims"][0].update(path=["files", True])),
        ("no values", "field_count", lambda q: first(q)["claims"][0].update(values=[])),
        ("a list as a value", "dcql_values", lambda q: first(q)["claims"][0].update(values=[["a"]])),
        ("optional: 1", "field_type", lambda q: first(q)["claims"][0].update(optional=1)),
        ("several at once", "field_unknown", lambda q: first(q).update(multiple=True)),
        ("claim sets", "field_unknown", lambda q: first(q).update(claim_sets=[["a"]])),
        ("a type as a URL", "field_form", lambda q: first(q)["meta"].update(vct_values=["https://a.example"])),
        ("no type", "field_count", lambda q: first(q)["meta"].update(vct_values=[])),
        ("two sets", "field_count", lambda q: q["credential_sets"].append(q["credential_sets"][0])),
        ("a set that need not be met", "field_unknown", lambda q: q["credential_sets"][0].update(required=False)),
        ("a credential that no option names", "dcql_alternatives", lambda q: q["credential_sets"][0]["options"].pop()),
        ("an option with an id of no credential", "dcql_alternatives", lambda q: q["credential_sets"][0]["options"].append(["x"])),
        ("an option twice", "dcql_alternatives", lambda q: q["credential_sets"][0]["options"].append(["education"])),
        ("an empty option", "field_type", lambda q: q["credential_sets"][0]["options"].append([])),
    ]  # fmt: skip
    for name, code, change in rows:
        book.refuse(name, f"malformed:{code}", raw=asking(change))


def part(
    query: str = "insurance", claims: tuple[str, ...] = ("/insured_region", "/months_paid"), **more: Any
) -> dict[str, Any]:
    base = {"item": hex0x(sha256(b"item")), "parcel": hex0x(sha256(b"parcel")), "documents": []}
    return {**base, "query": query, "claims": sorted(claims), **more}


def over_asking() -> Book:
    about = "scope: the parts of a grant, against a scenario by key, for an agency of the division, at the time now"
    book = Book("over-asking", about, signed.over_asking)
    place = {"scenario": sign_scenario(SCENARIO, AUTHORITY), "key": jwk(AUTHORITY), "division": "bank", "now": NOW}
    document = hex0x(sha256(b"payload"))
    book.accept("what it asks for", scope=[part()], **place)
    book.also("less than it asks for", scope=[part(claims=("/months_paid",))])
    book.also("what is optional too", scope=[part(claims=("/files/0", "/holder/name"), documents=[document])])
    book.also("the dossier, which is always shown", scope=[part(claims=("/months_paid", "/sub"))])
    book.also("the other alternative", scope=[part("education", ("/school",))])
    too_much = "denied:over_asking"
    for name, scope in (
        ("a claim that it does not ask for", [part(claims=("/contribution_base", "/months_paid"))]),
        ("a part beside the one that it asks for", [part(claims=("/holder/identity_number",))]),
        ("what holds the claim that it asks for", [part(claims=("/holder",))]),
        ("a claim whose name only begins alike", [part(claims=("/months_paid_2",))]),
        ("an element of a list as a name", [part(claims=("/files/first",))]),
        ("an index with a leading zero", [part(claims=("/files/00",))]),
        ("an unknown query", [part("licence")]),
        ("both alternatives", [part(), part("education", ("/school",))]),
        ("two items for one query", [part(), part(item=hex0x(sha256(b"item 2")))]),
        ("documents of a query without files", [part("education", ("/school",), documents=[document])]),
        ("a claim of the other query", [part("education", ("/months_paid",))]),
    ):
        book.refuse(name, too_much, scope=scope)
    book.refuse("an agency of another class", "denied:scenario_grantee", division="school")
    book.refuse("before it takes effect", "denied:scenario_not_in_force", now=SCENARIO.effective - 1)
    book.refuse("as it expires", "denied:scenario_not_in_force", now=SCENARIO.expires)
    withdrawn = sign_typed(SCENARIO_TYP, {**BODY, "withdrawn": NOW}, AUTHORITY)
    book.refuse("as it is withdrawn", "denied:scenario_withdrawn", scenario=withdrawn)
    narrow = {**BODY, "query": {"credentials": BODY["query"]["credentials"][1:]}, "alternatives": [["education"]]}
    book.refuse("another scenario", too_much, scenario=sign_typed(SCENARIO_TYP, narrow, AUTHORITY))
    versions(book, place)
    items_of_one_case(book, place)
    assert narrow["query"]["credentials"][0]["meta"]["vct_values"] == [DIPLOMA_VCT]
    return book


def versions(book: Book, place: dict[str, Any]) -> None:
    """What later versions in the log end, and what they leave alone."""

    def version(number: int, **changes: Any) -> str:
        return sign_typed(SCENARIO_TYP, {**BODY, "version": number, **changes}, AUTHORITY)

    begun, coming = version(2, effective=NOW), version(2, effective=NOW + 1)
    waiting, withdrawn = version(2, withdrawn=NOW + 1), version(3, withdrawn=NOW)
    name = "a version that is not in effect yet"
    book.accept(name, scope=[part()], later=[coming], given=False, **place)
    book.refuse("a version that takes effect now", "denied:scenario_superseded", of=name, later=[begun])
    book.refuse("one of two that is in effect", "denied:scenario_superseded", of=name, later=[begun, coming])
    name = "a grant that was given before"
    book.accept(name, scope=[part()], later=[begun, waiting], given=True, **place)
    book.refuse("a new grant under it", "denied:scenario_superseded", of=name, given=False)
    book.refuse("a later version that is withdrawn", "denied:scenario_withdrawn", of=name, later=[begun, withdrawn])
    revived = [withdrawn, version(4)]
    book.refuse("a withdrawal that a still later one does not repeat", "denied:scenario_withdrawn", of=name, later=revived)


def items_of_one_case(book: Book, place: dict[str, Any]) -> None:
    """Linked claims: what the items say must be the same."""
    scope = [part(claims=("/number",)), part("education", ("/number",))]
    place = {**place, "scenario": sign_typed(SCENARIO_TYP, LINKED, AUTHORITY)}
    name = "two items of one case"
    book.accept(name, scope=scope, shown=[{"/number": "7"}, {"/number": "7", "/school": "x"}], **place)
    for why, shown in (
        ("two items of two cases", [{"/number": "7"}, {"/number": "8"}]),
        ("a number and its text", [{"/number": 1}, {"/number": "1"}]),
        ("one and true", [{"/number": 1}, {"/number": True}]),
        ("an item that does not say its case", [{"/number": "7"}, {"/school": "x"}]),
    ):
        book.refuse(why, "denied:not_linked", of=name, shown=shown)


def books() -> list[Book]:
    """All of this module."""
    return [scenarios(), over_asking()]
