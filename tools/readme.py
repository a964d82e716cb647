"""Write the transcript of a real demonstration into README.md and README.zh.md: ``python -m tools.readme``.

Of each step stand its title and the first thing that it proves, and the last line. ``--from FILE --lang en`` takes
a saved run. The house tests compare the titles with those in ``scripts/demo``; everything else in the block is as it
was printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh.md"}
STEP = re.compile(r"\[ ?(\d+)\] (.+)")
PROOF = "     ✓ "
LAST = re.compile(r"demo: (\d+) steps, (\d+) ok")
BLOCK = re.compile(r"(<!-- transcript:(\w+):[^\n]*-->\n).*?(<!-- /transcript -->)", re.DOTALL)


def excerpt(transcript: str) -> str:
    """Titles, the first proof of each, and the last line of a run in which every step held."""
    kept: list[str] = []
    for line in transcript.splitlines():
        first_proof = line.startswith(PROOF) and bool(kept) and STEP.match(kept[-1]) is not None
        if STEP.match(line) or first_proof or LAST.fullmatch(line):
            kept.append(line)
    ended = LAST.fullmatch(kept[-1]) if kept else None
    if ended is None or ended[1] != ended[2]:
        raise SystemExit("this run did not end well: nothing was written")
    return "\n".join(kept) + "\n"


# As on a machine without sample papers beside the project: the demonstration makes its own.
PLAY = """
from pathlib import Path
from scripts import samples
from scripts.demo.__main__ import main
samples.SHARED = Path("/nowhere")
raise SystemExit(main())
"""


def told(lang: str) -> str:
    """What the demonstration prints in ``lang``, from an empty home."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-c", PLAY, "--lang", lang, "--home", home]
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def write(lang: str, transcript: str) -> None:
    page = PAGES[lang]
    text = page.read_text(encoding="utf-8")
    made, count = BLOCK.subn(lambda found: f"{found[1]}```\n{excerpt(transcript)}```\n{found[3]}", text)
    if count != 1:
        raise SystemExit(f"{page.name}: expected one transcript block, found {count}")
    page.write_text(made, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", choices=[*PAGES], action="append")
    parser.add_argument("--from", dest="saved", type=Path, help="a saved run, in the one language named")
    chosen = parser.parse_args()
    for lang in chosen.lang or PAGES:
        write(lang, chosen.saved.read_text(encoding="utf-8") if chosen.saved else told(lang))


if __name__ == "__main__":
    main()
