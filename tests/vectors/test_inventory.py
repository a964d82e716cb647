"""The vectors as a whole: complete, fresh, one failure each, and judged alike by a program that is not ours."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.strangers import ROOT, need
from tests.vectors import inventory, make, mutated
from tests.vectors.book import ACCEPTED, CATEGORIES, GOLDEN, octets, read, unoctets

NAMES = [one.name for one in inventory.STRUCTURES]
VERIFIER = ROOT / "tests" / "vectors" / "verify.mjs"
EMPTY = {"structure": "hex", "about": "", "cases": []}


def test_the_committed_vectors_are_what_is_made_and_the_table_is_fresh() -> None:
    assert make.stale() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_structure_has_accepted_bytes_and_ten_single_failures(name: str) -> None:
    accepted, refused = inventory.counts(name)
    assert accepted >= 1
    assert refused >= inventory.LEAST


@pytest.mark.parametrize("name", NAMES)
def test_a_refused_case_is_one_change_away_from_an_accepted_one(name: str) -> None:
    cases = read(name)["cases"]
    accepted = {case["name"]: case["input"] for case in cases if case["expect"] == ACCEPTED}
    for case in cases:
        if case["expect"] != ACCEPTED:
            base = accepted[case["from"]]
            assert set(base) == set(case["input"]), case["name"]
            assert sum(base[member] != case["input"][member] for member in base) == 1, case["name"]


@pytest.mark.parametrize("name", NAMES)
def test_cases_have_names_of_their_own_and_known_categories(name: str) -> None:
    file = read(name)
    names = [case["name"] for case in file["cases"]]
    assert file["structure"] == name
    assert len(set(names)) == len(names)
    for case in file["cases"]:
        fault, _, code = case["expect"].partition(":")
        assert fault in CATEGORIES
        assert bool(code) == (fault in {"untrusted", "denied", "unavailable"}), case["name"]
        assert ("code" in case) == (fault == "malformed")
        assert ("result" in case) == (fault == ACCEPTED)


def test_two_cases_of_a_structure_never_have_one_input() -> None:
    for name in NAMES:
        inputs = [json.dumps(case["input"], sort_keys=True) for case in read(name)["cases"]]
        assert len(set(inputs)) == len(inputs), name


def test_a_case_is_judged_by_the_verifier_that_the_table_names() -> None:
    assert {book.structure: book.judge for book in inventory.books()} == {
        name: inventory.judge_of(name) for name in NAMES
    }


@pytest.mark.parametrize(
    "data", [b"", b"a\nb", "é".encode(), b"\xff", b"a\rb", "a\u202eb".encode(), "a\u200bb".encode()]
)
def test_bytes_stand_in_a_vector_as_they_were(data: bytes) -> None:
    assert unoctets(octets(data)) == data


# --- nothing left out -----------------------------------------------------------------------------

READERS = ("parse", "verify", "open_")
NOT_PUBLIC = {"__init__", "__main__", "verify", "wire"}


def readers(path: Path) -> set[str]:
    """The public functions and methods of a module that read or verify what comes from outside."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else []
        owners = [(node, "")] + [(method, f"{node.name}.") for method in inner if isinstance(node, ast.ClassDef)]
        for one, owner in owners:
            if isinstance(one, ast.FunctionDef) and one.name.startswith((*READERS, "from_json")):
                found.add(f"{path.stem}.{owner}{one.name}")
    return found


def test_every_public_parser_and_verifier_of_the_protocol_is_in_the_table() -> None:
    modules = [path for path in (ROOT / "protocol").glob("*.py") if path.stem not in NOT_PUBLIC]
    there = set().union(*map(readers, modules))
    told = {one.code for one in inventory.STRUCTURES} | set(inventory.ELSEWHERE)
    assert there - told == set()
    assert set(inventory.ELSEWHERE) - there == set()


