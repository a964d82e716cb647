"""The rows of docs/performance.md: what is measured, beside what, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Row:
    """``module`` lies below ``bench.rows``: its ``run(quick=…)`` measures, its ``profile()`` explains a missed goal."""

    key: str
    title: str
    alternative: str
    module: str

    def load(self) -> ModuleType:
        return import_module(f"bench.rows.{self.module}")


ROWS = (
    Row("a1", "Ready deposits, logged and anchored", "one web3.py transaction for each item, same chain", "anchored"),
    Row("a2", "Credentials issued, everything included", "one web3.py transaction for each item", "whole_path"),
    Row("b", "Gas", "EAS, OpenAttestation's document store, same chain", "gas"),
    Row("c", "A grant verified, one core", "bare recovery by coincurve, eth-account, npm ethers", "grant"),
    Row("d", "An authorised release over HTTP", "FastAPI, pydantic, eth-account, SQLAlchemy's ORM", "release"),
    Row("e", "A large document downloaded and opened", "the age program, alone and behind curl", "download"),
    Row("f", "A Merkle tree built", "npm @openzeppelin/merkle-tree", "tree"),
    Row("g", "A file key wrapped for the time after", "X25519 alone", "wraps"),
    Row("h", "From `wallet show` to a code on the screen", "a Python that starts and does nothing", "show"),
    Row("i", "Growth of the log", "the same at a thousand entries", "growth"),
    Row("j", "A large payload served", "starlette's FileResponse of the same file, without any check", "serving"),
)


def chosen(keys: Sequence[str]) -> list[Row]:
    """The rows of these keys, in the order of the table; all if none are named. ``KeyError`` names a strange one."""
    known = {row.key: row for row in ROWS}
    for key in keys:
        if key not in known:
            raise KeyError(f"there is no row {key}; there are {', '.join(known)}")
    return [row for row in ROWS if not keys or row.key in keys]
