"""Golden grants, mandates, key cards and messages, judged by us and by ethers with node's own crypto."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.eip712 import Domain, Typed
from protocol.encoding import hex0x, unhex0x
from protocol.errors import OneFileError
from protocol.grant import AccessGrant, GrantEnvelope
from protocol.keycard import KeyCard, KeyCardEnvelope, verify_key_card
from protocol.mandate import Mandate, MandateEnvelope
from protocol.signatures import verify_account
from tests.strangers import ROOT, need
from tests.vectors.grant import make

VECTORS = json.loads(make.FILE.read_text(encoding="utf-8"))
MESSAGES: dict[str, type[Typed]] = {
    kind.TYPE.name: kind for kind in (AccessGrant, Mandate, KeyCard, OpenDossier, RotateDossier, BumpEpoch)
}


def domain(value: dict[str, Any]) -> Domain:
    return Domain(value["chainId"], unhex0x(value["verifyingContract"]))


def check(case: dict[str, Any]) -> None:
    signer = unhex0x(case["signer"])
    if case["kind"] == "message":
        found = MESSAGES[case["name"]].from_json(case["data"]["message"])
        digest = found.digest(domain(case["data"]["domain"]))
        assert hex0x(digest) == case["digest"]
        assert hex0x(found.TYPE.type_hash) == case["type_hash"]
        verify_account(digest, unhex0x(case["signature"]), signer)
        return
    raw, place = case["raw"].encode("utf-8"), domain(case["domain"])
    if case["kind"] == "key card":
        verify_key_card(KeyCardEnvelope.parse(raw), place, subject=unhex0x(case["subject"]), accounts={signer})
        return
    envelope = (GrantEnvelope if case["kind"] == "grant" else MandateEnvelope).parse(raw)
    verify_account(envelope.digest(place), envelope.signature, signer)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['kind']}: {case['name']}")
def test_a_golden_case_ends_as_it_says(case: dict[str, Any]) -> None:
    if case["expect"] == "accept":
        check(case)
        return
    with pytest.raises(OneFileError) as caught:
        check(case)
    assert (caught.value.fault, caught.value.code) == (case["expect"], case["code"])


def test_the_golden_messages_are_made_as_they_always_were() -> None:
    assert make.without_es256(make.vectors()) == make.without_es256(VECTORS)


def test_every_case_has_a_name_of_its_own() -> None:
    names = [(case["kind"], case["name"]) for case in VECTORS["cases"]]
    assert len(set(names)) == len(names)


# What a library without our bounds takes, and where ethers is laxer than the vector demands.
LAXER = {
    "high s",
    "v is 0",
    "uses as text",
    "uses as true",
    "an extra member",
    "upper-case hex",
    "depth 1",
    "no scope",
    "ends as it begins",
    "version 2",
    "a space at the end",
    "members out of order",
}


def test_ethers_and_node_come_to_the_same_where_they_judge() -> None:
    done = subprocess.run(
        [need("node"), str(ROOT / "tests" / "interop" / "grant.cjs")],
        input=json.dumps(VECTORS).encode(),
        capture_output=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr.decode()
    answers = json.loads(done.stdout)
    assert len(answers) == len(VECTORS["cases"])
    wrong = [
        (case["kind"], case["name"], answer["why"])
        for case, answer in zip(VECTORS["cases"], answers, strict=True)
        if answer["ok"] != (case["expect"] == "accept") and not (answer["ok"] and case["name"] in LAXER)
    ]
    assert wrong == []
