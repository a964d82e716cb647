"""What whoever runs a vault sees: readiness, metrics, logs."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import secrets
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, insert
from sqlalchemy.exc import OperationalError

from chain.garbage import unreachable
from protocol.encoding import b64u, hex0x
from protocol.errors import Denied, Unavailable
from tests.vault_stage import VaultStage, raw_scenario, refused, vault_stage
from vault_api import gauges, logs, metrics
from vault_api.db.tables_chain import transactions
from vault_api.db.tables_processes import jobs
from vault_api.fakes import MemoryBlobs
from vault_api.observed import timed_blobs, timed_engine, timed_ledger
from vault_api.services.readiness import ESSENTIAL, Readiness

WELL = {
    "process": "ok", "database": "ok", "schema": "ok", "blobs": "ok", "log": "ok", "log_signing": "ok",
    "chain_facts": "ok", "chain": "ok", "disk": "ok",
}  # fmt: skip


def readiness(stage: VaultStage) -> tuple[int, dict[str, Any]]:
    """What it says now, not what it said a moment ago."""
    stage.client.app.state.readiness._round = None  # type: ignore[attr-defined]  # the application under test
    answer = stage.get(None, "/readyz")
    return answer.status_code, answer.json()


# --- readiness ------------------------------------------------------------------------------------


def test_a_vault_that_is_well_says_so_part_by_part(stage: VaultStage) -> None:
    assert readiness(stage) == (200, {"ready": True, "down": [], **WELL})


def test_health_touches_nothing(stage: VaultStage) -> None:
    stage.vault.engine.dispose()
    stage.chain.faults.fail("head", times=1, error=unreachable("down"))
    assert stage.get(None, "/healthz").text == "ok\n"
    with pytest.raises(Unavailable):
        stage.vault.ledger.head()


def test_a_silent_chain_is_named_and_takes_no_vault_out_of_service(stage: VaultStage) -> None:
    stage.chain.faults.fail("head", times=1, error=unreachable("down"))
    assert readiness(stage) == (200, {"ready": True, "down": ["chain"], **WELL, "chain": "chain_unreachable"})


def test_facts_that_are_too_old_do(stage: VaultStage) -> None:
    stage.clock.advance(stage.settings.chain_max_age_s + 1)
    status, said = readiness(stage)
    assert (status, said["ready"], said["down"], said["chain_facts"]) == (503, False, ["chain_facts"], "chain_stale")


def test_a_database_that_does_not_answer_is_named_and_nothing_of_its_address(
    stage: VaultStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> Any:
        raise OperationalError("SELECT 1", {}, Exception("postgresql://vault:secret@db.internal/vault"))

    monkeypatch.setattr("vault_api.services.readiness.ping", down)
    status, said = readiness(stage)
    assert (status, said["database"]) == (503, "database_unreachable")
    assert "secret" not in json.dumps(said)


def test_a_part_that_raises_anything_is_not_well(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("salary of Alice")

    monkeypatch.setattr("vault_api.services.readiness.check_schema", broken)
    assert readiness(stage)[1]["schema"] == "internal"


def test_an_entry_that_stays_unsigned_is_named(stage: VaultStage) -> None:
    stage.holder()
    with stage.vault.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("DELETE FROM checkpoints WHERE size = 2")
    assert readiness(stage)[1]["log_signing"] == "ok"
    stage.clock.advance(stage.settings.sign_late_s + 1)
    status, said = readiness(stage)
    assert (status, said["log_signing"]) == (503, "log_late")


def test_a_disk_that_is_nearly_full_is_named(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with vault_stage(tmp_path, disk_free_bytes=free * 2) as stage:
        assert readiness(stage) == (200, {"ready": True, "down": ["disk"], **WELL, "disk": "disk_nearly_full"})


def test_a_process_that_is_about_to_end_is_not_ready(stage: VaultStage) -> None:
    stage.vault.waiters.close()
    status, said = readiness(stage)
    assert (status, said["process"]) == (503, "stopping")


def test_a_part_that_hangs_is_late_and_asked_once(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault_api.services.readiness.ASK_S", 0.05)
    go_on, asked = threading.Event(), list[int]()
    ready = Readiness(stage.vault, timer=iter(range(0, 1000, 10)).__next__)

    def hangs() -> None:
        asked.append(1)
        go_on.wait(20)

    ready._parts["blobs"] = hangs

    async def twice() -> list[str]:
        return [(await ready.look())[1]["blobs"] for _ in range(2)]

    assert asyncio.run(twice()) == ["late", "late"]
    assert len(asked) == 1
    go_on.set()
    assert ready._asked["blobs"].answered.wait(10)
    ready._parts["blobs"] = lambda: None
    assert asyncio.run(twice())[1] == "ok"


def test_many_who_ask_at_once_are_told_what_one_look_has_found(stage: VaultStage) -> None:
    looked: list[int] = []
    ready = Readiness(stage.vault, timer=lambda: 5.0)
    ready._parts["log"] = lambda: looked.append(1)

    async def many() -> list[Any]:
        first = await asyncio.gather(*(ready.look() for _ in range(50)))
        return [*first, await ready.look()]

    assert all(ok for ok, _said in asyncio.run(many()))
    assert len(looked) == 1
    assert set(ready._parts) >= ESSENTIAL


# --- metrics --------------------------------------------------------------------------------------


def samples(text: str) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name + "".join(f"[{value}]" for value in sample.labels.values())] = sample.value
    return found


def test_the_gauges_say_what_waits_and_for_how_long(stage: VaultStage) -> None:
    alice = stage.holder()
    stage.publish()
    stage.clock.advance(100)
    said = stage.post(alice, "/v1/me/statements", {"statement": alice.statement("notice", text="a word")})
    assert said.status_code == 201
    stage.clock.advance(50)
    found = samples(stage.get(None, "/metrics").text)
    assert (found["onefile_log_size"], found["onefile_anchored_size"]) == (3, 2)
    assert (found["onefile_unanchored_entries"], found["onefile_oldest_unanchored_age_seconds"]) == (1, 50)
    assert (found["onefile_unsigned_entries"], found["onefile_oldest_unsigned_age_seconds"]) == (0, 0)
    assert found["onefile_chain_age_seconds"] == 150
    assert found["onefile_rpc_lag_seconds"] >= 150
    assert found["onefile_pending_revocations"] == found["onefile_doomed_payloads"] == found["onefile_uploads_open"] == 0
    assert (found["onefile_jobs"], found["onefile_oldest_job_age_seconds"]) == (0, 0)
    assert found["onefile_pending_transactions"] == 0
    assert found["onefile_gate_within[work]"] >= 0
    assert found["onefile_database_pool_size"] > 0
    assert found["onefile_writer_group_size_count"] > 0
    assert found["onefile_tile_seconds_count"] > 0
    assert found["onefile_gauges_ok"] == 1


def test_gauges_of_a_database_that_is_down_stay_and_say_so(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any) -> Any:
        raise OperationalError("SELECT 1", {}, Exception("down"))

    monkeypatch.setattr(gauges, "_log", down)
    before = metrics.LOG_SIZE._value.get()
    assert samples(stage.get(None, "/metrics").text)["onefile_gauges_ok"] == 0
    assert metrics.LOG_SIZE._value.get() == before


def test_what_was_sent_and_not_mined_and_jobs_that_are_due_are_counted(stage: VaultStage) -> None:
    stage.housekeeping.round()
    now = stage.clock.now()
    sent = {"account": bytes(20), "lane": bytes(32), "data": b"", "gas": 1, "tip": 1, "fee": 1}
    attempts = [(1, 0, None), (1, 1, 7), (2, 0, None), (2, 1, None)]  # number, attempt, block
    with stage.vault.engine.connect() as conn, conn.begin():
        for nonce, pos, block in attempts:
            row = {**sent, "nonce": nonce, "pos": pos, "block": block, "hash": secrets.token_bytes(32)}
            conn.execute(insert(transactions), row)
        conn.execute(delete(jobs))
        conn.execute(insert(jobs), {"kind": "settle", "wanted": 1, "due_at": now - 90, "tries": 3})
    found = samples(stage.get(None, "/metrics").text)
    assert found["onefile_pending_transactions"] == 1
    assert (found["onefile_jobs"], found["onefile_oldest_job_age_seconds"]) == (1, 90)


def test_a_process_without_routes_offers_its_metrics_to_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with metrics.offered(port):
        asks = HTTPConnection("127.0.0.1", port, timeout=10)
        asks.request("GET", "/metrics")
        assert "onefile_sign_seconds_count" in samples(asks.getresponse().read().decode())
        asks.close()
    with metrics.offered(0), pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def test_refusals_are_counted_by_code_and_never_by_who(stage: VaultStage) -> None:
    before = metrics.PROBLEMS.labels("signature_missing")._value.get()
    stage.get(None, "/v1/me")
    assert metrics.PROBLEMS.labels("signature_missing")._value.get() == before + 1


def test_a_method_that_nobody_knows_makes_no_label_of_its_own(stage: VaultStage) -> None:
    stage.send(None, "BREW", "/v1/info")
    text = stage.get(None, "/metrics").text
    assert 'method="other"' in text
    assert "BREW" not in text


READERS = (
    ("127.0.0.1", {}, True),
    ("::1", {}, True),
    ("203.0.113.9", {}, False),
    ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, False),  # a proxy on the same machine, which nobody configured
    ("127.0.0.1", {"via": "1.1 proxy"}, False),
    ("10.0.0.1", {"x-forwarded-for": "127.0.0.1"}, True),
    ("10.0.0.1", {"x-forwarded-for": "203.0.113.9"}, False),
)


def test_metrics_are_for_whom_the_settings_name(tmp_path: Path) -> None:
    with vault_stage(tmp_path, trusted_proxies="10.0.0.1") as stage:
        for client, headers, seen in READERS:
            stage.client._transport.client = (client, 7)  # type: ignore[attr-defined]  # where the test client comes from
            answer = stage.get(None, "/metrics", headers=headers)
            assert answer.status_code == (200 if seen else 404), (client, headers)


# --- seams ----------------------------------------------------------------------------------------


def test_a_timed_seam_does_what_it_did_and_counts_what_did_not_answer(stage: VaultStage) -> None:
    blobs = MemoryBlobs()
    timed = timed_blobs(blobs)
    timed.put("a", b"1")
    assert (timed.get("a"), blobs.get("a")) == (b"1", b"1")
    assert metrics.BLOB_SECONDS.labels("put")._sum.get() > 0

    ledger = timed_ledger(stage.vault.ledger)
    assert ledger.deployment == stage.vault.ledger.deployment
    number = ledger.head().number
    assert metrics.CHAIN_HEAD._value.get() == number > 0
    stage.chain.faults.fail("head", times=1, error=unreachable("down"))
    before = metrics.RPC_FAILURES.labels("head", "chain_unreachable")._value.get()
    with pytest.raises(Unavailable):
        ledger.head()
    assert metrics.RPC_FAILURES.labels("head", "chain_unreachable")._value.get() == before + 1


def test_a_refusal_of_a_timed_seam_is_an_answer(stage: VaultStage) -> None:
    class Refuses:
        def revoke(self) -> None:
            raise Denied("unknown", "no")

    timed: Any = timed_ledger(Refuses())  # type: ignore[arg-type]  # one method of it
    with pytest.raises(Denied):
        timed.revoke()
    assert metrics.RPC_FAILURES.labels("revoke", "unknown")._value.get() == 0


def test_statements_of_a_timed_engine_are_timed(stage: VaultStage) -> None:
    engine = timed_engine(stage.vault.engine)
    before = metrics.DATABASE_SECONDS._sum.get()
    with engine.connect() as conn:
        conn.exec_driver_sql("SELECT 1")
    assert metrics.DATABASE_SECONDS._sum.get() > before


# --- logs -----------------------------------------------------------------------------------------


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged, all of it. No logger remembers this fixture's stream."""
    kept, stream = logging.root.handlers[:], io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.set_up("debug")
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    structlog.reset_defaults()
    logging.root.handlers[:] = kept


