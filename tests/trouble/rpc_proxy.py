"""A hostile way to a real node: a local HTTP server that passes JSON-RPC on, late, broken, old, or as a lie.

    with rpc_proxy(chain.url, Trouble(drop=0.2, truncated=0.1), seed=7) as proxy:
        ledger = connect(deployment, proxy.url, signer)

What happens to a request is drawn from the seed; of one request one thing. A fault may come before the node hears of the
request or after it has answered: only then is an answer "lost". Lies keep the form of an answer and change its content:
a receipt for what is in no block, a block with another hash, a head that is far ahead. `as_it_is` ends all of it.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

UPSTREAM_TIMEOUT_S = 10.0
DELAY_S = 0.05
ABSURD = 2**63
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """How often what happens, of 1; `only` names the methods that it happens to (empty: all)."""

    drop: float = 0.0  # the connection ends before the node hears of it
    lost: float = 0.0  # the node has done it, and the connection ends
    delay: float = 0.0
    http_500: float = 0.0
    truncated: float = 0.0
    wrong_id: float = 0.0
    wrong_type: float = 0.0
    absurd: float = 0.0  # a number beyond all numbers
    stale: float = 0.0  # what was answered to the same question the first time
    lying_receipt: float = 0.0  # what is in no block is in the newest, and did well
    lying_block: float = 0.0  # another hash
    busy: float = 0.0  # "limit exceeded", as providers say
    only: tuple[str, ...] = ()

    def draw(self, lots: random.Random, method: str) -> str:
        """What happens to one request; empty: nothing."""
        if self.only and method not in self.only:
            return ""
        fate = lots.random()
        for kind in fields(self):
            if kind.name != "only":
                fate -= getattr(self, kind.name)
                if fate < 0:
                    return kind.name
        return ""


EVERYTHING = Trouble(
    drop=0.03,
    lost=0.03,
    delay=0.03,
    http_500=0.03,
    truncated=0.03,
    wrong_id=0.03,
    wrong_type=0.03,
    absurd=0.03,
    busy=0.03,
)


class RpcProxy:
    """The server. `trouble` may be changed while it runs; `seen` counts what happened."""

    def __init__(self, upstream: str, trouble: Trouble, seed: int) -> None:
        self.upstream = upstream
        self.trouble = trouble
        self.seen: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self._lots = random.Random(f"proxy/{seed}")
        self._first: dict[str, Any] = {}
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    proxy.handle(self, json.loads(body))
                except OSError:
                    self.close_connection = True  # whoever asked has given up

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def as_it_is(self) -> None:
        """From now on, pass everything on."""
        self.trouble = Trouble()

    def handle(self, handler: BaseHTTPRequestHandler, question: Json) -> None:
        """One request."""
        with self._lock:
            fate = self.trouble.draw(self._lots, question["method"])
            self.seen[fate] += 1
            self.asked[question["method"]] += 1
        if fate == "drop":
            return _hang_up(handler)
        answer = self._told(question)
        if fate == "lost":
            return _hang_up(handler)
        if fate == "delay":
            time.sleep(DELAY_S)
        if fate == "http_500":
            return _send(handler, b"internal error", 500)
        raw = json.dumps(_LIES.get(fate, _honest)(self, question, answer)).encode()
        return _send(handler, raw[: len(raw) // 2] if fate == "truncated" else raw)

    def _told(self, question: Json) -> Json:
        if self.trouble.busy == 1.0:
            return {}
        body = json.dumps(question).encode()
        request = urllib.request.Request(self.upstream, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=UPSTREAM_TIMEOUT_S) as response:
            answer: Json = json.loads(response.read())
        key = json.dumps([question["method"], question["params"]])
        with self._lock:
            self._first.setdefault(key, answer)
        return answer

    def first(self, question: Json) -> Json:
        """What was answered to this question the first time."""
        with self._lock:
            return dict(self._first[json.dumps([question["method"], question["params"]])])


@contextmanager
def rpc_proxy(upstream: str, trouble: Trouble = EVERYTHING, *, seed: int = 1) -> Iterator[RpcProxy]:
    """A proxy that runs as long as the block."""
    proxy = RpcProxy(upstream, trouble, seed)
    try:
        yield proxy
    finally:
        proxy.close()


def _honest(_proxy: RpcProxy, _question: Json, answer: Json) -> Json:
    return answer


def _stale(proxy: RpcProxy, question: Json, _answer: Json) -> Json:
    return {**proxy.first(question), "id": question["id"]}


def _receipt(proxy: RpcProxy, question: Json, answer: Json) -> Json:
    if question["method"] != "eth_getTransactionReceipt" or answer.get("result") is not None:
        return answer
    head = proxy._told({"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["latest", False]})
    block = head["result"]
    made: Json = {"transactionHash": question["params"][0], "contractAddress": None, "logs": [], "type": "0x2"}
    made |= {"blockHash": block["hash"], "blockNumber": block["number"], "transactionIndex": "0x0"}
    made |= {"status": "0x1", "gasUsed": "0x5208", "cumulativeGasUsed": "0x5208"}
    return {**answer, "result": made}


def _block(_proxy: RpcProxy, question: Json, answer: Json) -> Json:
    if not question["method"].startswith("eth_getBlockBy") or not answer.get("result"):
        return answer
    return {**answer, "result": {**answer["result"], "hash": "0x" + "66" * 32}}


def _busy(_proxy: RpcProxy, question: Json, _answer: Json) -> Json:
    return {"jsonrpc": "2.0", "id": question["id"], "error": {"code": -32005, "message": "limit exceeded"}}


_LIES: dict[str, Callable[[RpcProxy, Json, Json], Json]] = {
    "wrong_id": lambda _proxy, _question, answer: {**answer, "id": 999_999},
    "wrong_type": lambda _proxy, question, _answer: {"jsonrpc": "2.0", "id": question["id"], "result": [[]]},
    "absurd": lambda _proxy, question, _answer: {"jsonrpc": "2.0", "id": question["id"], "result": hex(ABSURD**5)},
    "stale": _stale,
    "lying_receipt": _receipt,
    "lying_block": _block,
    "busy": _busy,
}


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def _send(handler: BaseHTTPRequestHandler, raw: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("content-length", str(len(raw)))
    handler.end_headers()
    handler.wfile.write(raw)
