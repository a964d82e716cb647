"""Who takes part in the story, and what is issued: sample data, none of whom exists.

The unified social credit codes have valid check characters; the citizen number is the example that GB 11643 prints.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.samples import CANARIES, SAMPLE_CITIZEN_NUMBER, SAMPLE_USCC

NAME, ADDRESS, EMPLOYER, ADDRESS_ZH = CANARIES
PERSON = {"name": f"样例·李小样 {NAME}", "identity_type": "居民身份证", "identity_number": SAMPLE_CITIZEN_NUMBER}
COMPANY = {"name": f"样例·威海样品有限公司 {NAME}", "identity_type": "统一社会信用代码", "identity_number": SAMPLE_USCC}


@dataclass(frozen=True, slots=True)
class Office:
    """One agency of the story: profile, public name, kind of body, credit code, and what the governor allows it."""

    profile: str
    name: str
    division: str
    code: str = ""
    issues: tuple[str, ...] = ()
    reader: bool = False
    authority: bool = False

    def rights(self) -> list[str]:
        rights = [part for kind in self.issues for part in ("--issues", kind)]
        return rights + ["--reader"] * self.reader + ["--scenario-authority"] * self.authority


POLICE = Office(
    "police",
    "样例市公安局 Sample Public Security",
    "public-security",
    "11371000MB0000001H",
    ("driving-licence",),
    reader=True,
)
LABOUR = Office(
    "labour",
    "样例市人社局 Sample Human Resources",
    "human-resources",
    "11371000MB0000002L",
    ("social-insurance-proof", "diploma"),
)
MARKET = Office(
    "market",
    "样例市市场监管局 Sample Market Regulation",
    "market-regulation",
    "11371000MB0000003P",
    ("business-licence",),
)
BUREAU = Office("bureau", "样例市大数据局 Sample Data Bureau", "big-data", authority=True)
BANK = Office("bank", "样例银行 Sample Bank", "bank", reader=True)
DEPARTMENTS = (POLICE, LABOUR, MARKET)


@dataclass(frozen=True, slots=True)
class Paper:
    """One credential of the story, as the issuing office has it."""

    kind: str
    number: str
    holder: dict[str, str]
    fields: dict[str, Any]
    documents: tuple[str, ...] = ()
    expires: str | None = "2032-03-01"


DRIVING = Paper(
    "driving-licence", SAMPLE_CITIZEN_NUMBER, PERSON,
    {
        "vehicle_classes": "C1", "first_issue_date": "2012-03-01", "birth_date": "1949-12-31",
        "address": f"样例市样例区 {ADDRESS} {ADDRESS_ZH}", "archive_number": "371000000001", "penalty_points": 0,
        "standing": "正常",
    },
    ("scan.pdf", "photo.jpg"),
)  # fmt: skip
INSURANCE = Paper(
    "social-insurance-proof", "SAMPLE2026000017", PERSON,
    {
        "insured_region": "样例市", "insurance_kinds": "养老、医疗、失业", "insured_since": "2015-07-01",
        "months_paid": 136, "contribution_base": 812300, "employer_name": f"样例单位 {EMPLOYER}",
        "insured_status": "正常参保", "paid_last_12_months": True,
    },
    ("proof.pdf",), "2027-11-20",
)  # fmt: skip
DIPLOMA = Paper(
    "diploma", "SAMPLE10001201105000001", PERSON,
    {
        "school": "样例大学", "major": "软件工程", "level": "本科", "study_mode": "全日制",
        "enrolment_date": "2007-09-01", "graduation_date": "2011-07-01", "graduation_status": "毕业",
    },
    (), None,
)  # fmt: skip
LICENCE = Paper(
    "business-licence", SAMPLE_USCC, COMPANY,
    {
        "enterprise_kind": "有限责任公司", "legal_representative": f"样例·李小样 {NAME}",
        "registered_capital": 100000000, "established": "2019-05-06", "premises": f"样例市样例路1号 {ADDRESS}",
        "business_scope": "软件开发", "registration_office": "样例市市场监管局",
    },
    (), None,
)  # fmt: skip


def write_claims(folder: Path, paper: Paper) -> Path:
    """The claims of ``paper`` as the file that ``agency issue --claims`` reads."""
    target = folder / f"{paper.kind}.json"
    target.write_text(json.dumps({"holder": paper.holder, **paper.fields}, ensure_ascii=False, indent=1))
    return target
