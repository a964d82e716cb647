"""`agency call` prints what was answered, or what would be sent."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx2
import pytest

from agency_cli.services import calls
from tests.unit.agency_cli.program import Program
from tests.unit.agency_cli.support import World
from tests.unit.client.support import problem


def test_a_call_prints_status_and_answer(
    world: World, run: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.issuer()
    monkeypatch.setattr("console.output.binary_stdout", Stdout(run))
    out, err = run("call", "get", "/v1/info")
    assert json.loads(Stdout.text)["v"] == 1
    assert "status 200" in err
    data = run.json("call", "GET", "/v1/info")
    assert (data["status"], data["answer"]["v"]) == (200, 1)
    body = str(world.write("q.json", {"subject": "0x" + "0" * 64}))
    assert run.json("call", "POST", "/v1/cards/query", "--body", body, code=6)["answer"]["code"] == "card_unknown"
    target = str(tmp_path / "answer.json")
    assert run.json("call", "GET", "/v1/info", "--output", target) == {"status": 200, "written": target}
    assert json.loads(Path(target).read_text())["v"] == 1
    assert out == ""


def test_a_call_shows_its_request_and_sends_nothing(world: World, run: Program) -> None:
    world.issuer()
    before = len(world.vault.requests)
    out, _err = run("call", "POST", "/v1/x", "--body", str(world.write("b", b"{}")), "--show-request")
    assert out.startswith("POST /v1/x HTTP/1.1\n")
    assert out.endswith("\n{}\n")
    data = run.json("call", "GET", "/v1/x", "--show-request")
    assert data["headers"]["Signature"].startswith("onefile=:")
    assert len(world.vault.requests) == before


def test_an_answer_that_is_no_json_is_printed_as_it_is(
    world: World, run: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.issuer()
    monkeypatch.setattr("console.output.binary_stdout", Stdout(run))
    garbage = httpx2.Response(200, content=b"{", headers={"content-type": "application/json"})
    world.vault.broken[("GET", "/v1/x")] = [garbage, httpx2.Response(200, content=b"note\n")]
    run("call", "GET", "/v1/x")
    assert Stdout.text == "{"
    run("call", "GET", "/v1/x")
    assert Stdout.text == "note\n"


def test_the_body_of_a_call_may_come_from_standard_input(
    world: World, run: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stdin:
        buffer = io.BytesIO(b"12345")

    world.issuer()
    monkeypatch.setattr("sys.stdin", Stdin)
    assert run("call", "PUT", "/v1/x", "--body", "-", "--show-request")[0].endswith("\n12345\n")
    Stdin.buffer.seek(0)
    monkeypatch.setattr(calls, "MAX_BODY", 4)
    assert run.error("call", "PUT", "/v1/x", "--body", "-", "--show-request", code=3)["code"] == "file_too_large"


class Stdout:
    """Standard output for bytes, remembered."""

    text = ""

    def __init__(self, _run: Program) -> None:
        pass

    def __call__(self) -> Stdout:
        return self

    def write(self, data: bytes) -> None:
        Stdout.text = data.decode()

    def flush(self) -> None:
        pass


def test_a_refused_call_has_the_exit_code_of_its_problem(world: World, run: Program) -> None:
    world.issuer()
    world.vault.broken[("GET", "/v1/x")] = [problem(403, "denied", "grant_expired")]
    assert run.json("call", "GET", "/v1/x", code=5)["status"] == 403
