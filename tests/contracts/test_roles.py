"""contracts/ROLES.md names every function that changes state; none of them calls out. Its cells: test_access.py."""

from __future__ import annotations

from typing import NamedTuple

from chain.compile import CONTRACTS, load_artifact
from tests.contracts.evm import PROJECT


class Row(NamedTuple):
    contract: str
    function: str
    sender: str
    signature: str


def rows() -> list[Row]:
    page = (PROJECT / "contracts/ROLES.md").read_text(encoding="utf-8")
    lines = page.split("## Cell by cell")[0].splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:5]] for line in lines if line.startswith("| ")]
    return [Row(contract, function.strip("`"), sender, sign) for contract, function, sender, sign in cells[1:]]


def test_the_table_names_every_function_that_changes_state_once() -> None:
    changing = sorted(
        (name, item["name"])
        for name in CONTRACTS
        for item in load_artifact(name).abi
        if item["type"] == "function" and item["stateMutability"] not in {"view", "pure"}
    )
    # The override of renounceOwnership only reverts, which makes it a view in Solidity's eyes.
    assert sorted((row.contract, row.function) for row in rows()) == sorted(
        [*changing, ("AgencyRegistry", "renounceOwnership")]
    )


def test_no_contract_takes_ether_or_has_a_fallback() -> None:
    for name in CONTRACTS:
        payable = [item for item in load_artifact(name).abi if item.get("stateMutability") == "payable"]
        assert payable == [], name
        assert {item["type"] for item in load_artifact(name).abi} <= {"function", "event", "error", "constructor"}


def test_no_contract_calls_out_but_to_ask_or_destroys_itself() -> None:
    """No CALL, CALLCODE, DELEGATECALL, CREATE, CREATE2 or SELFDESTRUCT: nothing can be re-entered or replaced."""
    forbidden = {0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFF}
    for name in CONTRACTS:
        assert forbidden.isdisjoint(_opcodes(load_artifact(name).runtime)), name


def _opcodes(code: bytes) -> set[int]:
    found, i = set(), 0
    while i < len(code):
        op = code[i]
        found.add(op)
        i += 1 + (op - 0x5F if 0x60 <= op <= 0x7F else 0)
    return found


def test_the_table_says_who_signs_what_anyone_may_bring() -> None:
    signed = {(row.contract, row.function): row.signature for row in rows() if row.sender == "anyone"}
    unsigned = [key for key, signature in signed.items() if not signature]
    waiting = [("DossierRegistry", "applyGuardians"), ("DossierRegistry", "executeRecovery")]
    assert unsigned == [*waiting, ("ArchiveLog", "open")]
    assert len(signed) == 14
