"""The usual service refuses what ours refuses: a comparison with less work would prove nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from fastapi import HTTPException

from bench.grant_case import HOLDER_ADDRESS, NOW, Case
from bench.usual import checks
from bench.usual.models import Agency, Dossier, Grant, Item, Nullifier, Scenario
from protocol.eip712 import typed_data
from protocol.encoding import hex0x

CASE = Case()
FULL: dict[str, Any] = typed_data(CASE.grant, CASE.domain)
AT = NOW + 60


def a_grant(**changes: Any) -> Grant:
    full = copy.deepcopy(FULL)
    full["message"] |= changes
    return Grant(
        grant_id="g", typed_data=full, signature=hex0x(CASE.envelope.signature), parcel=b"", uses=1, last_use_at=None
    )


def a_dossier(**changes: Any) -> Dossier:
    given: dict[str, Any] = {"controller": hex0x(HOLDER_ADDRESS), "grant_epoch": 1, "frozen_until": 0, **changes}
    items = [Item(item=part["item"], dossier="d") for part in FULL["message"]["scope"]]
    return Dossier(dossier="d", items=items, **given)


def an_agency(**changes: Any) -> Agency:
    given: dict[str, Any] = {"reader_since": 0, "reader_until": None, "division": "bank", **changes}
    return Agency(account=FULL["message"]["agency"].lower(), urn="urn", card="c", **given)


def a_scenario(**changes: Any) -> Scenario:
    return Scenario(hash="s", body={**CASE.scenario.scenario.to_json(), **changes})


def test_what_holds_passes_every_check() -> None:
    grant = a_grant()
    checks.check_signature(grant, a_dossier())
    checks.check_alive(grant, a_dossier(), None, AT)
    checks.check_scope(grant.typed_data["message"], a_dossier(), an_agency(), a_scenario(), AT)
    assert grant.uses == 1


@pytest.mark.parametrize(
    ("grant", "dossier", "spent", "at"),
    [
        (a_grant(), a_dossier(grant_epoch=2), None, AT),
        (a_grant(), a_dossier(frozen_until=AT + 1), None, AT),
        (a_grant(), a_dossier(), Nullifier(nullifier="n", spent_at=1), AT),
        (a_grant(), a_dossier(), None, NOW - 1),
        (a_grant(), a_dossier(), None, CASE.grant.not_after),
        (a_grant(maxUses=1), a_dossier(), None, AT),
    ],
    ids=["epoch", "frozen", "revoked", "too early", "expired", "used up"],
)
def test_a_grant_that_ended_is_refused(grant: Grant, dossier: Dossier, spent: Nullifier | None, at: int) -> None:
    with pytest.raises(HTTPException) as refused:
        checks.check_alive(grant, dossier, spent, at)
    assert refused.value.status_code == 403


@pytest.mark.parametrize(
    ("dossier", "agency", "scenario"),
    [
        (a_dossier(), an_agency(reader_until=AT), a_scenario()),
        (a_dossier(), an_agency(division="tax"), a_scenario()),
        (Dossier(dossier="d", items=[]), an_agency(), a_scenario()),
        (a_dossier(), an_agency(), a_scenario(expires=AT)),
        (a_dossier(), an_agency(), a_scenario(max_uses=1)),
        (a_dossier(), an_agency(), a_scenario(retention_days=1)),
        (a_dossier(), an_agency(), a_scenario(max_validity_days=1)),
        (a_dossier(), an_agency(), a_scenario(purpose={"en": "other"})),
        (a_dossier(), an_agency(), a_scenario(query={"credentials": []})),
    ],
    ids=["role ended", "class", "item", "expired", "uses", "retention", "validity", "purpose", "claims"],
)
def test_a_grant_beyond_its_scope_is_refused(dossier: Dossier, agency: Agency, scenario: Scenario) -> None:
    with pytest.raises(HTTPException) as refused:
        checks.check_scope(FULL["message"], dossier, agency, scenario, AT)
    assert refused.value.status_code == 403


def test_a_changed_grant_has_another_signer() -> None:
    with pytest.raises(HTTPException) as refused:
        checks.check_signature(a_grant(maxUses=9), a_dossier())
    assert refused.value.detail == "grant signature"
