"""Our digests and signatures against eth-account, MetaMask's eth-sig-util and ethers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.eip712 import Domain, Typed, typed_data
from protocol.encoding import hex0x, unhex0x
from protocol.hashing import ZERO32, keccak256
from protocol.keycard import KeyCard
from protocol.mandate import Mandate
from protocol.signatures import recover, verify_account
from tests.grant_samples import ALICE, BOB, DOMAIN, a_grant, a_scope, b32
from tests.strangers import need

ROOT = Path(__file__).parents[2]
REGISTRY = Domain(1, bytes(19) + b"\xa2")
MESSAGES: list[tuple[Typed, Domain]] = [
    (a_grant(), DOMAIN),
    (a_grant(scope=(a_scope(claims=()), a_scope(item=b32(3), documents=()), a_scope(item=b32(4)))), DOMAIN),
    (a_grant(purpose="Ünïcödé 目的", mandate=b32(8), officer_class=b32(9), min_interval_s=60), DOMAIN),
    (Mandate(b32(1), b32(2), b32(3), 1, BOB.address, 15, (b32(1), b32(2)), 3, 1, 2, ZERO32, 0, b32(4)), DOMAIN),
    (Mandate(b32(1), b32(2), b32(3), 0, BOB.address, 1, (), 0, 0, 2**37, ZERO32, 0, b32(4)), DOMAIN),
    (KeyCard(b32(1), 2, b32(2), b32(3), 1_800_000_000, 1, b32(4)), REGISTRY),
    (OpenDossier(ALICE.address, BOB.address, b32(1), 9), REGISTRY),
    (RotateDossier(b32(1), BOB.address, ALICE.address, 2**40, 9), REGISTRY),
    (BumpEpoch(b32(1), 0, 2**53 - 1), REGISTRY),
]
NAMES = [f"{type(m).__name__}-{i}" for i, (m, _) in enumerate(MESSAGES)]


@pytest.mark.parametrize(("message", "domain"), MESSAGES, ids=NAMES)
def test_eth_account_hashes_our_json_to_our_digest_and_takes_our_signature(message: Typed, domain: Domain) -> None:
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    digest = message.digest(domain)
    signable = encode_typed_data(full_message=typed_data(message, domain))
    assert keccak256(b"\x19" + signable.version + signable.header + signable.body) == digest
    signer = Account.recover_message(signable, signature=ALICE.sign(digest))
    assert signer.lower() == hex0x(ALICE.address)
    theirs = Account.sign_message(signable, ALICE.key.secret)
    verify_account(digest, bytes(theirs.signature), ALICE.address)


@pytest.fixture(scope="module")
def answers() -> list[dict[str, Any]]:
    node = need("node")
    lines = [
        json.dumps(
            {
                "data": typed_data(message, domain),
                "key": ALICE.key.secret.hex(),
                "signature": hex0x(ALICE.sign(message.digest(domain))),
            }
        )
        for message, domain in MESSAGES
    ]
    script = ROOT / "tests" / "interop" / "eip712_strangers.cjs"
    run = subprocess.run(
        [node, str(script)], input="\n".join(lines), capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.parametrize("i", range(len(MESSAGES)), ids=NAMES)
def test_metamask_hashes_our_json_to_our_digest_and_signs_to_our_bytes(answers: list[dict[str, Any]], i: int) -> None:
    message, domain = MESSAGES[i]
    digest = message.digest(domain)
    theirs = answers[i]["metamask"]
    assert theirs["digest"] == hex0x(digest)
    assert theirs["signer"] == hex0x(ALICE.address)
    assert unhex0x(theirs["signature"]) == ALICE.sign(digest)  # RFC 6979 on both sides
    assert recover(digest, unhex0x(theirs["signature"])) == ALICE.address


@pytest.mark.parametrize("i", range(len(MESSAGES)), ids=NAMES)
def test_ethers_hashes_our_json_to_our_digest_and_recovers_our_signer(answers: list[dict[str, Any]], i: int) -> None:
    message, domain = MESSAGES[i]
    assert answers[i]["ethers"] == {"digest": hex0x(message.digest(domain)), "signer": hex0x(ALICE.address)}
