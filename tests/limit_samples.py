"""What tests of limits share: a clock that is set by hand, and the scope of a request."""

from __future__ import annotations

from typing import Any


class Timer:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def scope(
    client: str | None = "203.0.113.9", path: str = "/v1/info", method: str = "GET", **headers: str
) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http", "client": None if client is None else (client, 7), "headers": named, "path": path,
        "method": method, "query_string": b"",
    }  # fmt: skip
