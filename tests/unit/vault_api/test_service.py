"""The service around the routes: problems, bounds, health, metrics, description, logs."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from console.i18n import translate
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted
from tests.vault_stage import ORIGIN_URL, VaultStage, refused, unchanged, vault_stage
from vault_api import docs_page, logs
from vault_api.bodies import MAX_BODY_PARTS, BodyLimit
from vault_api.problems import TITLES, problem, status_of
from vault_api.waiting import Waiters


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Malformed("anything", ""), 400),
        (Untrusted("anything", ""), 422),
        (Denied("anything", ""), 403),
        (Denied("grant_unknown", ""), 404),
        (Untrusted("note_unknown", ""), 422),
        (Conflict("anything", ""), 409),
        (Unavailable("anything", ""), 503),
        (OneFileError("anything", ""), 500),
        (Denied("signature_stale", ""), 401),
        (Malformed("payload_too_large", ""), 413),
        (Denied("relay_quota", ""), 429),
        (Malformed("values_not_accepted", ""), 422),
    ],
)
def test_every_fault_has_its_status(error: OneFileError, status: int) -> None:
    assert status_of(error.fault, error.code) == status
    assert status_of("something newer", "anything") == 500
    answer = problem(error, "en")
    assert answer.status_code == status
    assert ("retry-after" in answer.headers) == (status in {429, 503})


def test_every_title_has_a_chinese_form() -> None:
    for title in TITLES.values():
        assert translate(title, "zh") != title


def test_a_problem_speaks_the_callers_language(stage: VaultStage) -> None:
    english = refused(stage.get(None, "/v1/me"), 401, "signature_missing")
    chinese = stage.get(None, "/v1/me", headers={"accept-language": "zh-CN,zh;q=0.9"}).json()
    assert chinese["code"] == english["code"]
    assert chinese["detail"] != english["detail"]
    assert chinese["title"] != english["title"]


def test_unknown_paths_and_methods_are_problems_too(stage: VaultStage) -> None:
    refused(stage.get(None, "/v1/nothing"), 404, "route_unknown")
    refused(stage.get(None, "/v1/log/checkpoint/"), 404, "route_unknown")
    answer = stage.send(None, "DELETE", "/v1/info")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


def test_a_fault_of_ours_tells_nothing(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("salary of Alice is 12345")

    monkeypatch.setattr("vault_api.services.cards.query_card", broken)
    answer = stage.post(None, "/v1/cards/query", {"subject": "0x" + "00" * 32})
    refused(answer, 500, "internal")
    assert "12345" not in answer.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"subject": 7}', b'{"subject": "0x00", "x": 1}', b"\xff"]
)
def test_a_body_that_does_not_fit_is_refused_without_repeating_it(stage: VaultStage, body: bytes) -> None:
    sent = {"content-type": "application/json"}
    answer = stage.send(None, "POST", "/v1/cards/query", content=body, headers=sent)
    assert answer.status_code == 400
    assert answer.json()["code"] == "request"


def test_a_body_over_the_limit_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with vault_stage(tmp_path, body_bytes=1000) as stage, unchanged(stage):
        alice = stage.holder("alice") if False else None
        answer = stage.post(alice, "/v1/cards/query", {"subject": "x" * 2000})
        refused(answer, 413, "body_too_large")
        pieces = (b"x" * 100 for _ in range(20))
        refused(stage.client.post(ORIGIN_URL + "/v1/verify", content=pieces), 413, "body_too_large")


def test_a_body_of_more_values_than_any_request_has_is_refused_before_it_is_parsed(stage: VaultStage) -> None:
    member = b'"x":0,'
    pieces = (member * 1000 for _ in range(MAX_BODY_PARTS // 1000 + 1))
    with unchanged(stage):
        refused(stage.client.post(ORIGIN_URL + "/v1/verify", content=pieces), 413, "body_too_large")
    payload = b"," * (MAX_BODY_PARTS + 1)  # what is sealed has no values
    assert stage.upload(stage.issuer(), payload).status_code == 201


def test_a_member_that_no_encoding_can_write_is_refused_and_told(stage: VaultStage) -> None:
    sent = {"content-type": "application/json"}
    answer = stage.send(None, "POST", "/v1/cards/query", content=b'{"subject": "0x", "\\ud800": 1}', headers=sent)
    assert refused(answer, 400, "request")


def test_a_body_that_breaks_off_is_no_answer_and_leaves_nothing(stage: VaultStage) -> None:
    issuer = stage.issuer()
    payload = b"x" * 1000
    from protocol.encoding import b64u
    from protocol.hashing import sha256

    path = f"/v1/payloads/{b64u(sha256(payload))}"
    headers = stage.signed(issuer, "PUT", path, payload, {})
    messages = [
        {"type": "http.request", "body": payload[:500], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "scheme": "https",
        "server": ("vault.example", 443),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "root_path": "",
    }
    with unchanged(stage):
        asyncio.run(stage.client.app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert ClientDisconnect is not None


def test_the_body_limit_leaves_other_connections_alone() -> None:
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    limited = BodyLimit(app, json_bytes=1, payload_bytes=1)
    asyncio.run(limited({"type": "lifespan"}, None, None))  # type: ignore[arg-type]  # a stand-in of the same shape, or bad input on purpose
    assert seen == ["lifespan"]
    assert HTTPException(413).status_code == 413


def test_info_says_what_a_client_must_know(stage: VaultStage) -> None:
    info = stage.get(None, "/v1/info").json()
    assert info["log_origin"] == stage.origin
    assert info["log_vkey"] == stage.vault.log.vkey
    assert info["public_origin"] == ORIGIN_URL
    assert info["time"] == stage.clock.now()
    assert info["contracts"] == stage.vault.contracts.to_json()


def test_metrics_name_routes_and_never_ids(stage: VaultStage) -> None:
    alice = stage.holder()
    deposit = alice.deposited(alice)
    from protocol.encoding import b64u, hex0x

    stage.get(alice, f"/v1/me/items/{b64u(deposit.item)}")
    text = stage.get(None, "/metrics").text
    assert 'route="/v1/me/items/{item}"' in text
    assert "onefile_log_size 3.0" in text
    assert b64u(deposit.item) not in text
    assert hex0x(alice.dossier) not in text


def test_the_interface_is_described_from_our_own_disk(stage: VaultStage) -> None:
    page = stage.get(None, "/docs")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    for line in page.text.splitlines():
        assert "http:" not in line
        assert "https:" not in line
    start = stage.get(None, "/docs/start.js")
    assert '"/v1/openapi.json"' in start.text
    refused(stage.get(None, "/docs/other.js"), 404, "route_unknown")
    description = stage.get(None, "/v1/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    assert "/v1/grants/{grant}/release" in description["paths"]
    assert "/metrics" not in description["paths"]


def test_the_description_says_how_a_refusal_looks(stage: VaultStage) -> None:
    description = stage.get(None, "/v1/openapi.json").json()
    for operations in description["paths"].values():
        for operation in operations.values():
            assert "422" not in operation["responses"]
            assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in description["components"]["schemas"]
    upload = description["paths"]["/v1/payloads/{sha256}"]["put"]
    assert {"200", "201"} <= set(upload["responses"])  # stored, or stored before
    assert list(upload["requestBody"]["content"]) == ["application/octet-stream"]
    assert stage.get(None, "/v1/openapi.json").json() == description


def test_the_readers_files_come_from_npm_or_not_at_all(tmp_path: Path, stage: VaultStage) -> None:
    (tmp_path / "swagger-ui.css").write_text("body {}")
    assert docs_page.asset(tmp_path, "swagger-ui.css") == b"body {}"
    assert docs_page.asset(tmp_path, "swagger-ui-bundle.js") is None
    assert docs_page.asset(tmp_path, "../conftest.py") is None
    answer = stage.get(None, "/docs/swagger-ui.css")
    assert answer.status_code in {200, 404}


def test_every_route_of_the_description_is_served(stage: VaultStage) -> None:
    promised = Path("docs/http.md").read_text()
    paths = stage.get(None, "/v1/openapi.json").json()["paths"]
    for path in paths:
        if path.startswith("/v1/log/tile"):
            continue
        plain = path.replace("{scenario}", "{hash}").replace("{grant}", "{id}")
        assert plain in promised, path


def test_logs_are_json_without_paths_or_parties(
    stage: VaultStage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structlog, "_config", structlog._config)
    try:
        logs.set_up("info")
        log = structlog.get_logger("test")
        log.info("refused", route="/v1/me/items/{item}", status=404)
        log.debug("not shown")
        lines = capsys.readouterr().err.splitlines()
        assert [json.loads(line)["event"] for line in lines] == ["refused"]
        assert logging.getLogger("uvicorn.access").disabled
    finally:
        structlog.reset_defaults()


def test_waiters_are_woken_from_any_thread_and_forgotten_after() -> None:
    waiters = Waiters()

    async def wait() -> bool:
        with waiters.listening(b"session") as changed:
            await asyncio.to_thread(waiters.wake, b"session")
            await asyncio.wait_for(changed.wait(), 5)
        with waiters.listening(b"session"), waiters.listening(b"session"):
            pass
        return True

    assert asyncio.run(wait())
    waiters.wake(b"session")
    assert not waiters._waiting
