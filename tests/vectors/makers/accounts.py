"""Vectors of what accounts sign: EIP-712 messages, grants, mandates; and of the end of a grant."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from protocol import canonical
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
from protocol.encoding import b64u, hex0x
from protocol.grant import GrantEnvelope
from protocol.hashing import ZERO32, keccak256
from protocol.jose import P256Signer
from protocol.keycard import first_card
from protocol.mandate import Mandate, MandateEnvelope
from protocol.revocations import EpochChange, Revocation
from protocol.signatures import ORDER
from tests.grant_samples import (
    ALICE,
    BOB,
    DOMAIN,
    DOSSIER,
    ORIGIN,
    REVOKE_KEY,
    SECRET,
    T0,
    Account,
    a_grant,
    a_scope,
    b32,
    signed,
)
from tests.vectors.book import Book, octets
from tests.vectors.judges import accounts

REGISTRY = Domain(31337, bytes(19) + b"\xa2")
PRESENT = P256Signer.from_secret(b32(0xF1))
SEALING = bytes(range(256)) * 4 + bytes(192)
CARD = first_card(DOSSIER, PRESENT.public_jwk(), SEALING, valid_from=T0)
GRANT = a_grant(scenario=keccak256(b"a scenario's JWS would be here"))
MANDATE = Mandate(b32(0x3A), keccak256(ORIGIN.encode()), DOSSIER, 1, BOB.address, 2, (b32(1), b32(2)), 5, T0, T0 + 60, ZERO32, 0, b32(9))  # fmt: skip
LONGER = b"\x01" * 33


def high_s(raw: bytes) -> bytes:
    return raw[:32] + (ORDER - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big") + bytes([55 - raw[64]])


# What can be wrong with a signature of 65 bytes, whatever it signs.
BENT: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "high s": ("untrusted:signature_malleable", high_s),
    "r is zero": ("untrusted:signature", lambda s: bytes(32) + s[32:]),
    "r is the order": ("untrusted:signature", lambda s: ORDER.to_bytes(32, "big") + s[32:]),
    "s is zero": ("untrusted:signature", lambda s: s[:32] + bytes(32) + s[64:]),
    "v is 0": ("malformed:signature_form", lambda s: s[:64] + b"\x00"),
    "v is 29": ("malformed:signature_form", lambda s: s[:64] + b"\x1d"),
    "the other v": ("untrusted:signature", lambda s: s[:64] + bytes([55 - s[64]])),
}


def messages() -> Book:
    about = (
        "type, message: an EIP-712 message as contracts/MESSAGES.md has it; signature (65 bytes) by signer in domain"
    )
    book = Book("account-message", about, accounts.message)
    opened = OpenDossier(ALICE.address, BOB.address, b32(1), T0)
    found: list[tuple[Typed, Domain]] = [
        (opened, REGISTRY),
        (RotateDossier(DOSSIER, BOB.address, ALICE.address, 7, T0), REGISTRY),
        (BumpEpoch(DOSSIER, 7, T0), REGISTRY),
        (SetGuardians(DOSSIER, b32(7), 2, 86_400, 8, T0), REGISTRY),
        (FreezeDossier(DOSSIER, ALICE.address, 0, T0), REGISTRY),
        (RecoverDossier(DOSSIER, ALICE.address, BOB.address, by_all=False, nonce=1, deadline=T0), REGISTRY),
        (VetoRecovery(DOSSIER, 1, 9, T0), REGISTRY),
        (CARD, REGISTRY),
        (GRANT, DOMAIN),
        (MANDATE, DOMAIN),
    ]
    for one, place in found:
        signature = hex0x(ALICE.sign(one.digest(place)))
        given = {"type": one.TYPE.name, "message": one.to_json(), "domain": place.to_json()}
        book.accept(one.TYPE.name, **given, signer=hex0x(ALICE.address), signature=signature)
    refuse_messages(book, opened)
    return book


def refuse_messages(book: Book, opened: OpenDossier) -> None:
    body = opened.to_json()
    signature = ALICE.sign(opened.digest(REGISTRY))
    false = "untrusted:signature"
    book.refuse("another chain", false, domain={**REGISTRY.to_json(), "chainId": 1})
    book.refuse("another contract", false, domain=DOMAIN.to_json())
    book.refuse("another account", false, signer=hex0x(BOB.address))
    book.refuse("a second more", false, message={**body, "deadline": T0 + 1})
    book.refuse(
        "owner and controller swapped",
        false,
        message={**body, "owner": body["controller"], "controller": body["owner"]},
    )
    book.refuse(
        "another nonce",
        false,
        of="RotateDossier",
        message={**book.base("RotateDossier")["input"]["message"], "nonce": 8},
    )
    refuse_guardians(book)
    for name, (expect, change) in BENT.items():
        book.refuse(name, expect, signature=hex0x(change(signature)))
    book.refuse("the compact form", "malformed:signature_form", signature=hex0x(signature[:64]))
    book.refuse("an unknown type", "malformed:eip712_type", type="CloseDossier")
    for name, code, change in (
        ("a salt of 31 bytes", "length", {"salt": hex0x(bytes(31))}),
        ("a salt of 33 bytes", "length", {"salt": hex0x(LONGER)}),
        ("an address in 32 bytes", "length", {"owner": hex0x(bytes(12) + ALICE.address)}),
        ("a checksummed address", "hex", {"owner": "0x" + ALICE.address.hex().upper()}),
        ("a deadline as text", "eip712_value", {"deadline": str(T0)}),
        ("a deadline as true", "eip712_value", {"deadline": True}),
        ("a negative deadline", "eip712_value", {"deadline": -1}),
        ("a deadline of 2^53", "eip712_value", {"deadline": 2**53}),
        ("an extra member", "eip712_value", {"extra": 1}),
    ):
        book.refuse(name, f"malformed:{code}", message={**body, **change})
    book.refuse("a member missing", "malformed:eip712_value", message={n: v for n, v in body.items() if n != "salt"})


def refuse_guardians(book: Book) -> None:
    """What guardians and owners sign about guardians, with one member changed."""
    false, value = "untrusted:signature", "malformed:eip712_value"
    for kind, name, expect, change in (
        ("SetGuardians", "another guardian set", false, {"setHash": hex0x(b32(8))}),
        ("SetGuardians", "a lower threshold", false, {"threshold": 1}),
        ("SetGuardians", "a shorter delay", false, {"delay": 60}),
        ("SetGuardians", "a threshold of 256", value, {"threshold": 256}),
        ("SetGuardians", "a delay of 2^32", value, {"delay": 2**32}),
        ("FreezeDossier", "another guardian's freeze", false, {"guardian": hex0x(BOB.address)}),
        ("FreezeDossier", "a freeze used again", false, {"nonce": 1}),
        ("RecoverDossier", "a thief as new owner", false, {"newOwner": hex0x(BOB.address)}),
        ("RecoverDossier", "a recovery beyond veto", false, {"byAll": True}),
        ("RecoverDossier", "by all as a number", value, {"byAll": 1}),
        ("RecoverDossier", "an older recovery", false, {"nonce": 0}),
        ("VetoRecovery", "the veto of another recovery", false, {"recovery": 0}),
        ("VetoRecovery", "a veto for ever", false, {"deadline": T0 + 1}),
    ):
        book.refuse(name, expect, of=kind, message={**book.base(kind)["input"]["message"], **change})


def envelope(book: Book, name: str, raw: bytes, place: Domain = DOMAIN, signer: Account = ALICE) -> None:
    book.accept(name, raw=octets(raw), domain=place.to_json(), signer=hex0x(signer.address))


def bent(**members: Any) -> dict[str, str]:
    """The honest envelope with members of the grant replaced, still canonical."""
    body = signed(GRANT).to_json()
    body["grant"].update(members)
    return octets(canonical.dumps(body))


def bent_scope(**members: Any) -> dict[str, str]:
    body = signed(GRANT).to_json()
    body["grant"]["scope"][0].update(members)
    return octets(canonical.dumps(body))


def grants() -> Book:
    about = "raw: a grant's envelope, JCS; signed by signer in domain; the result is digest and SHA-256"
    book = Book("grant", about, accounts.grant)
    good = signed(GRANT)
    two = (a_scope(documents=()), a_scope(query="licence", claims=("/a~1b", "/姓名"), documents=(b32(1), b32(2))))
    envelope(book, "two claims and a document", good.raw)
    envelope(book, "two queries of one item", signed(replace(GRANT, scope=two)).raw)
    envelope(book, "the other signer", signed(replace(GRANT, grantor=BOB.address), by=BOB).raw, signer=BOB)
    false = "untrusted:signature"
    book.refuse("another chain", false, domain={**DOMAIN.to_json(), "chainId": 1})
    book.refuse("another contract", false, domain=REGISTRY.to_json())
    book.refuse("another account", false, raw=octets(signed(GRANT, by=BOB).raw))
    book.refuse("one more use", false, raw=bent(maxUses=4))
    book.refuse("one more second", false, raw=bent(notAfter=GRANT.not_after + 1))
    book.refuse("one claim less", false, raw=bent_scope(claims=["/base_amount"]))
    for name, (expect, change) in BENT.items():
        book.refuse(name, expect, raw=octets(GrantEnvelope.of(GRANT, change(good.signature)).raw))
    refuse_grant_bounds(book)
    return book


def refuse_grant_bounds(book: Book) -> None:
    good = signed(GRANT)
    honest = good.to_json()
    twice = honest["grant"]["scope"] * 2
    for name, code, raw in (
        ("compact signature", "signature_form", octets(canonical.dumps({**honest, "signature": honest["signature"][:130]}))),
        ("short id", "length", bent(grantId="0x" + "01" * 31)),
        ("padded id", "length", bent(grantId="0x" + "01" * 33)),
        ("zero id", "grant_id", bent(grantId=hex0x(ZERO32))),
        ("zero nullifier", "grant_id", bent(nullifier=hex0x(ZERO32))),
        ("address in 32 bytes", "length", bent(agency="0x" + "00" * 12 + "01" * 20)),
        ("upper-case hex", "hex", bent(log="0x" + "AB" * 32)),
        ("uses as text", "eip712_value", bent(maxUses="3")),
        ("uses as true", "eip712_value", bent(maxUses=True)),
        ("uses beyond 32 bits", "eip712_value", bent(maxUses=2**32)),
        ("no uses", "grant_bounds", bent(maxUses=0)),
        ("an extra member", "eip712_value", bent(extra=1)),
        ("depth 1", "grant_bounds", bent(maxDepth=1)),
        ("no purpose", "grant_bounds", bent(purpose="")),
        ("no scope", "grant_bounds", bent(scope=[])),
        ("an item twice for one query", "grant_order", bent(scope=twice)),
        ("neither claims nor documents", "grant_bounds", bent_scope(claims=[], documents=[])),
        ("ends as it begins", "grant_bounds", bent(notAfter=GRANT.not_before)),
        ("claims out of order", "grant_order", bent_scope(claims=["/b", "/a"])),
        ("a claim twice", "grant_order", bent_scope(claims=["/a", "/a"])),
        ("documents out of order", "grant_order", bent_scope(documents=[hex0x(b32(2)), hex0x(b32(1))])),
        ("a claim that is no pointer", "grant_claims", bent_scope(claims=["a"])),
        ("a query with a space", "grant_query", bent_scope(query="an insurance")),
        ("version 2", "envelope_version", octets(canonical.dumps({**honest, "v": 2}))),
        ("version true", "envelope_version", octets(canonical.dumps({**honest, "v": True}))),
        ("a member beside the three", "envelope", octets(canonical.dumps({**honest, "note": ""}))),
        ("a space at the end", "not_canonical", octets(good.raw + b" ")),
        ("members out of order", "not_canonical", octets(json.dumps({"v": 1, **honest}, ensure_ascii=False).encode())),
    ):  # fmt: skip
        book.refuse(name, f"malformed:{code}", raw=raw)


def mandates() -> Book:
    about = "raw: a mandate's envelope, JCS; signed by signer in domain; the result is digest and SHA-256"
    book = Book("mandate", about, accounts.mandate)
    good = MandateEnvelope.of(MANDATE, ALICE.sign(MANDATE.digest(DOMAIN)))
    free = replace(MANDATE, scenarios=(), powers=15)
    envelope(book, "power to grant in two scenarios", good.raw)
    envelope(book, "every power in any scenario", MandateEnvelope.of(free, ALICE.sign(free.digest(DOMAIN))).raw)
    body = good.to_json()

    def changed(**members: Any) -> dict[str, str]:
        return octets(canonical.dumps({**body, "mandate": {**body["mandate"], **members}}))

    false = "untrusted:signature"
    book.refuse("another chain", false, domain={**DOMAIN.to_json(), "chainId": 1})
    book.refuse("another contract", false, domain=REGISTRY.to_json())
    book.refuse("another principal", false, signer=hex0x(BOB.address))
    book.refuse("one more power", false, raw=changed(powers=3))
    book.refuse("another agent", false, raw=changed(agent=hex0x(ALICE.address)))
    book.refuse("one scenario less", false, raw=changed(scenarios=[hex0x(b32(1))]))
    for name, (expect, change) in BENT.items():
        book.refuse(name, expect, raw=octets(MandateEnvelope.of(MANDATE, change(good.signature)).raw))
    for name, code, members in (
        ("no power", "mandate_powers", {"powers": 0}),
        ("power 16", "mandate_powers", {"powers": 16}),
        ("powers beyond eight bits", "eip712_value", {"powers": 256}),
        ("ends as it begins", "mandate_time", {"notAfter": T0}),
        ("scenarios out of order", "mandate_scenarios", {"scenarios": [hex0x(b32(2)), hex0x(b32(1))]}),
        ("a scenario twice", "mandate_scenarios", {"scenarios": [hex0x(b32(1))] * 2}),
        ("under another mandate", "mandate_depth", {"parent": hex0x(b32(1))}),
        ("depth 1", "mandate_depth", {"maxDepth": 1}),
        ("zero id", "mandate_id", {"mandateId": hex0x(ZERO32)}),
        ("zero nullifier", "mandate_id", {"nullifier": hex0x(ZERO32)}),
        ("an agent of 32 bytes", "length", {"agent": hex0x(bytes(32))}),
    ):
        book.refuse(name, f"malformed:{code}", raw=changed(**members))
    book.refuse("a grant", "malformed:envelope", raw=octets(signed(GRANT).raw))
    book.refuse("version 2", "malformed:envelope_version", raw=octets(canonical.dumps({**body, "v": 2})))
    book.refuse("a space at the end", "malformed:not_canonical", raw=octets(good.raw + b" "))
    return book


def revocations() -> Book:
    about = (
        "raw: the object of a revoke entry. With id: it must end the grant or mandate of that id, whose message names "
        "nullifier; the result says whether the secret is the one that revoke_key gives"
    )
    book = Book("revocation", about, accounts.revocation)
    good = Revocation(GRANT.grant_id, SECRET).serialise()
    place = {"id": hex0x(GRANT.grant_id), "nullifier": hex0x(GRANT.nullifier), "revoke_key": hex0x(REVOKE_KEY)}
    book.accept("the end of a grant", raw=octets(good), **place)
    own = {"id": hex0x(MANDATE.mandate_id), "nullifier": hex0x(keccak256(b32(7))), "revoke_key": hex0x(REVOKE_KEY)}
    book.accept(
        "a secret that no revoke key gave", raw=octets(Revocation(MANDATE.mandate_id, b32(7)).serialise()), **own
    )
    epoch = EpochChange(2, b32(0x7A))
    book.also("a new epoch", raw=octets(epoch.serialise()), id=None)
    book.refuse(
        "another secret", "untrusted:revocation_secret", raw=octets(Revocation(GRANT.grant_id, b32(7)).serialise())
    )
    book.refuse("another nullifier", "untrusted:revocation_secret", nullifier=hex0x(MANDATE.nullifier))
    book.refuse("another grant", "untrusted:revocation_other", id=hex0x(b32(0x6B)))
    book.refuse(
        "the id of another", "untrusted:revocation_other", raw=octets(Revocation(b32(0x6B), SECRET).serialise())
    )
    book.refuse("an epoch in its place", "untrusted:revocation_other", raw=octets(epoch.serialise()))
    body = {"id": b64u(GRANT.grant_id), "secret": b64u(SECRET)}
    for name, code, value in (
        ("a secret of 31 bytes", "length", {**body, "secret": b64u(SECRET[1:])}),
        ("a secret in hex", "length", {**body, "secret": SECRET.hex()}),
        ("an id with 0x", "base64url", {**body, "id": hex0x(GRANT.grant_id)}),
        ("no secret", "field_missing", {"id": body["id"]}),
        ("a reason", "field_unknown", {**body, "reason": ""}),
        ("a list", "json_object", [body["id"], body["secret"]]),
    ):
        book.refuse(name, f"malformed:{code}", raw=octets(canonical.dumps(value)))
    book.refuse("a space", "malformed:not_canonical", raw=octets(good.replace(b",", b", ")))
    of = "a new epoch"
    change = {"epoch": 2, "transaction": hex0x(b32(0x7A))}
    for name, code, value in (
        ("epoch 0", "field_range", {**change, "epoch": 0}),
        ("an epoch as text", "field_type", {**change, "epoch": "2"}),
        ("a transaction of 31 bytes", "length", {**change, "transaction": hex0x(bytes(31))}),
        ("an epoch and a secret", "field_unknown", {**change, **body}),
    ):
        book.refuse(name, f"malformed:{code}", of=of, raw=octets(canonical.dumps(value)))
    return book


def books() -> list[Book]:
    """All of this module."""
    return [messages(), grants(), mandates(), revocations()]
