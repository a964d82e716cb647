"""Limits of load: rates by name, gates in front of the work, addresses, slow bodies, answers that take too long."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.i18n import translate
from protocol.errors import Malformed
from tests.limit_samples import Timer, scope
from tests.vault_stage import ORIGIN_URL, VaultStage, raw_scenario, refused, unchanged, vault_stage
from vault_api.limits.addresses import Addresses, line_of, parse_networks, within
from vault_api.limits.admission import Admission, kind_of
from vault_api.limits.buckets import BURST_S, Buckets
from vault_api.limits.gates import Gate
from vault_api.problems import problem
from vault_api.request_ids import request_id_of

# --- rates ----------------------------------------------------------------------------------------


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    timer = Timer()
    buckets = Buckets(2, timer=timer)
    assert [buckets.take("a") for _ in range(2 * BURST_S)] == [0.0] * 2 * BURST_S
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0
    timer.now += 0.5
    assert (buckets.take("a"), buckets.take("a")) == (0.0, pytest.approx(0.5))
    timer.now += 3600
    assert [buckets.take("a") for _ in range(2 * BURST_S)] == [0.0] * 2 * BURST_S


def test_a_refused_request_costs_nothing() -> None:
    timer = Timer()
    buckets = Buckets(1, timer=timer)
    waits = [buckets.take("a") for _ in range(500)]
    assert max(waits) <= 1.0 + 1e-6
    timer.now += 1
    assert buckets.take("a") == 0


def test_a_flood_of_names_leaves_a_table_of_bounded_size() -> None:
    buckets = Buckets(1, names=100)
    for number in range(10_000):
        assert buckets.take(number) == 0
    assert len(buckets) == 100


def test_whom_the_table_forgot_begins_with_a_full_bucket() -> None:
    timer = Timer()
    buckets = Buckets(0.1, names=2, timer=timer)
    assert (buckets.take("a"), buckets.take("a") > 0) == (0.0, True)
    buckets.take("b"), buckets.take("c")
    assert buckets.take("a") == 0


def test_a_rate_of_zero_limits_nobody_and_remembers_nobody() -> None:
    buckets = Buckets(0)
    assert [buckets.take("a") for _ in range(1000)] == [0.0] * 1000
    assert len(buckets) == 0


# --- addresses ------------------------------------------------------------------------------------


PROXY = "10.0.0.1"


@pytest.mark.parametrize(
    ("socket", "forwarded", "seen"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # no proxy of ours: its word is nothing
        (PROXY, "198.51.100.1", "198.51.100.1"),
        (PROXY, "192.0.2.66, 198.51.100.1", "198.51.100.1"),  # what the sender wrote stands before it
        (PROXY, "192.0.2.66, 198.51.100.1, 10.0.0.2", "198.51.100.1"),  # one proxy of ours behind another
        (PROXY, "10.0.0.2", PROXY),
        (PROXY, "192.0.2.66, somewhere", PROXY),
        (PROXY, "", PROXY),
        (PROXY, "192.0.2.66," * 1000 + "198.51.100.1", "198.51.100.1"),
    ],
)
def test_a_header_is_believed_where_a_trusted_proxy_wrote_it(socket: str, forwarded: str, seen: str) -> None:
    addresses = Addresses(parse_networks("10.0.0.0/24", "X"))
    assert addresses.of(scope(socket, x_forwarded_for=forwarded)) == seen
    assert addresses.is_proxy(PROXY)


@settings(max_examples=200, deadline=None)
@given(text=st.binary(max_size=200) | st.text("0123456789abcdef.:, %", max_size=60).map(str.encode))
def test_whatever_stands_in_the_header_is_an_address_or_nothing(text: bytes) -> None:
    asked = {**scope(PROXY), "headers": [(b"x-forwarded-for", text), (b"x-request-id", text)]}
    found = Addresses(parse_networks("10.0.0.0/24", "X")).of(asked)
    assert found == PROXY or ip_address(found)
    assert re.fullmatch(r"[0-9a-f-]{32,36}", request_id_of(asked))


def test_an_address_of_version_six_counts_as_its_line() -> None:
    assert line_of("2001:db8:1:2:3:4:5:6") == line_of("2001:db8:1:2::9") == "2001:db8:1:2::"
    assert line_of("::ffff:192.0.2.1") == line_of("192.0.2.1") == "192.0.2.1"
    assert line_of("testclient") == "testclient"
    assert Addresses(()).of(scope(None)) == "none"
    assert not within("none", parse_networks("0.0.0.0/0, ::/0", "X"))


@pytest.mark.parametrize("name", ["trusted_proxies", "metrics_from"])
def test_a_setting_that_is_no_list_of_networks_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(Malformed) as wrong, vault_stage(tmp_path, **{name: "10.0.0.1, everywhere"}):
        pass
    assert (wrong.value.code, wrong.value.facts["name"]) == ("setting", f"ONEFILE_{name.upper()}")


# --- requests -------------------------------------------------------------------------------------


def test_an_address_that_asks_too_often_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with vault_stage(tmp_path, address_requests_per_s=0.3, trusted_proxies="") as stage, unchanged(stage):
        answers = [stage.get(None, "/v1/info") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        told = refused(answers[-1], 429, "too_many_requests")
        assert 1 <= int(answers[-1].headers["retry-after"]) == told["facts"]["retry_after_s"] <= 4
        assert told["fault"] == "unavailable"  # a client of ours waits, and sends it again
        chinese = stage.get(None, "/v1/info", headers={"accept-language": "zh"}).json()
        assert chinese["detail"] == translate(told["detail"], "zh") != told["detail"]
        assert stage.get(None, "/healthz").status_code == 200


def test_a_caller_is_counted_once_its_signature_is_verified(tmp_path: Path) -> None:
    with vault_stage(tmp_path, caller_requests_per_s=0.2) as stage:
        alice, bob = stage.holder("alice"), stage.holder("bob")
        for _ in range(20):  # a stranger names her key, and uses up nothing of hers
            refused(stage.get(alice, "/v1/me", url=ORIGIN_URL + "/v1/other"), 401, "signature_wrong")
        assert [stage.get(alice, "/v1/me").status_code for _ in range(3)] == [200, 200, 429]
        assert stage.get(bob, "/v1/me").status_code == 200


def test_a_reader_is_counted_by_its_receipts_and_a_refused_use_is_not_one(tmp_path: Path) -> None:
    with vault_stage(tmp_path) as stage:
        alice, bank = stage.holder(), stage.bank()
        authority = stage.authority()
        scenario = raw_scenario(stage.a_scenario(authority), authority)
        stage.post(authority, "/v1/scenarios", {"scenario": scenario})
        grant = alice.grant(bank, scenario, alice.deposited(stage.issuer()))
        assert grant.send().status_code == 201
        stage.vault.load.callers._rate = 0.1
        assert grant.release().status_code == 200
        with unchanged(stage):
            refused(grant.release(), 429, "too_many_requests")


def test_a_busy_service_says_so_and_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    within, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> bytes:
        within.set()
        go_on.wait(10)
        return b"token"

    monkeypatch.setattr("vault_api.services.statuses.get_status_list", slow)
    with vault_stage(tmp_path, work_at_once=1, work_waiting=0) as stage, unchanged(stage):
        answers: list[Any] = []
        path = f"/v1/status-lists/0x{'00' * 20}/1"
        held = threading.Thread(target=lambda: answers.append(stage.get(None, path)))
        held.start()
        assert within.wait(10)
        told = refused(stage.get(None, "/v1/info"), 503, "busy")
        assert told["fault"] == "unavailable"
        assert stage.get(None, "/healthz").status_code == 200
        go_on.set()
        held.join(10)
        assert answers[0].status_code == stage.get(None, "/v1/info").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "query", "kind"),
    [
        ("GET", "/v1/me", b"", "work"),
        ("POST", "/v1/verify", b"wait=1", "work"),  # a query opens no other gate than that of the routes that know it
        ("GET", "/v1/me/notices", b"wait=1", "poll"),
        ("GET", "/v1/me/notices", b"", "work"),
        ("GET", "/v1/shows/AAAA", b"wait=20", "poll"),
        ("POST", "/v1/grants/AAAA/release", b"", "use"),
        ("PUT", "/v1/payloads/AAAA", b"", "transfer"),
        ("GET", "/v1/grants/AAAA/payloads/AAAA", b"", "transfer"),
    ],
)
def test_each_kind_of_work_has_its_gate(method: str, path: str, query: bytes, kind: str) -> None:
    assert kind_of({"method": method, "path": path, "query_string": query}) == kind


def admitted(app: Any, answer_s: float, path: str = "/v1/me") -> list[Mapping[str, Any]]:
    sent: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    gates = {name: Gate(name, 1, 1) for name in ("work", "use", "transfer", "poll")}
    admission = Admission(
        app, addresses=Addresses(()), rates=Buckets(0), gates=gates, answer_s=answer_s, refusal=problem
    )
    asyncio.run(admission(scope(path=path), receive, send))  # type: ignore[arg-type]  # a stand-in of the same shape, or bad input on purpose
    assert {gate.within for gate in gates.values()} == {0}
    return sent


async def never(_scope: Any, _receive: Any, _send: Any) -> None:
    await asyncio.Event().wait()


def test_what_takes_too_long_is_answered_in_time() -> None:
    sent = admitted(never, 0.01)
    assert sent[0]["status"] == 503
    assert b"answer_late" in sent[1]["body"]


def test_what_has_begun_is_cut_and_not_answered_twice() -> None:
    async def begins(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    assert [message["type"] for message in admitted(begins, 0.01)] == ["http.response.start"]


def test_a_payload_may_take_as_long_as_it_takes() -> None:
    async def slow(_scope: Any, _receive: Any, send: Any) -> None:
        await asyncio.sleep(0.02)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    assert admitted(slow, 0.001, "/v1/me/payloads/AAAA")[0]["status"] == 200


def test_a_body_that_comes_too_slowly_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with vault_stage(tmp_path, body_s=0.05) as stage, unchanged(stage):
        sent: list[Any] = []
        messages = [{"type": "http.request", "body": b"{", "more_body": True}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            return await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        slow = {**scope(path="/v1/verify", method="POST", content_type="application/json"), "query_string": b""}
        asyncio.run(
            stage.client.app(
                {
                    **slow,
                    "raw_path": b"/v1/verify",
                    "root_path": "",
                    "http_version": "1.1",
                    "scheme": "http",
                    "server": ("x", 1),
                },
                receive,
                send,
            )
        )
        headers = dict(sent[0]["headers"])
        assert (sent[0]["status"], headers[b"connection"]) == (408, b"close")
        assert b"body_late" in sent[1]["body"]


# --- names of requests ----------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["0123456789abcdef" * 2, "6f1c2a34-0000-4000-8000-0123456789ab"])
def test_a_well_formed_request_id_is_taken_over_and_told_everywhere(stage: VaultStage, given: str) -> None:
    answer = stage.get(None, "/v1/me", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == given
    assert stage.get(None, "/v1/info", headers={"x-request-id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "11010519491231002X", "0x" + "ab" * 32, "ab" * 32, "A" * 32, "a b", "0-1"])
def test_any_other_request_id_is_replaced(stage: VaultStage, given: str) -> None:
    answer = stage.get(None, "/v1/me", headers={"x-request-id": given})
    drawn = answer.headers["x-request-id"]
    assert drawn != given
    assert len(drawn) == 32
    assert answer.json()["request_id"] == drawn
