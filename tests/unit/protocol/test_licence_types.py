"""The catalogue of licence types is whole and keeps its own rules."""

from __future__ import annotations

import re

import pytest

from protocol import forms
from protocol.credential import CLEAR
from protocol.errors import Malformed
from protocol.hashing import keccak256
from protocol.identifiers import check_credit_code
from protocol.licence_types import (
    CATALOGUE,
    DEFINER,
    DIMENSIONS,
    DIVISIONS,
    HOLDER_FIELDS,
    KINDS,
    LicenceType,
    by_vct,
    licence_type,
    type_id,
)
from protocol.vct import parse_vct

TYPES = sorted(CATALOGUE.values(), key=lambda t: t.number)
STANDARD = CLEAR | {"sub", "certificate_id", "certificate_number", "supersedes", "holder"}


def test_the_types_of_the_story_are_there() -> None:
    assert {t.type for t in TYPES} >= {
        "driving-licence",
        "social-insurance-proof",
        "diploma",
        "business-licence",
        "resident-identity",
        "household-register",
        "marriage-certificate",
        "property-certificate",
        "food-licence",
        "tax-proof",
    }


@pytest.mark.parametrize("licence", TYPES, ids=lambda t: t.type)
def test_a_type_has_titles_in_both_languages_and_known_groups(licence: LicenceType) -> None:
    assert re.fullmatch(forms.VCT, licence.vct)
    assert re.search("[一-鿿]", licence.title.zh)
    assert licence.title.en.isascii()
    assert licence.subject in {"person", "enterprise"}
    assert licence.dimension in DIMENSIONS
    assert licence.division in DIVISIONS
    assert 1 <= licence.sensitivity <= 5
    assert re.fullmatch(r"[0-9A-Z]{21}", licence.type_code)


@pytest.mark.parametrize("licence", TYPES, ids=lambda t: t.type)
def test_field_names_are_distinct_and_never_those_of_the_licence_itself(licence: LicenceType) -> None:
    names = [f.name for f in licence.fields]
    assert len(set(names)) == len(names)
    assert not set(names) & STANDARD
    for field in (*licence.fields, *HOLDER_FIELDS):
        assert re.fullmatch(forms.CLAIM_NAME, field.name)
        assert field.kind in KINDS
        assert 1 <= field.sensitivity <= 5
        assert re.search("[一-鿿]", field.title.zh)
        assert field.title.en


def test_numbers_and_codes_are_distinct() -> None:
    assert len({t.number for t in TYPES}) == len(TYPES)
    assert check_credit_code(DEFINER) == DEFINER


def test_a_type_is_found_by_name_version_and_vct() -> None:
    found = licence_type("diploma")
    assert licence_type("diploma", 1) is found
    assert by_vct("urn:onefile:licence:diploma:1") is found
    assert by_vct("urn:onefile:licence:diploma:99") is None
    assert parse_vct(found.vct) == ("diploma", 1)
    assert found.field("school").kind == "text"


def test_an_unknown_type_or_field_is_malformed() -> None:
    with pytest.raises(Malformed):
        licence_type("pilot-licence")
    with pytest.raises(Malformed):
        licence_type("diploma", 2)
    with pytest.raises(Malformed):
        licence_type("diploma").field("salary")


@pytest.mark.parametrize("vct", ["diploma", "urn:onefile:licence:diploma:0", "urn:onefile:licence:Diploma:1", 7])
def test_a_vct_of_another_form_is_malformed(vct: object) -> None:
    with pytest.raises(Malformed):
        parse_vct(vct)


def test_the_chain_names_a_type_by_its_keccak_whatever_the_version() -> None:
    assert type_id("driving-licence") == keccak256(b"driving-licence")
