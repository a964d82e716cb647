"""Sample phrases as a person hands them over: in a file, or typed at a terminal."""

from __future__ import annotations

import io

from tests.wallet_stage import PHRASES, Stage


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def phrase_file(stage: Stage, name: str = "alice") -> str:
    path = stage.folder / f"{name}.phrase"
    path.write_text(PHRASES[name] + "\n")
    return str(path)
