"""The commands of a README: its ```sh blocks, as one script."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MAKE = re.compile(r"make ([a-z-]+)")


def blocks(page: Path) -> list[str]:
    """The ```sh blocks of ``page``, in order."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def without_comments(script: str) -> str:
    """``script`` without the comments at the ends of its lines: they differ between languages."""
    return "\n".join(re.sub(r"\s+# .*$", "", line) for line in script.splitlines())


def targets(script: str) -> list[str]:
    """The make targets that ``script`` calls, one a line."""
    return [found[1] for line in without_comments(script).splitlines() if (found := _MAKE.fullmatch(line.strip()))]


def runnable(page: Path) -> str:
    """All commands of ``page`` but the calls of make, which other tests and the CI make."""
    lines = without_comments("\n".join(blocks(page))).splitlines()
    return "\n".join(line for line in lines if not _MAKE.fullmatch(line.strip())) + "\n"
