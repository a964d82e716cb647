"""The page for paper copies, and the log entries of stamps."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from protocol.encoding import b64u, unb64u
from protocol.entries import Entry, Opening, verify_opening
from protocol.receipts import parse_receipt
from protocol.statements import Statement, sign_statement
from tests.unit.vault_api.test_shows import Window
from tests.vault_stage import Party, VaultStage, raw_scenario, refused, unchanged
from vault_api import paper_page
from vault_api.services import stamps

JTI = "AAECAwQFBgcICQoLDA0ODw"


def test_the_page_speaks_the_readers_language_and_loads_nothing_from_elsewhere(stage: VaultStage) -> None:
    english = stage.client.get("/paper")
    chinese = stage.client.get("/paper", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert ('lang="en"' in english.text, 'lang="zh"' in chinese.text) == (True, True)
    assert "纸质" in chinese.text
    assert english.headers["vary"] == "Accept-Language"
    policy = english.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert f'content="{stage.origin}"' in english.text
    named = re.findall(r'(?:src|href)="(/[^"]+)"', english.text)
    assert [stage.client.get(name).status_code for name in named] == [200, 200]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_words_of_the_page_are_there_in_both_languages(stage: VaultStage, lang: str) -> None:
    found = stage.client.get(f"/paper/words.{lang}.json")
    words = json.loads(found.content)
    assert found.headers["content-type"] == "application/json"
    assert set(words) == {"states", "codes", "text", "common", "types", "claims"}
    chinese = any("\u4e00" <= char <= "\u9fff" for char in "".join(words["states"].values()))
    assert chinese is (lang == "zh")
    assert words["claims"]["urn:onefile:licence:driving-licence:1"]["/vehicle_classes"]


def test_every_reason_that_the_check_gives_has_its_words() -> None:
    source = (paper_page.FILES / "check.js").read_text(encoding="utf-8")
    states = set(re.findall(r'new Verdict\("(\w+)"', source)) | {"valid", "revoked", "suspended", "correcting"}
    assert states <= set(paper_page.STATES)
    assert set(paper_page.CODES) - set(re.findall(r'"(\w+)"', source)) == set()


def test_no_other_file_is_served(stage: VaultStage) -> None:
    refused(stage.client.get("/paper/page.html"), 404, "route_unknown")
    refused(stage.client.get("/paper/words.fr.json"), 404, "route_unknown")


# --- stamps ---------------------------------------------------------------------------------------


@pytest.fixture
def used(stage: VaultStage) -> tuple[Party, Any, bytes]:
    """A bank, the holder whose grant it has used once, and the hash of its receipt."""
    issuer, bank, alice, authority = stage.issuer(), stage.bank(), stage.holder(), stage.authority()
    scenario = raw_scenario(stage.a_scenario(authority), authority)
    stage.post(authority, "/v1/scenarios", {"scenario": scenario})
    grant = alice.grant(bank, scenario, alice.deposited(issuer, b"credential", b"a document"))
    assert grant.send().status_code == 201
    receipt = grant.receipt()
    assert grant.release(receipt).status_code == 200
    return bank, alice, parse_receipt(receipt).hash


def a_stamp(stage: VaultStage, bank: Party, about: bytes, **changes: Any) -> dict[str, str]:
    body = Statement(JTI, stage.clock.now(), stage.urn(bank), stage.origin, "stamp", about=about, text="stamp:x")
    return {"statement": sign_statement(replace(body, **changes), bank.present)}


def test_a_stamp_is_logged_where_the_holder_finds_it(stage: VaultStage, used: tuple[Party, Any, bytes]) -> None:
    bank, alice, about = used
    said = a_stamp(stage, bank, about)

    answer = stage.post(bank, "/v1/stamps", said)

    assert answer.status_code == 201, answer.text
    body = answer.json()
    opening = Opening.from_json(body["opening"])
    entry = Entry.parse(unb64u(body["entry"]))
    verify_opening(entry, opening, said["statement"].encode())
    assert entry.t == "note"
    last = stage.get(alice, "/v1/me/log").json()["rows"][-1]
    assert unb64u(last["logged"]["object"]).decode() == said["statement"]
    assert last["grant"] is not None


def test_a_stamp_is_logged_for_the_reader_of_that_use_alone(stage: VaultStage, used: tuple[Party, Any, bytes]) -> None:
    bank, _, about = used
    other = stage.bank("another bank")
    with unchanged(stage):
        refused(stage.post(other, "/v1/stamps", a_stamp(stage, other, about)), 404, "receipt_unknown")
        refused(stage.post(bank, "/v1/stamps", a_stamp(stage, bank, bytes(32))), 404, "receipt_unknown")
        foreign = a_stamp(stage, bank, about, iss=stage.urn(other))
        refused(stage.post(bank, "/v1/stamps", foreign), 422, "statement_issuer")
        refused(stage.post(other, "/v1/stamps", a_stamp(stage, bank, about)), 422, "jws_kid")


def test_no_other_statement_comes_by_this_way(stage: VaultStage, used: tuple[Party, Any, bytes]) -> None:
    bank, _, about = used
    with unchanged(stage):
        review = a_stamp(stage, bank, about, kind="review")
        refused(stage.post(bank, "/v1/stamps", review), 400, "stamp_statement")
        item = a_stamp(stage, bank, about, item=bytes(32))
        refused(stage.post(bank, "/v1/stamps", item), 400, "stamp_statement")


def test_a_use_has_not_stamps_without_end(
    stage: VaultStage, used: tuple[Party, Any, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, _, about = used
    monkeypatch.setattr(stamps, "MAX_STAMPS", 2)
    for number in range(2):
        said = a_stamp(stage, bank, about, jti=b64u(bytes([number]) * 16))
        assert stage.post(bank, "/v1/stamps", said).status_code == 201
    refused(stage.post(bank, "/v1/stamps", a_stamp(stage, bank, about)), 403, "stamps_enough")


def test_a_show_can_be_stamped_too(stage: VaultStage) -> None:
    window = Window(stage)
    receipt = window.receipt()
    assert window.collect(receipt=receipt).status_code == 200
    answer = stage.post(window.clerk, "/v1/stamps", a_stamp(stage, window.clerk, parse_receipt(receipt).hash))
    assert answer.status_code == 201, answer.text
    assert stage.get(window.alice, "/v1/me/log").json()["rows"][-1]["show"] == window.name
