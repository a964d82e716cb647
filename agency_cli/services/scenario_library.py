"""The library of sample scenarios that ships with the program: sources to begin with, each with its cases."""

from __future__ import annotations

from importlib.resources import files

from protocol import canonical
from protocol.canonical import Json
from protocol.errors import Denied

MAX_SAMPLE_BYTES = 256 << 10
_CASES = ".cases.json"


def names() -> list[str]:
    """The scenario ids of the library, in alphabetical order."""
    found = (path.name for path in files("agency_cli.library").iterdir())
    return sorted(name.removesuffix(".json") for name in found if name.endswith(".json") and not name.endswith(_CASES))


def sample(name: str) -> tuple[dict[str, Json], dict[str, Json]]:
    """The source and the cases of this name; ``Denied("sample_not_found")`` if the library has none."""
    if name not in names():
        raise Denied("sample_not_found", "the library has no scenario {scenario}", scenario=name)
    return _read(f"{name}.json"), _read(f"{name}{_CASES}")


def _read(name: str) -> dict[str, Json]:
    raw = files("agency_cli.library").joinpath(name).read_bytes()
    return canonical.loads_object(raw, limit=MAX_SAMPLE_BYTES, what=name)
