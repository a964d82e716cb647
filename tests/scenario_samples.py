"""The scenario of a small loan, for the tests of several modules."""

from __future__ import annotations

import dataclasses
from typing import Any

from protocol.dcql import parse_query
from protocol.identifiers import agency_urn
from protocol.jose import P256Signer
from protocol.licence_types import Title
from protocol.scenario import Scenario

AUTHORITY = P256Signer.from_secret(bytes(31) + b"\x09")
AUTHORITY_URN = agency_urn(31337, b"\x11" * 20, b"\x66" * 20)
NOW = 1_790_100_000
INSURANCE_VCT = "urn:onefile:licence:social-insurance-proof:1"
DIPLOMA_VCT = "urn:onefile:licence:diploma:1"

QUERY: dict[str, Any] = {
    "credentials": [
        {
            "id": "insurance",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": [INSURANCE_VCT]},
            "claims": [
                {"path": ["insured_region"]},
                {"path": ["months_paid"]},
                {"path": ["holder", "name"], "optional": True},
                {"path": ["files", None], "optional": True},
            ],
        },
        {
            "id": "education",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": [DIPLOMA_VCT]},
            "claims": [{"path": ["school"]}],
        },
    ],
    "credential_sets": [{"options": [["insurance"], ["education"]]}],
}

SCENARIO = Scenario(
    scenario_id="small-loan",
    version=1,
    title=Title("小额贷款", "Small loan"),
    authority=AUTHORITY_URN,
    legal_basis=("《征信业管理条例》第十四条",),
    purpose=Title("审核小额贷款申请", "To decide on an application for a small loan"),
    query=parse_query(QUERY),
    sensitivity=3,
    max_age=90 * 86_400,
    retention_days=180,
    max_uses=3,
    max_validity_days=30,
    grantee_classes=("bank",),
    effective=NOW - 1000,
    expires=NOW + 365 * 86_400,
)


def scenario(**changes: Any) -> Scenario:
    return dataclasses.replace(SCENARIO, **changes)