@pytest.mark.parametrize("one", inventory.STRUCTURES, ids=lambda one: one.name)
def test_the_table_names_code_and_pages_that_exist(one: inventory.Structure) -> None:
    package = "" if one.code.startswith(("client.", "agency_cli.", "vault_api.")) else "protocol."
    parts = (package + one.code).split(".")
    at = next(i for i, part in enumerate(parts[1:], start=1) if (ROOT / Path(*parts[:i], f"{part}.py")).exists())
    found: Any = importlib.import_module(".".join(parts[: at + 1]))
    for name in parts[at + 1 :]:
        found = getattr(found, name)
    assert callable(found)
    assert (ROOT / "docs" / one.page).is_file()


# --- another reading ------------------------------------------------------------------------------


def judged(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [need("node"), str(VERIFIER), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)


def test_a_verifier_in_node_that_uses_none_of_our_code_agrees_on_every_case() -> None:
    done = judged()
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    total = sum(map(sum, map(inventory.counts, NAMES)))
    assert done.stdout == f"{total} cases of {len(NAMES)} structures: all judged alike\n"


@pytest.mark.parametrize(
    "change",
    [{"expect": "malformed"}, {"result": "0x00"}, {"input": {"text": "0x0", "length": None}}],
    ids=["another category", "another reading", "other bytes"],
)
def test_the_verifier_in_node_tells_a_case_that_it_judges_otherwise(change: dict[str, Any], tmp_path: Path) -> None:
    (case,) = [one for one in read("hex")["cases"] if one["name"] == "nothing"]
    (tmp_path / "hex.json").write_text(json.dumps({**EMPTY, "cases": [case]}), "utf-8")
    assert judged(str(tmp_path)).returncode == 0
    (tmp_path / "hex.json").write_text(json.dumps({**EMPTY, "cases": [{**case, **change}]}), "utf-8")
    done = judged(str(tmp_path))
    assert done.returncode == 1
    assert "hex: nothing: expected" in done.stdout


def test_the_verifier_in_node_fails_on_a_structure_that_it_does_not_know(tmp_path: Path) -> None:
    case = {"name": "any", "expect": "malformed", "input": {}}
    (tmp_path / "weather.json").write_text(json.dumps({**EMPTY, "structure": "weather", "cases": [case]}), "utf-8")
    done = judged(str(tmp_path))
    assert done.returncode == 1
    assert "no judge for this structure" in done.stdout


def test_what_is_changed_at_random_is_judged_alike_too(tmp_path: Path) -> None:
    total = mutated.write(tmp_path, each=10, seed=2026)
    done = judged(str(tmp_path))
    assert done.returncode == 0, done.stdout[-5000:]
    assert total > 500
    assert done.stdout.startswith(f"{total} cases ")


def test_the_verifier_in_node_imports_nothing_of_ours_and_keeps_its_modules_small() -> None:
    for path in [VERIFIER, *sorted((VERIFIER.parent / "verify").glob("*.mjs"))]:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 400, path.name
        imported = {line.split("from ")[1].strip('";') for line in text.splitlines() if line.startswith("import ")}
        assert all(name.startswith(("node:", "./")) for name in imported), path.name
    assert GOLDEN.is_dir()


@pytest.mark.parametrize("page", ["grant", "scenario", "receipt", "recovery", "audit"])
def test_the_pages_of_authorisation_name_their_golden_bytes(page: str) -> None:
    text = (ROOT / "docs" / "spec" / f"{page}.md").read_text(encoding="utf-8").partition("## 1.")[0]
    assert "`tests/vectors/README.md`" in text
    told = set(re.findall(r"`([a-z-]+)`", text)) & set(NAMES)
    assert told
    own = {one.name for one in inventory.STRUCTURES if one.page == f"spec/{page}.md"}
    assert own <= told


def test_the_list_of_words_is_the_one_of_slip39() -> None:
    from shamir_mnemonic.wordlist import WORDLIST

    kept = (VERIFIER.parent / "verify" / "slip39-words.txt").read_text(encoding="ascii")
    assert kept.split() == list(WORDLIST)
