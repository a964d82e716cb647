"""What people are handed (an export, a use, a show) in programs that are not ours, file by file.

age-encryption opens, sd-jwt-vc and jose verify, eth-sig-util recovers, Go checks the log's proofs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from client.checks import open_desk
from protocol.credential import open_credential
from protocol.dcql import parse_query
from protocol.encoding import b64u, hex0x, unb64u, unhex0x
from protocol.grant import AccessGrant
from protocol.hashing import sha256
from protocol.jose import PublicJwk
from protocol.status_list import INVALID, SUSPENDED, VALID
from tests import credential_samples as samples
from tests.interop.eip712_programs import recovered
from tests.interop.logcheck import built
from tests.interop.programs import Refused, node, node_json, ran
from tests.reader_fixture import reader, shared_reader
from tests.reader_stage import CLAIMS, Issued, ReaderStage
from tests.scenario_samples import QUERY
from tests.unit.wallet_cli.conftest import World, make_world
from tests.wallet_stage import PDF, Stage
from wallet_cli.services import exporting, opening

__all__ = ["reader", "shared_reader"]  # fixtures


@pytest.fixture(scope="module")
def logcheck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("go"))


def age_opens(raw: bytes, identity: str) -> bytes:
    return node("age.mjs", "decrypt", "identity", identity, stdin=raw, package="age-encryption")


def judged(sdjwt: str, issuer: PublicJwk, status: str, now: int, nonce: str | None = None) -> dict[str, Any]:
    """sd-jwt-vc's judgement of a credential or presentation."""
    case = {"sdjwt": sdjwt, "issuer": issuer.to_json(), "status": status, "nonce": nonce, "now": now}
    answer: dict[str, Any] = node_json("sdjwt.mjs", {"do": "verify", "cases": [case]}, package="@sd-jwt/sd-jwt-vc")[0]
    return answer


def jose_accepts(raw: str, key: PublicJwk, typ: str, now: int) -> dict[str, Any]:
    job = {"raw": raw.strip(), "jwk": key.to_json(), "typ": typ, "now": now}
    (found,) = node_json("jose.mjs", {"verify": [job], "sign": []}, package="jose")["verified"]
    assert found["ok"], found
    payload: dict[str, Any] = found["payload"]
    return payload


def go_proves(program: Path, folder: Path, vkey: str, work: Path) -> dict[str, int]:
    """Go's word on ``entry.json`` and ``proof.tlog-proof`` of a folder."""
    for name in ("entry.json", "proof.tlog-proof"):
        shutil.copy(folder / name, work / name)
    (work / "vkey").write_text(vkey + "\n")
    found: dict[str, int] = json.loads(ran([program, "proof", work]))
    return found


# --- an export of the wallet ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    stage = Stage(tmp_path_factory.mktemp("export"))
    yield make_world(stage)
    stage.close()


