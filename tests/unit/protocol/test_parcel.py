"""The parcel's plaintext: exactly the members of the format, and nothing personal in a print."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from protocol import canonical
from protocol.errors import Malformed
from protocol.parcel import MAX_ITEMS, Parcel, ParcelDocument, ParcelItem

ITEM = ParcelItem(
    slip="slip.jws.text",
    salt=b"s" * 32,
    leaf_salt=b"l" * 32,
    proof="c2sp.org/tlog-proof@v1\n",
    presentation="canary~disclosure~kb",
    documents=(ParcelDocument("driving licence 张三.pdf", b"p" * 32),),
)
PARCEL = Parcel(grant=b"g" * 32, show=None, items=(ITEM,), card={"card": 1}, mandate=None, grant_tag_key=b"k" * 32)


def changed(**members: Any) -> bytes:
    body = {**json.loads(PARCEL.serialise()), **members}
    return canonical.dumps({name: value for name, value in body.items() if value is not None})


def with_item(**members: Any) -> bytes:
    item = {**ITEM.to_json(), **members}
    return changed(items=[{name: value for name, value in item.items() if value is not None}])


def test_the_plaintext_is_what_the_format_says() -> None:
    body = json.loads(PARCEL.serialise())
    assert set(body) == {"v", "grant", "items", "card", "grant_tag_key"}
    assert set(body["items"][0]) == {"slip", "salt", "leaf_salt", "proof", "presentation", "documents"}
    assert set(body["items"][0]["documents"][0]) == {"name", "payload"}
    assert body["grant"] == "Z2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2c"


@pytest.mark.parametrize(
    "parcel",
    [
        PARCEL,
        replace(PARCEL, mandate={"mandate": {"v": 1}}),
        replace(PARCEL, grant=None, show=b"s" * 16),
        replace(PARCEL, items=(ITEM, replace(ITEM, documents=()))),
    ],
)
def test_a_parcel_reads_back_as_it_was_written(parcel: Parcel) -> None:
    assert Parcel.parse(parcel.serialise()) == parcel


def test_nothing_personal_shows_when_a_parcel_is_printed() -> None:
    for secret in ("canary", "张三", "kkkk", "slip.jws", "ssss", "llll"):
        assert secret not in repr(PARCEL)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", "json"),
        (b" " + PARCEL.serialise(), "not_canonical"),
        (changed(v=2), "field_range"),
        (changed(grant=None), "parcel_subject"),
        (changed(show="A" * 21 + "A"), "parcel_subject"),
        (changed(grant="A" * 41), "base64url"),
        (changed(items=[]), "field_count"),
        (changed(items=[ITEM.to_json()] * (MAX_ITEMS + 1)), "field_count"),
        (changed(card="text"), "field_type"),
        (changed(card=None), "field_missing"),
        (changed(mandate=[]), "field_type"),
        (changed(grant_tag_key="AA"), "length"),
        (changed(more=1), "field_unknown"),
        (with_item(slip=None), "field_missing"),
        (with_item(salt="AA"), "length"),
        (with_item(leaf_salt="!"), "base64url"),
        (with_item(proof=""), "field_length"),
        (with_item(presentation=7), "field_type"),
        (with_item(more=1), "field_unknown"),
        (with_item(documents=[{"name": "x"}]), "field_missing"),
        (with_item(documents=[{"name": "x", "payload": "A" * 43, "more": 1}]), "field_unknown"),
    ],
)
def test_a_parcel_with_one_fault_is_refused_by_its_name(raw: bytes, code: str) -> None:
    with pytest.raises(Malformed) as error:
        Parcel.parse(raw)
    assert error.value.code == code


@pytest.mark.parametrize(
    "members",
    [
        {"grant": None},
        {"show": b"s" * 16},
        {"grant": bytes(31)},
        {"grant": None, "show": bytes(15)},
        {"grant_tag_key": b""},
    ],
)
def test_a_parcel_that_could_not_be_read_is_not_built(members: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        replace(PARCEL, **members)


def test_a_parcel_that_could_not_be_read_is_not_written() -> None:
    with pytest.raises(Malformed):
        replace(PARCEL, items=()).serialise()


def test_digests_and_salts_have_32_bytes() -> None:
    with pytest.raises(Malformed):
        ParcelDocument("x", bytes(31))
    with pytest.raises(Malformed):
        replace(ITEM, salt=bytes(33))
    with pytest.raises(Malformed):
        replace(ITEM, leaf_salt=bytes(33))
