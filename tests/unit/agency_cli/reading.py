"""What the reader's tests share: ``agency`` as the bank runs it, and a grant over two items."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from agency_cli import common
from agency_cli.main import cli
from console import frame, hints, i18n
from protocol.dcql import parse_query
from tests.reader_stage import CLAIMS, ReaderStage
from tests.scenario_samples import QUERY

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(reader: ReaderStage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``agency`` on the bank's profile; exit code, output, talk."""
    monkeypatch.setattr(common, "make_session", lambda *_: reader.session)
    monkeypatch.setattr(type(reader.session), "close", lambda _self: None)
    monkeypatch.setenv("NO_COLOR", "1")
    # The program registers its next steps in a table of the process: for this test only.
    monkeypatch.setattr(hints, "_HINTS", dict(hints._HINTS))
    importlib.reload(importlib.import_module("agency_cli.hints"))
    before = i18n.language()

    def call(*argv: str) -> tuple[int, str, str]:
        code = frame.invoke(cli, [str(part) for part in argv], prog="agency")
        told = capsys.readouterr()
        return code, told.out, told.err

    yield call
    i18n.set_language(before)


def data(told: tuple[int, str, str]) -> Any:
    assert told[0] == 0, told
    return json.loads(told[1])


def two_proofs(reader: ReaderStage) -> Any:
    """A grant over two items, for a scenario that asks for both."""
    query = parse_query({"credentials": QUERY["credentials"]})
    scenario = reader.post_scenario(scenario_id="two-proofs", query=query)
    diploma = reader.issue_diploma()
    reader.anchor()
    parts = ((reader.item, "insurance", CLAIMS), (diploma, "education", ("/school",)))
    return reader.give(parts=parts, scenario=scenario), diploma
