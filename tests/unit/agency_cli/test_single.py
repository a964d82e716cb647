"""One signed thing by itself: what it shows, and what it can't."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from agency_cli.services.single import verify_presentation_file, verify_proof_file, verify_receipt_file
from protocol.credential import present_credential
from protocol.encoding import b64u
from protocol.jose import P256Signer
from protocol.receipts import Officer, Receipt, sign_receipt
from protocol.verdict import Verdict
from tests.reader_stage import CLAIMS, ReaderStage
from tests.vault_stage import Party

THIEF = P256Signer.from_secret(bytes(31) + b"\x66")
NONCE = "a nonce"


def told(verdict: Verdict, name: str) -> tuple[str, str]:
    check = verdict.check(name)
    assert check is not None
    return check.status, check.code


# --- receipts ----------------------------------------------------------------------------------------------


def receipt_file(reader: ReaderStage, raw: str) -> Verdict:
    return verify_receipt_file(reader.session, reader.desk(), raw.encode() + b"\n")


def a_receipt(reader: ReaderStage, by: Party, signer: Any = None, **changes: Any) -> str:
    receipt = Receipt(
        jti=b64u(bytes(16)),
        iat=reader.clock.now(),
        iss=reader.vault.urn(by),
        aud=reader.vault.origin,
        grant=None,
        show=bytes(16),
        scenario=bytes(32),
        officer=Officer("clerk", "1"),
        items=(),
        retain_until=reader.clock.now(),
        nonce=bytes(16),
        card=by.cards[-1].digest(reader.vault.vault.agency_domain),
    )
    return sign_receipt(replace(receipt, **changes), signer or by.present)


def test_our_own_receipt_is_proven_by_its_folder(reader: ReaderStage) -> None:
    done = reader.release(reader.give(reader.item))
    asked = reader.posts("/v1/verify")

    assert receipt_file(reader, done.use.receipt.raw).verdict == "accept"
    assert reader.posts("/v1/verify") == asked


def test_without_the_folder_the_vault_says_whether_it_is_logged(reader: ReaderStage) -> None:
    done = reader.release(reader.give(reader.item))
    (reader.out / "use.json").unlink()

    verdict = receipt_file(reader, done.use.receipt.raw)

    assert verdict.verdict == "accept"
    assert reader.posts("/v1/verify") == 1


def test_a_receipt_that_was_never_used_is_rejected(reader: ReaderStage) -> None:
    verdict = receipt_file(reader, a_receipt(reader, reader.bank))

    assert verdict.verdict == "reject"
    assert told(verdict, "issuer_signature")[0] == "pass"
    assert told(verdict, "anchor_inclusion")[0] == "fail"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda r: "not a receipt", "format"),
        (lambda r: a_receipt(r, r.bank, THIEF), "issuer_signature"),
        (lambda r: a_receipt(r, r.bank, aud="onefile/1/0x" + "00" * 20 + "/main"), "issuer_signature"),
        (lambda r: a_receipt(r, r.bank, card=bytes(32)), "issuer_signature"),
        (lambda r: a_receipt(r, r.issuer), "issuer_authority"),
        (lambda r: a_receipt(r, r.bank, iss=r.vault.urn(r.bank).replace("31337", "1")), "issuer_signature"),
        (lambda r: a_receipt(r, r.bank, iss=r.vault.urn(r.bank)[:-40] + "ab" * 20), "issuer_authority"),
    ],
    ids=["no receipt", "another key", "another log", "another card", "no reader", "another chain", "a stranger"],
)
def test_a_receipt_that_does_not_hold_is_not_accepted(
    reader: ReaderStage, make: Callable[[ReaderStage], str], name: str
) -> None:
    verdict = receipt_file(reader, make(reader))

    assert verdict.verdict != "accept"
    assert told(verdict, name)[0] != "pass"


@pytest.mark.parametrize(
    ("answer", "want"),
    [
        (httpx2.Response(503), ("unknown", "vault_garbage")),
        (httpx2.Response(200, json={"verdict": "accept", "at": 1, "checks": []}), ("unknown", "vault_no_word")),
        (
            httpx2.Response(
                200,
                json={
                    "verdict": "indeterminate",
                    "at": 1,
                    "checks": [
                        {
                            "name": "anchor_inclusion",
                            "status": "unknown",
                            "code": "later",
                            "detail": "{soon}",
                            "fact_age_s": None,
                        }
                    ],
                },
            ),
            ("unknown", "later"),
        ),
    ],
    ids=["away", "silent", "unsure"],
)
def test_a_vault_that_does_not_say_leaves_it_open(
    reader: ReaderStage, answer: httpx2.Response, want: tuple[str, str]
) -> None:
    raw = a_receipt(reader, reader.bank)
    reader.bridge.lies.append(lambda request, honest: answer if request.url.path == "/v1/verify" else honest)

    verdict = receipt_file(reader, raw)

    assert verdict.verdict == "indeterminate"
    assert told(verdict, "anchor_inclusion") == want


def test_without_the_chain_a_receipt_is_left_open(reader: ReaderStage) -> None:
    desk = reader.desk()
    reader.chain.faults.fail("agency", times=3)

    verdict = verify_receipt_file(reader.session, desk, a_receipt(reader, reader.bank).encode())

    reader.chain.faults._queue.clear()
    assert told(verdict, "issuer_signature")[0] == "unknown"


# --- proofs -------------------------------------------------------------------------------------------------


def proof_of(reader: ReaderStage, index: int = 1, size: int | None = None) -> bytes:
    query = "" if size is None else f"?size={size}"
    return reader.vault.get(None, f"/v1/log/proof/{index}{query}").text.encode()


def test_a_proof_is_verified_with_the_entry_that_the_log_serves(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader

    assert verify_proof_file(reader.session, reader.desk(), proof_of(reader), None).verdict == "accept"


def test_a_proof_under_an_unanchored_head_is_tied_to_the_anchored_one(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.issue()

    verdict = verify_proof_file(reader.session, reader.desk(), proof_of(reader), None)

    assert verdict.verdict == "accept"
    assert reader.posts("/log/consistency") == 1


def test_a_proof_is_verified_with_a_kept_entry(reader: ReaderStage) -> None:
    reader.release(reader.give(reader.item))
    raw = (reader.out / "items/1/proof.tlog-proof").read_bytes()
    entry = (reader.out / "items/1/entry.json").read_bytes()

    assert verify_proof_file(reader.session, reader.desk(), raw, entry).verdict == "accept"
    other = (reader.out / "entry.json").read_bytes()
    assert verify_proof_file(reader.session, reader.desk(), raw, other).verdict == "reject"


def test_what_is_no_proof_is_rejected_for_its_form(reader: ReaderStage) -> None:
    verdict = verify_proof_file(reader.session, reader.desk(), b"nothing", None)

    assert verdict.verdict == "reject"
    assert told(verdict, "format")[0] == "fail"


def test_without_the_vault_a_proof_alone_says_nothing(reader: ReaderStage) -> None:
    raw = proof_of(reader)
    reader.refuse("/log/tile")

    assert verify_proof_file(reader.session, reader.desk(), raw, None).verdict == "indeterminate"


# --- presentations --------------------------------------------------------------------------------------------


def presentation(reader: ReaderStage, **changes: Any) -> bytes:
    given = {"aud": reader.vault.urn(reader.bank), "nonce": NONCE, "iat": reader.clock.now(), **changes}
    raw = given.pop("raw", reader.item.credential)
    return present_credential(raw, CLAIMS[1:], reader.alice.present, **given).encode()


def look(reader: ReaderStage, raw: bytes, nonce: str | None = NONCE) -> Verdict:
    return verify_presentation_file(reader.session, reader.desk(), raw, nonce)


def test_a_presentation_to_us_is_accepted(reader: ReaderStage) -> None:
    assert look(reader, presentation(reader)).verdict == "accept"


def test_a_presentation_is_never_sent_to_the_vault(reader: ReaderStage) -> None:
    look(reader, presentation(reader))

    assert not any(b"months_paid" in request.read() for request in reader.bridge.requests)
    assert {request.url.path.split("/")[2] for request in reader.bridge.requests} <= {
        "cards",
        "status-lists",
        "agencies",
        "log",
        "info",
    }


@pytest.mark.parametrize(
    ("changes", "nonce", "verdict", "code"),
    [
        ({}, None, "indeterminate", "nonce_unchecked"),
        ({"nonce": "another"}, NONCE, "reject", "key_binding_nonce"),
        ({"aud": "urn:onefile:agency:1:0x0:0x0"}, NONCE, "reject", "key_binding_aud"),
    ],
    ids=["no nonce given", "another nonce", "another reader"],
)
def test_a_presentation_that_does_not_answer_us_is_not_accepted(
    reader: ReaderStage, changes: dict[str, Any], nonce: str | None, verdict: str, code: str
) -> None:
    found = look(reader, presentation(reader, **changes), nonce)

    assert found.verdict == verdict
    assert told(found, "holder_binding")[1] == code


def test_what_is_no_credential_is_rejected_for_its_form(reader: ReaderStage) -> None:
    assert told(look(reader, b"~"), "format")[0] == "fail"


def test_without_the_holders_key_card_the_binding_stays_open(reader: ReaderStage) -> None:
    reader.refuse("/cards/query", 404)

    found = look(reader, presentation(reader))

    assert found.verdict == "indeterminate"
    assert told(found, "holder_binding") == ("unknown", "card_missing")


def test_a_presentation_that_hides_whose_it_is_binds_nobody(reader: ReaderStage) -> None:
    from protocol.sdjwt import parse_sdjwt
    from protocol.sdjwt_present import bind_key, select_disclosures

    chosen = select_disclosures(parse_sdjwt(reader.item.credential), ["/months_paid"])
    raw = bind_key(chosen, reader.alice.present, aud=reader.vault.urn(reader.bank), nonce=NONCE, iat=1)

    assert told(look(reader, raw.encode()), "holder_binding") == ("fail", "subject_hidden")


def test_a_credential_by_somebody_who_was_never_admitted_is_rejected(reader: ReaderStage) -> None:
    from tests import credential_samples as samples

    stranger = reader.vault.urn(reader.bank)[:-40] + "ab" * 20
    raw = samples.issue_credential(
        samples.request(
            issuer=stranger,
            subject=reader.alice.dossier,
            key=reader.alice.present.public_jwk(),
            issued_at=reader.clock.now(),
            certificate=samples.certificate(expiring_date=None),
        ),
        THIEF,
    )

    found = look(reader, presentation(reader, raw=raw))

    assert found.verdict == "reject"
    assert told(found, "issuer_authority") == ("fail", "issuer_not_allowed")
