"""An HTTP server that answers as badly as it is told to, and a provider that does so without HTTP."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    answer: Answer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            type(self).answer(self, json.loads(body))
        except OSError:
            return  # the client has given up, as it should

    def log_message(self, *_: Any) -> None:
        return

    def send(self, raw: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@contextmanager
def rogue(answer: Answer) -> Iterator[str]:
    """The address of a server that answers so."""
    handler = type("Told", (Handler,), {"answer": staticmethod(answer)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def result(value: Any) -> Answer:
    """A well-formed answer."""

    def answer(handler: Handler, question: dict[str, Any]) -> None:
        handler.send(json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": value}).encode())

    return answer


def raw(body: bytes, status: int = 200) -> Answer:
    """Exactly these bytes."""
    return lambda handler, _: handler.send(body, status)


def hang_up(handler: Handler, _: dict[str, Any]) -> None:
    """Close the connection without a word."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def say_nothing(handler: Handler, _: dict[str, Any]) -> None:
    """Keep the connection open and never answer."""
    time.sleep(3)
    handler.close_connection = True


def drip(handler: Handler, _: dict[str, Any]) -> None:
    """One byte at a time, for ever."""
    handler.send_response(200)
    handler.send_header("content-length", "1000000")
    handler.end_headers()
    for _byte in range(300):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.02)


def flood(handler: Handler, _: dict[str, Any]) -> None:
    """More than anybody wants."""
    handler.send_response(200)
    handler.end_headers()
    for _chunk in range(4000):
        handler.wfile.write(b"x" * 65536)


class ToldEndpoint:
    """Answers each method with what it is told; remembers what was asked."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[tuple[str, Any]] = []

    def close(self) -> None:
        return

    def request(self, method: str, params: Any, **_: Any) -> Any:
        self.asked.append((str(method), params))
        answer = self.answers[str(method)]
        if callable(answer):
            answer = answer(*params)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, dict) and "error" in answer:
            return {"jsonrpc": "2.0", "id": 1, "error": answer["error"]}
        return {"jsonrpc": "2.0", "id": 1, "result": answer}

    def request_all(self, method: str, params: Any) -> list[Any]:
        return [self.request(method, one) for one in params]
