"""The tables of contracts/ROLES.md "cell by cell", and people on a chain who carry out every cell of them.

A cell is a call and somebody who makes it. `Attempt` is one way of carrying it out; where anyone may bring a signed
message, there is one for each of several who bring it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract

from tests.contracts.evm import ACCEPTED, PROJECT, Chain, actor
from tests.contracts.messages import ZERO32, Card, Signing

TAKEN, IDLE = "✓", "no effect"
HOUR, DAY = 3_600, 86_400
NOBODY = "nobody"
_CONTRACT = re.compile(r"\b(AgencyRegistry|DossierRegistry|GrantRegistry|ArchiveLog)\b")


@dataclass(frozen=True)
class Cell:
    table: str
    call: str
    event: str
    who: str
    expected: str

    @property
    def function(self) -> tuple[str, str]:
        """Contract and function: the call names the function, and the contract where the table's title does not."""
        found = _CONTRACT.search(self.call) or _CONTRACT.search(self.table)
        name = re.search(r"`(?:\w+\.)?(\w+)`", self.call)
        assert found is not None
        assert name is not None
        return found[0], name[1]

    def __str__(self) -> str:
        return f"{self.function[0]}: {self.call} by {self.who}".replace("`", "")


def cells() -> list[Cell]:
    """Every cell of the page, in its order."""
    page = (PROJECT / "contracts/ROLES.md").read_text(encoding="utf-8").split("## Cell by cell")[1]
    return [cell for part in page.split("\n### ")[1:] for cell in _cells(part)]


def _cells(part: str) -> Iterator[Cell]:
    title, *lines = part.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    head, _rule, *body = rows
    for call, event, *outcomes in body:
        for who, outcome in zip(head[2:], outcomes, strict=True):
            yield Cell(title, call, event.strip("`"), who, outcome.strip("`"))


@dataclass(frozen=True)
class Attempt:
    """`call` by `sender`, after the calls of `first`; `done` says whether it had its effect, if events cannot."""

    call: Any
    sender: LocalAccount
    time: int | None = None
    first: tuple[tuple[Any, LocalAccount], ...] = ()
    done: Callable[[], bool] = lambda: True


class People:
    """The chain, the four contracts, and accounts by what they are called in the tables."""

    def __init__(self, chain: Chain, contracts: dict[str, Contract]) -> None:
        self.chain = chain
        self.agencies, self.dossiers = contracts["AgencyRegistry"], contracts["DossierRegistry"]
        self.grants, self.archive = contracts["GrantRegistry"], contracts["ArchiveLog"]
        self.signing = Signing(chain.w3.eth.chain_id, self.dossiers.address, self.agencies.address)

    def account(self, name: str) -> LocalAccount:
        """The account of that name, with ether to send from."""
        account = actor(name)
        if self.chain.w3.eth.get_balance(account.address) == 0:
            self.chain.rpc("anvil_setBalance", account.address, hex(10**24))
        return account

    def send(self, call: Any, by: str) -> None:
        self.chain.send(call, self.account(by))

    def sign(self, by: str, registry: str, primary: str, values: tuple[Any, ...], *, chain_id: int = 0) -> bytes:
        if by == NOBODY:
            return b""
        return self.signing.sign(actor(by), registry, primary, values, chain_id=chain_id or None)

    def senders(self, who: str) -> list[LocalAccount]:
        names = ["deployer", "stranger", "relayer"] if who == "anyone else" else [who]
        return [self.account(name) for name in names]

    def bringers(self) -> list[LocalAccount]:
        """Who brings what others signed: it never matters."""
        return [self.account(name) for name in ("relayer", "governor", "owner", "agency")]

    @contextmanager
    def undone(self) -> Iterator[None]:
        snapshot = self.chain.rpc("evm_snapshot")
        yield
        assert self.chain.rpc("evm_revert", snapshot)

    def outcome(self, attempt: Attempt, event: str) -> str:
        """What came of an attempt, in the words of the tables; afterwards the chain is as it was."""
        with self.undone():
            for call, sender in attempt.first:
                self.chain.send(call, sender)
            refused = self.chain.refusal(attempt.call, attempt.sender, attempt.time)
            if refused != ACCEPTED:
                return refused.name
            receipt = self.chain.send(attempt.call, attempt.sender, attempt.time)
            told = [name for name, _ in self.chain.events(receipt, *self._contracts())]
            return TAKEN if event in told and attempt.done() else IDLE

    def _contracts(self) -> Sequence[Contract]:
        return self.agencies, self.dossiers, self.grants, self.archive


def subject_of(name: str) -> bytes:
    """A card's subject for the account of that name."""
    return bytes(12) + bytes.fromhex(actor(name).address[2:])


def next_card(people: People, card: Card, registry: Contract) -> Card:
    return card.but(seq=card.seq + 1, previous=people.signing.digest(registry.address, "KeyCard", card.values))


def keccak(text: str) -> bytes:
    return bytes(Web3.keccak(text=text))


__all__ = ["DAY", "HOUR", "IDLE", "NOBODY", "TAKEN", "ZERO32", "Attempt", "Cell", "People", "cells"]
