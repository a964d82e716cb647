"""contracts/ROLES.md is complete, and each row holds against everybody else."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from chain.compile import CONTRACTS, load_artifact
from tests.contracts.conftest import ACTORS
from tests.contracts.evm import PROJECT, Chain, actor, digest_of
from tests.contracts.logs import open_log, vkey
from tests.contracts.messages import Card

NOBODYS = {"OwnableUnauthorizedAccount", "NotLogOwner", "NotPublisher", "NotPendingOwner", "CardUnknown"}
SENDERS = {
    "governor": "governor",
    "offered governor": "relayer",
    "agency": "agency",
    "publisher": "publisher",
    "log owner": "log owner",
    "offered log owner": "relayer",
}


class Row(NamedTuple):
    contract: str
    function: str
    sender: str
    signature: str


def rows() -> list[Row]:
    lines = (PROJECT / "contracts/ROLES.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:5]] for line in lines if line.startswith("| ")]
    return [Row(contract, function.strip("`"), sender, sign) for contract, function, sender, sign in cells[1:]]


RESTRICTED = [row for row in rows() if row.sender != "anyone"]


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


@pytest.fixture
def calls(chain: Chain, agencies: Contract, archive: Contract, signing: Any) -> dict[tuple[str, str], Any]:
    """A call of each restricted function that its sender could make."""
    agency, relayer, governor = actor("agency"), actor("relayer"), actor("governor")
    f, a = agencies.functions, archive.functions
    chain.send(f.admit(agency.address, "agency", "370600"), governor)
    chain.send(f.setRole(agency.address, 1), governor)
    chain.send(f.allowIssue(agency.address, "diploma"), governor)
    card = Card(bytes(12) + bytes.fromhex(agency.address[2:]), chain.now())
    chain.send(f.publishCard(card.values, signing.sign(agency, agencies.address, "KeyCard", card.values)), relayer)
    origin = open_log(chain, archive, "main", b"entry 0", actor("log owner"))
    chain.send(f.transferOwnership(relayer.address), governor)
    chain.send(a.proposeOwner(origin, relayer.address), actor("log owner"))
    time, licence = chain.now(), chain.w3.keccak(text="diploma")
    made = [
        *(f.admit(relayer.address, "n", "1"), f.setRole(agency.address, 2), f.endRole(agency.address, 1)),
        *(f.allowIssue(agency.address, "licence"), f.endIssue(agency.address, licence)),
        *(f.setCompromisedByGovernor(agency.address, 1, time), f.setCompromised(1, time)),
        *(f.transferOwnership(agency.address), f.renounceOwnership(), f.acceptOwnership()),
        *(a.rotatePublisher(origin, agency.address), a.rotateLogVkey(origin, vkey(archive)), a.freeze(origin)),
        *(a.proposeOwner(origin, agency.address), a.acceptOwner(origin), a.succeed(origin, origin, b"", [])),
        a.anchor(origin, 2, digest_of("root"), digest_of("checkpoint"), [digest_of("leaf")]),
    ]
    names = {agencies.address: "AgencyRegistry", archive.address: "ArchiveLog"}
    return {(names[call.address], call.fn_name): call for call in made}


@pytest.mark.parametrize("row", RESTRICTED, ids=lambda row: f"{row.contract}.{row.function}")
def test_everybody_but_the_sender_of_the_table_is_refused(
    chain: Chain, calls: dict[tuple[str, str], Any], row: Row
) -> None:
    call = calls[row.contract, row.function]
    allowed: LocalAccount = actor(SENDERS[row.sender])
    others = [actor(name) for name in ACTORS if actor(name) != allowed]
    assert {chain.refusal(call, other).name for other in others} <= NOBODYS
    assert len(others) == len(ACTORS) - 1
    assert chain.refusal(call, allowed).name not in NOBODYS


def test_the_table_says_who_signs_what_anyone_may_bring() -> None:
    signed = {(row.contract, row.function): row.signature for row in rows() if row.sender == "anyone"}
    unsigned = [key for key, signature in signed.items() if not signature]
    assert unsigned == [("ArchiveLog", "open")]
    assert len(signed) == 8
