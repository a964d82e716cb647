"""Solidity to committed artifacts, and artifacts back: what `chain compile` writes and everyone else reads.

The compiler is npm's solc behind `tools/solc`, driven by py-solc-x. The same sources and settings give the same
bytes on any machine: bytecode carries no metadata hash. Only `compile_contracts` needs Node; readers need the
committed JSON alone.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.errors import Malformed, Unavailable

PROJECT = Path(__file__).resolve().parent.parent
ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
CONTRACTS = ("AgencyRegistry", "DossierRegistry", "GrantRegistry", "ArchiveLog")
SETTINGS: dict[str, Any] = {
    "evmVersion": "cancun",
    "optimizer": {"enabled": True, "runs": 10_000},
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
    "remappings": ["@openzeppelin/=node_modules/@openzeppelin/"],
}

Abi = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract. `immutables` are the (offset, length) runs of `runtime` that its constructor fills."""

    name: str
    abi: Abi
    creation: bytes
    runtime: bytes
    immutables: tuple[tuple[int, int], ...]
    compiler: str
    settings: dict[str, Any]

    def is_code_of(self, deployed: bytes) -> bool:
        """Whether `deployed` is this contract's code, whatever its constructor filled in."""
        return len(deployed) == len(self.runtime) and self._masked(deployed) == self._masked(self.runtime)

    def _masked(self, code: bytes) -> bytes:
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(length)
        return bytes(masked)

    def to_json(self) -> str:
        """The committed form: readable, stable, ending in a line break."""
        value = {
            "contract": self.name,
            "compiler": {"version": self.compiler, "settings": self.settings},
            "abi": self.abi,
            "immutables": [list(run) for run in self.immutables],
            "creation": "0x" + self.creation.hex(),
            "runtime": "0x" + self.runtime.hex(),
        }
        return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def compile_contracts(project: Path = PROJECT) -> dict[str, Artifact]:
    """Compile `contracts/src` as it stands; `Malformed` with the compiler's words if it does not compile.

    `Unavailable` if Node or the npm packages are missing (`make setup` brings both).
    """
    output = compile_sources(project, project / "contracts" / "src")
    return {name: _artifact(name, output[f"contracts/src/{name}.sol"][name]) for name in CONTRACTS}


def compile_sources(project: Path, folder: Path) -> dict[str, Any]:
    """All contracts under `folder`, as solc describes them, by source name relative to `project`."""
    import solcx

    names = [path.relative_to(project).as_posix() for path in sorted(folder.rglob("*.sol"))]
    outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode", "metadata"]
    request = {
        "language": "Solidity",
        "sources": {name: {"urls": [name]} for name in names},
        "settings": {**SETTINGS, "outputSelection": {"*": {"*": outputs}}},
    }
    try:
        answer = solcx.compile_standard(request, base_path=project, solc_binary=project / "tools" / "solc")
    except solcx.exceptions.SolcError as error:
        raise Malformed("solidity", "the contracts do not compile: {why}", why=str(error)[:4000]) from None
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Unavailable("compiler_missing", "tools/solc does not run: {why}", why=str(error)[:500]) from None
    found: dict[str, Any] = answer["contracts"]
    return found


def write_artifacts(artifacts: dict[str, Artifact], folder: Path = ARTIFACTS) -> None:
    """Write each artifact to `<folder>/<Name>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, artifact in artifacts.items():
        (folder / f"{name}.json").write_text(artifact.to_json(), encoding="utf-8")


def load_artifact(name: str, folder: Path = ARTIFACTS) -> Artifact:
    """The committed artifact of one of `CONTRACTS`."""
    value = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return Artifact(
        name=value["contract"],
        abi=value["abi"],
        creation=bytes.fromhex(value["creation"][2:]),
        runtime=bytes.fromhex(value["runtime"][2:]),
        immutables=tuple((start, length) for start, length in value["immutables"]),
        compiler=value["compiler"]["version"],
        settings=value["compiler"]["settings"],
    )


def _artifact(name: str, found: dict[str, Any]) -> Artifact:
    deployed = found["evm"]["deployedBytecode"]
    runs = [run for runs in deployed["immutableReferences"].values() for run in runs]
    return Artifact(
        name=name,
        abi=found["abi"],
        creation=bytes.fromhex(found["evm"]["bytecode"]["object"]),
        runtime=bytes.fromhex(deployed["object"]),
        immutables=tuple(sorted((run["start"], run["length"]) for run in runs)),
        compiler=json.loads(found["metadata"])["compiler"]["version"],
        settings=SETTINGS,
    )
