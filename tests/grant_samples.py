"""A holder, an agency and a grant between them, with fixed keys, for the tests of grants and verdicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coincurve import PrivateKey

from protocol.eip712 import Domain
from protocol.grant import AccessGrant, GrantEnvelope, ScopeItem, nullifier_of, revocation_secret
from protocol.hashing import ZERO32, keccak256

CHAIN = 31337
ORIGIN = "onefile/31337/0x00000000000000000000000000000000000000a4/main"
GRANTS = bytes(19) + b"\xa3"  # the GrantRegistry
DOMAIN = Domain(CHAIN, GRANTS)
T0 = 1_800_000_000
WEEK = 7 * 86_400
REVOKE_KEY = b"\x77" * 32


class Account:
    """A secp256k1 account with a key that everyone may know."""

    def __init__(self, seed: int) -> None:
        self.key = PrivateKey(seed.to_bytes(32, "big"))
        self.address = keccak256(self.key.public_key.format(compressed=False)[1:])[12:]

    def sign(self, digest: bytes) -> bytes:
        raw = self.key.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes([27 + raw[64]])


ALICE = Account(0xA11CE)
BOB = Account(0xB0B)
BANK = Account(0xBA2C)


def b32(number: int) -> bytes:
    return number.to_bytes(32, "big")


ITEM = b32(0x17E)
DOSSIER = b32(0xD055)
SECRET = revocation_secret(REVOKE_KEY, b32(0x6A))


def a_scope(**changes: Any) -> ScopeItem:
    scope = ScopeItem(
        item=ITEM,
        query="insurance",
        parcel=b32(0x9A),
        claims=("/base_amount", "/months_paid"),
        documents=(b32(0xD0C),),
    )
    return replace(scope, **changes)


def a_grant(**changes: Any) -> AccessGrant:
    """A grant from Alice to the bank: two claims and a document, seven days, three uses."""
    grant = AccessGrant(
        grant_id=b32(0x6A),
        log=keccak256(ORIGIN.encode()),
        dossier=DOSSIER,
        grant_epoch=1,
        grantor=ALICE.address,
        mandate=ZERO32,
        agency=BANK.address,
        agency_card=b32(0xCA2D),
        scenario=b32(0x5CE),
        purpose="核实社保缴纳情况，用于小额贷款审批",
        officer_class=ZERO32,
        scope=(a_scope(),),
        not_before=T0,
        not_after=T0 + WEEK,
        max_uses=3,
        min_interval_s=0,
        retention_days=30,
        max_depth=0,
        nullifier=nullifier_of(SECRET),
    )
    return replace(grant, **changes)


def signed(grant: AccessGrant, by: Account = ALICE, domain: Domain = DOMAIN) -> GrantEnvelope:
    return GrantEnvelope.of(grant, by.sign(grant.digest(domain)))
