"""Programs that read `deploy/` in earnest: Helm and a validator of Kubernetes' schemas, systemd, Compose, Prometheus."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.interop.programs import ran
from tests.processes.deployed import CHART, DEPLOY
from tests.strangers import need, need_environment

RELEASE = "city"
IMAGE = "registry.example/onefile:1"
_LAYER = "package/lib/layer.zip"
_INSTALLED = "/opt/onefile"


def helm(*arguments: str, image: str = IMAGE) -> str:
    """What Helm prints about the chart."""
    return ran([_helm(), *arguments, "--set", f"image={image}"]).decode()


def rendered() -> list[dict[str, Any]]:
    """The objects of a release."""
    found = yaml.safe_load_all(helm("template", RELEASE, str(CHART)))
    return [one for one in found if one is not None]


def validated(folder: Path, version: str) -> list[str]:
    """The names of the objects of a release that that version of Kubernetes takes, unknown members refused."""
    release = folder / "release.yaml"
    release.write_text(helm("template", RELEASE, str(CHART)))
    validator = need_environment("kubernetes") / "kubernetes-validate"
    said = ran([validator, "--strict", "--kubernetes-version", version, release]).decode()
    return [line.split(" resource ")[1].split()[0] for line in said.splitlines() if " passed " in line]


def systemd_verified(folder: Path) -> None:
    """Let systemd read all units as if they were installed, with empty programs in their places."""
    place = folder / "onefile"
    for program in ("vault-api", "agency"):
        stub = place / ".venv/bin" / program
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text("#!/bin/sh\n")
        stub.chmod(0o755)
    units = _units(folder / "units", str(place))
    started = [name.replace("@.", "@1.") for name in sorted(path.name for path in units.iterdir())]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}
    ran([need("systemd-analyze"), "verify", "--man=no", *started], env=environment)


def systemd_exposure(folder: Path, unit: str) -> float:
    """What systemd makes of a unit's confinement: 0 (none of the machine is in reach) to 10 (all of it)."""
    _units(folder / "etc/systemd/system", _INSTALLED)
    said = ran([need("systemd-analyze"), "security", "--offline=true", f"--root={folder}", unit]).decode()
    return float(said.splitlines()[-1].split(": ")[1].split()[0])


def composed(folder: Path) -> dict[str, Any]:
    """compose.yaml as Compose understands it, with a value for each setting that it asks for."""
    asked = (DEPLOY / "environment.example").read_text().splitlines()
    settings = folder / "settings"
    settings.write_text("".join(f"{line.partition('=')[0]}=given\n" for line in asked if line.startswith("ONEFILE_")))
    command = [need("docker-compose"), "--env-file", settings, "--file", DEPLOY / "compose.yaml", "config"]
    read: dict[str, Any] = yaml.safe_load(ran(command))
    return read


def promtool(*arguments: str | Path) -> str:
    """What Prometheus' checker says; `Refused` if it finds a fault."""
    return ran([need("promtool"), *arguments]).decode()


def _units(folder: Path, place: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for path in _unit_files():
        (folder / path.name).write_text(path.read_text().replace(_INSTALLED, place))
    return folder


def _unit_files() -> Iterator[Path]:
    return (path for path in (DEPLOY / "systemd").rglob("onefile-*") if path.is_file())


def _helm() -> Path:
    """Helm's own program. It comes in an archive in an archive in a package of the environment ``kubernetes``."""
    home = need_environment("kubernetes").parent
    program = home / "helm"
    if not program.exists():
        (package,) = home.glob("lib/python3*/site-packages/aws_cdk/*/_jsii/*.jsii.tgz")
        with tarfile.open(package) as outer:
            layer = outer.extractfile(_LAYER)
            assert layer is not None
            inner = zipfile.ZipFile(io.BytesIO(layer.read()))
        beside = home / f"helm.{os.getpid()}"
        beside.write_bytes(inner.read("helm/helm"))
        beside.chmod(0o755)
        beside.replace(program)
    return program
