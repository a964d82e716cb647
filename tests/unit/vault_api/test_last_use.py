"""Two readers race for the last use of a grant: exactly one gets it, however often they try, in process and over HTTP."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.error import HTTPError

import pytest
import uvicorn

from protocol.encoding import unb64u
from protocol.entries import AccessRecord, Entry
from tests.grant_world import World
from tests.vault_stage import Grant, VaultStage
from vault_api.app import create_app

ROUNDS = 30
READERS = 4
Ask = Callable[[Grant, str], tuple[int, str]]


@pytest.fixture
def world(stage: VaultStage) -> World:
    return World(stage)


def race(grant: Grant, ask: Ask) -> list[tuple[int, str]]:
    """Each reader signs a receipt of its own and sends it when all are ready; what they were answered."""
    receipts = [grant.receipt() for _ in range(READERS)]
    gate, told = threading.Barrier(READERS), list[tuple[int, str]]()

    def one(receipt: str) -> None:
        gate.wait()
        told.append(ask(grant, receipt))

    threads = [threading.Thread(target=one, args=(receipt,)) for receipt in receipts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def within(grant: Grant, receipt: str) -> tuple[int, str]:
    answer = grant.release(receipt)
    return answer.status_code, "" if answer.status_code == 200 else answer.json()["code"]


def logged_uses(world: World, grant: Grant) -> list[int]:
    """The numbers of the uses that the log has of a grant."""
    rows, page = [], ""
    while True:
        answer = world.stage.get(world.alice, "/v1/me/log" + page).json()
        rows += answer["rows"]
        if answer.get("next") is None:
            break
        page = "?page=" + answer["next"]
    records = [
        AccessRecord.parse(unb64u(row["logged"]["object"]))
        for row in rows
        if Entry.parse(unb64u(row["logged"]["entry"])).t == "access"
    ]
    return [record.use_no for record in records if record.grant == grant.id]


@pytest.mark.parametrize("uses", [1, 2])
def test_the_last_use_is_given_once(world: World, uses: int) -> None:
    for _round in range(ROUNDS // uses):
        grant = world.granted(max_uses=uses)
        for _before in range(uses - 1):
            assert grant.release().status_code == 200
        told = Counter(race(grant, within))
        assert told == {(200, ""): 1, (403, "grant_used_up"): READERS - 1}
        assert logged_uses(world, grant) == list(range(1, uses + 1))


def test_the_last_use_is_given_once_over_http(world: World) -> None:
    with served(world.stage) as url:

        def over(grant: Grant, receipt: str) -> tuple[int, str]:
            request = urllib.request.Request(
                f"{url}/v1/grants/{grant.name}/release",
                json.dumps({"receipt": receipt}).encode(),
                {"content-type": "application/json"},
            )
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status, ""
            except HTTPError as error:
                with error:
                    return error.code, json.loads(error.read())["code"]

        for _round in range(3):
            grant = world.granted(max_uses=1)
            assert Counter(race(grant, over)) == {(200, ""): 1, (403, "grant_used_up"): READERS - 1}
            assert logged_uses(world, grant) == [1]


@contextmanager
def served(stage: VaultStage) -> Iterator[str]:
    """The same vault behind a real server on a port of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # who asks before the server has come up waits for it
        server = uvicorn.Server(uvicorn.Config(create_app(stage.vault), log_level="error", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
