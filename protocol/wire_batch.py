"""Several questions or deposits in one request (see ``protocol/wire.py`` for spellings and the law)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from protocol.wire import Card, Deposit, Deposited, Hex32, Problem, Wire

MAX_BATCH = 32


class CardsQuery(Wire):
    """``POST /v1/cards/batch``."""

    subjects: Annotated[list[Hex32], Field(min_length=1, max_length=MAX_BATCH)]


class Cards(Wire):
    """The newest card of each subject, in their order; None where ``CardQuery`` would meet ``card_unknown``."""

    cards: list[Card | None]


class DepositBatch(Wire):
    """``POST /v1/deposits/batch``: each is taken or refused by itself."""

    deposits: Annotated[list[Deposit], Field(min_length=1, max_length=MAX_BATCH)]


class DepositRow(Wire):
    """What became of one deposit of a batch: exactly one of the two."""

    deposited: Deposited | None = None
    problem: Problem | None = None


class DepositRows(Wire):
    """One row for each deposit, in their order."""

    rows: list[DepositRow]
