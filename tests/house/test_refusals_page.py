"""docs/refusals.md agrees with the source, the tables of statuses and exit codes, and what the agency's tool says."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import agency_cli.hints
from agency_cli.refusals import NEXT_STEPS
from console import exits, hints
from tests.strangers import ROOT
from vault_api.problems import status_of

PAGE = ROOT / "docs" / "refusals.md"
NONE = "–"
# Where a use, a report or an acknowledgement is refused, and by which faults an agency can act on.
PLACES = {
    "vault_api/services/releases.py": {"Denied", "Conflict"},
    "vault_api/services/said.py": {"Denied", "Conflict"},
    "protocol/verify_grant.py": {"Denied", "Unavailable"},
    "protocol/grant.py": {"Denied"},
    "agency_cli/services/hearing.py": {"Denied", "Untrusted"},
    "agency_cli/services/retention.py": {"Denied", "Untrusted"},
}
# Never met by who uses a grant through the tools: what the vault looks up by itself, or what another page tells.
ELSEWHERE = {
    "card_unknown",  # the agency's own card: hints.py
    "item_unknown",  # the vault asks for it when a grant is posted, or an issuer's correction is
    "document_unknown",  # the same
    "stamps_enough",  # docs/spec/paper.md
    "use_not_found",  # a wrong argument
}


@dataclass(frozen=True)
class Row:
    code: str
    fault: str
    meaning: str
    next: str
    status: str
    exit: str


def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and cells[0].startswith("`"):
            found.append(Row(cells[0].strip("`"), *cells[1:]))
    return found


ROWS = rows()
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)


def raised() -> Iterator[str]:
    """The codes that the places raise with these faults."""
    for name, faults in PLACES.items():
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in faults
            if named and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


@each_row
def test_status_and_exit_code_are_those_of_the_tables(row: Row) -> None:
    assert row.exit == str(exits.code_for(row.fault, row.code))
    assert row.status in {NONE, str(status_of(row.fault, row.code))}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The agency's next steps, whatever other programs have registered in this process."""
    monkeypatch.setattr(hints, "_HINTS", dict(hints._HINTS))
    importlib.reload(agency_cli.hints)
    return hints._HINTS


@each_row
def test_the_tool_says_the_same_next_step(row: Row, steps: dict[str, str]) -> None:
    assert steps[row.code] == row.next


def test_no_refusal_of_a_use_or_a_statement_is_left_out() -> None:
    assert {code for code in raised() if code not in ELSEWHERE} <= {row.code for row in ROWS}
    assert set(raised()) >= ELSEWHERE


def test_every_next_step_stands_on_the_page_and_every_code_once() -> None:
    codes = [row.code for row in ROWS]
    assert set(NEXT_STEPS) <= set(codes)
    assert len(set(codes)) == len(codes) > 40
