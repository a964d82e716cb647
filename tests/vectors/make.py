"""Make every vector anew: ``python -m tests.vectors.make`` writes the files and the README's table.

``--check`` writes nothing and fails if a file would change. Everything is deterministic: keys, salts and times are
fixed, signatures follow RFC 6979, and what can't be made twice (stanzas of ML-KEM) is kept in ``age/stanzas.json``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.vectors import inventory
from tests.vectors.book import GOLDEN

README = Path(__file__).with_name("README.md")
_PARTS = re.compile(r"(<!-- (structures|not built) -->\n).*?(<!-- end -->)", re.DOTALL)


def stale() -> list[str]:
    """The committed files that are not what would be made now."""
    made = {book.file: book.text() for book in inventory.books()}
    others = [path.name for path in sorted(GOLDEN.iterdir()) if path not in made]
    changed = [path.name for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    if not changed and not others and readme() != README.read_text("utf-8"):
        return [README.name]
    return [*changed, *others]


def readme() -> str:
    """The README with its tables made from the committed vectors."""
    parts = {"structures": inventory.table, "not built": inventory.not_built}
    return _PARTS.sub(lambda found: found[1] + parts[found[2]]() + "\n" + found[3], README.read_text("utf-8"))


def main(argv: list[str]) -> int:
    if "--check" in argv:
        found = stale()
        print("\n".join(f"{name} is not what python -m tests.vectors.make makes" for name in found), file=sys.stderr)
        return int(bool(found))
    for book in inventory.books():
        book.file.write_text(book.text(), "utf-8")
    README.write_text(readme(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
