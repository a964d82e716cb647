"""Names of things: dossier ids, urns of dossiers and agencies, account addresses, numbers on licences.

One spelling each: addresses and dossier ids are lower-case 0x-hex in urns; EIP-55 checksums are for display,
and are checked when somebody types one. Numbers of citizens and enterprises are checked, never stored or logged
here, and never stand in an error message.

The certificate id follows the form that public implementations of GB/T 36904 use; no conformance is claimed.
Sources: docs/spec/identifiers.md, EIP-55, GB 11643 and GB 32100 (through python-stdnum), ISO 7064 MOD 37,36.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from protocol.encoding import hex0x, unhex0x
from protocol.errors import Malformed
from protocol.hashing import keccak256

_DOSSIER_LABEL = keccak256(b"onefile/dossier/v1")
_AGENCY_URN = re.compile(r"urn:onefile:agency:([1-9][0-9]{0,15}):(0x[0-9a-f]{40}):(0x[0-9a-f]{40})")
_DOSSIER_URN = re.compile(r"urn:onefile:dossier:(0x[0-9a-f]{64})")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_CITIZEN = re.compile(r"[1-9][0-9]{16}[0-9X]")
_CREDIT = re.compile(r"[0-9A-HJ-NP-RTUW-Y]{2}[0-9]{6}[0-9A-HJ-NP-RTUW-Y]{10}")
_CERTIFICATE = re.compile(
    r"1\.2\.156\.3005\.2\.(?P<type_code>[0-9A-Z]{21})\.(?P<issuer_code>[0-9A-Z]{18})"
    r"\.(?P<serial>[0-9A-Z]{1,64})\.(?P<version>[0-9]{3})\.(?P<check>[0-9A-Z])"
)
CERTIFICATE_ROOT = "1.2.156.3005.2"


def dossier_id(chain_id: int, registry: bytes, owner0: bytes, salt: bytes) -> bytes:
    """The id that certifies itself: who opened it, in which registry on which chain, with which salt.

    keccak256(abi.encode(keccak256("onefile/dossier/v1"), chainId, registry, owner0, salt)), 32 bytes.
    """
    _want(registry, 20, "registry")
    _want(owner0, 20, "owner0")
    _want(salt, 32, "salt")
    place = chain_id.to_bytes(32, "big") + bytes(12) + registry
    return keccak256(_DOSSIER_LABEL + place + bytes(12) + owner0 + salt)


def dossier_urn(dossier: bytes) -> str:
    """``urn:onefile:dossier:0x…`` of a 32-byte dossier id."""
    return "urn:onefile:dossier:" + hex0x(_want(dossier, 32, "dossier"))


def parse_dossier_urn(text: object) -> bytes:
    """The 32-byte id in a dossier's urn."""
    found = _match(_DOSSIER_URN, text)
    if found is None:
        raise Malformed("dossier_urn", "expected a dossier urn: urn:onefile:dossier:0x and 64 hex digits")
    return unhex0x(found[1])


@dataclass(frozen=True, slots=True)
class AgencyRef:
    """An agency: its account in an AgencyRegistry on a chain."""

    chain_id: int
    registry: bytes  # 20 bytes
    account: bytes  # 20 bytes

    def __post_init__(self) -> None:
        _want(self.registry, 20, "registry")
        _want(self.account, 20, "account")

    @property
    def urn(self) -> str:
        return f"urn:onefile:agency:{self.chain_id}:{hex0x(self.registry)}:{hex0x(self.account)}"


def agency_urn(chain_id: int, registry: bytes, account: bytes) -> str:
    """``urn:onefile:agency:<chainId>:<registry>:<account>``."""
    return AgencyRef(chain_id, registry, account).urn


def parse_agency_urn(text: object) -> AgencyRef:
    """Chain, registry and account in an agency's urn."""
    found = _match(_AGENCY_URN, text)
    if found is None:
        raise Malformed("agency_urn", "expected an agency urn: urn:onefile:agency:chain:registry:account")
    return AgencyRef(int(found[1]), unhex0x(found[2]), unhex0x(found[3]))


