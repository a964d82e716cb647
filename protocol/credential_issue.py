"""Making a credential from a catalogued licence type: every field checked before anything is signed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from protocol.canonical import Json
from protocol.credential import CLEAR, FileEntry, StatusRef, open_credential, parse_day
from protocol.errors import Malformed
from protocol.fields import text_of
from protocol.identifiers import CertificateId, check_credit_code, dossier_urn
from protocol.jose import EcSigner, PublicJwk
from protocol.licence_forms import BusinessField, LicenceType
from protocol.prepared import prepare, prepare_holder
from protocol.sdjwt_issue import Salt, issue_sdjwt, random_salt

MAX_TEXT = 2000
# What of the licence itself stands behind a digest, whatever the type.
_WITHHELD = ("sub", "certificate_id", "certificate_number", "supersedes", "holder")


@dataclass(frozen=True, slots=True)
class CertificateData:
    """What the issuing department says of the licence itself.

    ``dept_code`` is its unified social credit code; ``serial`` up to 64 characters ``0-9A-Z``;
    ``revision`` counts re-issues of one certificate from 1; ``supersedes`` is the certificate id of the
    earlier one.
    """

    number: str
    serial: str
    revision: int
    dept_name: str
    dept_code: str
    issue_date: date
    effective_date: date
    expiring_date: date | None = None
    supersedes: str | None = None


@dataclass(frozen=True, slots=True)
class CredentialRequest:
    """Everything that goes into one credential. ``subject`` is the dossier id (32 bytes)."""

    licence: LicenceType
    issuer: str
    issued_at: int
    subject: bytes
    key: PublicJwk
    status: StatusRef
    certificate: CertificateData
    holder: dict[str, Json]
    fields: dict[str, Json]
    files: tuple[FileEntry, ...] = ()


def issue_credential(
    request: CredentialRequest, signer: EcSigner, *, decoys: int = 0, salt: Salt = random_salt, even: bool = False
) -> str:
    """The signed SD-JWT VC with all its disclosures, ready to be sealed to the holder.

    ``kid`` is the signer's thumbprint. ``even``: as many digests as any credential of the type can have, and
    disclosures whose length does not tell their value; an issuer signs nothing else. Raises ``Malformed`` naming the
    field that is missing, unknown or of another kind; nothing is signed then.
    """
    licence = request.licence
    _check_values(licence.holder_claims, request.holder, "holder")
    _check_values(licence.claims, request.fields, licence.type)
    claims = _claims(request)
    raw = issue_sdjwt(
        claims,
        selective_pointers(claims),
        signer,
        decoys=decoys,
        salt=salt,
        digests=digest_counts(licence) if even else None,
        even=even,
    )
    open_credential(raw)
    return raw


def with_prepared(request: CredentialRequest) -> CredentialRequest:
    """The request with every claim that the type's rules make, as of the day of issue (``protocol/prepared.py``)."""
    licence, day = request.licence, request.certificate.issue_date
    return replace(
        request,
        holder=prepare_holder(licence, request.holder, day),
        fields=prepare(licence, request.fields, day),
    )


def digest_counts(licence: LicenceType) -> dict[tuple[str, ...], int]:
    """How many digests a credential of the type has if every claim is there: at the top, and in ``holder``."""
    return {(): len(_WITHHELD) + len(licence.claims), ("holder",): len(licence.holder_claims)}


def certificate_id(request: CredentialRequest) -> str:
    """The certificate id with its check character."""
    data = request.certificate
    if not 1 <= data.revision <= 999:
        raise Malformed("certificate_revision", "a certificate's revision is a number from 1 to 999")
    return str(
        CertificateId(request.licence.type_code, check_credit_code(data.dept_code), data.serial, f"{data.revision:03}")
    )


def selective_pointers(claims: dict[str, Json]) -> list[str]:
    """What the holder may withhold: see ``protocol/credential.py``."""
    found = [f"/{name}" for name in claims if name not in CLEAR]
    found += [f"/holder/{name}" for name in claims["holder"]]
    found += [f"/files/{i}" for i in range(len(claims["files"]))]
    return found


def _claims(request: CredentialRequest) -> dict[str, Json]:
    data = request.certificate
    optional = {"supersedes": data.supersedes}
    if data.expiring_date is not None:
        optional["expiring_date"] = data.expiring_date.isoformat()
    return {
        "iss": request.issuer,
        "iat": request.issued_at,
        "vct": request.licence.vct,
        "sub": dossier_urn(request.subject),
        "cnf": {"jwk": request.key.to_json()},
        "status": request.status.to_json(),
        "certificate_id": certificate_id(request),
        "certificate_type_code": request.licence.type_code,
        "certificate_number": data.number,
        "issue_dept_name": data.dept_name,
        "issue_dept_code": data.dept_code,
        "issue_date": data.issue_date.isoformat(),
        "effective_date": data.effective_date.isoformat(),
        **{name: value for name, value in optional.items() if value is not None},
        "holder": dict(request.holder),
        "files": [f.to_json() for f in request.files],
        **request.fields,
    }


def _check_values(fields: tuple[BusinessField, ...], values: dict[str, Json], what: str) -> None:
    known = {f.name: f for f in fields}
    for name in values:
        if name not in known:
            raise Malformed("field_unknown", "{field}: unknown member", field=f"{what}.{name}"[:200])
    for name, field in known.items():
        if name in values:
            _check_kind(field, values[name], f"{what}.{name}")
        elif field.required:
            raise Malformed("field_missing", "{field}: missing", field=f"{what}.{name}")


def _check_kind(field: BusinessField, value: Json, where: str) -> None:
    if field.kind == "date":
        parse_day(value, where)
    elif field.kind == "text":
        text_of(value, where, limit=MAX_TEXT)
    elif type(value) is not {"integer": int, "boolean": bool}[field.kind]:
        raise Malformed("field_type", "{field}: expected {want}", field=where, want=field.kind)
