"""Values check their lengths when they are built; spans and states answer questions of time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.deployment import Contracts
from chain.values import (
    ROLE_ISSUER,
    ROLE_READER,
    AgencyState,
    BlockRef,
    CardState,
    DossierState,
    IssueSpan,
    LogHead,
    LogState,
    RoleSpan,
    TxRef,
)
from protocol.errors import Malformed

A20, H32 = bytes(20), bytes(32)
BLOCK = BlockRef(1, H32, 2)
AGENCY = AgencyState(A20, "Bank", "37", 1, (), (), ())
DOSSIER = DossierState(H32, A20, A20, 0, 1, H32, 1, 5, 0)
LOG = LogState(H32, "main", A20, None, A20, "vkey", 1, H32, False, None)  # noqa: FBT003 (a field of a record)


@pytest.mark.parametrize(
    "build",
    [
        lambda: BlockRef(1, b"short", 2),
        lambda: TxRef(b"short", BLOCK, 1),
        lambda: Contracts(A20, A20, A20, b"short"),
        lambda: CardState(b"short", 1, 2, 0, 3),
        lambda: replace(AGENCY, account=b"short"),
        lambda: replace(DOSSIER, dossier=b"short"),
        lambda: replace(DOSSIER, owner=b"short"),
        lambda: replace(DOSSIER, controller=b"short"),
        lambda: replace(DOSSIER, card_hash=b"short"),
        lambda: replace(LOG, origin_hash=b"short"),
        lambda: replace(LOG, root=b"short"),
        lambda: replace(LOG, owner=b"short"),
        lambda: replace(LOG, publisher=b"short"),
        lambda: LogHead(1, b"short"),
    ],
)
def test_a_short_value_is_malformed(build: object) -> None:
    assert callable(build)
    with pytest.raises(Malformed) as caught:
        build()
    assert caught.value.code == "length"


@pytest.mark.parametrize(("at", "held"), [(9, False), (10, True), (19, True), (20, False)])
def test_a_span_holds_from_its_beginning_until_before_its_end(at: int, held: bool) -> None:
    assert RoleSpan(ROLE_READER, 10, 20).covers(at) is held
    assert IssueSpan("diploma", 10, 20).covers(at) is held


def test_a_span_without_end_goes_on() -> None:
    assert RoleSpan(ROLE_READER, 10).covers(10**12)
    assert IssueSpan("diploma", 10).covers(10**12)


def test_a_type_may_be_issued_only_while_the_role_is_held() -> None:
    agency = replace(AGENCY, roles=(RoleSpan(ROLE_ISSUER, 10, 20),), issues=(IssueSpan("diploma", 5),))
    assert not agency.may_issue("diploma", 7)
    assert agency.may_issue("diploma", 15)
    assert not agency.may_issue("diploma", 25)
    assert not agency.may_issue("id", 15)


def test_the_newest_card_is_the_last() -> None:
    first, second = CardState(H32, 1, 0, 0, 0), CardState(H32, 2, 0, 0, 0)
    assert AGENCY.card is None
    assert replace(AGENCY, cards=(first, second)).card == second


def test_contracts_come_back_from_json() -> None:
    contracts = Contracts(*(bytes([number]) * 20 for number in range(4)))
    assert Contracts.from_json(contracts.to_json()) == contracts


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"agency_registry": "0x" + "00" * 20}, dict.fromkeys(("a", "b", "c", "d"), "0x")],
    ids=repr,
)
def test_other_json_is_no_contracts(value: object) -> None:
    with pytest.raises(Malformed):
        Contracts.from_json(value)