def agency_subject(account: bytes) -> bytes:
    """``bytes32(uint160(agency))``: the subject of an agency's key card."""
    return bytes(12) + _want(account, 20, "account")


def checksum_address(address: bytes) -> str:
    """The EIP-55 spelling of a 20-byte address, for display."""
    plain = _want(address, 20, "address").hex()
    marks = keccak256(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(m, 16) >= 8 else c for c, m in zip(plain, marks, strict=False))


def parse_address(text: object) -> bytes:
    """The 20 bytes of a typed address: all lower case, or with a right EIP-55 checksum."""
    found = _match(_ADDRESS, text)
    if found is None:
        raise Malformed("address", "expected an address: 0x and 40 hex digits")
    address = bytes.fromhex(found[0][2:])
    if found[0] not in (hex0x(address), checksum_address(address)):
        raise Malformed("address_checksum", "the address has a wrong EIP-55 checksum: was it mistyped?")
    return address


def check_citizen_number(text: object) -> str:
    """An 18-digit citizen number with a possible date and a right check digit (GB 11643)."""
    from stdnum.cn import ric  # stdnum loads slowly, and most commands check no number
    from stdnum.exceptions import ValidationError

    # The table of administrative divisions is not consulted: it changes yearly, and the library's lacks the
    # codes of residence permits of Hong Kong, Macao and Taiwan residents (81, 82, 83).
    found = _match(_CITIZEN, text)
    if found is None:
        raise Malformed("citizen_number", "expected a citizen number: 18 digits, of which the last may be X")
    number = found[0]
    try:
        ric.get_birth_date(number)
    except ValidationError:
        raise Malformed("citizen_number", "the citizen number has an impossible date") from None
    if ric.calc_check_digit(number) != number[-1]:
        raise Malformed("citizen_number", "the citizen number has a wrong check digit")
    return number


def check_credit_code(text: object) -> str:
    """An 18-character unified social credit code with a right check character (GB 32100)."""
    from stdnum.cn import uscc

    found = _match(_CREDIT, text)
    if found is None:
        raise Malformed("credit_code", "expected a unified social credit code of 18 characters")
    code = found[0]
    if uscc.calc_check_digit(code[:-1]) != code[-1]:
        raise Malformed("credit_code", "the unified social credit code has a wrong check character")
    return code


@dataclass(frozen=True, slots=True)
class CertificateId:
    """The parts of an electronic certificate id; ``str()`` gives it whole with its check character.

    ``1.2.156.3005.2.<type 21>.<issuer 18>.<serial 1-64>.<version 3 digits>.<check>``: the check character is
    ISO 7064 MOD 37,36 over type, issuer, serial and version without dots, as public implementations compute it.
    """

    type_code: str
    issuer_code: str
    serial: str
    version: str

    def __post_init__(self) -> None:
        _certificate_parts(self._with("0"))

    @property
    def check(self) -> str:
        from stdnum.iso7064 import mod_37_36

        return str(mod_37_36.calc_check_digit(self.type_code + self.issuer_code + self.serial + self.version))

    def __str__(self) -> str:
        return self._with(self.check)

    def _with(self, check: str) -> str:
        parts = (CERTIFICATE_ROOT, self.type_code, self.issuer_code, self.serial, self.version, check)
        return ".".join(parts)


def parse_certificate_id(text: object) -> CertificateId:
    """The parts of a certificate id whose check character is right."""
    parts = _certificate_parts(text)
    check = parts.pop("check")
    found = CertificateId(**parts)
    if found.check != check:
        raise Malformed("certificate_id", "the certificate id has a wrong check character")
    return found


def _certificate_parts(text: object) -> dict[str, str]:
    found = _match(_CERTIFICATE, text)
    if found is None:
        raise Malformed("certificate_id", "expected a certificate id of the form of GB/T 36904")
    return found.groupdict()


def _match(pattern: re.Pattern[str], text: object) -> re.Match[str] | None:
    return pattern.fullmatch(text) if isinstance(text, str) else None


def _want(value: bytes, length: int, what: str) -> bytes:
    if type(value) is not bytes or len(value) != length:
        raise Malformed("length", "{what}: expected {want} bytes", what=what, want=length)
    return value
