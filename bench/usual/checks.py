"""What the usual service checks at a release: the same as protocol.verify_grant and vault_api.services.releases."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from eth_account import Account
from eth_account.messages import encode_typed_data
from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field

from bench.usual.models import Agency, Dossier, Grant, Nullifier, Scenario

SKEW_S = 120
DAY_S = 86_400


class Officer(BaseModel):
    officer_class: str = Field(alias="class")
    ref: str


class ReceiptItem(BaseModel):
    item: str
    claims: list[str]
    documents: list[str]


class Receipt(BaseModel):
    model_config = ConfigDict(extra="forbid")

    jti: str
    iat: int
    iss: str
    aud: str
    grant: str
    scenario: str
    officer: Officer
    items: list[ReceiptItem]
    retain_until: int
    card: str


def refuse(status: int, why: str) -> HTTPException:
    return HTTPException(status, why)


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read_receipt(raw: str, agency: Agency) -> Receipt:
    """The receipt, if the agency's key signed it."""
    signed, _, signature = raw.rpartition(".")
    half = unb64(signature)
    numbers = EllipticCurvePublicNumbers(
        int.from_bytes(unb64(agency.card_x), "big"), int.from_bytes(unb64(agency.card_y), "big"), SECP256R1()
    )
    der = encode_dss_signature(int.from_bytes(half[:32], "big"), int.from_bytes(half[32:], "big"))
    try:
        numbers.public_key().verify(der, signed.encode(), ECDSA(SHA256()))
    except InvalidSignature:
        raise refuse(403, "receipt signature") from None
    return Receipt.model_validate(json.loads(unb64(signed.partition(".")[2])))


def check_receipt(receipt: Receipt, grant: dict[str, Any], agency: Agency, log: str, now: int) -> None:
    """Who uses, when, for how long, and that no more is asked than the grant gives."""
    if receipt.iss != agency.urn or grant["agency"].lower() != agency.account:
        raise refuse(403, "grant agency")
    if receipt.card != agency.card or agency.card_compromised_since is not None:
        raise refuse(403, "receipt card")
    if receipt.aud != log or abs(now - receipt.iat) > SKEW_S:
        raise refuse(403, "receipt audience or age")
    if unb64(receipt.scenario) != unhex(grant["scenario"]):
        raise refuse(403, "receipt scenario")
    if receipt.retain_until > now + grant["retentionDays"] * DAY_S:
        raise refuse(403, "retention")
    check_asked(receipt, grant)


def check_asked(receipt: Receipt, grant: dict[str, Any]) -> None:
    """No more than the grant gives."""
    parts = {unhex(part["item"]): part for part in grant["scope"]}
    for item in receipt.items:
        part = parts.get(unb64(item.item))
        if part is None or not set(item.claims) <= set(part["claims"]):
            raise refuse(403, "over-asking")
        if not {unb64(document) for document in item.documents} <= {unhex(text) for text in part["documents"]}:
            raise refuse(403, "over-asking")


def check_signature(grant: Grant, dossier: Dossier) -> None:
    """The dossier's controller signed the grant."""
    message = encode_typed_data(full_message=grant.typed_data)
    signer = Account.recover_message(message, signature=grant.signature).lower()
    if signer != grant.typed_data["message"]["grantor"].lower() or signer != dossier.controller:
        raise refuse(403, "grant signature")


def check_alive(grant: Grant, dossier: Dossier, spent: Nullifier | None, now: int) -> None:
    """Not revoked, within its time, and good for one more use."""
    body = grant.typed_data["message"]
    if body["grantEpoch"] != dossier.grant_epoch or dossier.frozen_until > now or spent is not None:
        raise refuse(403, "grant revoked")
    if not body["notBefore"] <= now < body["notAfter"]:
        raise refuse(403, "grant time")
    if grant.uses >= body["maxUses"]:
        raise refuse(403, "grant used up")
    if grant.last_use_at is not None and now < grant.last_use_at + body["minIntervalS"]:
        raise refuse(403, "grant interval")


def check_scope(body: dict[str, Any], dossier: Dossier, agency: Agency, scenario: Scenario, now: int) -> None:
    """A registered reader, items of this dossier, and no more than the scenario allows."""
    if agency.reader_since > now or (agency.reader_until is not None and agency.reader_until <= now):
        raise refuse(403, "not a reader")
    items = {item.item for item in dossier.items}
    if not {part["item"] for part in body["scope"]} <= items:
        raise refuse(403, "item unknown")
    terms = scenario.body
    if not terms["effective"] <= now < terms["expires"] or agency.division not in terms["grantee_classes"]:
        raise refuse(403, "scenario")
    if body["purpose"] not in terms["purpose"].values() or body["maxUses"] > terms["max_uses"]:
        raise refuse(403, "scenario terms")
    if body["retentionDays"] > terms["retention_days"]:
        raise refuse(403, "scenario terms")
    if body["notAfter"] - body["notBefore"] > terms["max_validity_days"] * DAY_S:
        raise refuse(403, "scenario terms")
    allowed = {c["id"]: {pointer(claim) for claim in c["claims"]} for c in terms["query"]["credentials"]}
    if any(not set(part["claims"]) <= allowed.get(part["query"], set()) for part in body["scope"]):
        raise refuse(403, "over-asking")


def pointer(claim: dict[str, Any]) -> str:
    return "".join("/" + ("*" if part is None else str(part)) for part in claim["path"])


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
