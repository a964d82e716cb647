"""GrantRegistry: nullifiers, and the digests that grantors sign."""

from __future__ import annotations

from typing import Any

from web3 import Web3
from web3.contract import Contract

from tests.contracts.evm import ACCEPTED, GENESIS, Chain, Refusal, actor, digest_of
from tests.contracts.messages import Signing

SECRET = digest_of("revocation secret")
NULLIFIER = bytes(Web3.keccak(SECRET))
STRANGER = actor("stranger")
NOW = GENESIS + 10_000


def scope_item(name: str, claims: list[str], documents: list[bytes]) -> tuple[Any, ...]:
    return (digest_of(f"item {name}"), name, digest_of(f"parcel {name}"), claims, documents)


def access_grant(scope: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return (
        *(digest_of("grant id"), digest_of("log"), digest_of("dossier"), 3, actor("controller").address, bytes(32)),
        *(
            actor("agency").address,
            digest_of("card"),
            digest_of("scenario"),
            "小额贷款: small loan",
            digest_of("class"),
        ),
        *(scope, NOW, NOW + 604_800, 3, 60, 30, 0, NULLIFIER),
    )


def mandate(scenarios: list[bytes]) -> tuple[Any, ...]:
    return (
        *(digest_of("mandate id"), digest_of("log"), digest_of("dossier"), 3, actor("relayer").address, 7, scenarios),
        *(12, NOW, NOW + 604_800, bytes(32), 0, NULLIFIER),
    )


def test_whoever_knows_the_secret_revokes_once(chain: Chain, grants: Contract) -> None:
    assert grants.functions.nullifiedAt(NULLIFIER).call() == 0
    told = chain.events(chain.send(grants.functions.revoke(SECRET), STRANGER, NOW), grants)
    assert told == [("Nullified", {"nullifier": NULLIFIER, "secret": SECRET})]
    assert grants.functions.nullifiedAt(NULLIFIER).call() == NOW
    again = Refusal("AlreadyNullified", (NULLIFIER, NOW))
    assert chain.refusal(grants.functions.revoke(SECRET), actor("controller"), NOW + 1) == again


def test_knowing_the_nullifier_does_not_revoke(chain: Chain, grants: Contract) -> None:
    chain.send(grants.functions.revoke(NULLIFIER), STRANGER, NOW)
    assert grants.functions.nullifiedAt(NULLIFIER).call() == 0
    assert chain.refusal(grants.functions.revoke(SECRET), STRANGER) == ACCEPTED


def test_the_domain_is_readable_on_chain(chain: Chain, grants: Contract) -> None:
    domain = grants.functions.eip712Domain().call()
    assert domain == [b"\x0f", "OneFile", "1", chain.w3.eth.chain_id, grants.address, bytes(32), []]


def test_the_digest_of_a_grant_is_that_of_eth_account(grants: Contract, signing: Signing) -> None:
    full = scope_item("insurance", ["/months", "/payer/name"], [digest_of("scan"), digest_of("photo")])
    bare = scope_item("licence", [], [])
    for scope in ([], [full], [bare], [full, bare, full]):
        values = access_grant(scope)
        assert grants.functions.hashGrant(values).call() == signing.digest(grants.address, "AccessGrant", values)


def test_the_digest_of_a_mandate_is_that_of_eth_account(grants: Contract, signing: Signing) -> None:
    for scenarios in ([], [digest_of("loan")], [digest_of("loan"), digest_of("school")]):
        values = mandate(scenarios)
        assert grants.functions.hashMandate(values).call() == signing.digest(grants.address, "Mandate", values)


def test_every_member_of_a_grant_is_in_its_digest(grants: Contract) -> None:
    values = access_grant([scope_item("insurance", ["/months"], [digest_of("scan")])])
    others = (
        *(digest_of("x"), digest_of("x"), digest_of("x"), 4, STRANGER.address, digest_of("x"), STRANGER.address),
        *(digest_of("x"), digest_of("x"), "x", digest_of("x"), [], NOW + 1, NOW + 1, 4, 61, 31, 1, digest_of("x")),
    )
    seen = {bytes(grants.functions.hashGrant(values).call())}
    for i, other in enumerate(others):
        seen.add(bytes(grants.functions.hashGrant((*values[:i], other, *values[i + 1 :])).call()))
    for i, other in enumerate((digest_of("x"), "x", digest_of("x"), ["/x"], [])):
        item = values[11][0]
        changed = (*values[:11], [(*item[:i], other, *item[i + 1 :])], *values[12:])
        seen.add(bytes(grants.functions.hashGrant(changed).call()))
    assert len(seen) == 1 + 19 + 5
