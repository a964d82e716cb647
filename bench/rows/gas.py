"""Row b: gas of anchors near a million entries, a credential's share at 4,096 a batch, and a revocation.

Beside: EAS (attest, revoke, timestamp, and 100 at a time) and OpenAttestation's document store (issue, revoke, and 100
at a time), deployed in the same run. What only one side does: our anchor makes the contract verify that the new head
extends the old one. A document store can also issue one Merkle root for a whole batch: that is its plain ``issue``.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from typing import Any

from web3 import Web3

from bench.harness import interleave
from bench.local_chain import LocalChain, deployed, local_chain
from bench.node import contracts
from bench.results import Outcome, values_goal
from chain.ethereum import EthereumLedger
from protocol.entries import first_entry, opening_statement, origin, origin_hash
from protocol.hashing import sha256
from protocol.merkle import consistency_proof, leaf_hash, node_hash, root_from
from protocol.note_signer import Ed25519NoteSigner

MILLION = 1_000_000
BATCH = 4_096
MANY = 100
JUMP = 20_000
NO_ONE = "0x" + "00" * 20
GOAL_ANCHOR, GOAL_CREDENTIAL, GOAL_REVOKE = 60_000, 15, 50_000
SEED = 20_261_122


def run(*, quick: bool) -> Outcome:
    rounds = 15 if quick else 41
    with local_chain() as chain:
        trials = {**_ours(chain), **_eas(chain.web3()), **_store(chain.web3())}
        found = interleave(trials, rounds=rounds)
    anchor, batch, revoke = found["anchor"], found["anchor of 4,096"], found["revoke a grant"]
    return Outcome(
        unit="gas",
        series=tuple(found.values()),
        goals=(
            values_goal("an anchor near a million entries", anchor.rounds, GOAL_ANCHOR, at_most=True, unit=" gas"),
            values_goal(
                "a credential at 4,096 a batch",
                [gas / BATCH for gas in batch.rounds],
                GOAL_CREDENTIAL,
                at_most=True,
                unit=" gas",
            ),
            values_goal("a revocation", revoke.rounds, GOAL_REVOKE, at_most=True, unit=" gas"),
        ),
        ours=("anchor", "anchor of 4,096", "revoke a grant"),
        facts={"EAS": contracts()["versions"]["eas"], "document-store": contracts()["versions"]["store"]},
    )


class Log:
    """A log whose entries are all alike after the first, so that a million of them cost nothing to make."""

    def __init__(self, ledger: EthereumLedger, name: str) -> None:
        deployment = ledger.deployment
        text = origin(deployment.chain_id, deployment.contracts.archive_log, name)
        signer = Ed25519NoteSigner(text, secrets.token_bytes(32))
        entry0 = first_entry(text, opening_statement(text, str(signer.vkey))).serialise()
        self._ledger, self._origin = ledger, origin_hash(text)
        self._first = _tower(leaf_hash(entry0), leaf_hash(b"entry"))
        self._other = _tower(leaf_hash(b"entry"), leaf_hash(b"entry"))
        ledger.open_log(name, entry0, str(signer.vkey), ledger.account)
        self._size = 1

    def grow(self, entries: int) -> float:
        """Anchor so many more entries; the gas."""
        size = self._size + entries
        proof = consistency_proof(self._size, size, self._node)
        sent = self._ledger.anchor(self._origin, size, root_from(size, self._node), sha256(bytes(8)), proof)
        self._size = size
        return float(sent.gas_used)

    def _node(self, level: int, index: int) -> bytes:
        return self._other[level] if index else self._first[level]


def _tower(first: bytes, other: bytes) -> list[bytes]:
    """The hashes of complete subtrees, by level, whose first leaf is ``first`` and all others ``other``."""
    left, right, found = first, other, [first]
    for _ in range(24):
        left, right = node_hash(left, right), node_hash(right, right)
        found.append(left)
    return found


def _ours(chain: LocalChain) -> dict[str, Callable[[], float]]:
    ledger = chain.ledger(chain.signer())
    mixed, batches = Log(ledger, "mixed"), Log(ledger, "batches")
    mixed.grow(MILLION - 1)
    batches.grow(MILLION - 1)
    draw = random.Random(SEED)

    def anchor() -> float:
        mixed.grow(draw.randint(1, JUMP))  # what a proof costs depends on where it begins: elsewhere each time
        return mixed.grow(draw.randint(1, BATCH))

    return {
        "anchor": anchor,
        "anchor of 4,096": lambda: batches.grow(BATCH),
        "revoke a grant": lambda: float(ledger.revoke(secrets.token_bytes(32)).gas_used),
    }


def _eas(w3: Web3) -> dict[str, Callable[[], float]]:
    registry = deployed(w3, "SchemaRegistry")
    eas = deployed(w3, "EAS", registry.address).functions
    schema = registry.functions.register("bytes32 digest", NO_ONE, *(True,))
    uid = schema.call()
    _gas(w3, schema)
    given: list[bytes] = []

    def attest() -> float:
        receipt = _receipt(w3, eas.attest((uid, _statement())))
        given.append(bytes(receipt["logs"][0]["data"]))  # the event's one member that is not indexed
        return float(receipt["gasUsed"])

    return {
        "EAS attest": attest,
        "EAS attest, 100 at a time": lambda: (
            _gas(w3, eas.multiAttest([(uid, [_statement() for _ in range(MANY)])])) / MANY
        ),
        "EAS timestamp": lambda: _gas(w3, eas.timestamp(secrets.token_bytes(32))),
        "EAS revoke": lambda: (attest(), _gas(w3, eas.revoke((uid, (given[-1], 0)))))[1],
    }


def _store(w3: Web3) -> dict[str, Callable[[], float]]:
    store = deployed(w3, "DocumentStore", "Sample", w3.eth.default_account).functions
    return {
        "document store issue": lambda: _gas(w3, store.issue(secrets.token_bytes(32))),
        "document store issue, 100 at a time": lambda: (
            _gas(w3, store.bulkIssue([secrets.token_bytes(32) for _ in range(MANY)])) / MANY
        ),
        "document store revoke": lambda: _gas(w3, store.revoke(secrets.token_bytes(32))),
    }


def _statement() -> tuple[Any, ...]:
    """An attestation of 32 bytes about nobody, without an end, revocable."""
    return (NO_ONE, 0, True, bytes(32), secrets.token_bytes(32), 0)


def _gas(w3: Web3, call: Any) -> float:
    return float(_receipt(w3, call)["gasUsed"])


def _receipt(w3: Web3, call: Any) -> Any:
    receipt = w3.eth.wait_for_transaction_receipt(call.transact(), poll_latency=0.01)
    assert receipt["status"] == 1
    return receipt
