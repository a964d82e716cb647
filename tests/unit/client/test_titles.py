"""What people read in the place of pointers and JSON's words."""

from __future__ import annotations

import pytest

from client.titles import claim_names, said, spoken, taken
from console import i18n
from protocol.licence_forms import Title

DRIVING = "urn:onefile:licence:driving-licence:1"


@pytest.fixture(autouse=True)
def _english() -> None:
    i18n.set_language("en")


def test_a_title_and_a_yes_are_told_in_the_language_in_use() -> None:
    title = Title("驾驶证", "driving licence")

    assert [spoken(title), *map(said, (True, False))] == ["driving licence", "yes", "no"]
    with i18n.speaking("zh"):
        assert [spoken(title), *map(said, (True, False))] == ["驾驶证", "是", "否"]
    assert [said(value) for value in (0, 1, "true", None)] == [0, 1, "true", None]


def test_claims_are_named_in_the_order_of_their_pointers_and_documents_are_not() -> None:
    pointers = ["/penalty_points", "/files/0", "/address", "/unheard_of", "/issue_date"]

    assert claim_names(DRIVING, pointers) == ["penalty points", "address", "unheard_of", "date of issue"]
    with i18n.speaking("zh"):
        assert claim_names(DRIVING, pointers[:3]) == ["累积记分", "住址"]


def test_claims_of_what_nobody_knows_keep_their_pointers() -> None:
    assert claim_names(None, ["/holder/name", "/address"]) == ["holder/name", "address"]
    assert claim_names("urn:elsewhere:licence:strange:1", ["/holder/name", "/address"]) == ["name", "address"]


@pytest.mark.parametrize(
    ("documents", "line"),
    [(0, "address"), (1, "address, 1 document"), (2, "address, 2 documents")],
)
def test_what_is_taken_tells_how_many_documents(documents: int, line: str) -> None:
    assert taken(DRIVING, ["/address"], documents) == line
