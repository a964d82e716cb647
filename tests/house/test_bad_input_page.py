"""docs/bad-input.md agrees with the source, with the tables of statuses and exit codes, and with the tests."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from console import exits
from protocol.errors import FAULTS
from tests.strangers import ROOT
from vault_api.problems import status_of

PAGE = ROOT / "docs" / "bad-input.md"
NONE = "–"
# What the section "What bad input gets" lists: each of these must stand in some row.
NAMED = (
    "document over the limit", "header cut off", "wrong digest", "deposit from nobody", "its issuer may not issue",
    "expired grant", "future grant", "replayed grant", "another chain, or another contract", "another log",
    "padded grant", "over-asking", "stale or future signature", "reused signature", "unknown scenario",
    "truncated upload", "second scan", "late scan", "unregistered scanner", "answers garbage", "answers nothing",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    what: str
    place: str
    fault: str
    code: str
    status: str
    exit: str
    test: str


def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and cells[0] not in {"what comes", "---"}:
            found.append(Row(*(cell.strip("`") if i in {3, 6} else cell for i, cell in enumerate(cells))))
    return found


ROWS = rows()
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what.replace(" ", "-"))


def test_the_page_has_every_case_that_was_asked_for() -> None:
    told = "\n".join(row.what for row in ROWS)
    assert [name for name in NAMED if name not in told] == []


@each_row
def test_status_and_exit_code_are_those_of_the_tables(row: Row) -> None:
    if row.fault == "verdict":
        assert (row.status, row.exit) == (NONE, str(exits.for_verdict("reject", [row.code])))
        return
    assert row.fault in FAULTS
    assert row.exit == str(exits.code_for(row.fault, row.code))
    assert row.status in {NONE, str(status_of(row.fault, row.code))}


@each_row
def test_the_code_occurs_in_the_module_that_is_named_or_below_it(row: Row) -> None:
    module = ROOT / re.findall(r"`([^`]+)`", row.place)[0]
    assert module.is_file(), module
    assert f'"{row.code}"' in sources(), row.code


@each_row
def test_the_code_has_the_fault_that_the_page_says(row: Row) -> None:
    # A code that is passed on as a parameter stands beside no exception; then there is nothing to compare.
    raised = faults().get(row.code, set())
    assert not raised or row.fault in {*raised, "verdict"}


@each_row
def test_the_test_that_is_named_exists_and_looks_at_the_code(row: Row) -> None:
    path, _, name = row.test.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^(    )?(async )?def {name}\(", text, re.MULTILINE), row.test
    assert row.code in text, f"{path} never says {row.code}"


@cache
def sources() -> str:
    folders = ("protocol", "console", "chain", "vault_api", "client", "wallet_cli", "agency_cli")
    return "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in modules(folder))


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@cache
def faults() -> dict[str, set[str]]:
    """Every code that stands in a call of one of our exceptions → the faults that it is raised with."""
    by_class = {kind.__name__: fault for fault, kind in FAULTS.items()}
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(sources().replace("from __future__ import annotations", ""))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in by_class and node.args:
            code = node.args[0]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                found.setdefault(code.value, set()).add(by_class[node.func.id])
    return found
