"""docs/spec/durability.md and the marks in the code name the same commit points, and no write is without one."""

from __future__ import annotations

import re

from tests.strangers import ROOT

PAGE = ROOT / "docs" / "spec" / "durability.md"
MARK = re.compile(r"^ *# commit point: ([a-z ]+) \(docs/spec/durability\.md §(\d)\)$", re.MULTILINE)
WRITE = re.compile(r"^.*\n.*\bwrite\((?:vault\.sequencer\b|$)", re.MULTILINE)


def sources() -> dict[str, str]:
    return {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8") for p in (ROOT / "vault_api").rglob("*.py")}


def told() -> set[tuple[str, str]]:
    """The first column of each table of a section that lists commit points, with the section's number."""
    found = set()
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        if re.search(r"^\| (operation|step) \|", section, re.MULTILINE):
            rows = re.findall(r"^\| ([a-z ]+) \|", section, re.MULTILINE)
            found |= {(name, section[0]) for name in rows if name not in {"operation", "step"}}
    return found


def test_the_page_and_the_marks_in_the_code_name_the_same_commit_points() -> None:
    marked = {mark for text in sources().values() for mark in MARK.findall(text)}
    assert len(marked) > 15
    assert marked == told()


def test_every_mark_is_spelled_in_the_one_way() -> None:
    loose = {path: text.count("commit point:") - len(MARK.findall(text)) for path, text in sources().items()}
    assert {path for path, count in loose.items() if count} == set()


def test_every_write_of_a_service_has_its_mark_on_the_line_before() -> None:
    bare = [
        f"{path}: {found.group(0)}"
        for path, text in sources().items()
        if "/services/" in path
        for found in WRITE.finditer(text)
        if "def write" not in found.group(0) and not MARK.search(found.group(0).partition("\n")[0])
    ]
    assert bare == []


def test_every_test_that_the_page_cites_exists() -> None:
    cited = set(re.findall(r"`(test_[a-z0-9_]+)`", PAGE.read_text(encoding="utf-8")))
    tests = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    there = {name for text in tests for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}
    assert len(cited) > 5
    assert cited <= there, cited - there
