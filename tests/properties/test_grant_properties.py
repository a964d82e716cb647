"""Laws of EIP-712 messages and grants: what is said reads back; whatever is garbled gives one of our errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account.messages import encode_typed_data  # raises the recursion limit when imported: not inside a property
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import canonical
from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.eip712 import Domain, Typed, typed_data
from protocol.errors import Malformed, OneFileError
from protocol.grant import ACCESS_GRANT, AccessGrant, GrantEnvelope, ScopeItem
from protocol.hashing import keccak256
from protocol.identifiers import (
    AgencyRef,
    CertificateId,
    checksum_address,
    dossier_urn,
    parse_address,
    parse_agency_urn,
    parse_certificate_id,
    parse_dossier_urn,
)
from protocol.keycard import KeyCardEnvelope
from protocol.mandate import MandateEnvelope
from protocol.pointers import format_pointer
from protocol.signatures import ORDER, recover
from protocol.verdict import CHECKS, POLICIES, Check, conclude
from protocol.verify_grant import judge_grant, verify_grant
from tests.grant_samples import DOMAIN, Account, a_grant, a_scope, grant_evidence, signed

ENVELOPE = signed(a_grant())

b32s = st.binary(min_size=32, max_size=32)
b20s = st.binary(min_size=20, max_size=20)
u32s, u53s = st.integers(0, 2**32 - 1), st.integers(0, 2**53 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
claims = st.lists(st.lists(texts, min_size=1, max_size=3).map(format_pointer), unique=True, max_size=4).map(sorted)
scopes = st.builds(
    ScopeItem,
    item=b32s,
    query=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    parcel=b32s,
    claims=claims.map(lambda found: tuple(found) or ("/a",)),
    documents=st.lists(b32s, unique=True, max_size=3).map(lambda found: tuple(sorted(found))),
)
grants = st.builds(
    AccessGrant,
    grant_id=b32s.filter(any),
    log=b32s,
    dossier=b32s,
    grant_epoch=u53s,
    grantor=b20s,
    mandate=b32s,
    agency=b20s,
    agency_card=b32s,
    scenario=b32s,
    purpose=st.text(st.characters(codec="utf-8"), min_size=1, max_size=50),
    officer_class=b32s,
    scope=st.lists(scopes, min_size=1, max_size=3, unique_by=lambda s: (s.item, s.query)).map(tuple),
    not_before=st.integers(0, 2**37 // 2),
    not_after=st.integers(2**37 // 2 + 1, 2**37),
    max_uses=st.integers(1, 1_000_000),
    min_interval_s=u32s,
    retention_days=u32s,
    max_depth=st.just(0),
    nullifier=b32s.filter(any),
)
messages: st.SearchStrategy[Typed] = st.one_of(
    grants,
    st.builds(OpenDossier, b20s, b20s, b32s, u53s),
    st.builds(RotateDossier, b32s, b20s, b20s, u53s, u53s),
    st.builds(BumpEpoch, b32s, u53s, u53s),
)
domains = st.builds(Domain, st.integers(1, 2**53 - 1), b20s)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), texts, st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@slow
@given(messages)
def test_a_message_comes_back_from_its_json(message: Typed) -> None:
    assert type(message).from_json(canonical.loads(canonical.dumps(message.to_json()))) == message


@slow
@given(grants)
def test_the_fast_hash_of_a_grant_is_the_general_one(grant: AccessGrant) -> None:
    assert grant.struct_hash() == ACCESS_GRANT.struct_hash(grant.values())


@slow
@given(messages, domains)
def test_eth_account_comes_to_the_same_digest_on_any_message(message: Typed, domain: Domain) -> None:
    signable = encode_typed_data(full_message=typed_data(message, domain))
    assert keccak256(b"\x19" + signable.version + signable.header + signable.body) == message.digest(domain)


@slow
@given(st.integers(1, ORDER - 1), b32s)
def test_whoever_signs_is_recovered(secret: int, digest: bytes) -> None:
    account = Account(secret)
    assert recover(digest, account.sign(digest)) == account.address


@slow
@given(st.integers(0, len(ENVELOPE.raw) - 1), st.integers(1, 255))
def test_any_changed_byte_of_an_envelope_is_refused_by_one_of_our_errors(place: int, change: int) -> None:
    raw = bytearray(ENVELOPE.raw)
    raw[place] ^= change
    with pytest.raises(OneFileError):
        verify_grant(GrantEnvelope.parse(bytes(raw)), grant_evidence())
    assert judge_grant(bytes(raw), grant_evidence(), POLICIES["release"]).verdict == "reject"


def test_every_lowest_bit_of_an_envelope_matters() -> None:
    for place in range(len(ENVELOPE.raw)):
        raw = bytearray(ENVELOPE.raw)
        raw[place] ^= 1
        with pytest.raises(OneFileError):
            verify_grant(GrantEnvelope.parse(bytes(raw)), grant_evidence())


@slow
@given(st.binary(min_size=65, max_size=65))
def test_a_signature_that_nobody_made_is_refused_by_one_of_our_errors(signature: bytes) -> None:
    with pytest.raises(OneFileError):
        verify_grant(GrantEnvelope.of(a_grant(), signature), grant_evidence())


@slow
@given(st.binary(max_size=200) | json_values)
def test_parsers_of_envelopes_raise_only_malformed(value: Any) -> None:
    for kind in (GrantEnvelope, MandateEnvelope, KeyCardEnvelope):
        with pytest.raises(Malformed):
            kind.parse(value) if isinstance(value, bytes) else kind.from_json(value)  # type: ignore[attr-defined]  # the test adds what the class does not declare


@slow
@given(st.sampled_from(ACCESS_GRANT.names), json_values)
def test_a_grant_with_any_value_in_any_member_parses_or_is_malformed(name: str, value: Any) -> None:
    body = ENVELOPE.to_json()
    body["grant"][name] = value
    try:
        found = GrantEnvelope.from_json(body)
    except Malformed:
        return
    assert found.grant.to_json()[name] == value


@slow
@given(b20s)
def test_an_address_comes_back_from_its_checksummed_spelling(address: bytes) -> None:
    assert parse_address(checksum_address(address)) == address


@slow
@given(st.integers(1, 10**15), b20s, b20s, b32s)
def test_urns_come_back(chain: int, registry: bytes, account: bytes, dossier: bytes) -> None:
    agency = AgencyRef(chain, registry, account)
    assert parse_agency_urn(agency.urn) == agency
    assert parse_dossier_urn(dossier_urn(dossier)) == dossier


@slow
@given(st.from_regex(r"[0-9A-Z]{21}", fullmatch=True), st.from_regex(r"[0-9A-Z]{1,64}", fullmatch=True))
def test_a_certificate_id_comes_back_and_one_wrong_character_is_found(type_code: str, serial: str) -> None:
    made = CertificateId(type_code, "11430000006122244L", serial, "001")
    assert parse_certificate_id(str(made)) == made
    wrong = replace(made, serial=("B" if serial[0] == "A" else "A") + serial[1:])
    with pytest.raises(Malformed):
        parse_certificate_id(str(made).replace(f".{serial}.", f".{wrong.serial}."))


checks = st.builds(
    Check,
    name=st.sampled_from(CHECKS),
    status=st.sampled_from(["pass", "fail", "unknown", "skipped"]),
    code=st.sampled_from(["ok", "not_applicable", "not_reached"]),
    template=st.just(""),
    facts=st.just({}),
    fact_age_s=st.none() | st.integers(0, 5000),
)


@slow
@given(st.lists(checks, max_size=30), st.sampled_from(list(POLICIES.values())))
def test_a_verdict_never_gets_better_by_a_failed_check(made: list[Check], policy: Any) -> None:
    order = ("reject", "indeterminate", "accept")
    before = conclude(policy, made, 0).verdict
    for name in sorted(policy.required):
        worse = conclude(policy, [*made, Check(name, "fail", "x", "")], 0).verdict
        assert order.index(worse) <= order.index(before)


@slow
@given(grants)
def test_a_grant_of_somebody_else_is_never_verified(grant: AccessGrant) -> None:
    with pytest.raises(OneFileError):
        verify_grant(GrantEnvelope.of(grant, Account(0xBAD).sign(grant.digest(DOMAIN))), grant_evidence())
    assert a_scope() != grant.scope[0]
