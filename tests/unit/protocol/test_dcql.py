"""The subset of DCQL that scenarios use, and the refusal of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.dcql import parse_query
from protocol.errors import Malformed

VCT = "urn:onefile:licence:social-insurance-proof:1"


def credential(query_id: str = "insurance", **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": query_id,
        "format": "dc+sd-jwt",
        "meta": {"vct_values": [VCT]},
        "claims": [{"path": ["insured_region"]}, {"path": ["files", None], "id": "doc", "optional": True}],
    }
    return {**base, **changes}


def query(*credentials: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"credentials": list(credentials or (credential(),)), **more}


def options(*alternatives: list[str]) -> dict[str, Any]:
    return {"credential_sets": [{"options": list(alternatives)}]}


def test_a_query_reads_and_writes_back() -> None:
    text = query(credential("a"), credential("b"), **options(["a"], ["b"]))
    found = parse_query(text)
    assert found.alternatives == (("a",), ("b",))
    assert found.to_json() == text


def test_without_sets_all_credentials_are_wanted_and_no_set_is_written() -> None:
    found = parse_query(query(credential("a"), credential("b")))
    assert found.alternatives == (("a", "b"),)
    assert "credential_sets" not in found.to_json()


def test_values_are_kept_with_their_types() -> None:
    claim = {"path": ["months_paid"], "values": [1, True, "x"]}
    found = parse_query(query(credential(claims=[claim]))).credentials[0].claims[0]
    assert found.to_json() == claim
    assert found.accepts(1)
    assert found.accepts(value=True)
    assert not found.accepts(2)
    assert not found.accepts([])


def test_true_is_not_one() -> None:
    claim = parse_query(query(credential(claims=[{"path": ["a"], "values": [1]}]))).credentials[0].claims[0]
    assert not claim.accepts(value=True)


def test_a_query_covers_its_claims_and_their_parts() -> None:
    found = parse_query(query()).credential("insurance")
    assert found is not None
    assert found.covers("/insured_region")
    assert found.covers("/files/3")
    assert not found.covers("/files")
    assert not found.covers("/salary")
    assert found.wants_documents
    assert parse_query(query()).credential("other") is None


CLAIM = {"path": ["a"]}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "field_type"),
        ({}, "field_missing"),
        ({"credentials": []}, "field_count"),
        (query(credential(), credential()), "dcql_id"),
        (query(credential("bad id")), "field_form"),
        (query(credential(format="mso_mdoc")), "dcql_format"),
        (query(credential(meta={})), "field_missing"),
        (query(credential(meta={"vct_values": ["https://x"]})), "field_form"),
        (query(credential(meta={"vct_values": [VCT], "x": 1})), "field_unknown"),
        (query(credential(multiple=True)), "field_unknown"),
        (query(credential(claim_sets=[["a"]])), "field_unknown"),
        (query(credential(trusted_authorities=[])), "field_unknown"),
        (query(credential(claims=[])), "field_count"),
        (query(credential(claims=[CLAIM, CLAIM])), "dcql_claims"),
        (query(credential(claims=[{"path": []}])), "field_count"),
        (query(credential(claims=[{"path": ["a"] * 9}])), "field_count"),
        (query(credential(claims=[{"path": [None]}])), "dcql_path"),
        (query(credential(claims=[{"path": [0]}])), "dcql_path"),
        (query(credential(claims=[{"path": ["a", -1]}])), "dcql_path"),
        (query(credential(claims=[{"path": ["a", True]}])), "dcql_path"),
        (query(credential(claims=[{"path": ["a", {}]}])), "dcql_path"),
        (query(credential(claims=[{"path": ["a", ""]}])), "dcql_path"),
        (query(credential(claims=[{**CLAIM, "values": [{}]}])), "dcql_values"),
        (query(credential(claims=[{**CLAIM, "values": []}])), "field_count"),
        (query(credential(claims=[{**CLAIM, "optional": 1}])), "field_type"),
        (query(credential_sets=[]), "field_count"),
        (query(**options(["insurance"], ["other"])), "dcql_alternatives"),
        (query(**options(["insurance"], ["insurance"])), "dcql_alternatives"),
        (query(**options(["insurance", "insurance"])), "dcql_alternatives"),
        (query(credential("a"), credential("b"), **options(["a"])), "dcql_alternatives"),
        (query(credential("a"), credential("b"), **options(["a", "b"], ["b", "a"])), "dcql_alternatives"),
        (query(**options([])), "field_type"),
        (query(credential_sets=[{"options": ["insurance"]}]), "field_type"),
        (query(credential_sets=[{"options": [["insurance"]], "required": False}]), "field_unknown"),
    ],
)
def test_other_queries_are_malformed(value: Any, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_query(value)
    assert caught.value.code == code
