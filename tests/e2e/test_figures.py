"""The two figures that need a real vault process, at small sizes: canaries and the soak."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from bench.figures.canaries import Canaries, Marks
from bench.figures.figure import Tally
from bench.figures.soak import RATE, Soak
from bench.figures.standing import Standing, standing


@pytest.fixture(scope="module")
def stand() -> Iterator[Standing]:
    with standing() as made:
        yield made


@pytest.fixture(scope="module")
def canaries(stand: Standing) -> Canaries:
    return Canaries(stand, programs=False)


def test_no_canary_is_in_files_log_lines_or_memory_of_a_vault(canaries: Canaries) -> None:
    tally = canaries.batch(Random(1), 6)
    assert (tally.done, tally.broken, tally.failed, tally.finds) == (6, 0, 0, [])
    assert tally.controls >= 6


def test_a_canary_that_lies_in_a_vaults_folder_is_found(canaries: Canaries) -> None:
    marks, tally = Marks(Random(2), 2), Tally()
    leaked = canaries._settings.vault_home / "leaked.tmp"
    leaked.write_bytes(b"\0" * 1000 + marks.document("credential").hex().encode())
    canaries._search(marks, [], tally)
    leaked.unlink()
    assert tally.broken == 2
    assert tally.finds == ["broken: a Chinese value in the file leaked.tmp", "broken: a value in the file leaked.tmp"]


def test_exchanges_go_on_for_some_seconds_without_a_refusal(stand: Standing) -> None:
    work = Soak(minute_s=2.0, grants=8, stand=stand)
    try:
        tally = work.batch(Random(1), 1)
        assert (tally.broken, tally.finds) == (0, [])
        assert tally.outcomes["exchanges"] == 2 * RATE
        assert tally.measures["p99 ms"] > 0
        assert work.end().controls == 0  # too short to say anything of the memory
    finally:
        work.close()
