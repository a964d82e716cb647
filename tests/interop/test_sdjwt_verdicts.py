"""npm's @sd-jwt/sd-jwt-vc judges our credentials, presentations and status lists as we do: row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from protocol.credential import open_credential, present_credential
from protocol.credential_evidence import CredentialEvidence
from protocol.credential_issue import issue_credential
from protocol.encoding import b64u, unb64u
from protocol.facts import StatusFact
from protocol.jose import P256Signer
from protocol.licence_types import CATALOGUE, BusinessField, LicenceType
from protocol.sdjwt_present import bind_key
from protocol.status_list import CORRECTING, INVALID, SUSPENDED, VALID
from protocol.verdict import POLICIES
from protocol.verify_credential import judge_credential
from tests import credential_samples as cs
from tests.interop.programs import node_json
from tests.verified_samples import CREDENTIAL, GRANT_ID, NOW, STATUS, a_presentation, a_status, asked, evidence

THIEF = P256Signer.from_secret(bytes(31) + b"\x42")
NONCE = b64u(GRANT_ID)
SHOWN = a_presentation()
PARTS = SHOWN.split("~")
OTHER = issue_credential(cs.request(subject=b"\x55" * 32, key=THIEF.public_jwk()), cs.ISSUER)
OLD_ID = open_credential(CREDENTIAL).claims["certificate_id"]


@dataclass(frozen=True)
class Case:
    """A presentation, the issuer's status list, and the failed checks that both sides must find (ours by name)."""

    name: str
    presentation: Callable[[], str] = lambda: SHOWN
    status: Callable[[], str] = lambda: STATUS.raw
    fails: tuple[str, ...] = ()


def joined(*parts: str) -> str:
    return "~".join(parts)


def flipped(part: int) -> str:
    """The presentation with one bit of a signature changed."""
    sections = PARTS[part].split(".")
    raw = bytearray(unb64u(sections[2]))
    raw[-1] ^= 1
    sections[2] = b64u(bytes(raw))
    return joined(*(".".join(sections) if i == part % len(PARTS) else text for i, text in enumerate(PARTS)))


def other_value() -> str:
    """A shown value changed, and bound to the holder's key again: nothing but the issuer's digests can tell."""
    salt, name, _ = next(parts for parts in map(_json, PARTS[1:-1]) if parts[1] == "months_paid")
    forged = b64u(json.dumps([salt, name, 999]).encode())
    kept = [forged if _json(part)[1] == name else part for part in PARTS[1:-1]]
    return bind_key(joined(PARTS[0], *kept, ""), cs.HOLDER, aud=cs.BANK_URN, nonce=NONCE, iat=NOW - 50)


def _json(disclosure: str) -> Any:
    return json.loads(unb64u(disclosure))


def bound_by(signer: P256Signer) -> str:
    return bind_key(SHOWN[: SHOWN.rindex("~") + 1], signer, aud=cs.BANK_URN, nonce=NONCE, iat=NOW - 50)


def another_binding() -> str:
    """The key binding of another selection of the same credential, for the same reader and nonce."""
    return joined(*PARTS[:-1], a_presentation(named=("/months_paid",)).split("~")[-1])


def changed(jwt: str, claim: str) -> str:
    """A JWT with one number raised, under its old signature."""
    head, body, signature = jwt.split(".")
    claims = json.loads(unb64u(body))
    claims[claim] += 1
    return ".".join((head, b64u(json.dumps(claims).encode()), signature))


def holder_signed() -> str:
    return a_presentation(raw=issue_credential(cs.request(), cs.HOLDER))


BAD = ("issuer_signature",)
CASES = [
    Case("a presentation as our wallet makes it"),
    Case("revoked", status=lambda: a_status(INVALID).raw, fails=("status",)),
    Case("superseded by a newer certificate", status=lambda: a_status(INVALID).raw, fails=("status",)),
    Case("suspended", status=lambda: a_status(SUSPENDED).raw, fails=("status",)),
    Case("under correction", status=lambda: a_status(CORRECTING).raw, fails=("status",)),
    Case("suspended and valid again", status=lambda: a_status(VALID, age=10).raw),
    Case("a status list of yesterday", status=lambda: a_status(age=90_000).raw, fails=("status",)),
    Case("a status list by another key", status=lambda: a_status(signer=THIEF).raw, fails=("status",)),
    Case("a status list that was changed", status=lambda: changed(STATUS.raw, "exp"), fails=("status",)),
    Case("a signature of the issuer with a changed bit", lambda: flipped(0), fails=BAD),
    Case("a claim in the clear changed", lambda: joined(changed(PARTS[0], "iat"), *PARTS[1:]), fails=BAD),
    Case("a disclosure of another credential", lambda: joined(PARTS[0], OTHER.split("~")[1], *PARTS[1:]), fails=("format",)),
    Case("a disclosure taken away", lambda: joined(PARTS[0], *PARTS[2:]), fails=("holder_binding",)),
    Case("no key binding", lambda: joined(*PARTS[:-1], ""), fails=("holder_binding",)),
    Case("a key binding by a thief", lambda: bound_by(THIEF), fails=("holder_binding",)),
    Case("a key binding with a changed bit", lambda: flipped(-1), fails=("holder_binding",)),
    Case("a key binding over another selection", another_binding, fails=("holder_binding",)),
    Case("a key binding for another grant", lambda: a_presentation(nonce=b64u(bytes(32))), fails=("holder_binding",)),
    Case("a credential that the holder signed", holder_signed, fails=BAD),
]  # fmt: skip


