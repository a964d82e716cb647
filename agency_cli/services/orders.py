"""What is to be issued, as an agency writes it: one JSON object in the shape of the credential.

    {"holder": {"name": …, "identity_type": …, "identity_number": …},
     "certificate": {"number": …, "serial": …, "revision": …, "issue_date": …, "effective_date": …,
                     "expiring_date": …, "supersedes": …, "dept_name": …, "dept_code": …},
     "<field of the licence type>": …, …}

``certificate`` and each of its members may be absent: the department comes from the profile, the dates are today
and open, the number is drawn. Checked as a whole before anything is sealed or sent.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

from agency_cli.services.office import Office
from client.files import read_bounded
from client.written import loads_written
from protocol import canonical
from protocol.canonical import Json
from protocol.credential import FileEntry, StatusRef, parse_day
from protocol.credential_issue import CertificateData, CredentialRequest, issue_credential, with_prepared
from protocol.errors import Denied, Malformed
from protocol.fields import Fields
from protocol.hashing import ZERO32
from protocol.identifiers import CertificateId, check_citizen_number, check_credit_code
from protocol.jose import EcSigner, PublicJwk
from protocol.licence_types import LicenceType
from protocol.status_list import status_uri

MAX_CLAIMS_BYTES = 1 << 20
MAX_SERIAL = 64
CHINA = timezone(timedelta(hours=8))
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CITIZEN_KINDS = frozenset({"居民身份证", "身份证", "resident identity card"})
_CREDIT_KINDS = frozenset({"统一社会信用代码", "unified social credit code"})
_SEPARATORS = re.compile(r"[-_ ./()（）]")


@dataclass(frozen=True, slots=True)
class Order:
    """One licence that is to be issued; ``given`` is what was said of the certificate, before defaults.

    ``documents`` lie on this disk.
    """

    licence: LicenceType
    certificate: CertificateData
    given: dict[str, Json]
    holder: dict[str, Json]
    fields: dict[str, Json]
    documents: tuple[Path, ...] = ()

    def request(
        self,
        *,
        issuer: str,
        issued_at: int,
        subject: bytes,
        key: PublicJwk,
        status: StatusRef,
        files: tuple[FileEntry, ...],
    ) -> CredentialRequest:
        """The credential to sign for one holder, with the claims that the type's rules prepare."""
        return with_prepared(
            CredentialRequest(
                licence=self.licence,
                issuer=issuer,
                issued_at=issued_at,
                subject=subject,
                key=key,
                status=status,
                certificate=self.certificate,
                holder=self.holder,
                fields=self.fields,
                files=files,
            )
        )

    @property
    def certificate_id(self) -> str:
        """The id of the certificate: type, department, serial and revision, with its check character."""
        data = self.certificate
        return str(CertificateId(self.licence.type_code, data.dept_code, data.serial, f"{data.revision:03}"))

    def content(self) -> bytes:
        """What was ordered, as bytes: equal orders give equal bytes on any day. Personal data: for a keyed digest."""
        return canonical.dumps(
            {
                "vct": self.licence.vct,
                "certificate": self.given,
                "holder": self.holder,
                "fields": self.fields,
                "documents": [path.name for path in self.documents],
            }
        )


def read_claims(path: Path) -> dict[str, Json]:
    """The JSON object in a claims file; ``Malformed`` on anything else."""
    return loads_written(read_bounded(path, limit=MAX_CLAIMS_BYTES), limit=MAX_CLAIMS_BYTES, what=path.name)


