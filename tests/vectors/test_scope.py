"""What `make vectors` says of the published vectors is what the tests do with them."""

from __future__ import annotations

import pytest

from tests.strangers import SHARED
from tests.vectors import scope
from tests.vectors.test_age_kit import ARMORED, BINARY, KIT
from tests.vectors.test_merkle_vectors import VECTORS as MERKLE


@pytest.mark.skipif(not KIT, reason="npm's cctv-age is not installed")
def test_the_list_tells_every_vector_that_is_out_of_scope_and_why() -> None:
    kit, part, merkle = scope.published()
    assert (kit.total, sorted(kit.out)) == (len(BINARY) + len(ARMORED), sorted(ARMORED))
    assert set(part.out) <= set(kit.out)
    assert (merkle.total, merkle.out) == (len(MERKLE), {})
    told = "\n".join(scope.lines())
    assert all(name in told for name in ARMORED)
    assert "out of scope: ASCII armor" in told


@pytest.mark.skipif(not (SHARED / "vectors" / "age").is_dir() or not KIT, reason="../shared/vectors/age is not present")
def test_the_part_of_the_kit_beside_the_project_is_the_kits() -> None:
    part = {path.name: path.read_bytes() for path in (SHARED / "vectors" / "age").glob("*")}
    assert part.items() <= KIT.items()


def test_the_list_counts_our_own_vectors() -> None:
    assert scope.golden().startswith("ours (tests/vectors/golden): ")
