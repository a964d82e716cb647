"""docs/observability.md, the alerts and the dashboard name the metrics that the program has, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.strangers import ROOT
from vault_api.metrics import REGISTRY
from vault_api.services.readiness import ESSENTIAL

PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "onefile.json").read_text(encoding="utf-8"))
ALERTS: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
# A name in an expression: followed by no bracket, it is no function; label names and words in quotes are taken out before.
NAME = re.compile(r"\b[a-z_]{4,}\b(?!\s*\()")
WORDS = {"sum", "rate", "topk", "__rate_interval"}


def exposed() -> dict[str, set[str]]:
    """Every metric of the program as the page names it → what is exposed of it."""
    found = {}
    for family in REGISTRY.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        parts = {"_bucket", "_sum", "_count"} if family.type == "histogram" else {""}
        found[name] = {name + part for part in parts}
    return found


def rows() -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines()]
    return {row[0].strip("`"): row[1:] for row in cells if len(row) == 4 and row[0].startswith("`onefile_")}


def names(expression: str) -> set[str]:
    """The metrics that an expression of Prometheus names."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    return {name for name in NAME.findall(bare) if name not in WORDS}


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", []))


def test_every_metric_of_the_program_has_a_row_and_every_row_a_metric() -> None:
    ours = {name for name in exposed() if name.startswith("onefile_")}
    assert set(rows()) == ours


def test_a_row_says_whether_it_is_a_histogram() -> None:
    for family in REGISTRY.collect():
        if family.name.startswith("onefile_"):
            name = family.name + ("_total" if family.type == "counter" else "")
            assert ("histogram" in rows()[name][0]) == (family.type == "histogram"), name


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_an_expression_names_only_metrics_that_are_exposed(where: str, expression: str) -> None:
    known = set().union(*exposed().values())
    assert names(expression), where
    assert names(expression) <= known, where
    assert expression.count("(") == expression.count(")")


def test_the_names_in_an_expression_are_found() -> None:
    expression = 'histogram_quantile(0.9, sum by (le, call) (rate(a_bucket_x{call=~"put|gets"}[$__rate_interval]))) > 1e9'
    assert names(expression) == {"a_bucket_x"}
    assert names("max(one_thing / other_thing) > 0.8") == {"one_thing", "other_thing"}


def test_the_page_and_the_alerts_name_each_other() -> None:
    named = set(re.findall(r"`(OneFile[A-Za-z]+)`", PAGE))
    assert named == {rule["alert"] for rule in RULES}
    by_metric = {metric: set(re.findall(r"OneFile[A-Za-z]+", row[2])) for metric, row in rows().items()}
    for rule in RULES:
        for metric in names(rule["expr"]):
            name = re.sub(r"_(bucket|sum|count)$", "", metric)
            assert name.startswith("process_") or rule["alert"] in by_metric[name], (rule["alert"], name)


def test_an_alert_says_how_soon_and_what() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_the_dashboard_shows_every_metric_and_no_panel_lies_on_another() -> None:
    shown = set().union(*(names(target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])))
    missing = {name for name, parts in exposed().items() if name.startswith("onefile_") and not parts & shown}
    assert missing == set()
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)


def test_the_page_has_every_part_that_readiness_asks_for() -> None:
    told = set(re.findall(r'"(\w+)": "', PAGE))
    assert set(ESSENTIAL) | {"chain", "disk"} == told
