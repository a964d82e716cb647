"""`deploy/` describes the processes that `make up-cluster` starts: same commands, as many, with what they need.

Here with our own eyes; ``tests/interop/test_deploy_strangers.py`` asks Helm, systemd, Compose and Prometheus.
"""

from __future__ import annotations

import configparser
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from agency_cli.commands.retention import retention
from protocol.wire_notices import RETENTION_GRACE_S
from scripts.cluster.table import SHARED
from tests.processes.deployed import CHART, DEPLOY, LOG_KEY, WANTED, Commands, own_relayers
from vault_api.settings import Settings

SECRETS = ("ONEFILE_LOG_KEY_FILE", "ONEFILE_RELAYER_KEY_FILE", "ONEFILE_DEPLOYMENT_FILE")


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


def values() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return read


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parsed.read(DEPLOY / "systemd" / name)
    return parsed


def lines(name: str, key: str) -> list[str]:
    """All values of a key that stands several times."""
    text = (DEPLOY / "systemd" / name).read_text()
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def wanted_instances() -> list[tuple[str, str]]:
    """Unit and instance of everything that the target wants."""
    named = [word for line in lines("onefile-vault.target", "Wants") for word in line.split()]
    found = [re.fullmatch(r"(onefile-[a-z]+@)(\d+)(\.service)", name) for name in named]
    return [(match[1] + match[3], match[2]) for match in found if match is not None]


def test_compose_starts_the_processes_of_the_table() -> None:
    services = {name: service for name, service in compose()["services"].items() if name != "migrate"}
    found: Commands = Counter()
    for service in services.values():
        found[tuple(service["command"])] += service.get("deploy", {}).get("replicas", 1)
    assert found == WANTED
    for service in services.values():
        assert set(SHARED) <= set(service["environment"])
        assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    apis = [service["environment"] for name, service in services.items() if name.startswith("api")]
    assert own_relayers(apis)
    assert [name for name, service in services.items() if LOG_KEY in service["environment"]] == ["sequencer"]


def test_the_systemd_target_wants_the_processes_of_the_table() -> None:
    found: Commands = Counter()
    for name, _instance in wanted_instances():
        start = unit(name)["Service"]["ExecStart"].split()
        command = [Path(start[0]).name, *start[1:]]
        if "--port" in command:
            at = command.index("--port")
            assert "%i" in command[at + 1]
            del command[at : at + 2]
        found[tuple(command)] += 1
    assert found == WANTED
    assert len(wanted_instances()) == len(set(wanted_instances()))


@pytest.mark.parametrize("name", sorted(path.name for path in (DEPLOY / "systemd").glob("*.service")))
def test_a_unit_is_restarted_and_given_time_to_end(name: str) -> None:
    service = unit(name)["Service"]
    assert service["Restart"] == "on-failure"
    assert int(service["TimeoutStopSec"]) > Settings().stop_s
    assert unit(name)["Unit"]["PartOf"] == "onefile-vault.target"
    assert name in {wanted for wanted, _ in wanted_instances()}
    relayers = [line for line in lines(name, "Environment") if "ONEFILE_RELAYER_KEY_FILE" in line]
    assert ["%i" in line for line in relayers] == [True] * ("api" in name)


def test_an_agencys_timer_deletes_in_time_by_a_command_that_there_is() -> None:
    service, timer = (unit(f"agency/onefile-retention@.{kind}") for kind in ("service", "timer"))
    start = service["Service"]["ExecStart"].split()
    assert start == ["/opt/onefile/.venv/bin/agency", "retention", "run", "--profile", "%i"]
    done = CliRunner().invoke(retention, [*start[2:3], "--help"])
    assert (done.exit_code, "Delete every folder whose time is up" in done.output) == (0, True)
    every = re.fullmatch(r"\*-\*-\* 00/(\d+):00:00", timer["Timer"]["OnCalendar"])
    assert every is not None
    assert int(every[1]) * 3600 < RETENTION_GRACE_S
    assert timer["Timer"]["Persistent"] == "true"


def test_the_charts_values_are_the_processes_of_the_table() -> None:
    given = values()
    found: Commands = Counter(tuple(process["command"]) for process in given["processes"])
    assert found == WANTED
    assert set(SHARED) <= set(given["environment"]) | set(given["secretEnvironment"])
    assert not set(given["environment"]) & set(given["secretEnvironment"])
    with_key = [process["name"] for process in given["processes"] if LOG_KEY in process.get("environment", {})]
    assert (with_key, LOG_KEY in given["environment"]) == (["sequencer-1"], False)
    apis = [process["environment"] for process in given["processes"] if process.get("http")]
    assert own_relayers(apis)
    assert len({process["name"] for process in given["processes"]}) == sum(WANTED.values())


def test_what_a_settings_file_asks_for_is_what_the_processes_share() -> None:
    asked = set(re.findall(r"^(ONEFILE_\w+)=", (DEPLOY / "environment.example").read_text(), re.MULTILINE))
    assert asked == (set(SHARED) - {"ONEFILE_HOME"}) | {"ONEFILE_IMAGE"}
    needed = set(re.findall(r"\$\{(ONEFILE_\w+)\}", (DEPLOY / "compose.yaml").read_text()))
    assert needed == asked


def test_every_setting_that_is_named_is_one_of_the_vaults() -> None:
    known = {f"ONEFILE_{name.upper()}" for name in Settings.model_fields} | {"ONEFILE_IMAGE"}
    text = "\n".join(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())
    assert set(re.findall(r"ONEFILE_[A-Z_]+", text)) <= known
    assert all(name in text for name in SECRETS)
