"""Parsers of what is signed with secp256k1: EIP-712 messages, grants, mandates, key cards, signatures; and verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from protocol import canonical
from protocol.account_envelope import MAX_ENVELOPE_BYTES, AccountEnvelope
from protocol.dossier_messages import (
    BumpEpoch,
    FreezeDossier,
    OpenDossier,
    RecoverDossier,
    RotateDossier,
    SetGuardians,
    VetoRecovery,
)
from protocol.eip712 import Domain, Typed
from protocol.errors import Malformed, OneFileError
from protocol.grant import AccessGrant, GrantEnvelope, ScopeItem
from protocol.keycard import MAX_ENVELOPE_BYTES as MAX_CARD_BYTES
from protocol.keycard import KeyCard, KeyCardEnvelope, verify_key_card
from protocol.mandate import Mandate, MandateEnvelope
from protocol.signatures import recover, verify_account
from protocol.verdict import Verdict
from tests.fuzz import golden
from tests.fuzz.parser import OURS, Parser, lax_json

DOMAIN = Domain(31337, bytes(19) + b"\xa3")
MESSAGES: tuple[type[Typed], ...] = (
    *(AccessGrant, ScopeItem, Mandate, KeyCard, OpenDossier, RotateDossier, BumpEpoch),
    *(SetGuardians, FreezeDossier, RecoverDossier, VetoRecovery),
)
WORDS = (b'"0x', b'"0x' + b"00" * 32 + b'"', b'"0x' + b"00" * 20 + b'"', b"null", b"true", b"1e3", b"9007199254740991")


def message(data: bytes) -> None:
    value = lax_json(data)
    refused: list[Malformed] = []
    for kind in MESSAGES:
        try:
            found = kind.from_json(value)
        except Malformed as error:
            refused.append(error)
            continue
        assert canonical.dumps(found.to_json()) == canonical.dumps(value)
        found.digest(DOMAIN)
    if len(refused) == len(MESSAGES):
        raise refused[0]


def envelope(kind: type[AccountEnvelope[Any]]) -> Callable[[bytes], None]:
    def call(data: bytes) -> None:
        try:
            found = kind.parse(data)
        except Malformed:
            kind.from_json(lax_json(data))  # as it comes inside another document
            return
        assert canonical.dumps(found.to_json()) == data
        _judged(lambda: verify_account(found.digest(DOMAIN), found.signature, bytes(20)))

    return call


def card(data: bytes) -> None:
    try:
        found = KeyCardEnvelope.parse(data)
    except Malformed:
        found = KeyCardEnvelope.from_json(lax_json(data))
    _judged(lambda: verify_key_card(found, DOMAIN, subject=found.card.subject, accounts={bytes(20)}))


def signature(data: bytes) -> None:
    recover(data[:32], data[32:])


def verdict(data: bytes) -> None:
    found = Verdict.from_json(lax_json(data))
    assert found.to_json() == lax_json(data)


def _judged(verify: Callable[[], object]) -> None:
    try:
        verify()
    except OneFileError:
        return


def _messages() -> list[bytes]:
    found = [json.dumps(case["message"]).encode() for case in golden.cases("account-message")]
    return [*found, *(canonical.dumps(canonical.loads(raw)["grant"]["scope"][0]) for raw in _grants()[:1])]


def _grants() -> list[bytes]:
    return golden.raws("grant")


def _verdicts() -> list[bytes]:
    check = {"name": "format", "status": "pass", "code": "ok", "detail": "{x}", "fact_age_s": None}
    said = {"verdict": "accept", "at": 1_800_000_000, "checks": [check, {**check, "status": "fail", "fact_age_s": 3}]}
    return [canonical.dumps(said)]


def long_scopes() -> Sequence[bytes]:
    """Grants of as many parts, claims and documents as fit."""
    value = canonical.loads(_grants()[0])
    part = value["grant"]["scope"][0]
    many = [f"/{number:05}" for number in range(60_000)]
    claims = {**value, "grant": {**value["grant"], "scope": [{**part, "claims": many}]}}
    parts = {**value, "grant": {**value["grant"], "scope": [part] * 1000}}
    digests = ["0x" + number.to_bytes(32, "big").hex() for number in range(12_000)]
    documents = {**value, "grant": {**value["grant"], "scope": [{**part, "documents": digests}]}}
    return [canonical.dumps(found) for found in (claims, parts, documents)]


PARSERS = (
    Parser(
        "eip712-message", message,
        tuple(f"{kind.__module__}.{kind.__qualname__}.from_json" for kind in (Typed,)), _messages,
        limit=MAX_ENVELOPE_BYTES, words=WORDS,
    ),
    Parser(
        "grant", envelope(GrantEnvelope),
        ("protocol.account_envelope.AccountEnvelope.parse", "protocol.account_envelope.AccountEnvelope.from_json"), _grants,
        limit=MAX_ENVELOPE_BYTES + 64, words=WORDS, bombs=long_scopes,
    ),
    Parser(
        "mandate", envelope(MandateEnvelope), ("protocol.account_envelope.AccountEnvelope.parse",),
        lambda: golden.raws("mandate"), limit=MAX_ENVELOPE_BYTES + 64, words=WORDS,
    ),
    Parser(
        "key-card", card, ("protocol.keycard.KeyCardEnvelope.parse", "protocol.keycard.KeyCardEnvelope.from_json", "protocol.keycard.verify_key_card"),
        lambda: golden.raws("key-card"), limit=MAX_CARD_BYTES + 64, words=WORDS,
    ),
    Parser(
        "account-signature", signature, ("protocol.signatures.recover",),
        lambda: [bytes(range(32)) + bytes(31) + b"\x01" + bytes(31) + b"\x01\x1b", bytes(97)], errors=OURS, limit=4096,
    ),
    Parser("verdict", verdict, ("protocol.verdict.Verdict.from_json",), _verdicts, words=WORDS),
)  # fmt: skip
