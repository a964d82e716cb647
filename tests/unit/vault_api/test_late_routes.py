"""Routes that are worked out when they are first asked for: found at once, made once, and then like any other."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import Message

from vault_api.routes.late import late_router


def app_and_route() -> tuple[FastAPI, APIRoute]:
    router, app = late_router("/a"), FastAPI()

    @router.get("/{number}")
    async def get_number(number: int) -> dict[str, int]:
        """A number."""
        return {"number": number}

    app.router.routes.extend(router.routes)
    route = router.routes[0]
    assert isinstance(route, APIRoute)
    return app, route


async def asked(app: FastAPI, method: str, path: str) -> tuple[int, bytes]:
    """Status and body of one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": [], "root_path": ""}
    await app(scope, receive, send)
    status, body = sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:])
    assert isinstance(status, int)
    return status, body


def is_made(route: APIRoute) -> bool:
    return "dependant" in vars(route)


def test_a_route_is_worked_out_by_the_first_request_for_it() -> None:
    app, route = app_and_route()
    assert asyncio.run(asked(app, "GET", "/b/1"))[0] == 404
    assert asyncio.run(asked(app, "POST", "/b/1"))[0] == 404
    assert not is_made(route)
    assert asyncio.run(asked(app, "GET", "/a/7")) == (200, b'{"number":7}')
    assert is_made(route)
    made = route.dependant
    assert asyncio.run(asked(app, "GET", "/a/8")) == (200, b'{"number":8}')
    assert route.dependant is made


def test_a_method_that_a_late_route_does_not_have_is_refused() -> None:
    app, _ = app_and_route()
    assert asyncio.run(asked(app, "DELETE", "/a/7"))[0] == 405


def test_the_description_knows_routes_that_nobody_asked_for() -> None:
    app, route = app_and_route()
    assert app.openapi()["paths"]["/a/{number}"]["get"]["summary"] == "Get Number"
    assert is_made(route)


def test_what_no_route_has_is_missing_and_not_looked_for_forever() -> None:
    _, route = app_and_route()
    assert not hasattr(route, "no_such_thing")
    assert is_made(route)  # somebody looked, and so it was made
    assert not hasattr(route, "no_such_thing")
