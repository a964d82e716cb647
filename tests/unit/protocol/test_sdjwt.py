"""SD-JWT: issue, present, open; every rule of RFC 9901 §7.1 that says reject."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from protocol import canonical
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed, OneFileError, Untrusted
from protocol.hashing import sha256
from protocol.jose import P256Signer, sign_jws, sign_typed
from protocol.sdjwt import (
    MAX_DISCLOSURE_CHARS,
    MAX_DISCLOSURES,
    MAX_SDJWT_CHARS,
    MAX_VALUES,
    SDJWT_TYP,
    Opened,
    open_claims,
    parse_disclosure,
    parse_sdjwt,
    verify_issuer,
    verify_key_binding,
)
from protocol.sdjwt_issue import issue_sdjwt, random_salt
from protocol.sdjwt_present import bind_key, select_disclosures

ISSUER = P256Signer.from_secret(bytes(31) + b"\x01")
HOLDER = P256Signer.from_secret(bytes(31) + b"\x02")
CLAIMS: dict[str, Any] = {
    "vct": "urn:test",
    "sub": "me",
    "holder": {"name": "张三", "number": "11"},
    "files": [{"name": "a.pdf"}, {"name": "b.pdf"}, {"name": "c.pdf"}],
    "open": {"deep": [1, 2]},
}
SELECTIVE = ["/sub", "/holder", "/holder/name", "/holder/number", "/files/0", "/files/1", "/files/2"]
RAW = issue_sdjwt(CLAIMS, SELECTIVE, ISSUER)


def opened(raw: str) -> Opened:
    return open_claims(verify_issuer(parse_sdjwt(raw), ISSUER.public_jwk()))


def signed(payload: dict[str, Any], *disclosures: str) -> str:
    return "~".join((sign_typed(SDJWT_TYP, payload, ISSUER), *disclosures, ""))


def disclosure(*parts: Any) -> str:
    return b64u(canonical.dumps(list(parts)))


def digest(raw: str) -> str:
    return b64u(sha256(raw.encode()))


def code_of(raw: str) -> str:
    with pytest.raises(OneFileError) as caught:
        open_claims(parse_sdjwt(raw))
    return caught.value.code


def test_everything_disclosed_gives_the_claims_back() -> None:
    shown = opened(RAW)
    assert shown.claims == CLAIMS
    assert set(shown.disclosed) == set(SELECTIVE)
    assert shown.values["/open/deep/1"] == 2


def test_nothing_disclosed_shows_only_what_is_in_the_clear() -> None:
    shown = opened(RAW.split("~")[0] + "~")
    assert shown.claims == {"vct": "urn:test", "files": [], "open": {"deep": [1, 2]}}
    assert shown.leaves == ()


def test_a_presentation_shows_what_was_named_and_what_holds_it() -> None:
    shown = opened(select_disclosures(parse_sdjwt(RAW), ["/holder/name", "/vct"]))
    assert shown.claims["holder"] == {"name": "张三"}
    assert "sub" not in shown.claims
    assert shown.leaves == ("/holder/name",)


def test_an_array_element_keeps_its_index_when_others_are_withheld() -> None:
    shown = opened(select_disclosures(parse_sdjwt(RAW), ["/files/2"]))
    assert shown.claims["files"] == [{"name": "c.pdf"}]
    assert shown.leaves == ("/files/2",)
    assert shown.values["/files/2/name"] == "c.pdf"
    again = opened(select_disclosures(parse_sdjwt(shown_raw := RAW), ["/files/2"]))
    assert again == shown
    assert shown_raw is RAW


def test_a_presentation_can_be_narrowed_again() -> None:
    wide = select_disclosures(parse_sdjwt(RAW), ["/sub", "/files/1"])
    assert opened(select_disclosures(parse_sdjwt(wide), ["/files/1"])).leaves == ("/files/1",)


def test_a_claim_that_is_not_there_cannot_be_presented() -> None:
    with pytest.raises(Denied) as caught:
        select_disclosures(parse_sdjwt(RAW), ["/salary"])
    assert caught.value.code == "claim_missing"


def test_a_claim_is_not_shown_by_way_of_its_neighbours() -> None:
    with pytest.raises(Denied) as caught:
        select_disclosures(parse_sdjwt(RAW), ["/files/1/name"])
    assert caught.value.code == "claim_not_separate"


def test_decoys_hide_how_many_claims_there_are() -> None:
    raw = issue_sdjwt({"a": 1, "b": {"c": 2}}, ["/a", "/b/c"], ISSUER, decoys=3)
    payload = parse_sdjwt(raw).issuer.claims()
    assert len(payload["_sd"]) == 4
    assert len(payload["b"]["_sd"]) == 4
    assert opened(raw).claims == {"a": 1, "b": {"c": 2}}


def test_digests_are_sorted_so_that_their_order_tells_nothing() -> None:
    digests = parse_sdjwt(RAW).issuer.claims()["_sd"]
    assert digests == sorted(digests)


def test_salts_are_sixteen_fresh_bytes() -> None:
    assert len(random_salt()) == 16
    salts = [d.salt for d in parse_sdjwt(RAW).disclosures]
    assert len(set(salts)) == len(SELECTIVE)


def test_the_same_salts_give_the_same_digests() -> None:
    def salts() -> Any:
        counter = itertools.count()
        return lambda: next(counter).to_bytes(16, "big")

    first, second = (issue_sdjwt(CLAIMS, SELECTIVE, ISSUER, salt=salts()) for _ in range(2))
    assert first.split("~")[1:] == second.split("~")[1:]
    assert first.split(".")[1] == second.split(".")[1]


@pytest.mark.parametrize("pointer", ["/salary", "/files/3", "/holder/name/x"])
def test_a_pointer_to_nothing_cannot_be_selective(pointer: str) -> None:
    with pytest.raises(Malformed) as caught:
        issue_sdjwt(CLAIMS, [pointer], ISSUER)
    assert caught.value.code == "pointer_unknown"
    assert pointer in str(caught.value)


@pytest.mark.parametrize("claims", [{"_sd": []}, {"a": {"...": 1}}, {"a": [{"_sd_alg": 1}]}])
def test_reserved_names_are_not_issued(claims: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as caught:
        issue_sdjwt(claims, [], ISSUER)
    assert caught.value.code == "sdjwt_reserved"


def test_an_sdjwt_without_sd_alg_is_sha256() -> None:
    one = disclosure("salt", "a", 1)
    assert opened(signed({"_sd": [digest(one)]}, one)).claims == {"a": 1}


A = disclosure("salt", "a", 1)
B = disclosure("salt", {"x": 1})
INNER = disclosure("salt", "inner", 1)
OUTER = disclosure("salt", "outer", {"_sd": [digest(INNER)]})


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (signed({"_sd_alg": "sha-512"}), "sdjwt_alg"),
        (signed({"a": {"_sd_alg": "sha-256"}}), "sdjwt_reserved"),
        (signed({"...": digest(A)}, A), "sdjwt_reserved"),
        (signed({"a": {"...": digest(B)}}, B), "sdjwt_reserved"),
        (signed({"a": [{"...": digest(B), "more": 1}]}, B), "sdjwt_reserved"),
        (signed({"a": [{"...": 7}]}), "base64url"),
        (signed({"a": [{"...": "AAAA"}]}), "length"),
        (signed({"_sd": "x"}), "sdjwt_digests"),
        (signed({"_sd": [7]}), "base64url"),
        (signed({"_sd": [digest(A), digest(A)]}, A), "sdjwt_duplicate"),
        (signed({"_sd": [digest(A)], "b": {"_sd": [digest(A)]}}, A), "sdjwt_duplicate"),
        (signed({"_sd": [digest(A)]}, A, A), "sdjwt_duplicate"),
        (signed({"_sd": [digest(A)], "a": 2}, A), "sdjwt_collision"),
        (
            signed({"_sd": [digest(A), digest(disclosure("s2", "a", 2))]}, A, disclosure("s2", "a", 2)),
            "sdjwt_collision",
        ),
        (signed({"_sd": [digest(B)]}, B), "sdjwt_disclosure"),
        (signed({"a": [{"...": digest(A)}]}, A), "sdjwt_disclosure"),
        (signed({}, A), "disclosure_unknown"),
        (signed({"_sd": [digest(OUTER)]}, INNER), "disclosure_unknown"),
    ],
)
def test_a_structure_that_the_rfc_forbids_is_rejected(raw: str, code: str) -> None:
    assert code_of(raw) == code


def test_a_nested_claim_opens_through_its_holder() -> None:
    assert opened(signed({"_sd": [digest(OUTER)]}, OUTER, INNER)).claims == {"outer": {"inner": 1}}


def test_disclosures_cannot_nest_deeper_than_json_may() -> None:
    chain = [disclosure("salt", "a", 1)]
    for _ in range(30):
        chain.append(disclosure("salt", "a", {"_sd": [digest(chain[-1])]}))
    assert code_of(signed({"_sd": [digest(chain[-1])]}, *chain)) == "sdjwt_depth"


def test_no_more_values_are_shown_than_can_be_held() -> None:
    assert len(opened(signed({"a": [0] * (MAX_VALUES - 1)})).values) == MAX_VALUES
    assert code_of(signed({"a": [0] * MAX_VALUES})) == "sdjwt_values"


def test_a_name_too_long_to_point_at_is_malformed() -> None:
    assert code_of(signed({"a" * 512: 1})) == "sdjwt_name"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (["salt"], "sdjwt_disclosure"),
        (["salt", "a", 1, 2], "sdjwt_disclosure"),
        ([1, "a", 1], "field_type"),
        (["", "a", 1], "field_length"),
        (["salt", 1, 1], "field_type"),
        (["salt", "_sd", 1], "sdjwt_reserved"),
        (["salt", "...", 1], "sdjwt_reserved"),
    ],
)
def test_a_disclosure_of_another_form_is_malformed(parts: list[Any], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_disclosure(disclosure(*parts))
    assert caught.value.code == code


def test_a_disclosure_that_is_no_list_or_too_long_is_malformed() -> None:
    with pytest.raises(Malformed, match="two or three"):
        parse_disclosure(b64u(b"{}"))
    with pytest.raises(Malformed, match="at most"):
        parse_disclosure("A" * (MAX_DISCLOSURE_CHARS + 1))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "sdjwt"),
        ("a.b.c", "sdjwt"),
        ("é~", "sdjwt"),
        (b"\xff~", "sdjwt"),
        ("a~" * (MAX_DISCLOSURES + 3), "sdjwt_disclosures"),
        ("a" * (MAX_SDJWT_CHARS + 1), "too_large"),
    ],
)
def test_what_is_no_sdjwt_is_malformed(raw: str | bytes, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_sdjwt(raw)
    assert caught.value.code == code


def test_another_issuers_key_is_untrusted() -> None:
    with pytest.raises(Untrusted):
        verify_issuer(parse_sdjwt(RAW), HOLDER.public_jwk())


PRESENTED = select_disclosures(parse_sdjwt(RAW), ["/sub"])
BOUND = bind_key(PRESENTED, HOLDER, aud="bank", nonce="n1", iat=1000)


def test_a_key_binding_verifies_for_its_audience_and_nonce() -> None:
    binding = verify_key_binding(parse_sdjwt(BOUND), key=HOLDER.public_jwk(), aud="bank", nonce="n1")
    assert (binding.iat, binding.aud, binding.nonce) == (1000, "bank", "n1")


def kb(payload: dict[str, Any], signer: P256Signer = HOLDER) -> str:
    body = {"iat": 1, "aud": "bank", "nonce": "n1", "sd_hash": digest(PRESENTED), **payload}
    return PRESENTED + sign_jws({"typ": "kb+jwt"}, body, signer)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (PRESENTED, "key_binding_missing"),
        (kb({}, ISSUER), "jws_signature"),
        (kb({"aud": "other bank"}), "key_binding_aud"),
        (kb({"nonce": "n2"}), "key_binding_nonce"),
        (kb({"sd_hash": digest(RAW)}), "key_binding_hash"),
        (kb({"exp": 5}), "field_unknown"),
        (RAW + BOUND.split("~")[-1], "key_binding_hash"),
    ],
)
def test_a_key_binding_of_another_key_audience_or_selection_is_refused(raw: str, code: str) -> None:
    with pytest.raises(OneFileError) as caught:
        verify_key_binding(parse_sdjwt(raw), key=HOLDER.public_jwk(), aud="bank", nonce="n1")
    assert caught.value.code == code


def test_the_bound_part_ends_in_a_tilde_and_leaves_the_binding_out() -> None:
    assert parse_sdjwt(BOUND).bound_part == PRESENTED
    assert parse_sdjwt(BOUND).issuer_jwt == RAW.split("~")[0]
