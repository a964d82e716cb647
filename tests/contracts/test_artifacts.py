"""The committed artifacts are what the sources compile to, and the compiler's wrapper behaves as the native one."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract

from chain import compile as compiler
from protocol.errors import Malformed, Unavailable
from tests.contracts.evm import PROJECT, Chain
from tests.contracts.messages import type_strings

SOLC = PROJECT / "tools/solc"
SOURCE = "// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.37;\n"


def standard_json(sources: dict[str, Any], *flags: str, cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    wanted = {"*": {"*": ["evm.bytecode.object"]}}
    request = {"language": "Solidity", "sources": sources, "settings": {"outputSelection": wanted}}
    command = [str(SOLC), "--standard-json", *flags]
    return subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, cwd=cwd, check=False)


def test_the_committed_artifacts_are_what_the_sources_compile_to(recompiled: dict[str, Any]) -> None:
    committed = {name: (compiler.ARTIFACTS / f"{name}.json").read_text() for name in compiler.CONTRACTS}
    assert {name: artifact.to_json() for name, artifact in recompiled.items()} == committed
    assert {path.stem for path in compiler.ARTIFACTS.glob("*.json")} == set(compiler.CONTRACTS)


def test_an_artifact_survives_writing_and_reading(tmp_path: Path) -> None:
    artifacts = {name: compiler.load_artifact(name) for name in compiler.CONTRACTS}
    compiler.write_artifacts(artifacts, tmp_path / "new")
    assert {name: compiler.load_artifact(name, tmp_path / "new") for name in artifacts} == artifacts


def test_an_artifact_recognises_its_deployed_code(chain: Chain, agencies: Contract, archive: Contract) -> None:
    for contract, name, other in (
        (agencies, "AgencyRegistry", "DossierRegistry"),
        (archive, "ArchiveLog", "AgencyRegistry"),
    ):
        code = bytes(chain.w3.eth.get_code(contract.address))
        assert compiler.load_artifact(name).is_code_of(code)
        assert not compiler.load_artifact(other).is_code_of(code)
        assert not compiler.load_artifact(name).is_code_of(code[:100] + bytes([code[100] ^ 1]) + code[101:])
        assert not compiler.load_artifact(name).is_code_of(code[:-1])


def test_contracts_stay_under_the_size_limit_of_the_chain() -> None:
    assert {name for name in compiler.CONTRACTS if len(compiler.load_artifact(name).runtime) > 24_576} == set()


def test_sources_that_do_not_compile_are_malformed_with_the_compilers_words(tmp_path: Path) -> None:
    (tmp_path / "tools").symlink_to(PROJECT / "tools")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/Bad.sol").write_text(SOURCE + "contract Bad { uint x = ; }")
    with pytest.raises(Malformed, match=r"(?s)do not compile.*src/Bad\.sol") as caught:
        compiler.compile_sources(tmp_path, tmp_path / "src")
    assert caught.value.code == "solidity"


def test_a_missing_compiler_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/Good.sol").write_text(SOURCE + "contract Good {}")
    with pytest.raises(Unavailable) as caught:
        compiler.compile_sources(tmp_path, tmp_path / "src")
    assert caught.value.code == "compiler_missing"


def test_the_wrapper_says_its_version_as_solc_does() -> None:
    said = subprocess.run([str(SOLC), "--version"], capture_output=True, text=True, check=True)
    assert re.search(r"^Version: 0\.8\.37\+commit\.[0-9a-f]{8}\.", said.stdout, re.MULTILINE)
    assert said.stderr == ""


def test_the_wrapper_prints_json_alone_and_reads_urls_and_imports(tmp_path: Path) -> None:
    base, library = tmp_path / "base", tmp_path / "library"
    for folder in (base, library):
        folder.mkdir()
    (base / "A.sol").write_text(SOURCE + 'import "./B.sol"; import "lib/C.sol"; contract A is B, C {}')
    (base / "B.sol").write_text(SOURCE + "contract B {}")
    (library / "lib").mkdir()
    (library / "lib/C.sol").write_text(SOURCE + "contract C {}")
    sources = {"A.sol": {"urls": ["missing.sol", "A.sol"]}}
    done = standard_json(sources, "--base-path", str(base), "--include-path", str(library))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert set(json.loads(done.stdout)["contracts"]) == {"A.sol", "B.sol", "lib/C.sol"}


def test_the_wrapper_reads_nothing_outside_the_given_paths(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (tmp_path / "Secret.sol").write_text(SOURCE + "contract Secret {}")
    (base / "Link.sol").symlink_to(tmp_path / "Secret.sol")
    for url in ("../Secret.sol", str(tmp_path / "Secret.sol"), "Link.sol"):
        done = standard_json({"S.sol": {"urls": [url]}}, "--base-path", str(base))
        assert (done.returncode, done.stdout) == (1, "")
        assert "outside of allowed directories" in done.stderr
    done = standard_json({"S.sol": {"urls": ["Link.sol"]}}, f"--base-path={base}", "--allow-paths", str(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--nonsense"], "unrecognised option '--nonsense'"),
        ([], "expected --version or --standard-json"),
        (["--standard-json", "--base-path"], "missing value of --base-path"),
        (["--standard-json"], "JSON"),
    ],
)
def test_the_wrapper_refuses_what_it_does_not_know(flags: list[str], said: str) -> None:
    done = subprocess.run([str(SOLC), *flags], input="{", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "    at " not in done.stderr
    assert done.stdout == ""


def test_type_strings_of_the_page_stand_in_the_compiled_code(chain: Chain) -> None:
    """Each published type hash is a constant of the contract that checks the message."""
    homes = {"AccessGrant": "GrantRegistry", "ScopeItem": "GrantRegistry", "Mandate": "GrantRegistry"}
    for primary, text in type_strings().items():
        runtime = compiler.load_artifact(homes.get(primary, "DossierRegistry")).runtime
        assert bytes(Web3.keccak(text=text)) in runtime, primary
    card = bytes(Web3.keccak(text=type_strings()["KeyCard"]))
    assert card in compiler.load_artifact("AgencyRegistry").runtime
    assert len(type_strings()) == 11
