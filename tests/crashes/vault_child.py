"""A vault that is killed: run as a program by ``test_vault.py``. Prints the index of every write that was answered."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.vault_stage import VaultStage


class Death:
    """Ends the process, without any clearing away, at the given step of the given group from now on."""

    def __init__(self, step: str, group: int) -> None:
        self.step, self.left, self.armed = step, group, False

    def __call__(self, step: str) -> None:
        if self.armed and step == self.step:
            self.left -= 1
            if self.left < 0:
                os._exit(9)


def main() -> None:
    death = Death(sys.argv[2], int(sys.argv[3]))
    stage = VaultStage(Path(sys.argv[1]), on_step=death)
    alice = stage.holder()
    death.armed = True
    for number in range(10):
        said = {"statement": alice.statement("notice", text=f"word {number}")}
        answer = stage.post(alice, "/v1/me/statements", said)
        print(answer.json()["index"], flush=True)


if __name__ == "__main__":
    main()
