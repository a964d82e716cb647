from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol import canonical
from protocol import grant as grant_module
from protocol.account_envelope import MAX_ENVELOPE_BYTES
from protocol.errors import Denied, Malformed
from protocol.fields import MAX_TIME
from protocol.grant import (
    ACCESS_GRANT,
    ANY_OFFICER,
    MAX_CLAIMS,
    MAX_DOCUMENTS,
    MAX_PURPOSE_CHARS,
    MAX_SCOPE,
    MAX_USES,
    SCOPE_ITEM,
    GrantEnvelope,
    ScopeItem,
    check_officer,
    nullifier_of,
    officer_class_hash,
    revocation_secret,
)
from protocol.hashing import ZERO32, hmac256, keccak256, sha256
from protocol.mandate import MAX_SCENARIOS, Mandate, MandateEnvelope
from tests.grant_samples import ALICE, BOB, DOMAIN, DOSSIER, SECRET, T0, a_grant, a_scope, b32, signed


@pytest.mark.parametrize(
    "grant",
    [
        a_grant(),
        a_grant(scope=(a_scope(documents=()), a_scope(item=b32(2), claims=()), a_scope(query="licence"))),
        a_grant(purpose="x" * MAX_PURPOSE_CHARS, min_interval_s=2**32 - 1, not_after=MAX_TIME),
    ],
)
def test_the_fast_digest_is_the_general_one(grant: Any) -> None:
    assert grant.struct_hash() == ACCESS_GRANT.struct_hash(grant.values())
    assert [part.struct_hash() for part in grant.scope] == [SCOPE_ITEM.struct_hash(p.values()) for p in grant.scope]


def test_an_envelope_keeps_the_bytes_that_came_and_hashes_them() -> None:
    made = signed(a_grant())
    again = GrantEnvelope.parse(made.raw)
    assert again == made
    assert again.grant == a_grant()
    assert again.hash == sha256(made.raw)
    assert again.to_json() == canonical.loads(made.raw)
    assert GrantEnvelope.from_json(made.to_json()) == made
    assert made.digest(DOMAIN) == a_grant().digest(DOMAIN)
    assert len(made.id) == 43


def test_the_envelope_uses_the_names_of_eip712() -> None:
    value = signed(a_grant()).to_json()
    assert set(value) == {"v", "grant", "signature"}
    assert tuple(a_grant().to_json()) == ACCESS_GRANT.names


def test_an_envelope_without_a_signature_is_for_contract_accounts() -> None:
    assert GrantEnvelope.of(a_grant(), b"").signature == b""


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("v", 2),
        ("v", True),
        ("v", None),
        ("signature", "0x00"),
        ("signature", "0x" + "00" * 64),
        ("signature", ""),
        ("grant", None),
        ("grant", {}),
        ("more", 1),
    ],
)
def test_an_envelope_of_another_shape_is_malformed(member: str, value: Any) -> None:
    with pytest.raises(Malformed):
        GrantEnvelope.from_json({**signed(a_grant()).to_json(), member: value})


@pytest.mark.parametrize("value", [None, [], "", 1, {"v": 1}])
def test_json_that_is_no_envelope_is_malformed(value: Any) -> None:
    with pytest.raises(Malformed):
        GrantEnvelope.from_json(value)


def test_bytes_that_are_not_canonical_are_malformed() -> None:
    with pytest.raises(Malformed) as caught:
        GrantEnvelope.parse(signed(a_grant()).raw + b"\n")
    assert caught.value.code == "not_canonical"


def test_an_envelope_over_the_limit_is_malformed() -> None:
    value = signed(a_grant()).to_json()
    claims = [f"/{number:03}" + "x" * 500 for number in range(128)]
    part = value["grant"]["scope"][0]
    value["grant"]["scope"] = [{**part, "claims": claims, "query": f"q{number}"} for number in range(20)]
    with pytest.raises(Malformed) as caught:
        GrantEnvelope.from_json(value)
    assert caught.value.code == "too_large"


def envelope_of(size: int) -> dict[str, Any]:
    """A grant's envelope, correct but for its signature, whose JSON has this many bytes."""
    value = signed(a_grant()).to_json()
    part = {**value["grant"]["scope"][0], "query": "last", "claims": ["/#"]}
    full = [f"/{number:03}" + "x" * 500 for number in range(128)]
    value["grant"]["scope"] = [*({**part, "claims": full, "query": f"q{number}"} for number in range(16)), part]
    while (gap := size - len(canonical.dumps(value))) > 500:
        part["claims"].append(full[len(part["claims"])])
    part["claims"][0] += "x" * gap
    return value


