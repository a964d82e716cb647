"""Changes through one endpoint at a time; receipts by the word of several."""

from __future__ import annotations

from typing import Any

import pytest

from chain.answers import RevertError
from chain.failover import FAULTS_OF_ENDPOINT, Failover
from chain.garbage import unreachable
from chain.node import Node, Receipt
from chain.values import BlockRef
from chain.witnesses import Witnesses
from protocol.errors import Malformed, OneFileError, Unavailable, Untrusted
from protocol.hashing import sha256
from tests.chain_acts import refused
from tests.unit.chain.rogue import ToldEndpoint

SILENT = unreachable("down")
BUSY = {"error": {"code": FAULTS_OF_ENDPOINT[0], "message": "internal error"}}
REFUSED = {"error": {"code": -32000, "message": "nonce too low"}}


def over(*answers: Any, check: Any = lambda _node: None) -> tuple[Failover, list[ToldEndpoint]]:
    endpoints = [ToldEndpoint({"q": answer}) for answer in answers]
    return Failover(endpoints, check), endpoints  # type: ignore[arg-type]  # each answers like an endpoint


def test_the_first_endpoint_that_answers_is_asked_from_then_on() -> None:
    failover, (dead, good, spare) = over(SILENT, "yes", "no")
    assert failover.request("q", [])["result"] == "yes"
    assert failover.request("q", [])["result"] == "yes"
    assert (len(dead.asked), len(good.asked), len(spare.asked)) == (1, 2, 0)
    failover.close()


def test_an_endpoint_that_falls_silent_is_followed_by_the_next_and_by_the_first() -> None:
    failover, (first, second) = over("one", "two")
    first.answers["q"] = SILENT
    assert failover.request("q", [])["result"] == "two"
    second.answers["q"], first.answers["q"] = SILENT, "one"
    assert failover.request("q", [])["result"] == "one"


def test_of_several_questions_each_finds_an_endpoint_that_answers() -> None:
    failover, (first, second) = over(SILENT, lambda number: number * 10)
    assert [one["result"] for one in failover.request_all("q", [[1], [2], [3]])] == [10, 20, 30]
    assert (len(first.asked), len(second.asked)) == (1, 3)


@pytest.mark.parametrize("code", FAULTS_OF_ENDPOINT)
def test_an_error_of_the_endpoint_itself_lets_the_next_try(code: int) -> None:
    failover, _ = over({"error": {"code": code, "message": "limit exceeded"}}, "yes")
    assert failover.request("q", [])["result"] == "yes"


def test_a_refusal_of_the_question_is_an_answer() -> None:
    failover, (_, spare) = over(REFUSED, "yes")
    assert failover.request("q", [])["error"]["message"] == "nonce too low"
    assert spare.asked == []


def test_where_all_fail_the_last_error_or_the_first_silence_is_told() -> None:
    failover, _ = over(BUSY, SILENT)
    assert failover.request("q", [])["error"]["message"] == "internal error"
    silent, _ = over(SILENT, unreachable("also down"))
    with pytest.raises(Unavailable) as caught:
        silent.request("q", [])
    assert caught.value is SILENT


def test_each_endpoint_is_checked_once_before_it_is_asked_anything() -> None:
    checked: list[Node] = []
    failover, (first, second) = over(SILENT, "yes", check=checked.append)
    for _ in range(3):
        failover.request("q", [])
    assert len(checked) == 2
    assert (len(first.asked), len(second.asked)) == (1, 3)


def test_an_endpoint_of_another_chain_is_passed_over() -> None:
    faults: list[OneFileError | None] = [Untrusted("wrong_chain", "another"), None]

    def check(_node: Node) -> None:
        fault = faults.pop(0)
        if fault is not None:
            raise fault

    failover, (other, _) = over("no", "yes", check=check)
    assert failover.request("q", [])["result"] == "yes"
    assert other.asked == []
    alone, _ = over("no", check=lambda _node: (_ for _ in ()).throw(Untrusted("wrong_chain", "another")))
    with refused(Untrusted, "wrong_chain"):
        alone.request("q", [])


def test_a_failover_of_nothing_cannot_be() -> None:
    with refused(Malformed, "endpoints"):
        Failover([], lambda _node: None)


class Witness:
    """Shows one receipt for everything."""

    def __init__(self, shows: Receipt | OneFileError | None) -> None:
        self._shows = shows

    def receipt(self, _hash: bytes) -> Receipt | None:
        if isinstance(self._shows, OneFileError):
            raise self._shows
        return self._shows


def shown(number: int) -> Receipt:
    return Receipt(BlockRef(number, sha256(bytes([number])), 1), succeeded=True, gas_used=1, created=None)


@pytest.mark.parametrize(
    ("shows", "quorum", "believed"),
    [
        ([shown(1), shown(1)], 2, shown(1)),
        ([shown(2), shown(1), shown(1)], 2, shown(1)),
        ([shown(2), None, None], 2, None),
        ([shown(1), None], 2, None),
        ([SILENT, shown(1), shown(1)], 2, shown(1)),
        ([SILENT, shown(1)], 1, shown(1)),
    ],
)
def test_a_receipt_is_believed_that_enough_show(shows: list[Any], quorum: int, believed: Receipt | None) -> None:
    assert Witnesses([Witness(one) for one in shows], quorum).receipt(bytes(32)) == believed  # type: ignore[misc]  # each answers like a node


def test_too_few_witnesses_are_unavailable() -> None:
    with pytest.raises(Unavailable) as caught:
        Witnesses([Witness(SILENT), Witness(shown(1))], 2).receipt(bytes(32))  # type: ignore[list-item]  # each answers like a node
    assert caught.value is SILENT


@pytest.mark.parametrize("ask", ["chain_id", "head"])
def test_a_refusal_where_no_contract_was_asked_is_garbage(ask: str) -> None:
    told = {"error": {"code": 3, "message": "execution reverted", "data": "0x"}}
    node = Node(ToldEndpoint({"eth_chainId": told, "eth_getBlockByNumber": told}))  # type: ignore[arg-type]  # answers like one
    with refused(Unavailable, "chain_garbage"):
        getattr(node, ask)()
    assert not issubclass(RevertError, OneFileError)  # so it would have got past everybody
