"""What matters in the text of an error: each field of its template has a fact, and each fact a field."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from protocol.errors import FAULTS, OneFileError

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["protocol", "console", "chain", "vault_api", "client", "wallet_cli", "agency_cli"]
ERRORS = {kind.__name__ for kind in (OneFileError, *FAULTS.values())}


@cache
def sources(package: str) -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def raised(tree: ast.Module) -> Iterator[ast.Call]:
    """Every call of an error's constructor, but for the patterns in tables: they get their facts elsewhere.

    The one such table, chain/reverts.py, has a test of its own in tests/unit/chain/test_codec.py.
    """
    patterns = {id(value) for node in ast.walk(tree) if isinstance(node, ast.Dict) for value in node.values}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Name) and call.func.id in ERRORS and id(call) not in patterns:
            yield call


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def faults(tree: ast.Module) -> list[tuple[int, str, set[str], set[str]]]:
    """Line, template, its fields, the facts: of every error where these two differ."""
    found = []
    for call in raised(tree):
        template = call.args[1]
        if isinstance(template, ast.Constant) and isinstance(template.value, str):
            facts = {keyword.arg or "**" for keyword in call.keywords}
            if fields(template.value) != facts:
                found.append((call.lineno, template.value, fields(template.value), facts))
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_the_fields_of_every_message_are_its_facts(package: str) -> None:
    assert [(name, *fault) for name, tree in sources(package).items() for fault in faults(tree)] == []


def test_a_fact_too_few_or_too_many_would_be_found() -> None:
    source = 'Malformed("a", "{one} {two}", one=1)\nDenied("b", "none", one=1)\nUntrusted("c", "{one}", one=1)\n'
    assert [line for line, *_ in faults(ast.parse(source))] == [1, 2]


def test_no_template_is_made_at_run_time() -> None:
    made = [
        name
        for package in PACKAGES
        for name, tree in sources(package).items()
        for call in raised(tree)
        if len(call.args) != 2 or not isinstance(call.args[1], ast.Constant)
    ]
    # One constant, marked for translation beside it; and the template of another error, told on with its own facts.
    assert made == ["vault_api/problems.py", "vault_api/services/statuses.py"]
