"""``make demo`` as a person runs it: the story holds, in both languages, and leaves nothing running."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.strangers import ROOT

TIMEOUT_S = 600


def processes_that_name(text: str) -> list[str]:
    """The command lines of running processes that name ``text``, or serve a chain below it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if text.encode() in line:
                found.append(line[:200].decode("utf-8", "replace"))
    return found


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize(("language", "word"), [("en", "The bank verifies"), ("zh", "银行核验授权")])
def test_the_story_holds(language: str, word: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.demo", "--lang", language, "--home", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    ended = re.fullmatch(r"demo: (\d+) steps, (\d+) ok", done.stdout.splitlines()[-1])
    assert ended is not None
    assert ended[1] == ended[2]
    assert int(ended[1]) == 19
    assert word in done.stdout
    assert processes_that_name(str(tmp_path)) == []
