"""Keep the two lists of ``docs/README.md``: formats and decisions, from the pages that are there.

``python -m tools.docs_index`` writes them, ``--check`` only looks.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
INDEX = DOCS / "README.md"


def rows(folder: str) -> str:
    """One line for each page of ``docs/<folder>``: its title, linked, and the first sentence if it has one."""
    return "\n".join(f"* [{title(page)}]({folder}/{page.name})" for page in sorted((DOCS / folder).glob("*.md")))


def title(page: Path) -> str:
    found = re.match(r"# (.+)", page.read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(f"{page}: the first line is no title")
    return found[1]


def made(text: str) -> str:
    """``text`` with both lists made anew."""
    for heading, folder in (("## Formats", "spec"), ("## Decisions", "adr")):
        before, mark, after = text.partition(heading)
        kept, rule, tail = after.partition("\n## ")
        said = [line for line in kept.splitlines() if line and not line.startswith("* [")]
        text = before + mark + "\n" + "".join(f"{line}\n" for line in said) + "\n" * bool(said) + rows(folder) + "\n"
        text += rule + tail
    return text


def main() -> None:
    text = INDEX.read_text(encoding="utf-8")
    fresh = made(text)
    if "--check" in sys.argv[1:]:
        raise SystemExit(0 if fresh == text else "docs/README.md is stale: run python -m tools.docs_index")
    INDEX.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
