"""An answer as bytes, for where no application is asked."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response


def plain_answer(answer: Response, name: str | None = None, *, close: bool = False) -> bytes:
    """``answer`` as HTTP/1.1, with a request's ``name`` if it has one; ``close``: the connection ends with it."""
    headers = [f"{key.decode()}: {value.decode()}" for key, value in answer.raw_headers if key != b"connection"]
    headers += ["x-content-type-options: nosniff"]
    headers += [f"x-request-id: {name}"] if name is not None else []
    headers += ["connection: close"] if close else []
    status = f"HTTP/1.1 {answer.status_code} {HTTPStatus(answer.status_code).phrase}"
    return "\r\n".join([status, *headers, "", ""]).encode() + bytes(answer.body)