@pytest.fixture(scope="module")
def folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The item of the world, exported."""
    out = tmp_path_factory.mktemp("exported") / "item"
    record = next(iter(world.alice.store.items()))
    exporting.export(world.alice, open_desk(world.alice), opening.open_item(world.alice, record), out)
    return out


def test_an_exported_credential_and_its_status_are_accepted_by_sd_jwt_vc(world: World, folder: Path) -> None:
    raw, status = (folder / "credential.sd-jwt").read_text(), (folder / "status.jwt").read_text()
    issuer = world.hr.present.public_jwk()
    answer = judged(raw, issuer, status, world.stage.clock.now())
    assert answer["ok"], answer
    assert answer["payload"] == open_credential(raw).claims
    assert not judged(raw, world.bank.present.public_jwk(), status, world.stage.clock.now())["ok"]


def test_an_exported_slip_and_status_are_verified_by_jose(world: World, folder: Path) -> None:
    issuer, now = world.hr.present.public_jwk(), world.stage.clock.now()
    slip = jose_accepts((folder / "slip.jwt").read_text(), issuer, "onefile-slip+jwt", now)
    assert (slip["iss"], slip["aud"]) == (world.hr.urn, world.stage.vault.origin)
    assert jose_accepts((folder / "status.jwt").read_text(), issuer, "statuslist+jwt", now)["iss"] == world.hr.urn


def test_an_exported_document_opens_in_age_encryption(world: World, folder: Path) -> None:
    (identity,) = world.alice.keys.identities(world.alice.party.card_seq)
    assert age_opens((folder / "证明.pdf.age").read_bytes(), identity.unsafe_text()) == PDF


def test_an_exported_proof_is_accepted_by_go_and_a_changed_entry_is_not(
    world: World, folder: Path, logcheck: Path, tmp_path: Path
) -> None:
    vkey = world.stage.vault.log.vkey
    opened = json.loads((folder / "opening.json").read_text())
    assert go_proves(logcheck, folder, vkey, tmp_path)["index"] == opened["index"]
    (tmp_path / "entry.json").write_bytes((folder / "entry.json").read_bytes() + b" ")
    with pytest.raises(Refused, match="logcheck:"):
        ran([logcheck, "proof", tmp_path])


# --- a use under a grant --------------------------------------------------------------------------


def answers_of(reader: ReaderStage, *parts: str) -> dict[str, bytes]:
    """What the vault says from now on, by the part of the path that is asked for."""
    heard: dict[str, bytes] = {}

    def listen(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        heard.update({part: answer.content for part in parts if part in request.url.path and answer.is_success})
        return answer

    reader.bridge.lies.append(listen)
    return heard


def bank_opens(reader: ReaderStage, raw: bytes) -> bytes:
    return age_opens(raw, reader.bank.sealing.unsafe_text())


def test_the_header_of_a_release_joined_to_the_payload_opens_in_age_encryption(reader: ReaderStage) -> None:
    heard = answers_of(reader, "/release", "/payloads/")
    reader.release(reader.give(reader.item))
    (header,) = json.loads(heard["/release"])["headers"]
    payload = heard["/payloads/"]
    assert unb64u(header["payload"]) == sha256(payload)
    assert bank_opens(reader, unb64u(header["header"]) + payload) == b"%PDF a proof"
    with pytest.raises(Refused, match="no identity matched"):
        age_opens(unb64u(header["header"]) + payload, reader.alice.sealing.unsafe_text())


def test_a_parcel_opens_in_age_encryption_and_its_presentation_is_accepted_by_sd_jwt_vc(reader: ReaderStage) -> None:
    given = reader.give(reader.item)
    reader.release(given)
    parcel = json.loads(bank_opens(reader, (reader.out / "parcel-1.age").read_bytes()))
    (item,) = parcel["items"]
    assert item["presentation"] == (reader.out / "items/1/presentation.sd-jwt").read_text()
    status = (reader.out / "items/1/status.jwt").read_text()
    issuer, now = reader.issuer.present.public_jwk(), reader.clock.now()
    answer = judged(item["presentation"], issuer, status, now, nonce=given.id)
    assert answer["ok"], answer
    assert answer["aud"] == reader.vault.urn(reader.bank)
    assert answer["payload"]["months_paid"] == 160
    assert "employer_name" not in answer["payload"]
    assert not judged(item["presentation"], issuer, status, now, nonce=b64u(bytes(32)))["ok"]


def test_receipt_slip_and_scenario_of_a_use_are_verified_by_jose(reader: ReaderStage) -> None:
    reader.release(reader.give(reader.item))
    bank, now = reader.bank.present.public_jwk(), reader.clock.now()
    receipt = jose_accepts((reader.out / "receipt.jws").read_text(), bank, "onefile-receipt+jwt", now)
    assert receipt["aud"] == reader.vault.origin
    issuer = reader.issuer.present.public_jwk()
    slip = jose_accepts((reader.out / "items/1/slip.jws").read_text(), issuer, "onefile-slip+jwt", now)
    assert slip["item"] == reader.item.id
    authority = reader.authority.present.public_jwk()
    scenario = jose_accepts((reader.out / "scenario.jws").read_text(), authority, "onefile-scenario+jwt", now)
    assert scenario["scenario_id"] == "small-loan"


def test_the_grant_of_a_use_is_recovered_to_its_grantor_by_eth_sig_util(reader: ReaderStage) -> None:
    reader.release(reader.give(reader.item))
    envelope = json.loads((reader.out / "grant.json").read_text())
    grant = AccessGrant.from_json(envelope["grant"])
    signer = recovered(grant, reader.vault.vault.grant_domain, unhex0x(envelope["signature"]))
    assert signer == hex0x(reader.alice.address) == envelope["grant"]["grantor"]


def test_both_log_proofs_of_a_use_are_accepted_by_go(reader: ReaderStage, logcheck: Path, tmp_path: Path) -> None:
    reader.release(reader.give(reader.item))
    vkey = reader.vault.vault.log.vkey
    use = json.loads((reader.out / "opening.json").read_text())
    assert go_proves(logcheck, reader.out, vkey, tmp_path)["index"] == use["index"]
    deposit = go_proves(logcheck, reader.out / "items/1", vkey, tmp_path)
    assert deposit["index"] < use["index"]


# --- a show ---------------------------------------------------------------------------------------


def test_what_is_shown_at_a_window_opens_and_verifies_elsewhere(reader: ReaderStage) -> None:
    query = parse_query({"credentials": QUERY["credentials"][:1]})
    reader.post_scenario(scenario_id="elsewhere", query=query)
    session, code = reader.open_show()
    heard = answers_of(reader, "/v1/shows/")

    def wallet(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if request.url.path.endswith("/collect") and answer.is_success:
            reader.present(session, reader.item)
        return answer

    reader.bridge.lies.append(wallet)
    reader.scan(code, scenario="elsewhere", out=reader.out)
    sealed = unb64u(json.loads(heard["/v1/shows/"])["presentation"])
    (item,) = json.loads(bank_opens(reader, sealed))["items"]
    bank, now = reader.bank.present.public_jwk(), reader.clock.now()
    receipt = jose_accepts((reader.out / "receipt.jws").read_text(), bank, "onefile-receipt+jwt", now)
    status = (reader.out / "items/1/status.jwt").read_text()
    answer = judged(item["presentation"], reader.issuer.present.public_jwk(), status, now, nonce=receipt["nonce"])
    assert answer["ok"], answer
    assert set(answer["payload"]) & {"months_paid", "insured_region", "employer_name"} == {
        claim[1:] for claim in CLAIMS[1:]
    }


# --- what the issuer takes back -------------------------------------------------------------------


def now_says(reader: ReaderStage, item: Issued) -> bool:
    """sd-jwt-vc's judgement of a credential under the status list that the vault serves at this moment."""
    served = reader.vault.client.get(f"https://vault.example/v1/status-lists/{hex0x(reader.issuer.address)}/0")
    assert served.headers["content-type"].startswith("application/statuslist+jwt")
    answer = judged(item.credential, reader.issuer.present.public_jwk(), served.text, reader.clock.now())
    return bool(answer["ok"])


def test_a_status_list_of_the_vault_ends_suspends_and_restores_in_sd_jwt_vc(reader: ReaderStage) -> None:
    item = reader.issue(b"%PDF of this test")
    told = []
    for status in (VALID, SUSPENDED, VALID, INVALID):
        reader.lists.set(item.status_index, status)
        reader.publish_status()
        told.append(now_says(reader, item))
    assert told == [True, False, True, False]


def test_a_superseded_credential_is_rejected_and_the_newer_one_accepted_by_sd_jwt_vc(reader: ReaderStage) -> None:
    old = reader.issue(b"%PDF one")
    before = open_credential(old.credential).claims["certificate_id"]
    newer = samples.certificate(expiring_date=None, revision=2, supersedes=before)
    new = reader.issue(b"%PDF two", certificate=newer)
    reader.lists.set(old.status_index, INVALID)
    reader.publish_status()
    assert (now_says(reader, old), now_says(reader, new)) == (False, True)
    assert open_credential(new.credential).claims["supersedes"] == before
