"""`deploy/` as the programs understand it that will run it: not only well-formed, but meant as we mean it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts.cluster.table import SHARED
from tests.interop.alert_cases import ALERTS, CASES, rules, write_cases
from tests.interop.deploy_programs import (
    RELEASE,
    composed,
    helm,
    promtool,
    rendered,
    systemd_exposure,
    systemd_verified,
    validated,
)
from tests.interop.programs import Refused
from tests.processes.deployed import CHART, DEPLOY, LOG_KEY, WANTED, Commands, own_relayers

VERSIONS = ("1.30", "1.37")  # of Kubernetes
MOST_EXPOSED = 2.0  # of 10; a service without any confinement has 9.6


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] == kind]


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = workload["spec"]["template"]["spec"]
    return found


def environment(workload: dict[str, Any]) -> dict[str, str]:
    """Names and values; of what comes from a secret the place."""
    (container,) = pod(workload)["containers"]
    return {one["name"]: one.get("value", str(one.get("valueFrom"))) for one in container["env"]}


def test_helm_finds_nothing_to_say_against_the_chart_and_wants_an_image() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))
    with pytest.raises(Refused, match="image"):
        helm("template", RELEASE, str(CHART), image="")


def test_a_release_runs_the_processes_of_the_table_each_one_once() -> None:
    deployments = of_kind(rendered(), "Deployment")
    found: Commands = Counter(tuple(pod(one)["containers"][0]["command"]) for one in deployments)
    assert found == WANTED
    assert {(one["spec"]["replicas"], one["spec"]["strategy"]["type"]) for one in deployments} == {(1, "Recreate")}
    assert len({one["metadata"]["name"] for one in deployments}) == sum(WANTED.values())
    for one in deployments:
        assert set(SHARED) <= set(environment(one))
        assert one["spec"]["selector"]["matchLabels"].items() <= one["spec"]["template"]["metadata"]["labels"].items()


def test_a_pod_gets_the_keys_that_its_process_needs_and_no_other() -> None:
    given: dict[str, list[str]] = {}
    for one in of_kind(rendered(), "Deployment"):
        (secret,) = [volume["secret"] for volume in pod(one)["volumes"] if "secret" in volume]
        asked = [path for name, path in environment(one).items() if name.endswith("_KEY_FILE")]
        assert sorted(f"/vault/keys/{item['path']}" for item in secret["items"]) == sorted(asked)
        given[one["metadata"]["labels"]["process"]] = [item["key"] for item in secret["items"]]
    assert [name for name, keys in given.items() if "log.key" in keys] == ["sequencer-1"]
    assert (given["api-1"], given["api-2"]) == (["relayer-1.key"], ["relayer-2.key"])


def test_the_service_sends_to_the_processes_that_serve_and_to_no_other() -> None:
    objects = rendered()
    (service,) = of_kind(objects, "Service")
    selector = service["spec"]["selector"].items()
    chosen = [one for one in of_kind(objects, "Deployment") if selector <= one["spec"]["template"]["metadata"]["labels"].items()]  # fmt: skip
    assert [one["metadata"]["labels"]["process"] for one in chosen] == ["api-1", "api-2"]
    assert all(pod(one)["containers"][0]["readinessProbe"]["httpGet"]["path"] == "/readyz" for one in chosen)
    assert own_relayers([environment(one) for one in chosen])


def test_an_upgrade_migrates_before_anything_is_started() -> None:
    objects = rendered()
    (job,) = of_kind(objects, "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"
    assert pod(job)["containers"][0]["command"] == ["vault-api", "migrate"]
    assert "volumes" not in pod(job)  # no key comes near it
    assert LOG_KEY not in environment(job)


def test_no_container_may_more_than_run_its_program() -> None:
    for one in rendered():
        if one["kind"] == "Service":
            continue
        inside = pod(one)
        assert inside["automountServiceAccountToken"] is False
        assert inside["securityContext"]["runAsNonRoot"] is True
        for container in [*inside["containers"], *inside.get("initContainers", [])]:
            may = container["securityContext"]
            assert may["readOnlyRootFilesystem"] is True
            assert may["allowPrivilegeEscalation"] is False
            assert may["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object_of_a_release(version: str, tmp_path: Path) -> None:
    names = [f"{one['kind'].lower()}/{one['metadata']['name']}" for one in rendered()]
    assert len(names) == sum(WANTED.values()) + 2
    assert sorted(validated(tmp_path, version)) == sorted(names)


def test_systemd_reads_the_units_and_misses_nothing(tmp_path: Path) -> None:
    systemd_verified(tmp_path)


@pytest.mark.parametrize("unit", [path.name for path in sorted((DEPLOY / "systemd").rglob("*.service"))])
def test_a_service_is_confined_as_systemd_counts_it(unit: str, tmp_path: Path) -> None:
    assert systemd_exposure(tmp_path, unit.replace("@.", "@1.")) <= MOST_EXPOSED


def test_compose_starts_what_the_table_says_after_the_migration(tmp_path: Path) -> None:
    services = composed(tmp_path)["services"]
    assert services.pop("migrate")["command"] == ["vault-api", "migrate"]
    found: Commands = Counter()
    for service in services.values():
        found[tuple(service["command"])] += service.get("deploy", {}).get("replicas", 1)
        assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert service["read_only"] is True
        assert all(volume.endswith(":ro") for volume in service["volumes"])
    assert found == WANTED


def test_prometheus_takes_the_alerts_and_raises_each_when_it_should_and_not_before(tmp_path: Path) -> None:
    assert "SUCCESS" in promtool("check", "rules", ALERTS)
    assert set(CASES) == set(rules())
    cases = tmp_path / "cases.json"
    write_cases(cases)
    assert "SUCCESS" in promtool("test", "rules", cases)
