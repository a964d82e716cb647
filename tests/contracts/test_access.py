"""contracts/ROLES.md, cell by cell: who may call what, and what everybody else is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from web3.contract import Contract

from chain.compile import CONTRACTS, load_artifact
from tests.contracts.access import IDLE, TAKEN, Attempt, Cell, People, cells
from tests.contracts.access_agencies import Offices, revocations
from tests.contracts.access_dossiers import Dossiers
from tests.contracts.access_guardians import PRIMARY, Guarded
from tests.contracts.access_logs import Logs
from tests.contracts.evm import Chain

CELLS = cells()
Carried = Callable[[Cell], list[Attempt]]


@pytest.fixture(scope="module")
def people(chain: Chain, _deployed: dict[str, Contract]) -> Iterator[People]:
    everybody = People(chain, _deployed)
    with everybody.undone():
        yield everybody


@pytest.fixture(scope="module")
def tables(people: People) -> dict[str, Carried]:
    """How the cells of each table are carried out."""
    offices, dossiers, logs, guarded = Offices(people), Dossiers(people), Logs(people), Guarded(people)

    def not_for_this(cell: Cell) -> list[Attempt]:
        contract, function = cell.function
        agency = contract == "AgencyRegistry"
        if function in {*PRIMARY, "proposeRecovery"}:
            return [guarded.not_for_this(function, cell.who)]
        return [offices.not_for_this(cell.who) if agency else dossiers.not_for_this(function, cell.who)]

    return {
        "AgencyRegistry, by sender": lambda cell: offices.by_sender(cell.call, cell.who),
        "AgencyRegistry, by signature": lambda cell: offices.by_signature(cell.call, cell.who),
        "DossierRegistry, by signature": lambda cell: dossiers.by_signature(cell.call, cell.who),
        "DossierRegistry, by signature of owner or guardians": lambda cell: guarded.by_signature(cell.call, cell.who),
        "DossierRegistry, frozen": lambda cell: guarded.frozen(cell.call, cell.who),
        "DossierRegistry, by time": lambda cell: guarded.by_time(cell.call, cell.who),
        "Signatures of the right account that are not for this": not_for_this,
        "GrantRegistry, by what the sender knows": lambda cell: revocations(people, cell.call, cell.who),
        "ArchiveLog, by sender": lambda cell: logs.by_sender(cell.call, cell.who),
    }


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_what_the_cell_says_is_what_happens(people: People, tables: dict[str, Carried], cell: Cell) -> None:
    attempts = tables[cell.table](cell)
    assert [people.outcome(attempt, cell.event) for attempt in attempts] == [cell.expected] * len(attempts)
    assert attempts


def test_every_function_that_changes_state_has_a_row() -> None:
    changing = {
        (name, item["name"])
        for name in CONTRACTS
        for item in load_artifact(name).abi
        if item["type"] == "function" and item["stateMutability"] not in {"view", "pure"}
    }
    # The override of renounceOwnership only reverts, which makes it a view in Solidity's eyes.
    assert {cell.function for cell in CELLS} == changing | {("AgencyRegistry", "renounceOwnership")}


def test_every_function_but_the_refused_one_is_open_to_somebody_and_every_cell_names_a_true_error() -> None:
    assert {cell.function for cell in CELLS} - {cell.function for cell in CELLS if cell.expected == TAKEN} == {
        ("AgencyRegistry", "renounceOwnership")
    }
    errors = {name: {item["name"] for item in load_artifact(name).abi if item["type"] == "error"} for name in CONTRACTS}
    refusals = [cell for cell in CELLS if cell.expected not in {TAKEN, IDLE}]
    assert [str(cell) for cell in refusals if cell.expected not in errors[cell.function[0]]] == []
    assert len(CELLS) > 200
