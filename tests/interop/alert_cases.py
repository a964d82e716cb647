"""Each alert of `deploy/prometheus/alerts.yml` with series that must raise it, as `promtool test rules` wants them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.processes.deployed import DEPLOY

ALERTS = DEPLOY / "prometheus" / "alerts.yml"
MINUTES = 120  # of every series
_SLOW = {"0.1": 0, "30": 10, "+Inf": 10}  # observations a minute, of which all took longer than a tenth of a second
_QUICK = {"0.1": 10, "30": 10, "+Inf": 10}


@dataclass(frozen=True, slots=True)
class Case:
    """Series by name with labels: a number that stays, or how much it grows a minute."""

    bad: dict[str, int]
    well: dict[str, int]
    grows: bool = False
    labels: tuple[tuple[str, str], ...] = ()  # that the alert carries


def _buckets(name: str, labels: str = "") -> Case:
    def series(counts: dict[str, int]) -> dict[str, int]:
        return {f'{name}_bucket{{{labels}le="{edge}"}}': count for edge, count in counts.items()}

    return Case(series(_SLOW), series(_QUICK), grows=True)


def _gauge(name: str, bad: int, well: int) -> Case:
    return Case({name: bad}, {name: well})


def _counter(name: str, *labels: tuple[str, str]) -> Case:
    full = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels) + "}"
    return Case({full: 120}, {full: 0}, grows=True, labels=tuple(label for label in labels if label[0] != "status"))


CASES = {
    "OneFileUnseen": Case({"up": 0}, {"onefile_gauges_ok": 1}),
    "OneFileFaults": _counter("onefile_requests_total", ("status", "500")),
    "OneFileSlow": _buckets("onefile_request_seconds", 'route="/v1/deposits",'),
    "OneFileOverloaded": _counter("onefile_limited_total", ("kind", "busy")),
    "OneFileWriterBehind": _gauge("onefile_writer_queue", 300, 256),
    "OneFileCommitSlow": _buckets("onefile_writer_commit_seconds"),
    "OneFileLogLate": _gauge("onefile_oldest_unsigned_age_seconds", 31, 30),
    "OneFileNotAnchored": _gauge("onefile_oldest_unanchored_age_seconds", 901, 900),
    "OneFileRpcSlow": _buckets("onefile_rpc_seconds"),
    "OneFileChainSilent": _gauge("onefile_chain_age_seconds", 601, 600),
    "OneFileChainBehind": _gauge("onefile_rpc_lag_seconds", 1801, 1800),
    "OneFileFollowerBehind": Case(
        {"onefile_chain_head_block": 201, "onefile_followed_block": 100},
        {"onefile_chain_head_block": 200, "onefile_followed_block": 100},
    ),
    "OneFileJobsLate": _gauge("onefile_oldest_job_age_seconds", 3601, 3600),
    "OneFileTransactionsStuck": _gauge("onefile_pending_transactions", 1, 0),
    "OneFileRevocationsWaiting": _gauge("onefile_pending_revocations", 1, 0),
    "OneFileDeletionLate": _gauge("onefile_doomed_payloads", 1, 0),
    "OneFileRoundsFail": _counter("onefile_rounds_failed_total", ("loop", "publisher")),
    "OneFileBlobsSlow": _buckets("onefile_blob_seconds", 'call="put",'),
    "OneFileDatabaseSlow": _buckets("onefile_database_seconds"),
    "OneFilePoolUsedUp": Case(
        {"onefile_database_pool_in_use": 9, "onefile_database_pool_size": 10},
        {"onefile_database_pool_in_use": 8, "onefile_database_pool_size": 10},
    ),
    "OneFileDatabaseDown": _gauge("onefile_gauges_ok", 0, 1),
    "OneFileMemory": _gauge("process_resident_memory_bytes", 1_000_000_001, 1_000_000_000),
}


def rules() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    read = yaml.safe_load(ALERTS.read_text())
    return {rule["alert"]: rule for group in read["groups"] for rule in group["rules"]}


def write_cases(path: Path) -> None:
    """For each alert: silent while all is well, silent for as long as it may last, raised after that."""
    known = rules()
    tests = [test for name, case in CASES.items() for test in _tests(known[name], case)]
    path.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))


def _tests(rule: dict[str, Any], case: Case) -> list[dict[str, Any]]:
    labels = {**rule["labels"], **dict(case.labels)}
    summary = rule["annotations"]["summary"]
    for key, value in case.labels:
        summary = summary.replace(f"{{{{ $labels.{key} }}}}", value)
    raised = [{"exp_labels": labels, "exp_annotations": {"summary": summary}}]
    lasts = _minutes(rule["for"])
    return [
        _test(rule["alert"], case.well, case.grows, {MINUTES: []}),
        _test(rule["alert"], case.bad, case.grows, {max(lasts - 1, 0): [], MINUTES: raised}),
    ]


def _test(alert: str, series: dict[str, int], grows: bool, expected: dict[int, Any]) -> dict[str, Any]:
    step = "0+{}x{}" if grows else "{}+0x{}"
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": step.format(value, MINUTES)} for name, value in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{at}m", "alertname": alert, "exp_alerts": alerts} for at, alerts in expected.items()
        ],
    }


def _minutes(text: str) -> int:
    return int(text[:-1]) * {"m": 1, "h": 60}[text[-1]]
