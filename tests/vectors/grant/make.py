"""Makes ``vectors.json``: golden messages and envelopes, each with at most one single failure.

    python -m tests.vectors.grant.make          writes the file
    python -m tests.vectors.grant.make --check  fails if it would change
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from protocol import canonical
from protocol.account_envelope import AccountEnvelope
from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.eip712 import Domain, Typed, typed_data
from protocol.encoding import hex0x
from protocol.grant import GrantEnvelope
from protocol.hashing import ZERO32, keccak256
from protocol.jose import P256Signer
from protocol.keycard import KeyCardEnvelope, first_card, next_card, seal_card
from protocol.mandate import Mandate, MandateEnvelope
from protocol.signatures import ORDER
from tests.grant_samples import ALICE, BOB, DOMAIN, DOSSIER, ORIGIN, T0, Account, a_grant, a_scope, b32, signed

FILE = Path(__file__).with_name("vectors.json")
REGISTRY = Domain(31337, bytes(19) + b"\xa2")
PRESENT = P256Signer.from_secret(b32(0xF1))
SEALING = bytes(range(256)) * 4 + bytes(192)
FIXED_SCENARIO = keccak256(b"a scenario's JWS would be here")  # an ES256 signature is another one each time

GRANT = a_grant(scenario=FIXED_SCENARIO)
MANDATE = Mandate(b32(0x3A), keccak256(ORIGIN.encode()), DOSSIER, 1, BOB.address, 2, (b32(1), b32(2)), 5, T0, T0 + 60, ZERO32, 0, b32(9))  # fmt: skip
CARD = first_card(DOSSIER, PRESENT.public_jwk(), SEALING, valid_from=T0)


def case(kind: str, name: str, expect: str, code: str, **values: Any) -> dict[str, Any]:
    return {"kind": kind, "name": name, "expect": expect, "code": code, **values}


def message(found: Typed, domain: Domain) -> dict[str, Any]:
    """A bare message: its JSON, its type string, its digest, and a deterministic signature by Alice."""
    digest = found.digest(domain)
    return case(
        "message",
        found.TYPE.name,
        "accept",
        "",
        data=typed_data(found, domain),
        type_hash=hex0x(found.TYPE.type_hash),
        digest=hex0x(digest),
        signer=hex0x(ALICE.address),
        signature=hex0x(ALICE.sign(digest)),
    )


def envelope(
    kind: str, name: str, expect: str, code: str, found: AccountEnvelope[Any] | bytes, signer: Account = ALICE
) -> dict[str, Any]:
    """The bytes of an envelope, the domain that it is verified in, and the account that should have signed."""
    raw = found if isinstance(found, bytes) else found.raw
    return case(kind, name, expect, code, raw=raw.decode("utf-8"), domain=DOMAIN.to_json(), signer=hex0x(signer.address))


def with_signature(change: Any) -> GrantEnvelope:
    return GrantEnvelope.of(GRANT, change(ALICE.sign(GRANT.digest(DOMAIN))))


def high_s(raw: bytes) -> bytes:
    return raw[:32] + (ORDER - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big") + bytes([55 - raw[64]])


def bent(**members: Any) -> bytes:
    """The honest envelope with members of the grant replaced, still canonical."""
    body = signed(GRANT).to_json()
    body["grant"].update(members)
    return canonical.dumps(body)


def bent_scope(**members: Any) -> bytes:
    body = signed(GRANT).to_json()
    body["grant"]["scope"][0].update(members)
    return canonical.dumps(body)


def grants() -> list[dict[str, Any]]:
    two = (a_scope(documents=()), a_scope(query="licence", claims=("/a~1b", "/姓名"), documents=(b32(1), b32(2))))
    good = signed(GRANT)
    honest = good.to_json()
    return [
        envelope("grant", "two claims and a document", "accept", "", good),
        envelope("grant", "two queries of one item", "accept", "", signed(replace(GRANT, scope=two))),
        envelope("grant", "the other signer", "accept", "", signed(replace(GRANT, grantor=BOB.address), by=BOB), BOB),
        envelope("grant", "another chain", "untrusted", "signature", signed(GRANT, domain=Domain(1, DOMAIN.verifying_contract))),
        envelope("grant", "another contract", "untrusted", "signature", signed(GRANT, domain=REGISTRY)),
        envelope("grant", "another account", "untrusted", "signature", signed(GRANT, by=BOB)),
        envelope("grant", "one more use", "untrusted", "signature", bent(maxUses=4)),
        envelope("grant", "one more second", "untrusted", "signature", bent(notAfter=GRANT.not_after + 1)),
        envelope("grant", "one claim less", "untrusted", "signature", bent_scope(claims=["/base_amount"])),
        envelope("grant", "high s", "untrusted", "signature_malleable", with_signature(high_s)),
        envelope("grant", "r is zero", "untrusted", "signature", with_signature(lambda s: bytes(32) + s[32:])),
        envelope("grant", "r is the order", "untrusted", "signature", with_signature(lambda s: ORDER.to_bytes(32, "big") + s[32:])),
        envelope("grant", "v is 0", "malformed", "signature_form", with_signature(lambda s: s[:64] + b"\x00")),
        envelope("grant", "compact signature", "malformed", "signature_form", canonical.dumps({**honest, "signature": honest["signature"][:130]})),
        envelope("grant", "short id", "malformed", "length", bent(grantId="0x" + "01" * 31)),
        envelope("grant", "padded id", "malformed", "length", bent(grantId="0x" + "01" * 33)),
        envelope("grant", "address in 32 bytes", "malformed", "length", bent(agency="0x" + "00" * 12 + "01" * 20)),
        envelope("grant", "upper-case hex", "malformed", "hex", bent(log="0x" + "AB" * 32)),
        envelope("grant", "uses as text", "malformed", "eip712_value", bent(maxUses="3")),
        envelope("grant", "uses as true", "malformed", "eip712_value", bent(maxUses=True)),
        envelope("grant", "uses beyond 32 bits", "malformed", "eip712_value", bent(maxUses=2**32)),
        envelope("grant", "an extra member", "malformed", "eip712_value", bent(extra=1)),
        envelope("grant", "depth 1", "malformed", "grant_bounds", bent(maxDepth=1)),
        envelope("grant", "no scope", "malformed", "grant_bounds", bent(scope=[])),
        envelope("grant", "ends as it begins", "malformed", "grant_bounds", bent(notAfter=GRANT.not_before)),
        envelope("grant", "claims out of order", "malformed", "grant_order", bent_scope(claims=["/b", "/a"])),
        envelope("grant", "a claim twice", "malformed", "grant_order", bent_scope(claims=["/a", "/a"])),
        envelope("grant", "a claim that is no pointer", "malformed", "grant_claims", bent_scope(claims=["a"])),
        envelope("grant", "version 2", "malformed", "envelope_version", canonical.dumps({**honest, "v": 2})),
        envelope("grant", "a space at the end", "malformed", "not_canonical", good.raw + b" "),
        envelope("grant", "members out of order", "malformed", "not_canonical", json.dumps({"v": 1, **honest}, ensure_ascii=False).encode()),
    ]  # fmt: skip


def mandates() -> list[dict[str, Any]]:
    good = MandateEnvelope.of(MANDATE, ALICE.sign(MANDATE.digest(DOMAIN)))
    wider = good.to_json()
    wider["mandate"]["powers"] = 3
    return [
        envelope("mandate", "power to grant in two scenarios", "accept", "", good),
        envelope("mandate", "one more power", "untrusted", "signature", canonical.dumps(wider)),
    ]


def cards() -> list[dict[str, Any]]:
    def card_case(name: str, expect: str, code: str, found: KeyCardEnvelope, **changes: Any) -> dict[str, Any]:
        body = {**found.to_json(), **changes}
        place = {"domain": REGISTRY.to_json(), "signer": hex0x(ALICE.address), "subject": hex0x(DOSSIER)}
        return case("key card", name, expect, code, raw=canonical.dumps(body).decode("utf-8"), **place)

    good = seal_card(CARD, REGISTRY, PRESENT, SEALING, ALICE.sign(CARD.digest(REGISTRY)))
    second = next_card(CARD, REGISTRY, PRESENT.public_jwk(), SEALING, valid_from=T0 + 9, revoked_below=2)
    after = seal_card(second, REGISTRY, PRESENT, SEALING, ALICE.sign(second.digest(REGISTRY)))
    elsewhere = Domain(1, REGISTRY.verifying_contract)
    foreign = seal_card(CARD, elsewhere, PRESENT, SEALING, ALICE.sign(CARD.digest(REGISTRY)))
    other = P256Signer.from_secret(b32(0xF2)).public_jwk().to_json()
    return [
        card_case("the first card", "accept", "", good),
        card_case("the second card, which revokes the first", "accept", "", after),
        card_case("possession shown on another chain", "untrusted", "card_possession", foreign),
        card_case("another present key", "untrusted", "card_present_key", good, present_jwk=other),
        card_case("signed by nobody", "untrusted", "card_unrecorded", good, account_signature="0x"),
        card_case("signed by another account", "untrusted", "card_signature", good, account_signature=hex0x(BOB.sign(CARD.digest(REGISTRY)))),
    ]  # fmt: skip


def messages() -> list[dict[str, Any]]:
    found: list[tuple[Typed, Domain]] = [
        (GRANT, DOMAIN),
        (MANDATE, DOMAIN),
        (CARD, REGISTRY),
        (OpenDossier(ALICE.address, BOB.address, b32(1), T0), REGISTRY),
        (RotateDossier(DOSSIER, BOB.address, ALICE.address, 7, T0), REGISTRY),
        (BumpEpoch(DOSSIER, 7, T0), REGISTRY),
    ]
    return [message(one, domain) for one, domain in found]


def vectors() -> dict[str, Any]:
    about = "golden vectors; made by tests/vectors/grant/make.py, formats in docs/spec/grant.md and keycard.md"
    return {"about": about, "cases": [*messages(), *grants(), *mandates(), *cards()]}


def main(argv: list[str]) -> int:
    made = vectors()
    if "--check" in argv:
        kept = json.loads(FILE.read_text("utf-8"))
        return int(without_es256(kept) != without_es256(made))
    FILE.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 0


def without_es256(value: dict[str, Any]) -> dict[str, Any]:
    """The vectors without the members that carry ES256 signatures, which are another each time they are made."""
    cases = [{**c, "raw": ""} if c["kind"] == "key card" else c for c in value["cases"]]
    return {**value, "cases": cases}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
