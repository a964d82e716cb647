"""The program with its world behind it, for the tests of commands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agency_cli.main import cli
from console import frame
from tests.unit.agency_cli.support import DRIVING, HolderKeys, World


class Program:
    """The program with its world behind it."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self.capsys = world, capsys

    def __call__(self, *args: str, code: int = 0) -> tuple[str, str]:
        """Standard output and error of one run."""
        self.capsys.readouterr()
        found = frame.invoke(cli, list(args), prog="agency")
        out, err = self.capsys.readouterr()
        assert found == code, err
        return out, err

    def json(self, *args: str, code: int = 0) -> Any:
        """What one run says in JSON."""
        return json.loads(self(*args, "--json", code=code)[0])

    def error(self, *args: str, code: int) -> dict[str, Any]:
        """The error of one run."""
        found: dict[str, Any] = json.loads(self(*args, "--json", code=code)[1].splitlines()[-1])["error"]
        return found


def claims(world: World) -> str:
    return str(world.write("claims.json", DRIVING))


def issue_args(world: World, alice: HolderKeys, *more: str) -> list[str]:
    token = str(world.write("token.txt", alice.token(world).encode()))
    return ["issue", "--type", "driving-licence", "--to", token, "--claims", claims(world), "--number", "N1", *more]
