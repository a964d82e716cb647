"""Vectors of guardian sets and recovery requests."""

from __future__ import annotations

from typing import Any

from protocol import canonical
from protocol.dossier_messages import RecoverDossier
from protocol.encoding import b64u, hex0x
from protocol.guardians import MAX_GUARDIANS, GuardianSet
from protocol.keys import Root, derive_sealing
from protocol.recipients import X25519Identity
from protocol.recovery import RecoveryRequest
from tests.grant_samples import ALICE, BOB, DOSSIER, T0, b32
from tests.vectors.book import Book, octets
from tests.vectors.judges import recoveries

REGISTRY = bytes(19) + b"\xa2"
THREE = GuardianSet.of(b32(7), [ALICE.address, BOB.address, bytes(19) + b"\x01"])
READER = derive_sealing(Root(b32(9)), 0).recipient()


def guardian_sets() -> Book:
    book = Book(
        "guardian-set",
        "set: the salt and the accounts behind the hash that the registry keeps",
        recoveries.guardian_set,
    )
    book.accept("three guardians", set=THREE.to_json())
    book.accept("one guardian", set=GuardianSet.of(b32(8), [ALICE.address]).to_json())
    most = [i.to_bytes(20, "big") for i in range(1, MAX_GUARDIANS + 1)]
    book.accept("sixteen guardians", set=GuardianSet.of(b32(8), most).to_json())
    body, accounts = THREE.to_json(), THREE.to_json()["accounts"]
    for name, code, change in (
        ("nobody", "guardian_count", {"accounts": []}),
        ("seventeen guardians", "field_count", {"accounts": [hex0x(i.to_bytes(20, "big")) for i in range(1, 18)]}),
        ("descending accounts", "guardian_order", {"accounts": accounts[::-1]}),
        ("a guardian twice", "guardian_order", {"accounts": [accounts[0], accounts[0]]}),
        ("an account of 19 bytes", "length", {"accounts": [accounts[0][:-2]]}),
        ("an account of 32 bytes", "length", {"accounts": ["0x" + "00" * 32]}),
        ("an account in capitals", "hex", {"accounts": [accounts[2].upper().replace("0X", "0x")]}),
        ("accounts as text", "field_type", {"accounts": accounts[0]}),
        ("an account as a number", "hex", {"accounts": [1]}),
        ("a salt of 31 bytes", "length", {"salt": b64u(bytes(31))}),
        ("a salt in hex", "base64url", {"salt": hex0x(THREE.salt)}),
        ("an extra member", "field_unknown", {"more": 1}),
    ):
        book.refuse(name, f"malformed:{code}", set={**body, **change})
    book.refuse("no salt", "malformed:field_missing", set={"accounts": accounts})
    return book


def requests() -> Book:
    about = "raw: a recovery request as it travels; its digits are what guardians compare, signed what they sign"
    book = Book("recovery-request", about, recoveries.request)
    message = RecoverDossier(DOSSIER, ALICE.address, BOB.address, by_all=False, nonce=0, deadline=T0)
    by_all = RecoverDossier(DOSSIER, ALICE.address, BOB.address, by_all=True, nonce=3, deadline=T0)
    for name, one in (("by a quorum", message), ("by all", by_all)):
        book.accept(name, raw=octets(RecoveryRequest.make(31337, REGISTRY, one, READER).raw))
    body: dict[str, Any] = {
        "v": 1,
        "chain": 31337,
        "registry": hex0x(REGISTRY),
        "message": message.to_json(),
        "recipient": str(READER),
    }
    classic = str(X25519Identity(b32(1)).recipient())
    for name, code, change in (
        ("another version", "field_range", {"v": 2}),
        ("a chain as text", "field_type", {"chain": "31337"}),
        ("a negative chain", "field_range", {"chain": -1}),
        ("a registry of 19 bytes", "length", {"registry": hex0x(bytes(19))}),
        ("a message of another kind", "eip712_value", {"message": {"dossier": hex0x(DOSSIER)}}),
        ("a recipient that is no post-quantum one", "field_form", {"recipient": classic}),
        ("a recipient with a letter changed", "bech32_checksum", {"recipient": _changed(str(READER))}),
        ("no recipient", "field_length", {"recipient": ""}),
        ("an extra member", "field_unknown", {"more": 1}),
    ):
        book.refuse(name, f"malformed:{code}", raw=octets(canonical.dumps({**body, **change})))
    raw = canonical.dumps(body)
    book.refuse("a space at the end", "malformed:not_canonical", raw=octets(raw + b" "))
    book.refuse("cut off", "malformed:json", raw=octets(raw[:-1]))
    book.refuse("too long", "malformed:too_large", raw=octets(raw + b" " * 8192))
    return book


def _changed(text: str) -> str:
    return text[:-1] + ("q" if text[-1] != "q" else "p")


def books() -> list[Book]:
    return [guardian_sets(), requests()]
