"""The fuzzers of requests and answers begin with one that is taken, of each model that a vault reads or a client."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.fuzz.answers import SAMPLES
from tests.fuzz.parser import attempt
from tests.fuzz.registry import PARSERS
from tests.fuzz.vault_parsers import REQUESTS
from tests.strangers import ROOT

CLIENTS = ("client", "wallet_cli", "agency_cli")


def asked_for() -> Iterator[str]:
    """The names of the wire models that a client hands to a call, by itself or as the row of a page."""
    for package in CLIENTS:
        for path in (ROOT / package).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call):
                    yield from (name for given in call.args if (name := _model(given)))


def _model(given: ast.expr) -> str | None:
    named = given.slice if isinstance(given, ast.Subscript) else given
    if isinstance(named, ast.Attribute) and isinstance(named.value, ast.Name) and named.value.id.startswith("wire"):
        return None if named.attr.isupper() else named.attr
    return None


def test_every_model_that_a_client_asks_for_has_a_sample() -> None:
    have = {model.__name__.removeprefix("Page[").removesuffix("]") for model, _ in SAMPLES}
    asked = set(asked_for())
    assert len(asked) > 15
    assert asked - have == set()


@pytest.mark.parametrize("number", range(len(SAMPLES)), ids=[model.__name__ for model, _ in SAMPLES])
def test_each_sample_is_taken(number: int) -> None:
    parser = PARSERS["vault-answer"]
    assert attempt(parser, parser.seeds()[number]) == "ok"


def read_by_routes() -> set[str]:
    """The names of the wire models that are bodies of requests."""
    routes = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "vault_api" / "routes").glob("*.py")]
    given = (node.annotation for tree in routes for node in ast.walk(tree) if isinstance(node, ast.arg))
    return {name for annotation in given if annotation is not None and (name := _model(annotation))}


def test_every_body_that_a_vault_reads_has_a_seed_that_is_taken() -> None:
    parser = PARSERS["request-body"]
    taken = {REQUESTS[seed[0]].__name__ for seed in parser.seeds() if attempt(parser, seed) == "ok"}
    assert taken == {model.__name__ for model in REQUESTS}
    assert len(read_by_routes()) > 15
    assert read_by_routes() - taken == set()
