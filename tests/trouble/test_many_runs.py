"""Small runs of the two long stories; `make chain-trouble` runs them at full length."""

from __future__ import annotations

import pytest

from tests.trouble import anchoring, reorganising
from tests.trouble.anchoring import Anchoring
from tests.trouble.reorganising import Reorganising


def test_every_checkpoint_is_anchored_once_while_half_of_all_calls_fail() -> None:
    tally = Anchoring(7).run(25)
    assert tally.good, tally.lines()
    assert tally.refused_in_block == 0
    assert tally.failed > tally.calls // 3
    assert tally.deaths > 0


def test_everything_is_anchored_again_within_two_blocks_of_a_reorganisation() -> None:
    tally = Reorganising(7).run(6)
    assert (tally.late, tally.failed) == (0, 0), tally.lines()
    assert tally.undone > 0


@pytest.mark.parametrize("story", [anchoring, reorganising])
def test_a_run_says_its_seed_and_what_came_of_it(
    story: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    count = "--checkpoints" if story is anchoring else "--times"
    monkeypatch.setattr("sys.argv", ["story", count, "2", "--seed", "3"])
    assert story.main() == 0  # type: ignore[attr-defined]  # both modules have it
    assert capsys.readouterr().out.startswith("seed 3")