def job(presentation: str, status: str, nonce: str | None = NONCE, now: int = NOW) -> dict[str, Any]:
    issuer = cs.ISSUER.public_jwk().to_json()
    return {"sdjwt": presentation, "status": status, "issuer": issuer, "nonce": nonce, "now": now}


def judged(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = node_json(
        "sdjwt.mjs", {"do": "verify", "cases": cases}, package="@sd-jwt/sd-jwt-vc"
    )
    return answers


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Any]]:
    found = judged([job(case.presentation(), case.status()) for case in CASES])
    return {case.name: answer for case, answer in zip(CASES, found, strict=True)}


def ours(presentation: str, ev: CredentialEvidence) -> dict[str, str]:
    """Our checks that did not pass, by name."""
    verdict = judge_credential(presentation, ev, POLICIES["window"], asked=asked())
    return {check.name: check.status for check in verdict.checks if check.status in {"fail", "unknown"}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_npm_accepts_and_rejects_what_we_accept_and_reject(case: Case, answers: dict[str, dict[str, Any]]) -> None:
    bad = ours(case.presentation(), evidence(status=StatusFact(case.status(), NOW - 2)))
    assert set(case.fails) <= set(bad), bad
    assert answers[case.name]["ok"] is (not case.fails), answers[case.name]
    assert bool(bad) is bool(case.fails)


def test_npm_reads_the_values_and_the_audience_that_we_read(answers: dict[str, dict[str, Any]]) -> None:
    answer = answers[CASES[0].name]
    assert answer["payload"] == open_credential(SHOWN).claims
    assert answer["aud"] == cs.BANK_URN


def test_npm_accepts_the_newer_certificate_that_supersedes_an_invalid_one() -> None:
    newer = cs.request(
        certificate=cs.certificate(revision=2, supersedes=OLD_ID), status=replace(cs.request().status, idx=8)
    )
    raw = issue_credential(newer, cs.ISSUER)
    old, new = judged([job(SHOWN, a_status(INVALID).raw), job(raw, a_status(INVALID).raw, nonce=None)])
    assert not old["ok"]
    assert new["ok"], new
    assert new["payload"]["supersedes"] == OLD_ID


def test_an_absent_list_of_ours_makes_npm_refuse_and_us_say_unknown() -> None:
    (answer,) = judged([job(SHOWN, "")])
    assert not answer["ok"]
    assert ours(SHOWN, evidence(status=None)) == {"status": "unknown"}


def test_a_list_under_another_name_is_ours_alone_to_refuse() -> None:
    # The library does not compare the token's `sub` with the credential's uri: whoever uses it must do so itself.
    other = a_status(sub=cs.STATUS_URI[:-1] + "1")
    (answer,) = judged([job(SHOWN, other.raw)])
    assert answer["ok"], answer
    assert ours(SHOWN, evidence(status=other)) == {"status": "fail"}


def test_a_value_that_the_issuer_did_not_sign_is_dropped_by_npm_and_refused_by_us() -> None:
    # RFC 9901 §7.1 rejects a disclosure without a digest; the library leaves it out of what it gives its caller.
    (answer,) = judged([job(other_value(), STATUS.raw)])
    assert answer["ok"]
    assert "months_paid" not in answer["payload"]
    assert "months_paid" in open_credential(SHOWN).claims
    assert ours(other_value(), evidence()) == {"format": "fail"}


def example(field_: BusinessField) -> Any:
    return {"text": "示例", "date": "2026-01-31", "integer": 7, "boolean": True}[field_.kind]


def every_type() -> list[tuple[LicenceType, str]]:
    made = []
    for licence in sorted(CATALOGUE.values(), key=lambda one: one.vct):
        request = cs.request(licence=licence, fields={one.name: example(one) for one in licence.fields})
        made.append((licence, issue_credential(request, cs.ISSUER)))
    return made


def test_npm_accepts_a_credential_of_every_type_and_any_single_claim_of_it() -> None:
    status, cases, claims = STATUS.raw, [], []
    for licence, raw in every_type():
        pointer = f"/{licence.fields[0].name}"
        shown = present_credential(raw, [pointer], cs.HOLDER, aud=cs.BANK_URN, nonce=NONCE, iat=NOW)
        cases += [job(raw, status, nonce=None), job(shown, status)]
        claims += [open_credential(raw).claims, open_credential(shown).claims]
    found = judged(cases)
    assert [answer.get("payload", answer) for answer in found] == claims
    assert len(found) == 2 * len(CATALOGUE)
