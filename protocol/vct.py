"""A credential's type as ``vct`` spells it: ``urn:onefile:licence:TYPE:VERSION``. Any type; no catalogue is needed."""

from __future__ import annotations

from protocol.fields import text_of
from protocol.forms import VCT


def parse_vct(vct: object) -> tuple[str, int]:
    """Type and version in a ``vct``, whether anybody issues it or not."""
    *_, name, version = text_of(vct, "vct", pattern=VCT).split(":")
    return name, int(version)
