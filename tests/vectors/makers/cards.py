"""Vectors of key cards: the signed statement of a party's current keys, and its envelope."""

from __future__ import annotations

from typing import Any

from protocol import canonical
from protocol.eip712 import Domain
from protocol.encoding import b64u, hex0x
from protocol.hashing import ZERO32, keccak256
from protocol.identifiers import agency_subject
from protocol.jose import P256Signer
from protocol.keycard import KeyCardEnvelope, first_card, next_card, seal_card
from tests.grant_samples import ALICE, BANK, BOB, DOSSIER, T0, b32
from tests.vectors.book import Book, octets
from tests.vectors.judges import accounts
from tests.vectors.makers.accounts import BENT, CARD, PRESENT, REGISTRY, SEALING

OTHER = P256Signer.from_secret(b32(0xF2))
AGENCIES = Domain(31337, bytes(19) + b"\xa1")


def signed(card: Any = CARD, place: Domain = REGISTRY, present: P256Signer = PRESENT) -> KeyCardEnvelope:
    return seal_card(card, place, present, SEALING, ALICE.sign(card.digest(place)))


def key_cards() -> Book:
    about = (
        "raw: a key card's envelope, JCS; subject: whose it must be; recorded: the hashes that the registry keeps; "
        "accounts: who may sign one that it does not keep; domain: the registry's; the result is its hash"
    )
    book = Book("key-card", about, accounts.key_card)
    good = signed()
    second = next_card(CARD, REGISTRY, PRESENT.public_jwk(), SEALING, valid_from=T0 + 9, revoked_below=2)
    place = {
        "domain": REGISTRY.to_json(),
        "subject": hex0x(DOSSIER),
        "accounts": [hex0x(ALICE.address)],
        "recorded": [],
    }
    book.accept("the first card", raw=octets(good.raw), **place)
    book.also("the second card, which revokes the first", raw=octets(signed(second).raw))
    digest = hex0x(CARD.digest(REGISTRY))
    unsigned = octets(canonical.dumps({**good.to_json(), "account_signature": "0x"}))
    book.also("recorded, and signed by nobody", raw=unsigned, accounts=[], recorded=[digest])
    subject = agency_subject(BANK.address)
    agency = first_card(subject, PRESENT.public_jwk(), SEALING, valid_from=T0)
    bank = seal_card(agency, AGENCIES, PRESENT, SEALING, BANK.sign(agency.digest(AGENCIES)))
    at = {"domain": AGENCIES.to_json(), "subject": hex0x(subject), "accounts": [hex0x(BANK.address)], "recorded": []}
    book.accept("an agency's card", raw=octets(bank.raw), **at)
    refuse_untrue(book, good)
    refuse_malformed(book, good)
    return book


def refuse_untrue(book: Book, good: KeyCardEnvelope) -> None:
    def changed(**members: Any) -> dict[str, str]:
        return octets(canonical.dumps({**good.to_json(), **members}))

    elsewhere = Domain(1, REGISTRY.verifying_contract)
    foreign = seal_card(CARD, elsewhere, PRESENT, SEALING, ALICE.sign(CARD.digest(elsewhere)))
    false = "untrusted:card_possession"
    book.refuse("made for another chain", false, raw=octets(foreign.raw))
    book.refuse("another chain", false, domain=elsewhere.to_json())
    book.refuse("another registry", false, domain=AGENCIES.to_json())
    book.refuse(
        "possession shown by another key", false, raw=changed(possession=b64u(OTHER.sign(CARD.digest(REGISTRY))))
    )
    book.refuse("possession shown for nothing", false, raw=changed(possession=b64u(bytes(64))))
    book.refuse("another dossier's", "untrusted:card_subject", subject=hex0x(b32(1)))
    book.refuse(
        "another present key", "untrusted:card_present_key", raw=changed(present_jwk=OTHER.public_jwk().to_json())
    )
    other = b64u(bytes([1]) + SEALING[1:])
    book.refuse("another sealing key", "untrusted:card_sealing_key", raw=changed(sealing_key=other))
    book.refuse("signed by nobody", "untrusted:card_unrecorded", raw=changed(account_signature="0x"))
    bob = hex0x(BOB.sign(CARD.digest(REGISTRY)))
    book.refuse("signed by another account", "untrusted:card_signature", raw=changed(account_signature=bob))
    book.refuse("another account may sign", "untrusted:card_signature", accounts=[hex0x(BOB.address)])
    book.refuse("nobody may sign", "untrusted:card_signature", accounts=[])
    of = "recorded, and signed by nobody"
    book.refuse("another card is recorded", "untrusted:card_unrecorded", of=of, recorded=[hex0x(b32(1))])
    for name in ("high s", "v is 0"):
        expect, change = BENT[name]
        signature = hex0x(change(good.account_signature))
        book.refuse(name, expect, raw=changed(account_signature=signature))


def refuse_malformed(book: Book, good: KeyCardEnvelope) -> None:
    body = good.to_json()
    card = body["card"]
    longer = hex0x(keccak256(b"") + b"\x00")
    for name, code, members in (
        ("version 2", "envelope_version", {"v": 2}),
        ("a seventh member", "key_card_envelope", {"name": ""}),
        ("a sealing key of 1,215 bytes", "length", {"sealing_key": b64u(SEALING[1:])}),
        ("a possession of 63 bytes", "length", {"possession": b64u(bytes(63))}),
        ("a private key", "jwk", {"present_jwk": {**body["present_jwk"], "d": b64u(bytes(32))}}),
        ("a compact signature", "signature_form", {"account_signature": body["account_signature"][:130]}),
        ("card 0", "key_card", {"card": {**card, "seq": 0}}),
        ("card 1 after another", "key_card", {"card": {**card, "previous": hex0x(b32(1))}}),
        ("card 2 after none", "key_card", {"card": {**card, "seq": 2}}),
        ("a card that revokes itself and more", "key_card", {"card": {**card, "revokedBelow": 2}}),
        ("a thumbprint of 33 bytes", "length", {"card": {**card, "presentKeyThumbprint": longer}}),
        ("a time beyond the year 9999", "key_card", {"card": {**card, "validFrom": 253_402_300_800}}),
    ):
        book.refuse(name, f"malformed:{code}", raw=octets(canonical.dumps({**body, **members})))
    missing = canonical.dumps({n: v for n, v in body.items() if n != "possession"})
    book.refuse("no possession", "malformed:key_card_envelope", raw=octets(missing))
    book.refuse("a space at the end", "malformed:not_canonical", raw=octets(good.raw + b" "))
    assert card["previous"] == hex0x(ZERO32)


def books() -> list[Book]:
    """All of this module."""
    return [key_cards()]
