"""Who issues, as it stands on a licence: the department's name and its unified social credit code.

``office.json`` in the profile. The registry's name of the agency is the chain's; this is the issuing department's,
which a licence names (``issue_dept_name``, ``issue_dept_code``).
"""

from __future__ import annotations

from dataclasses import dataclass

from client.files import read_json, write_json
from client.profile import Profile
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.identifiers import check_credit_code

_FILE = "office.json"
_LIMIT = 64 << 10
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Office:
    """``code`` is empty for an agency that does not issue."""

    name: str
    code: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= 200:
            raise Malformed("office_name", "an agency's name has 1 to 200 characters, got {got}", got=len(self.name))
        if self.code:
            check_credit_code(self.code)


def load_office(profile: Profile) -> Office:
    """The office of a profile; ``Malformed`` if its file is garbled."""
    fields = Fields(read_json(profile.folder / _FILE, limit=_LIMIT), "office")
    fields.uint("v", least=_VERSION, most=_VERSION)
    office = Office(fields.text("name", limit=200), fields.text("code", limit=18, least=0))
    fields.done()
    return office


def save_office(profile: Profile, office: Office) -> None:
    """Keep the office."""
    write_json(profile.folder / _FILE, {"v": _VERSION, "name": office.name, "code": office.code})
