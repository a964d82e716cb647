"""Environments of their own: installed once for each lock, and only from a lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import environments
from tools.setup import stamp_of


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A project with one lock; what was run for it."""
    (tmp_path / "requirements-toy.lock").write_text("toy==1 --hash=sha256:00\n")
    (tmp_path / ".cache/toy").mkdir(parents=True)
    titles: list[str] = []
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments, "run", lambda title, command: titles.append(title))
    return titles


def test_an_environment_is_installed_once_and_again_when_its_lock_changes(asked: list[str]) -> None:
    environments.ensure("toy")
    assert asked == ["toy environment", "toy packages"]
    assert (environments.home_of("toy") / ".installed").read_text() == stamp_of([environments.lock_of("toy")])
    environments.ensure("toy")
    assert len(asked) == 2
    environments.lock_of("toy").write_text("toy==2 --hash=sha256:00\n")
    environments.ensure("toy")
    assert len(asked) == 4


def test_an_installation_that_failed_is_tried_again(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(title: str, command: list[str]) -> None:
        asked.append(title)
        raise SystemExit(title)

    monkeypatch.setattr(environments, "run", fail)
    for _ in range(2):
        with pytest.raises(SystemExit):
            environments.ensure("toy")
    assert asked == ["toy environment"] * 2


def test_an_environment_without_a_lock_is_refused(asked: list[str]) -> None:
    with pytest.raises(SystemExit, match=r"no requirements-other\.lock"):
        environments.ensure("other")
    assert asked == []
