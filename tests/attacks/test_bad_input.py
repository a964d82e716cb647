"""What bad input gets, where no test beside the code shows it: cut connections, garbled headers, an endpoint of nonsense.

``docs/bad-input.md`` lists all of it; ``tests/house/test_bad_input_page.py`` holds that page to the source.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn

from chain.garbage import garbage, unreachable
from chain.main import cli as chain_cli
from chain.values import ROLE_READER
from console import exits
from console.frame import invoke
from protocol.encoding import b64u, hex0x
from protocol.hashing import sha256
from protocol.identifiers import agency_subject
from tests.unit.chain.rogue import Answer, hang_up, raw, result, rogue
from tests.vault_stage import ORIGIN_URL, Party, VaultStage, raw_scenario, refused, unchanged, vault_stage
from vault_api import metrics
from vault_api.app import create_app
from vault_api.blobs import PART_BYTES

PATIENCE_S = 10.0


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[VaultStage]:
    with vault_stage(tmp_path) as made:
        yield made


# --- a truncated upload ---------------------------------------------------------------------------


@contextmanager
def on_a_socket(stage: VaultStage) -> Iterator[int]:
    """The stage's vault on a real port: a test client can't cut a connection."""
    config = uvicorn.Config(create_app(stage.vault), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def an_upload(stage: VaultStage, party: Party, payload: bytes) -> bytes:
    """The head of a signed upload of the whole of ``payload``."""
    path = f"/v1/payloads/{b64u(sha256(payload))}"
    headers = stage.signed(party, "PUT", path, payload, {})
    host = urlsplit(ORIGIN_URL).netloc
    lines = [f"PUT {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(payload)}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


def cut_off() -> float:
    """How many uploads were answered 400 since the process began, less how many ended as faults."""
    upload = {"method": "PUT", "route": "/v1/payloads/{sha256}"}
    counts = [metrics.REQUESTS.labels(**upload, status=status)._value.get() for status in (400, 500)]
    return counts[0] - counts[1]


def test_a_connection_cut_in_the_middle_of_an_upload_leaves_nothing(stage: VaultStage) -> None:
    issuer, payload = stage.issuer(), secrets.token_bytes(3 * PART_BYTES)
    with on_a_socket(stage) as port:
        before, counted = stage.snapshot(), cut_off()
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(an_upload(stage, issuer, payload) + payload[: 2 * PART_BYTES])
            until(lambda: stage.snapshot() != before)  # parts of it lie on disk
        until(lambda: stage.snapshot() == before)
        until(lambda: cut_off() == counted + 1)  # counted as body_cut, not as a fault of the service
        # What was cut off can be sent again at once, whole.
        assert stage.upload(issuer, payload).status_code == 201


# --- a garbled header -----------------------------------------------------------------------------

GARBLED: dict[str, Callable[[bytes], bytes]] = {
    "age_header_truncated": lambda header: header[:-20],
    "age_header_version": lambda header: header.replace(b"age-encryption.org/v1", b"age-encryption.org/v2"),
    "age_header_trailing": lambda header: header + b"payload",
    "age_header_end": lambda header: header.replace(b"\n-> ", b"\n=> ", 1),
}


@pytest.mark.parametrize("code", GARBLED)
def test_a_garbled_header_is_refused_by_name_and_leaves_nothing(stage: VaultStage, code: str) -> None:
    issuer, alice = stage.issuer(), stage.holder()
    deposit = alice.deposit(issuer)
    deposit.upload()
    wrong = GARBLED[code](deposit.sealed[0].header)
    with unchanged(stage):
        refused(stage.post(issuer, "/v1/deposits", deposit.body(headers=[b64u(wrong)])), 400, code)
    assert deposit.send().status_code == 201


# --- a padded grant -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pad", "code"),
    [
        (lambda grant: {**grant, "note": "more"}, "eip712_value"),
        (lambda grant: {**grant, "scenario": grant["scenario"][:-2]}, "length"),
        (lambda grant: {**grant, "scenario": grant["scenario"] + "00"}, "length"),
        (lambda grant: {k: v for k, v in grant.items() if k != "nullifier"}, "eip712_value"),
    ],
)
def test_a_padded_grant_is_refused_by_name_and_leaves_nothing(stage: VaultStage, pad: Any, code: str) -> None:
    authority, bank, alice = stage.authority(), stage.bank(), stage.holder()
    raw_one = raw_scenario(stage.a_scenario(authority), authority)
    assert stage.post(authority, "/v1/scenarios", {"scenario": raw_one}).status_code == 201
    grant = alice.grant(bank, raw_one, alice.deposited(stage.issuer(), b"credential", b"a document"))
    envelope = grant.envelope().to_json()
    envelope["grant"] = pad(envelope["grant"])
    with unchanged(stage):
        refused(grant.send(grant=envelope), 400, code)
    assert grant.send().status_code == 201


# --- an endpoint that answers garbage or nothing --------------------------------------------------


@pytest.mark.parametrize(("fault", "code"), [(garbage("junk"), "chain_garbage"), (unreachable("no"), "chain_unreachable")])
def test_a_vault_whose_chain_answers_garbage_or_nothing_believes_nobody_new(
    stage: VaultStage, fault: Any, code: str
) -> None:
    bank = stage.agency("new bank", ROLE_READER, card=False)
    envelope = bank.make_card(agency_subject(bank.address), stage.vault.agency_domain, stage.clock.now())
    stage.chain.ledger(stage.relayer.address).publish_agency_card(envelope.card, envelope.account_signature)
    path = f"/v1/agencies/{hex0x(bank.address)}/card"
    with unchanged(stage):
        stage.chain.faults.fail(times=1000, error=fault)
        refused(stage.put(bank, path, {"card": envelope.to_json()}), 503, code)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (raw(b"<html>502 Bad Gateway</html>", 502), "chain_garbage"),
        (raw(b'{"jsonrpc":"2.0","id":1,"result":'), "chain_garbage"),
        (result({"number": "not a number"}), "chain_garbage"),
        (hang_up, "chain_unreachable"),
    ],
)
def test_a_program_at_an_endpoint_of_nonsense_ends_with_seven_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: Answer, code: str
) -> None:
    record = {name: "0x" + f"{n:02x}" * 20 for n, name in enumerate(CONTRACTS, start=1)}
    path = tmp_path / "deployment.json"
    path.write_text(
        json.dumps(
            {"v": 1, "chain_id": 31337, "contracts": record, "deploy_block": 1, "deploy_block_hash": "0x" + "05" * 32}
        )
    )
    before = path.read_bytes()
    with rogue(answer) as url:
        monkeypatch.setenv("ONEFILE_HOME", str(tmp_path))
        monkeypatch.setenv("ONEFILE_RPC_URL", url)
        ended = invoke(chain_cli, ["status", "--json"], prog="chain")
    said = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert (ended, said["code"]) == (exits.UNREACHABLE, code)
    assert [(entry, entry.read_bytes()) for entry in tmp_path.iterdir()] == [(path, before)]


CONTRACTS = ("agency_registry", "dossier_registry", "grant_registry", "archive_log")
