"""Pages agree with each other, with the source, and with what the programs do."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest

from scripts.processes import ROOT
from tests.readme_blocks import blocks, targets, without_comments
from tools import docs_index, readme
from vault_api.settings import Settings

PAGES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh.md"}
PAGE_LINES = 240
FIGURES_LINES = 600
ARCHITECTURE_LINES = 200
PACKAGES = ("protocol", "console", "chain", "vault_api", "client", "wallet_cli", "agency_cli")


@cache
def pages() -> tuple[Path, ...]:
    out = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(ROOT / line for line in out.splitlines() if (ROOT / line).is_file())


# --- links ----------------------------------------------------------------------------------------


def links(page: Path) -> list[str]:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def anchors(page: Path) -> set[str]:
    text = page.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    named = re.findall(r'<a id="([^"]+)"></a>', text)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles} | set(named)


def broken(page: Path, link: str) -> bool:
    target, _, anchor = link.partition("#")
    if target.startswith(("http://", "https://")):
        return False
    found = (page.parent / unquote(target)).resolve() if target else page
    return not found.exists() or (bool(anchor) and unquote(anchor) not in anchors(found))


def test_every_link_of_every_page_leads_somewhere() -> None:
    assert [(str(p.relative_to(ROOT)), link) for p in pages() for link in links(p) if broken(p, link)] == []


# --- sizes and lists ------------------------------------------------------------------------------


def test_no_page_outgrows_its_room() -> None:
    # The figures are written by `make bench`: one section a row, each with the profile of what limits it.
    room = {ROOT / "ARCHITECTURE.md": ARCHITECTURE_LINES, ROOT / "docs" / "performance.md": FIGURES_LINES}
    lines = {page: len(page.read_text(encoding="utf-8").splitlines()) for page in pages()}
    assert {str(page) for page, count in lines.items() if count > room.get(page, PAGE_LINES)} == set()


def test_the_index_lists_every_specification_and_decision() -> None:
    text = docs_index.INDEX.read_text(encoding="utf-8")
    assert docs_index.made(text) == text, "run python -m tools.docs_index"


def test_every_page_of_the_documentation_is_in_the_index() -> None:
    index = docs_index.INDEX.read_text(encoding="utf-8")
    here = [page for page in sorted(docs_index.DOCS.glob("*.md")) if page != docs_index.INDEX]
    assert [page.name for page in here if f"]({page.name})" not in index] == []


def test_decisions_are_numbered_once_and_without_a_gap() -> None:
    numbers = sorted(int(page.name[:4]) for page in (ROOT / "docs" / "adr").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_decision_is_titled_by_its_number_and_says_what_was_decided() -> None:
    for page in (ROOT / "docs" / "adr").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.name[:4]} "), page
        assert re.search(r"\*\*Decisions?\.?\*\*|## Decision", text), page


# --- settings -------------------------------------------------------------------------------------

CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def settings_of_the_source() -> set[str]:
    text = "\n".join(path.read_text(encoding="utf-8") for folder in PACKAGES for path in (ROOT / folder).rglob("*.py"))
    named = set(re.findall(r"\bONEFILE_[A-Z][A-Z_]*[A-Z]\b", text))
    return named | {f"ONEFILE_{name.upper()}" for name in Settings.model_fields}


def test_every_setting_of_the_source_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"`(ONEFILE_[A-Z_]+)(?:=1)?`", CONFIGURATION))
    assert documented == settings_of_the_source() | {"ONEFILE_SKIP_NOTHING"}


def documented_defaults() -> dict[str, str]:
    """Setting → default, as the table says; a row may hold several of each."""
    found: dict[str, str] = {}
    for line in CONFIGURATION.splitlines():
        cells = line.split("|")
        if len(cells) > 3 and "`ONEFILE_" in cells[1]:
            names, defaults = ([part.strip(" `") for part in cell.split(",")] for cell in cells[1:3])
            found |= dict(zip(names, defaults, strict=False))
    return found


NUMBERS = [name for name, field in Settings.model_fields.items() if isinstance(field.default, int | float)]


@pytest.mark.parametrize("name", NUMBERS)
def test_the_documented_default_is_the_programs(name: str) -> None:
    default = Settings.model_fields[name].default
    assert float(documented_defaults()[f"ONEFILE_{name.upper()}"]) == default


# --- README ---------------------------------------------------------------------------------------


def test_both_readmes_give_the_same_commands() -> None:
    english, chinese = ([without_comments(block) for block in blocks(page)] for page in PAGES.values())
    assert chinese == english


@pytest.mark.parametrize("lang", PAGES)
def test_the_readme_has_its_twelve_parts_in_order(lang: str) -> None:
    titles = re.findall(r"^##? (.+)$", PAGES[lang].read_text(encoding="utf-8"), re.MULTILINE)
    assert len(titles) == 12


def test_every_make_target_of_the_readme_is_run_by_somebody() -> None:
    named = {target for page in PAGES.values() for block in blocks(page) for target in targets(block)}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    runs = {
        "setup": re.search(r"^test: setup", makefile, re.MULTILINE),
        "test": re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE),
        "demo": "scripts.demo" in (ROOT / "tests" / "e2e" / "test_demo.py").read_text(encoding="utf-8"),
        "check": "tools.check" in (ROOT / "tests" / "house" / "test_static.py").read_text(encoding="utf-8"),
    }
    assert named <= set(runs)
    assert all(runs.values()), runs


def told_titles(lang: str) -> list[str]:
    block = readme.BLOCK.search(PAGES[lang].read_text(encoding="utf-8"))
    assert block is not None
    return [found[2] for line in block[0].splitlines() if (found := readme.STEP.match(line))]


def titles_of_the_source(lang: str) -> list[re.Pattern[str]]:
    """The titles in ``scripts/demo``, as patterns: what is filled in while it runs may be anything."""
    found = []
    for path in sorted((ROOT / "scripts" / "demo").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "step":
                found.append(pattern(node.args[0 if lang == "zh" else 1]))
    return found


def pattern(title: ast.expr) -> re.Pattern[str]:
    if isinstance(title, ast.JoinedStr):
        parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in title.values]
        return re.compile("".join(parts))
    assert isinstance(title, ast.Constant)
    return re.compile(re.escape(str(title.value)))


@pytest.mark.parametrize("lang", PAGES)
def test_the_transcript_tells_the_steps_of_todays_demonstration(lang: str) -> None:
    told, source = told_titles(lang), titles_of_the_source(lang)
    assert [title for title in told if not any(one.fullmatch(title) for one in source)] == []
    assert [one.pattern for one in source if not any(one.fullmatch(title) for title in told)] == []


@pytest.mark.parametrize("lang", PAGES)
def test_the_transcript_ends_well(lang: str) -> None:
    text = PAGES[lang].read_text(encoding="utf-8")
    (ended,) = re.findall(readme.LAST, text)
    numbers = [int(n) for n, _title in re.findall(readme.STEP, text)]
    assert ended[0] == ended[1] == str(len(numbers))
    assert all(after == before + 1 for before, after in pairwise(numbers))


# --- specifications -------------------------------------------------------------------------------


@cache
def _known_tests() -> frozenset[str]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(re.findall(r"^ *(?:async )?def (test_\w+)\(", text, re.MULTILINE))


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_every_test_that_a_page_cites_exists(page: Path) -> None:
    cited = re.findall(r"`(test_[a-z0-9_]+)`", page.read_text(encoding="utf-8"))
    assert [name for name in cited if name not in _known_tests() and not list(ROOT.glob(f"tests/**/{name}.py"))] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "spec").glob("*.md")), ids=lambda page: page.stem)
def test_a_specification_shows_an_example_first(page: Path) -> None:
    titles = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert titles[0].endswith("Example"), titles[0]


def test_every_module_that_a_page_names_exists() -> None:
    named = {
        (page.name, name)
        for page in (ROOT / "docs").rglob("*.md")
        for name in re.findall(r"`((?:protocol|chain|vault_api|client|wallet_cli|agency_cli|console)/[\w/]+\.py)`", page.read_text())
    }
    assert sorted(one for one in named if not (ROOT / one[1]).is_file()) == []