def make_order(
    body: Mapping[str, Json],
    licence: LicenceType,
    office: Office,
    *,
    today: date,
    overrides: Mapping[str, Json] | None = None,
    documents: tuple[Path, ...] = (),
) -> Order:
    """The order that ``body`` writes; ``overrides`` are members of ``certificate`` from the command line.

    Raises ``Malformed`` naming the member that is wrong, ``Denied("office_code_missing")`` if nobody says which
    department issues.
    """
    rest = dict(body)
    holder = rest.pop("holder", None)
    if not isinstance(holder, dict):
        raise Malformed("field_type", "{field}: expected {want}", field="claims.holder", want="object")
    given = rest.pop("certificate", {})
    if not isinstance(given, dict):
        raise Malformed("field_type", "{field}: expected {want}", field="claims.certificate", want="object")
    given = {**given, **(overrides or {})}
    certificate = _certificate(given, office, today)
    check_identity(holder)
    return Order(licence, certificate, given, holder, rest, documents)


def trial(
    order: Order, *, issuer: str, account: bytes, subject: bytes, key: PublicJwk, now: int, signer: EcSigner
) -> None:
    """Sign the credential without documents and status index, and throw it away: every field is checked by it."""
    files = tuple(FileEntry(f"{i}", "application/octet-stream", 0, ZERO32, ZERO32) for i in range(len(order.documents)))
    request = order.request(
        issuer=issuer,
        issued_at=now,
        subject=subject,
        key=key,
        status=StatusRef(status_uri(account, 0), 0),
        files=files,
    )
    issue_credential(request, signer)


def check_identity(holder: Mapping[str, Json]) -> None:
    """``Malformed`` if a citizen number or a unified social credit code has a wrong check character.

    Other kinds of identity number are not known here and pass.
    """
    kind, number = holder.get("identity_type"), holder.get("identity_number")
    if kind is not None and not isinstance(kind, str):
        raise Malformed("field_type", "{field}: expected {want}", field="claims.holder.identity_type", want="string")
    if kind in _CITIZEN_KINDS:
        check_citizen_number(number)
    elif kind in _CREDIT_KINDS:
        check_credit_code(number)


def china_today(now: int) -> date:
    """The day of ``now`` (seconds) in China Standard Time, by which licences are dated."""
    return datetime.fromtimestamp(now, UTC).astimezone(CHINA).date()


def _certificate(given: dict[str, Json], office: Office, today: date) -> CertificateData:
    fields = Fields(given, "certificate")
    number = fields.text("number", limit=200) if fields.has("number") else _drawn_number(today)
    issue_date = _day(fields, "issue_date") or today
    data = CertificateData(
        number=number,
        serial=fields.text("serial", limit=MAX_SERIAL, pattern="[0-9A-Z]+")
        if fields.has("serial")
        else _serial(number),
        revision=fields.uint("revision", most=999, least=1) if fields.has("revision") else 1,
        dept_name=fields.text("dept_name", limit=200) if fields.has("dept_name") else office.name,
        dept_code=_dept_code(fields, office),
        issue_date=issue_date,
        effective_date=_day(fields, "effective_date") or issue_date,
        expiring_date=_day(fields, "expiring_date"),
        supersedes=fields.text("supersedes") if fields.has("supersedes") else None,
    )
    fields.done()
    return data


def _dept_code(fields: Fields, office: Office) -> str:
    code = fields.text("dept_code", limit=18) if fields.has("dept_code") else office.code
    if not code:
        raise Denied("office_code_missing", "nobody says the issuing department's unified social credit code")
    return check_credit_code(code)


def _day(fields: Fields, name: str) -> date | None:
    if not fields.has(name) or fields.is_null(name):
        return None
    return parse_day(fields.take(name), f"certificate.{name}")


def _drawn_number(today: date) -> str:
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{today:%Y%m%d}{drawn}"


def _serial(number: str) -> str:
    """The serial in the certificate id: the number without separators; ``Malformed`` if that is none."""
    serial = _SEPARATORS.sub("", number.upper())
    if not re.fullmatch(f"[0-9A-Z]{{1,{MAX_SERIAL}}}", serial):
        raise Malformed(
            "certificate_serial",
            "the number does not make a serial of 1 to {limit} letters and digits: give one",
            limit=MAX_SERIAL,
        )
    return serial