def test_an_envelope_of_exactly_the_limit_is_read_and_one_byte_more_is_not() -> None:
    whole = envelope_of(MAX_ENVELOPE_BYTES)
    raw = canonical.dumps(whole)
    assert len(raw) == MAX_ENVELOPE_BYTES
    assert GrantEnvelope.from_json(whole).raw == GrantEnvelope.parse(raw).raw == raw
    assert GrantEnvelope.parse(raw).to_json() == whole
    longer = envelope_of(MAX_ENVELOPE_BYTES + 1)
    for read in (lambda: GrantEnvelope.from_json(longer), lambda: GrantEnvelope.parse(canonical.dumps(longer))):
        with pytest.raises(Malformed) as caught:
            read()
        assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"scope": ()}, "grant_bounds"),
        ({"scope": tuple(a_scope(item=b32(i)) for i in range(MAX_SCOPE + 1))}, "grant_bounds"),
        ({"scope": (a_scope(), a_scope(parcel=b32(5)))}, "grant_order"),
        ({"scope": [a_scope()]}, "eip712_value"),
        ({"purpose": ""}, "grant_bounds"),
        ({"purpose": "x" * (MAX_PURPOSE_CHARS + 1)}, "grant_bounds"),
        ({"not_after": T0}, "grant_bounds"),
        ({"not_after": MAX_TIME + 1}, "grant_bounds"),
        ({"max_uses": 0}, "grant_bounds"),
        ({"max_uses": MAX_USES + 1}, "grant_bounds"),
        ({"max_depth": 1}, "grant_bounds"),
        ({"max_depth": 256}, "eip712_value"),
        ({"grant_id": ZERO32}, "grant_id"),
        ({"nullifier": ZERO32}, "grant_id"),
        ({"grant_id": b32(1)[1:]}, "eip712_value"),
        ({"grantor": ALICE.address + bytes(12)}, "eip712_value"),
        ({"retention_days": 2**32}, "eip712_value"),
    ],
)
def test_a_grant_outside_its_bounds_cannot_be_built(change: dict[str, Any], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        a_grant(**change)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"claims": ("/b", "/a")}, "grant_order"),
        ({"claims": ("/a", "/a")}, "grant_order"),
        ({"documents": (b32(2), b32(1))}, "grant_order"),
        ({"claims": ("a",)}, "grant_claims"),
        ({"claims": ("",)}, "grant_claims"),
        ({"claims": ("/a~2",)}, "grant_claims"),
        ({"claims": ("/" + "a" * 512,)}, "grant_claims"),
        ({"claims": (), "documents": ()}, "grant_bounds"),
        ({"claims": tuple(f"/{i:04}" for i in range(MAX_CLAIMS + 1))}, "grant_bounds"),
        ({"documents": tuple(b32(i) for i in range(MAX_DOCUMENTS + 1))}, "grant_bounds"),
        ({"query": ""}, "grant_query"),
        ({"query": "a b"}, "grant_query"),
        ({"query": "a" * 65}, "grant_query"),
        ({"item": b"\x01"}, "eip712_value"),
    ],
)
def test_a_scope_outside_its_bounds_cannot_be_built(change: dict[str, Any], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        a_scope(**change)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "change",
    [{"claims": ("/a",), "documents": ()}, {"claims": (), "documents": (b32(1),)}, {"claims": ("/" + "a" * 511,)}],
    ids=["one claim", "one document", "the longest pointer"],
)
def test_a_scope_at_its_least_bounds_is_taken(change: dict[str, Any]) -> None:
    made = a_scope(**change)
    assert made.struct_hash() == SCOPE_ITEM.struct_hash(made.values())


@pytest.mark.parametrize("change", [{"purpose": "x"}, {"not_after": T0 + 1}, {"max_uses": 1}, {"max_uses": MAX_USES}])
def test_a_grant_at_its_bounds_is_taken(change: dict[str, Any]) -> None:
    made = a_grant(**change)
    assert made.struct_hash() == ACCESS_GRANT.struct_hash(made.values())


