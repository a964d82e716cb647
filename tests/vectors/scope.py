"""What of the published vectors is read, and what is out of scope and why: ``python -m tests.vectors.scope``."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.strangers import ROOT, SHARED
from tests.vectors.test_age_kit import ARMORED, KIT

ARMOR = "ASCII armor: our files are binary. Each is given to our reader and must be refused as a whole"


@dataclass(frozen=True)
class Published:
    """One collection: how many of its vectors are judged as they say, and those that are not, with the reason."""

    title: str
    total: int
    missing: str  # why it is not here, if it is not
    out: dict[str, str]


def published() -> list[Published]:
    """Every collection that the tests read."""
    merkle = len(list((SHARED / "vectors" / "merkle").rglob("*.json")))
    age = sorted(path.name for path in (SHARED / "vectors" / "age").glob("*"))
    armor = dict.fromkeys(ARMORED, ARMOR)
    shared = {name: ARMOR for name in age if name.startswith("armor_")}
    return [
        Published(
            "age test kit, C2SP CCTV (npm cctv-age)", len(KIT), "" if KIT else "npm's cctv-age is not installed", armor
        ),
        Published(
            "part of the same kit (../shared/vectors/age), the same bytes",
            len(age),
            "" if age else "not present",
            shared,
        ),
        Published("transparency-dev/merkle (../shared/vectors/merkle)", merkle, "" if merkle else "not present", {}),
    ]


def lines() -> list[str]:
    """For people: a line for each collection, and one for each reason with the vectors that it keeps out."""
    told = []
    for one in published():
        if one.missing:
            told.append(f"{one.title}: {one.missing}")
            continue
        told.append(
            f"{one.title}: {one.total} vectors, {one.total - len(one.out)} judged as they say, {len(one.out)} out of scope"
        )
        for reason in dict.fromkeys(one.out.values()):
            names = ", ".join(name for name, why in one.out.items() if why == reason)
            told.append(f"  out of scope: {reason}:\n    {names}")
    return told


def golden() -> str:
    """Our own, in one line."""
    files = sorted((ROOT / "tests" / "vectors" / "golden").glob("*.json"))
    cases = sum(len(json.loads(path.read_text(encoding="utf-8"))["cases"]) for path in files)
    return f"ours (tests/vectors/golden): {cases} vectors of {len(files)} structures; see tests/vectors/README.md"


if __name__ == "__main__":
    print("\n".join([golden(), *lines()]))
