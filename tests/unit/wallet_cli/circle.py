"""A holder with three guardians, and the program run on all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.encoding import hex0x
from tests.unit.wallet_cli.conftest import Outcome, World
from tests.wallet_stage import PHRASES, Stage

Wallet = Callable[..., Outcome]
GUARDIANS = ("bob", "carol", "dave")


@dataclass
class Circle:
    """Alice with bob, carol and dave as guardians, two of whom must agree, after a minute."""

    world: World
    wallet: Wallet
    ids: dict[str, str]

    @property
    def stage(self) -> Stage:
        return self.world.stage

    @property
    def dossier(self) -> str:
        return hex0x(self.world.alice.party.subject)

    def file(self, name: str) -> str:
        return str(self.stage.folder / name)

    def phrase(self, name: str = "alice") -> str:
        path = Path(self.file(f"{name}.phrase"))
        path.write_text(PHRASES[name])
        return str(path)

    def run(self, *argv: str, refused: bool = False) -> Any:
        """Run and parse; the code of the problem if it was refused."""
        made = self.wallet(*argv, "--json")
        self.stage.tick()
        assert (made.code != 0) is refused, made.err
        return made.problem if refused else made.json

    def name(self, *names: str, **more: Any) -> Any:
        """Alice names guardians."""
        chosen = [self.ids[name] for name in names or GUARDIANS]
        order = ("guardians", more.pop("command", "set"), *chosen, "-k", "2", "--delay", more.pop("delay", "60s"))
        return self.run(*order, "--yes", "--phrase-file", self.phrase(), *more.pop("more", ()), **more)

    def accept(self, *names: str) -> None:
        for name in names or GUARDIANS:
            self.run("--profile", name, "guard", "accept", self.dossier)

    def start(self, *more: str) -> Any:
        made = ("--profile", "anew", "recover", "start", self.dossier, "--phrase-file", self.file("new.phrase"))
        return self.run(*made, "--phrase-language", "en", "--out", self.file("request"), *more)

    def approve(self, name: str, number: str, *, refused: bool = False, request: str = "request") -> Any:
        order = ("--profile", name, "guard", "approve", self.file(request), "--match", number)
        return self.run(*order, "--out", self.file(f"answer.{name}"), refused=refused)

    def finish(self, *names: str, refused: bool = False, more: tuple[str, ...] = ()) -> Any:
        answers = [self.file(f"answer.{name}") for name in names]
        return self.run("--profile", "anew", "recover", "finish", *answers, *more, refused=refused)

    def later(self, seconds: int) -> None:
        self.stage.clock.time += seconds
        self.stage.chain.mine()
        self.stage.tick()


def make_circle(world: World, wallet: Wallet) -> Circle:
    """The guardians' dossiers are open; nobody is named yet."""
    ids = {name: hex0x(world.stage.holder(name).party.subject) for name in GUARDIANS}
    world.stage.clock.on_sleep = world.stage.chain.mine
    return Circle(world, wallet, ids)
