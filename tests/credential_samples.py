"""One issuer, one holder and one credential, for the tests of several modules."""

from __future__ import annotations

from datetime import date
from typing import Any

from protocol.credential import FileEntry, StatusRef
from protocol.credential_issue import CertificateData, CredentialRequest, issue_credential
from protocol.hashing import sha256, sm3
from protocol.identifiers import agency_urn
from protocol.jose import P256Signer
from protocol.licence_types import licence_type
from protocol.status_list import status_uri

ISSUER = P256Signer.from_secret(bytes(31) + b"\x01")
HOLDER = P256Signer.from_secret(bytes(31) + b"\x02")
REGISTRY = b"\x11" * 20
ACCOUNT = b"\x22" * 20
ISSUER_URN = agency_urn(31337, REGISTRY, ACCOUNT)
BANK_URN = agency_urn(31337, REGISTRY, b"\x33" * 20)
DOSSIER = b"\x44" * 32
STATUS_URI = status_uri(ACCOUNT, 0)
DEPT_CODE = "11370000MB2849999B"
ISSUED = 1_790_000_000  # 2026-09-21

HOLDER_CLAIMS = {"name": "王小明", "identity_type": "居民身份证", "identity_number": "110101199003074514"}
INSURANCE = {
    "insured_region": "威海市",
    "insurance_kinds": "养老、医疗、失业",
    "insured_since": "2012-07-01",
    "months_paid": 160,
    "contribution_base": 850_000,
    "employer_name": "某公司",
    "insured_status": "正常",
    "paid_last_12_months": True,
}


def file_entry(name: str, data: bytes, media_type: str = "application/pdf") -> FileEntry:
    return FileEntry(name, media_type, len(data), sha256(data), sm3(data))


def certificate(**changes: Any) -> CertificateData:
    values: dict[str, Any] = {
        "number": "SB-2026-001",
        "serial": "SB2026001",
        "revision": 1,
        "dept_name": "威海市人力资源和社会保障局",
        "dept_code": DEPT_CODE,
        "issue_date": date(2026, 9, 21),
        "effective_date": date(2026, 9, 21),
        "expiring_date": date(2027, 9, 20),
    }
    return CertificateData(**{**values, **changes})


def request(**changes: Any) -> CredentialRequest:
    values: dict[str, Any] = {
        "licence": licence_type("social-insurance-proof"),
        "issuer": ISSUER_URN,
        "issued_at": ISSUED,
        "subject": DOSSIER,
        "key": HOLDER.public_jwk(),
        "status": StatusRef(STATUS_URI, 7),
        "certificate": certificate(),
        "holder": HOLDER_CLAIMS,
        "fields": INSURANCE,
        "files": (file_entry("证明.pdf", b"pdf"), file_entry("photo.jpg", b"jpg", "image/jpeg")),
    }
    return CredentialRequest(**{**values, **changes})


def credential(**changes: Any) -> str:
    return issue_credential(request(**changes), ISSUER)
