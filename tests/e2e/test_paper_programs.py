"""Paper through the real programs: an issuer prints, a reader stamps, another agency scans, the holder sees it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from agency_cli.services import sheet
from protocol.encoding import b64u
from protocol.jose import PublicJwk
from protocol.paper import paper_in_link, verify_paper
from protocol.stamp import parse_stamp
from scripts.processes import Children, free_port
from scripts.samples import made_pdf
from scripts.stack import Stack
from tests.e2e.test_agency_program import System
from tests.strangers import ROOT, need, need_path

DOCUMENT = made_pdf("SAMPLE driving licence", pages=2)
SCENARIO: dict[str, Any] = {
    "scenario_id": "fleet-check",
    "title": {"zh": "驾驶员审核", "en": "Driver check"},
    "legal_basis": ["《样例规定》第一条"],
    "purpose": {"zh": "审核驾驶资格", "en": "To check the right to drive"},
    "query": {
        "credentials": [
            {
                "id": "licence",
                "format": "dc+sd-jwt",
                "meta": {"vct_values": ["urn:onefile:licence:driving-licence:1"]},
                "claims": [{"path": ["vehicle_classes"]}, {"path": ["files", None], "optional": True}],
            }
        ]
    },
    "sensitivity": 2,
    "max_age": 0,
    "retention_days": 180,
    "max_uses": 3,
    "max_validity_days": 30,
    "grantee_classes": ["office"],
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """An issuer that is an authority too, a reader, and a holder with a licence and its document."""
    need_path(ROOT / "node_modules/.bin/anvil", "anvil")
    need_path(sheet.FONT, "Debian's fonts-droid-fallback")
    folder = tmp_path_factory.mktemp("paper")
    env = {name: value for name, value in os.environ.items() if not name.startswith("ONEFILE_")}
    with Children(folder / "logs") as children:
        stack = Stack.at(folder / "home", free_port(), free_port(), children, {**env, "ONEFILE_LANG": "en"})
        stack.start()
        made = System(stack, folder)
        made.enter("police", "威海市公安局", "--issues", "driving-licence", "--scenario-authority")
        made.enter("fleet", "样例车队", "--reader")
        made.alice = made.wallet("init", "--phrase-file", str(folder / "phrase"), "--yes").json["dossier"]
        (folder / "scan.pdf").write_bytes(DOCUMENT)
        yield made


@pytest.fixture(scope="module")
def issued(system: System) -> dict[str, Any]:
    found: dict[str, Any] = system.issue("P1", "--document", str(system.folder / "scan.pdf"), to=system.token()).json
    assert system.verdict(found["item"])["verdict"] == "accept"
    return found


def test_a_licence_copy_is_printed_and_its_code_holds_at_the_vaults_own_routes(
    system: System, issued: dict[str, Any]
) -> None:
    order = ["print", "licence", issued["certificate_id"], "--claims", system.claims(), "--number", "P1"]
    printed = system.agency(*order, "--document", "scan.pdf", "--out", str(system.folder / "copy.pdf")).json
    origin, _, digits = printed["link"].partition("/paper#")
    raw = paper_in_link(digits)
    account = issued["status"]["uri"].split(":")[3]
    row = httpx2.get(f"{origin}/v1/agencies/{account}").json()
    key = PublicJwk.from_json(row["card"]["present_jwk"])
    info = httpx2.get(f"{origin}/v1/info").json()
    paper = verify_paper(raw, key, log=info["log_origin"], now=info["time"]).body
    assert paper.claims["/holder/name"] == "王小明"
    assert "Check of a paper copy" in httpx2.get(f"{origin}/paper").text
    text = subprocess.run([need("pdftotext"), system.folder / "copy.pdf", "-"], capture_output=True, check=True).stdout
    assert "王小明" in text.decode()


def test_a_document_is_stamped_by_its_reader_scanned_by_another_and_seen_by_its_holder(
    system: System, issued: dict[str, Any]
) -> None:
    path = system.folder / "fleet-check.json"
    path.write_text(json.dumps(SCENARIO, ensure_ascii=False))
    system.agency("scenario", "publish", str(path))
    document = f"{issued['item']}:scan.pdf"
    order = ("grant", "--agency", "样例车队", "--scenario", "fleet-check", "--document", document, "--yes")
    grant = system.wallet(*order).json["grant"]
    used, filed = str(system.folder / "used"), str(system.folder / "filed.pdf")
    system.agency("release", grant, "--out", used, profile="fleet")

    made = system.agency("print", "stamped", used, "--purpose", "驾驶员审核", "--out", filed, profile="fleet").json

    assert (system.folder / "filed.pdf").read_bytes().startswith(DOCUMENT)
    scanned = system.agency("scan", "--text", made["code"], "--file", filed).json
    assert (scanned["stamped_by"]["name"], scanned["purpose"]) == ("样例车队", "驾驶员审核")
    checks = {check["name"]: check["status"] for check in scanned["checks"]}
    assert checks["format"] == checks["issuer_signature"] == checks["anchor_inclusion"] == "pass"
    # The holder's wallet walks and verifies its history: the stamp is in it, whole.
    system.wallet("sync")
    logged = b64u(parse_stamp(made["code"]).statement.raw.encode("ascii"))
    kept = (system.stack.home / "wallets" / "alice").rglob("*")
    assert any(logged.encode("ascii") in path.read_bytes() for path in kept if path.is_file())
