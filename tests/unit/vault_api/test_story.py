"""The main story over HTTP: deposit, grant, verify, use, revoke; and what each step leaves behind."""

from __future__ import annotations

from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Entry, Opening, grant_tag_key, verify_access, verify_opening
from protocol.hashing import sha256
from protocol.note import Vkey
from protocol.tlog_proof import verify_tlog_proof
from tests.vault_stage import VaultStage, raw_scenario


def test_a_deposit_is_used_three_times_and_then_refused(stage: VaultStage) -> None:
    issuer, bank, alice = stage.issuer(), stage.bank(), stage.holder()
    authority = stage.authority()
    scenario = raw_scenario(stage.a_scenario(authority), authority)
    assert stage.post(authority, "/v1/scenarios", {"scenario": scenario}).status_code == 201
    deposit = alice.deposited(issuer, b"credential", b"a document")
    items = stage.get(alice, "/v1/me/items").json()["rows"]
    assert [row["item"] for row in items] == [b64u(deposit.item)]
    grant = alice.grant(bank, scenario, deposit)
    posted = grant.send()
    assert posted.status_code == 201, posted.text
    verdict = stage.post(bank, f"/v1/grants/{grant.name}/verify")
    assert verdict.json()["verdict"] == "accept", verdict.text
    for use_no in (1, 2, 3):
        used = grant.release()
        assert used.status_code == 200, used.text
        body = used.json()
        assert body["use_no"] == use_no
        assert [unb64u(parcel) for parcel in body["parcels"]] == [grant.parcel]
        _check_logged(stage, body, alice.tag_key, grant.id)
    fourth = grant.release()
    assert (fourth.status_code, fourth.json()["code"]) == (403, "grant_used_up")
    revoked = grant.revoke()
    assert revoked.status_code == 200, revoked.text
    refused = grant.release()
    assert refused.json()["code"] == "grant_revoked"
    rows = stage.get(alice, "/v1/me/log").json()["rows"]
    assert [row["logged"]["opening"]["t"] for row in rows] == [
        "key",
        "issue",
        "grant",
        *["access"] * 3,
        "revoke",
    ]


def _check_logged(stage: VaultStage, body: dict, tag_key: bytes, grant: bytes) -> None:
    entry = unb64u(body["logged"]["entry"])
    opening = Opening.from_json(body["logged"]["opening"])
    record = unb64u(body["record"])
    verify_opening(Entry.parse(entry), opening, record)
    verify_access(Entry.parse(entry), opening, record, grant_tag_key(tag_key, grant))
    index, _ = verify_tlog_proof(
        body["proof"].encode(), entry, stage.origin, Vkey.parse(stage.vault.log.vkey)
    )
    assert index == opening.index
    released = AccessRecord.parse(record).released
    parts = [header["header"] for header in body["headers"]] + body["parcels"]
    assert list(released) == [sha256(unb64u(part)) for part in parts]
