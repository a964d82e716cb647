"""An endpoint that answers garbage, slowly, endlessly, or not at all."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from chain.endpoint import MAX_ANSWER_BYTES, Endpoint, tls
from chain.provider import BoundedProvider
from protocol.errors import Unavailable
from tests.unit.chain.rogue import Answer, Handler, drip, flood, hang_up, raw, result, rogue, say_nothing


def ask(answer: Answer, *, timeout_s: float = 5.0, limit: int = 1 << 20) -> Any:
    with rogue(answer) as url:
        endpoint = Endpoint(url, timeout_s=timeout_s, limit=limit)
        try:
            return endpoint.request("eth_chainId", [])["result"]
        finally:
            endpoint.close()


def code(answer: Answer, **options: Any) -> str:
    with pytest.raises(Unavailable) as caught:
        ask(answer, **options)
    return caught.value.code


def test_an_honest_answer_is_given() -> None:
    assert ask(result("0x7a69")) == "0x7a69"


def test_a_body_counts_whatever_the_status_says() -> None:
    def refuses(handler: Handler, question: dict[str, Any]) -> None:
        handler.send(json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": "0x1"}).encode(), 400)

    assert ask(refuses) == "0x1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b"null",
        b"[]",
        b'"0x1"',
        b"\xff\xfe",
        b"[" * 200_000,
        b'"\\' * 400_000,  # a string that never ends: a pattern that tries again from each quote never does either
        b"[" + b"0," * 200_000 + b"0]",
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":2,"result":"0x1"}',
        b'{"jsonrpc":"1.0","id":1,"result":"0x1"}',
        b'{"jsonrpc":"2.0","id":1,"result":"0x1","error":{"code":1,"message":"both"}}',
        b'{"jsonrpc":"2.0","id":1,"error":"not an object"}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_answer_is_garbage(body: bytes) -> None:
    assert code(raw(body)) == "chain_garbage"


def test_an_endless_answer_is_cut_off() -> None:
    begun = time.monotonic()
    assert code(flood) == "chain_garbage"
    assert time.monotonic() - begun < 4


def test_a_dripping_answer_is_not_waited_for() -> None:
    begun = time.monotonic()
    assert code(drip, timeout_s=0.3) == "chain_unreachable"
    assert time.monotonic() - begun < 2


def test_silence_is_unreachable() -> None:
    begun = time.monotonic()
    assert code(say_nothing, timeout_s=0.3) == "chain_unreachable"
    assert time.monotonic() - begun < 2


def test_a_closed_connection_is_unreachable() -> None:
    assert code(hang_up) == "chain_unreachable"


def test_redirects_are_not_followed() -> None:
    def elsewhere(handler: Handler, _: dict[str, Any]) -> None:
        handler.send_response(307)
        handler.send_header("location", "http://127.0.0.1:1/")
        handler.send_header("content-length", "0")
        handler.end_headers()

    assert code(elsewhere) == "chain_garbage"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[", "ftp://127.0.0.1", "nonsense", "http://no.invalid"])
def test_where_nobody_listens_is_unreachable(url: str) -> None:
    endpoint = Endpoint(url, timeout_s=2.0)
    with pytest.raises(Unavailable) as caught:
        endpoint.request("eth_chainId", [])
    assert caught.value.code == "chain_unreachable"
    endpoint.close()


def test_a_provider_says_whether_it_is_connected() -> None:
    with rogue(result("rogue/1.0")) as url:
        assert BoundedProvider(Endpoint(url)).is_connected()
    gone = BoundedProvider(Endpoint("http://127.0.0.1:1"))
    assert not gone.is_connected()
    with pytest.raises(Unavailable):
        gone.is_connected(show_traceback=True)


def test_a_message_of_the_endpoint_cannot_write_to_the_terminal() -> None:
    from chain.garbage import node_error

    told = str(node_error("\x1b[2Jno\x00 way\n" + "x" * 1_000))
    assert "\x1b" not in told
    assert "\n" not in told
    assert len(told) < 300


def test_the_systems_authorities_are_loaded_for_tls_only() -> None:
    assert tls(https=False).get_ca_certs() == []
    assert tls(https=True) is tls(https=True)


def ask_all(answer: Any, count: int) -> list[Any]:
    with rogue(answer) as url:
        endpoint = Endpoint(url)
        try:
            return [one["result"] for one in endpoint.request_all("eth_call", [[n] for n in range(count)])]
        finally:
            endpoint.close()


def _told(question: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": question["id"], "result": hex(question["params"][0])}


def backwards(handler: Handler, question: Any) -> None:
    """A batch's answers in another order, which JSON-RPC allows."""
    answers = [_told(one) for one in reversed(question)] if isinstance(question, list) else _told(question)
    handler.send(json.dumps(answers).encode())


def one_by_one(handler: Handler, question: Any) -> None:
    """What an endpoint says that takes no batches."""
    if isinstance(question, list):
        refused = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}}
        handler.send(json.dumps(refused).encode(), 400)
    else:
        handler.send(json.dumps(_told(question)).encode())


@pytest.mark.parametrize("answer", [backwards, one_by_one])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_questions_that_travel_together_are_answered_in_their_order(answer: Answer, count: int) -> None:
    assert ask_all(answer, count) == [hex(n) for n in range(count)]


@pytest.mark.parametrize(
    "change",
    [
        lambda answers: answers[:-1],
        lambda answers: [*answers, answers[0]],
        lambda answers: [answers[0], answers[0]],
        lambda answers: [answers[0], {**answers[1], "id": True}],
        lambda answers: [answers[0], {**answers[1], "id": [1]}],
        lambda answers: [answers[0], {**answers[1], "jsonrpc": "1.0"}],
        lambda answers: [answers[0], 7],
        lambda answers: {"answers": answers},
        lambda answers: {"jsonrpc": "2.0", "id": 1, "result": "0x0"},
        lambda answers: None,
    ],
)
def test_what_is_not_one_answer_for_each_question_is_asked_one_by_one(change: Any) -> None:
    def answer(handler: Handler, question: Any) -> None:
        told = change([_told(one) for one in question]) if isinstance(question, list) else _told(question)
        handler.send(json.dumps(told).encode())

    assert ask_all(answer, 2) == ["0x0", "0x1"]


@pytest.mark.parametrize("page", [b"<html>413</html>", b"", b"[" * 100_000, b" " * (MAX_ANSWER_BYTES + 1)])
def test_a_gateway_that_says_in_no_json_that_it_takes_no_batch_is_asked_one_by_one(page: bytes) -> None:
    def answer(handler: Handler, question: Any) -> None:
        handler.send(page if isinstance(question, list) else json.dumps(_told(question)).encode(), 413)

    assert ask_all(answer, 2) == ["0x0", "0x1"]


def test_garbage_to_one_question_is_garbage_after_a_batch_too() -> None:
    with pytest.raises(Unavailable) as caught:
        ask_all(lambda handler, _question: handler.send(b"<html>"), 2)
    assert caught.value.code == "chain_garbage"


def test_an_endpoint_that_is_silent_to_a_batch_is_not_asked_again() -> None:
    asked: list[Any] = []

    def answer(handler: Handler, question: Any) -> None:
        asked.append(question)
        handler.connection.close()

    with pytest.raises(Unavailable) as caught:
        ask_all(answer, 2)
    assert caught.value.code == "chain_unreachable"
    assert len(asked) == 1