def test_claims_may_be_nested_escaped_and_chinese() -> None:
    claims = ("/address/0/city", "/a~1b", "/姓名")
    assert a_scope(claims=tuple(sorted(claims))).claims == ("/address/0/city", "/a~1b", "/姓名")


def test_the_secret_of_a_grant_gives_its_nullifier_and_not_the_reverse() -> None:
    assert (
        revocation_secret(b"\x77" * 32, b32(0x6A)) == SECRET == hmac256(b"\x77" * 32, b"onefile/revoke/v1" + b32(0x6A))
    )
    assert nullifier_of(SECRET) == keccak256(SECRET) == a_grant().nullifier


def test_an_officer_class_is_named_by_its_hash() -> None:
    assert officer_class_hash(None) == ANY_OFFICER == ZERO32
    assert officer_class_hash("loan-officer") == keccak256(b"loan-officer")


def test_an_officer_of_another_class_may_not_use_a_grant_that_names_one() -> None:
    check_officer(a_grant(), "loan-officer")
    named = replace(a_grant(), officer_class=officer_class_hash("loan-officer"))
    check_officer(named, "loan-officer")
    for other in ("cashier", ""):
        with pytest.raises(Denied) as caught:
            check_officer(named, other)
        assert (caught.value.code, caught.value.template) == ("officer_class", "the grant is for officers of another class")


def a_mandate(**changes: Any) -> Mandate:
    mandate = Mandate(
        mandate_id=b32(1),
        log=b32(2),
        dossier=DOSSIER,
        grant_epoch=1,
        agent=BOB.address,
        powers=3,
        scenarios=(),
        max_grants=5,
        not_before=T0,
        not_after=T0 + 60,
        parent=ZERO32,
        max_depth=0,
        nullifier=b32(9),
    )
    return replace(mandate, **changes)


def test_a_mandate_travels_in_the_same_kind_of_envelope() -> None:
    made = MandateEnvelope.of(a_mandate(), ALICE.sign(a_mandate().digest(DOMAIN)))
    assert MandateEnvelope.parse(made.raw).mandate == a_mandate()
    with pytest.raises(Malformed):
        GrantEnvelope.parse(made.raw)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"powers": 0}, "mandate_powers"),
        ({"powers": 16}, "mandate_powers"),
        ({"not_after": T0}, "mandate_time"),
        ({"not_after": MAX_TIME + 1}, "mandate_time"),
        ({"scenarios": (b32(2), b32(1))}, "mandate_scenarios"),
        ({"scenarios": tuple(b32(i) for i in range(MAX_SCENARIOS + 1))}, "mandate_scenarios"),
        ({"parent": b32(1)}, "mandate_depth"),
        ({"max_depth": 1}, "mandate_depth"),
        ({"mandate_id": ZERO32}, "mandate_id"),
        ({"nullifier": ZERO32}, "mandate_id"),
    ],
)
def test_a_mandate_outside_its_bounds_cannot_be_built(change: dict[str, Any], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        a_mandate(**change)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "change",
    [
        {"powers": 1},
        {"powers": 15},
        {"not_after": T0 + 1},
        {"not_after": MAX_TIME},
        {"scenarios": tuple(b32(i) for i in range(MAX_SCENARIOS))},
    ],
)
def test_a_mandate_at_its_bounds_is_taken(change: dict[str, Any]) -> None:
    made = a_mandate(**change)
    assert MandateEnvelope.parse(MandateEnvelope.of(made, b"").raw).mandate == made


def test_a_scope_item_with_everything_at_its_bound_is_taken() -> None:
    full = ScopeItem(
        b32(1),
        "q" * 64,
        b32(2),
        tuple(f"/{i:03}" for i in range(MAX_CLAIMS)),
        tuple(b32(i) for i in range(MAX_DOCUMENTS)),
    )
    assert len(full.claims) + len(full.documents) == MAX_CLAIMS + MAX_DOCUMENTS


def test_the_claims_of_a_long_list_hash_as_those_of_a_short_one_and_are_not_remembered() -> None:
    before = grant_module._few_hash.cache_info().currsize
    many = a_scope(claims=tuple(f"/c{number:03}" for number in range(128)))
    assert many.struct_hash() == SCOPE_ITEM.struct_hash(many.values())
    assert grant_module._few_hash.cache_info().currsize == before
