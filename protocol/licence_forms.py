"""What a licence type is made of: fields, prepared claims, and how tables of them are written in the catalogue.

A *field* is what the issuing department enters. A *prepared claim* says less than the field that it comes from: a yes
or a no, a masked text, a band. The issuer makes it at issue by its rule (``protocol/prepared.py``) as a claim of its
own, so that the holder can show it without the field. The catalogue itself stands in ``protocol/licence_types.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from protocol.errors import Malformed

DEFINER = "12100000000000001J"
KINDS = ("text", "date", "integer", "boolean")


@dataclass(frozen=True, slots=True)
class Title:
    """One name in both languages of the interface."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class BusinessField:
    """One selectively disclosable claim; ``sensitivity`` from 1 (public) to 5 (most private)."""

    name: str
    title: Title
    kind: str
    sensitivity: int
    required: bool = True


@dataclass(frozen=True, slots=True)
class PreparedClaim:
    """A claim that the issuer makes from ``source``, a field of the type or of ``holder``.

    ``rule`` names a rule of ``protocol/prepared.py``, ``numbers`` are its parameters. ``claim`` is never required:
    where the source is missing, or says nothing that the rule can use, the claim is left out.
    """

    claim: BusinessField
    source: str
    rule: str
    numbers: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.claim.name


@dataclass(frozen=True, slots=True)
class LicenceType:
    """One version of one type. ``subject`` is ``person`` or ``enterprise``; ``division`` who issues it.

    ``prepared`` come from ``fields``, ``holder_prepared`` from the members of ``holder``, and stand beside them.
    """

    type: str
    version: int
    title: Title
    number: int
    subject: str
    dimension: str
    division: str
    fields: tuple[BusinessField, ...]
    prepared: tuple[PreparedClaim, ...] = ()
    holder_prepared: tuple[PreparedClaim, ...] = ()

    @property
    def vct(self) -> str:
        """``urn:onefile:licence:<type>:<version>``."""
        return f"urn:onefile:licence:{self.type}:{self.version}"

    @property
    def type_code(self) -> str:
        """21 characters: the defining body's code and the number of the type."""
        return f"{DEFINER}{self.number:03}"

    @property
    def sensitivity(self) -> int:
        """The grade of the most sensitive field."""
        return max(f.sensitivity for f in self.fields)

    @property
    def claims(self) -> tuple[BusinessField, ...]:
        """The fields, and the prepared claims that are not fields themselves."""
        named = {field.name for field in self.fields}
        return (*self.fields, *(p.claim for p in self.prepared if p.name not in named))

    @property
    def holder_claims(self) -> tuple[BusinessField, ...]:
        """The members of ``holder``, with those that are prepared."""
        return (*HOLDER_FIELDS, *(p.claim for p in self.holder_prepared))

    def field(self, name: str) -> BusinessField:
        """The field or prepared claim of this name, or ``Malformed("field_unknown")``."""
        for found in self.claims:
            if found.name == name:
                return found
        raise Malformed("field_unknown", "{field}: unknown member", field=f"{self.type}.{name}"[:200])

    def graded(self) -> dict[str, BusinessField]:
        """Every claim that can be shown or withheld, by its RFC 6901 pointer."""
        found = {f"/{field.name}": field for field in self.claims}
        return found | {f"/holder/{field.name}": field for field in self.holder_claims}

    def less_telling(self, pointer: str) -> tuple[str, ...]:
        """The pointers of the prepared claims that say less than the claim at ``pointer``."""
        within = "/holder/" if pointer.startswith("/holder/") else "/"
        prepared = self.holder_prepared if within == "/holder/" else self.prepared
        return tuple(within + p.name for p in prepared if within + p.source == pointer)


def field_table(table: str) -> tuple[BusinessField, ...]:
    """One line a field: ``name | 中文 | English | kind | sensitivity | "?" if it may be missing``."""
    return tuple(_field(cells) for cells in _rows(table))


def prepared_table(table: str) -> tuple[PreparedClaim, ...]:
    """One line a claim: ``name | 中文 | English | kind | sensitivity | source | rule n n …``."""
    found = []
    for cells in _rows(table):
        rule, *numbers = cells[6].split()
        claim = BusinessField(cells[0], Title(cells[1], cells[2]), cells[3], int(cells[4]), required=False)
        found.append(PreparedClaim(claim, cells[5], rule, tuple(int(n) for n in numbers)))
    return tuple(found)


def _rows(table: str) -> list[list[str]]:
    # A line that begins with ">" goes on with the one before.
    lines = re.sub(r"\n\s*>", " ", table.strip()).splitlines()
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def _field(cells: list[str]) -> BusinessField:
    return BusinessField(cells[0], Title(cells[1], cells[2]), cells[3], int(cells[4]), cells[5] != "?")


HOLDER_FIELDS = field_table(
    """
    name            | 姓名或名称   | name                    | text | 2 |
    identity_type   | 证件类型     | kind of identity number | text | 2 |
    identity_number | 证件号码     | identity number         | text | 4 |
    """
)

# What any licence says of itself, by pointer, with its grade: the number of a driving licence is often the citizen's.
STANDARD_TITLES: dict[str, tuple[Title, int]] = {
    "/certificate_id": (Title("证照标识", "certificate id"), 3),
    "/certificate_number": (Title("证照编号", "certificate number"), 4),
    "/supersedes": (Title("所替换的证照标识", "id of the certificate before"), 3),
    "/certificate_type_code": (Title("证照类型代码", "code of the type"), 1),
    "/issue_dept_name": (Title("颁发机构", "issuing department"), 1),
    "/issue_dept_code": (Title("颁发机构代码", "code of the issuing department"), 1),
    "/issue_date": (Title("颁发日期", "date of issue"), 1),
    "/effective_date": (Title("有效期起始", "valid from"), 1),
    "/expiring_date": (Title("有效期截止", "valid until"), 1),
    "/sub": (Title("档案标识", "dossier id"), 2),
    "/iss": (Title("颁发机构标识", "issuer's id"), 1),
    "/iat": (Title("签发时间", "signed at"), 1),
    "/vct": (Title("证照类型标识", "id of the type"), 1),
}

PERSON_PREPARED = prepared_table(
    """
    name_masked            | 姓名（脱敏）     | name, masked            | text | 1 | name            | surname
    identity_number_masked | 证件号码（脱敏） | identity number, masked | text | 2 | identity_number | mask 0 4
    """
)