def test_no_line_of_the_log_names_a_party_a_thing_or_an_address(
    tmp_path: Path, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("canary: salary of Alice is 12345")

    canary = "canary" + secrets.token_hex(8)
    with vault_stage(tmp_path) as stage:
        stage.client._transport.client = ("203.0.113.77", 4711)  # type: ignore[attr-defined]  # where they come from
        alice, bank, authority = stage.holder(), stage.bank(), stage.authority()
        deposit = alice.deposited(stage.issuer())
        scenario = raw_scenario(stage.a_scenario(authority), authority)
        stage.post(authority, "/v1/scenarios", {"scenario": scenario})
        grant = alice.grant(bank, scenario, deposit)
        assert grant.send().status_code == 201
        assert grant.release().status_code == 200
        name = {"x-request-id": hex0x(alice.dossier)}
        for path in (f"/v1/me/items/{b64u(secrets.token_bytes(32))}", f"/v1/{canary}", "/v1/me/items/" + canary):
            stage.get(alice, path, headers=name)
        stage.get(alice, f"/v1/me/items/{b64u(deposit.item)}", url="https://elsewhere.example/" + canary)
        stage.get(None, f"/v1/agencies/{hex0x(bank.address)}?page={canary}")
        stage.send(None, "POST", "/v1/verify", content=canary.encode(), headers={"content-type": "application/json"})
        stage.upload(alice, canary.encode() * 10)
        grant.release("." + canary)
        grant.revoke(secrets.token_bytes(32))
        monkeypatch.setattr("vault_api.services.cards.query_card", broken)
        refused(stage.post(None, "/v1/cards/query", {"subject": hex0x(alice.dossier)}), 500, "internal")
        logging.getLogger("some.library").warning("canary of %s", canary)
        try:
            broken()
        except ZeroDivisionError:
            logging.getLogger("uvicorn.error").exception("Exception with %s", canary)
        parties = [alice.dossier, alice.address, bank.address, deposit.item, grant.id]
    text = logged.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"refused", "fault", "library"} <= {line["event"] for line in lines}
    forbidden = ["canary", "12345", "203.0.113.77", "4711", "urn:onefile", "onefile_page", stage.origin]
    forbidden += [spelling for party in parties for spelling in (b64u(party), party.hex(), hex0x(party))]
    # Names of requests are drawn by lot, and times have digits: any four may stand there.
    drawn = re.compile(r'"(request": "[0-9a-f]{32}|timestamp": "[^"]+)"')
    assert [word for word in forbidden if word.lower() in drawn.sub("", text).lower()] == []
    assert [line for line in lines if re.search(r"[0-9a-f]{40}|[\w-]{43}", json.dumps({**line, "request": ""}))] == []
    fault = next(line for line in lines if line["event"] == "fault")
    assert (fault["kind"], fault["route"]) == ("ZeroDivisionError", "/v1/cards/query")
    assert re.fullmatch(r"test_view\.py:\d+", fault["place"])


def test_every_line_of_a_request_has_its_name(stage: VaultStage, logged: io.StringIO) -> None:
    given = secrets.token_hex(16)
    stage.get(None, "/v1/me", headers={"x-request-id": given})
    (line,) = (json.loads(line) for line in logged.getvalue().splitlines())
    assert line == {**line, "event": "refused", "request": given, "route": "/v1/me", "status": 401, "method": "GET"}


def test_a_fault_after_the_beginning_of_an_answer_is_logged_and_not_answered_twice(logged: io.StringIO) -> None:
    from vault_api.counted import Counted

    sent: list[str] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(Counted(app)(scope, None, send))  # type: ignore[arg-type]  # a stand-in of the same shape, or bad input on purpose
    assert sent == ["http.response.start"]
    assert "ZeroDivisionError" in logged.getvalue()
