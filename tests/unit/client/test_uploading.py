"""A large payload reaches the vault however often the connection breaks, and a vault that leads nowhere is left."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from typing import Any

import httpx2
import pytest

from client.api import VaultApi
from client.http import TRIES, Http
from client.uploading import FIRST_WAIT_S, ROUNDS, send_payload
from protocol.encoding import b64u
from protocol.errors import Conflict, Denied, Unavailable, Untrusted
from protocol.wire_uploads import SEGMENT_BYTES
from tests.unit.client.support import HandClock, answer, http, problem

DATA = secrets.token_bytes(2 * SEGMENT_BYTES + 777)
DIGEST = hashlib.sha256(DATA).digest()


class Taking:
    """A vault that takes segments. ``faults``: what happens in place of an answer, by the number of the request."""

    def __init__(self, **state: Any) -> None:
        self.kept = bytearray()
        self.faults: dict[int, httpx2.Response | Exception] = {}
        self.seen: list[tuple[str, str]] = []
        self.state = state
        self.done = False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append((request.method, request.url.path))
        body, fault = request.read(), self.faults.pop(len(self.seen), None)
        if isinstance(fault, Exception) and "after" not in str(fault):
            raise fault
        if isinstance(fault, httpx2.Response):
            return fault
        reply = self._work(request, body)
        if isinstance(fault, Exception):
            raise fault
        return reply

    def _work(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        if request.url.path.endswith("/complete"):
            if len(self.kept) != len(DATA):
                return problem(409, "conflict", "upload_offset", facts={"offset": len(self.kept)})
            self.done = True
            return answer({"sha256": b64u(DIGEST), "size": len(DATA)}, 201)
        if request.method == "PATCH":
            if int(request.url.params["offset"]) != len(self.kept):
                return problem(409, "conflict", "upload_offset", facts={"offset": len(self.kept)})
            self.kept += body
        else:
            assert json.loads(body) == {"sha256": b64u(DIGEST), "size": len(DATA)}
        found = {"upload": b64u(bytes(16)), "sha256": b64u(DIGEST), "size": len(DATA), "offset": len(self.kept)}
        return answer({**found, "segment_bytes": SEGMENT_BYTES, "expires_at": 1, **self.state})

    @property
    def patched(self) -> int:
        return sum(method == "PATCH" for method, _path in self.seen)


def send(vault: Any, steps: list[int] | None = None, clock: HandClock | None = None) -> None:
    connection: Http = http(vault, clock=clock or HandClock())
    send_payload(VaultApi(connection), DIGEST, len(DATA), lambda: io.BytesIO(DATA), (steps or []).append)


def test_a_payload_goes_up_in_segments_and_is_completed() -> None:
    vault, steps = Taking(), [0]
    send(vault, steps)
    assert vault.done
    assert bytes(vault.kept) == DATA
    assert steps == [0, 0, SEGMENT_BYTES, SEGMENT_BYTES, 777]
    assert vault.patched == 3


def test_what_the_vault_has_already_is_not_sent_again() -> None:
    vault, steps = Taking(), [0]
    vault.kept += DATA[:SEGMENT_BYTES]
    send(vault, steps)
    assert vault.done
    assert steps[1] == SEGMENT_BYTES  # the bar begins where the last run ended
    assert vault.patched == 2


def test_a_lost_answer_costs_nothing_and_a_lost_request_one_segment() -> None:
    vault = Taking()
    vault.faults = {2: httpx2.ReadError("after the work"), 5: httpx2.WriteError("before it")}
    send(vault)
    assert bytes(vault.kept) == DATA
    assert vault.done


def test_a_vault_that_is_away_for_a_while_is_waited_for() -> None:
    vault, clock = Taking(), HandClock()
    vault.faults = {n: httpx2.ConnectError("restarting") for n in range(3, 3 + 2 * TRIES)}
    send(vault, clock=clock)
    assert vault.done
    assert bytes(vault.kept) == DATA
    assert FIRST_WAIT_S in clock.slept


def test_a_vault_that_stays_away_is_told_and_the_next_call_goes_on() -> None:
    vault = Taking()
    vault.faults = {n: httpx2.ConnectError("gone") for n in range(3, 3 + ROUNDS * TRIES)}
    with pytest.raises(Unavailable) as told:
        send(vault)
    assert told.value.code == "vault_unreachable"
    vault.faults.clear()
    send(vault)
    assert vault.done
    assert bytes(vault.kept) == DATA


def test_a_vault_whose_disk_is_full_is_not_asked_again() -> None:
    vault = Taking()
    vault.faults = {2: problem(507, "unavailable", "storage_full")}
    with pytest.raises(Unavailable) as told:
        send(vault)
    assert (told.value.code, len(vault.seen)) == ("storage_full", 2)


def test_a_vault_that_lost_a_part_is_given_it_again() -> None:
    vault = Taking()
    vault.faults = {5: problem(409, "conflict", "upload_offset", facts={"offset": 0})}
    vault_kept = vault.kept

    class Forgetful(Taking):
        def __call__(self, request: httpx2.Request) -> httpx2.Response:
            if request.url.path.endswith("/complete") and 5 in vault.faults:
                vault_kept.clear()
            return vault(request)

    send(Forgetful())
    assert bytes(vault.kept) == DATA
    assert vault.done


def test_an_upload_that_was_forgotten_begins_anew() -> None:
    vault = Taking()
    vault.faults = {3: problem(404, "denied", "upload_unknown")}
    send(vault)
    assert vault.done
    assert [path for method, path in vault.seen if method == "POST"].count("/v1/uploads") == 2


@pytest.mark.parametrize(
    "lie", [{"offset": -1}, {"offset": 5}, {"offset": len(DATA) + 1}, {"size": 1}, {"sha256": b64u(bytes(32))}]
)
def test_a_state_that_can_not_be_is_not_believed(lie: dict[str, Any]) -> None:
    vault = Taking(**lie)
    with pytest.raises((Untrusted, Unavailable)) as caught:
        send(vault)
    assert caught.value.code == "vault_answer"
    assert vault.patched == 0


def test_a_vault_that_never_moves_on_is_left_after_so_many_requests() -> None:
    vault = Taking(offset=0)

    def standing_still(request: httpx2.Request) -> httpx2.Response:
        vault.kept.clear()
        return vault(request)

    with pytest.raises(Untrusted):
        send(standing_still)
    assert vault.patched < 100


@pytest.mark.parametrize("facts", [{}, {"offset": "far"}])
def test_a_conflict_that_names_no_offset_is_not_followed(facts: dict[str, Any]) -> None:
    vault = Taking()
    vault.faults = {2: problem(409, "conflict", "upload_offset", facts=facts)}
    with pytest.raises(Untrusted):
        send(vault)
    assert vault.patched == 1


def test_other_refusals_are_passed_on() -> None:
    for status, fault, code, kind in ((409, "conflict", "odd", Conflict), (403, "denied", "not_an_issuer", Denied)):
        vault = Taking()
        vault.faults = {2: problem(status, fault, code)}
        with pytest.raises(kind):
            send(vault)
