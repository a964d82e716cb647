"""Our credentials in strangers' programs, and theirs in ours: PyPI's sd-jwt and npm's @sd-jwt/sd-jwt-vc."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwcrypto.jwk import JWK

from protocol.credential import open_credential, present_credential, verify_credential_signature
from protocol.credential_issue import selective_pointers
from protocol.encoding import b64u
from protocol.jose import P256Signer, sign_jws
from protocol.sdjwt import open_claims, parse_sdjwt, verify_issuer, verify_key_binding
from protocol.sdjwt_issue import issue_sdjwt
from protocol.sdjwt_present import bind_key, select_disclosures
from protocol.status_list import MIN_ENTRIES, StatusList, parse_status_token, sign_status_token
from tests.credential_samples import BANK_URN, HOLDER, ISSUED, ISSUER, ISSUER_URN, STATUS_URI, credential
from tests.interop.programs import node_json

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from sd_jwt.common import SDObj
    from sd_jwt.holder import SDJWTHolder
    from sd_jwt.issuer import SDJWTIssuer
    from sd_jwt.verifier import SDJWTVerifier

NONCE = b64u(bytes(range(32)))
NAMED = ("/insured_region", "/holder/name", "/files/1")


def private_jwk(signer: P256Signer, scalar: int) -> dict[str, str]:
    return {**signer.public_jwk().to_json(), "d": b64u(scalar.to_bytes(32, "big"))}


ISSUER_JWK = private_jwk(ISSUER, 1)
HOLDER_JWK = private_jwk(HOLDER, 2)


def js(job: dict[str, Any]) -> Any:
    return node_json("sdjwt.mjs", job, package="@sd-jwt/sd-jwt-vc")


def status_token() -> str:
    kept = StatusList.empty()
    return sign_status_token(kept.token(iss=ISSUER_URN, uri=STATUS_URI, iat=ISSUED, lifetime_s=3600), ISSUER)


def presentation() -> str:
    return present_credential(credential(), NAMED, HOLDER, aud=BANK_URN, nonce=NONCE, iat=ISSUED + 10)


def js_verify(sdjwt: str) -> dict[str, Any]:
    case = {"sdjwt": sdjwt, "issuer": ISSUER.public_jwk().to_json(), "nonce": NONCE, "now": ISSUED + 20}
    answer: dict[str, Any] = js({"do": "verify", "cases": [{**case, "status": status_token()}]})[0]
    return answer


def test_npm_verifies_our_presentation_with_its_key_binding_and_status() -> None:
    raw = presentation()
    answer = js_verify(raw)
    assert answer.get("ok"), answer
    assert answer["aud"] == BANK_URN
    assert answer["payload"] == open_credential(raw).claims


def test_we_verify_a_credential_that_npm_issued_and_presented() -> None:
    claims = open_credential(credential()).claims
    names = [p[1:] for p in selective_pointers(claims) if p.count("/") == 1]
    frame = {
        "_sd": names,
        "holder": {"_sd": list(claims["holder"])},
        "files": {"_sd": list(range(len(claims["files"])))},
    }
    answer = js(
        {
            "do": "make",
            "claims": claims,
            "frame": frame,
            "kid": ISSUER.public_jwk().kid(),
            "issuer": ISSUER_JWK,
            "holder": HOLDER_JWK,
            "show": {"sub": True, "insured_region": True, "holder": {"name": True}, "files": {"1": True}},
            "aud": BANK_URN,
            "nonce": NONCE,
            "iat": ISSUED,
        }
    )
    whole = verify_credential_signature(answer["issued"], ISSUER.public_jwk())
    assert whole.claims == claims
    shown = verify_credential_signature(answer["presented"], ISSUER.public_jwk())
    assert shown.named == tuple(sorted(NAMED))
    verify_key_binding(shown.sdjwt, key=HOLDER.public_jwk(), aud=BANK_URN, nonce=NONCE)


def test_we_read_a_status_list_that_npm_made() -> None:
    statuses = [(7 * i) % 4 for i in range(MIN_ENTRIES)]
    made = js(
        {
            "do": "list",
            "statuses": statuses,
            "bits": 2,
            "iss": ISSUER_URN,
            "sub": STATUS_URI,
            "iat": ISSUED,
            "exp": ISSUED + 60,
            "ttl": 30,
            "kid": ISSUER.public_jwk().kid(),
        }
    )
    assert made["header"]["typ"] == "statuslist+jwt"
    header = {k: v for k, v in made["header"].items() if k != "alg"}
    token = parse_status_token(sign_jws(header, made["payload"], ISSUER)).body
    assert [token.status(i) for i in range(0, MIN_ENTRIES, 4097)] == statuses[::4097]


def python_verify(sdjwt: str, aud: str | None = None, nonce: str | None = None) -> Any:
    return SDJWTVerifier(sdjwt, lambda *_: JWK(**ISSUER.public_jwk().to_json()), aud, nonce).get_verified_payload()


def test_pypi_verifies_our_presentation() -> None:
    raw = presentation()
    assert python_verify(raw, BANK_URN, NONCE) == open_credential(raw).claims


def test_pypi_refuses_our_presentation_for_another_audience() -> None:
    with pytest.raises(ValueError, match="audience"):
        python_verify(presentation(), ISSUER_URN, NONCE)


names = st.text("abcdefgh_", min_size=1, max_size=6).filter(lambda n: n not in {"_sd", "_sd_alg", "cnf"})
scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=12)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=12
)
documents = st.dictionaries(names, trees, min_size=1, max_size=5)


def places(value: Any, at: str = "") -> list[str]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[str] = []
    for key, part in inner:
        found += [f"{at}/{key}", *places(part, f"{at}/{key}")]
    return found


def for_pypi(value: Any, chosen: set[str], at: str = "") -> Any:
    """The same claims with the library's own marks of what is selective."""
    if isinstance(value, dict):
        return {(SDObj(k) if f"{at}/{k}" in chosen else k): for_pypi(v, chosen, f"{at}/{k}") for k, v in value.items()}
    if isinstance(value, list):
        parts = [(f"{at}/{i}", for_pypi(v, chosen, f"{at}/{i}")) for i, v in enumerate(value)]
        return [SDObj(part) if here in chosen else part for here, part in parts]
    return value


few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(documents, st.randoms(use_true_random=False))
def test_pypi_opens_whatever_we_issue_and_present(claims: dict[str, Any], random: Any) -> None:
    chosen = [p for p in places(claims) if random.random() < 0.5]
    raw = issue_sdjwt(claims, chosen, ISSUER, decoys=random.randrange(2))
    assert python_verify(raw) == claims == open_claims(verify_issuer(parse_sdjwt(raw), ISSUER.public_jwk())).claims
    named = [p for p in chosen if random.random() < 0.5]
    narrowed = select_disclosures(parse_sdjwt(raw), named)
    assert python_verify(narrowed) == open_claims(parse_sdjwt(narrowed)).claims


@few
@given(documents, st.randoms(use_true_random=False))
def test_we_open_whatever_pypi_issues(claims: dict[str, Any], random: Any) -> None:
    chosen = {p for p in places(claims) if random.random() < 0.5}
    made = SDJWTIssuer(
        for_pypi(claims, chosen),
        JWK(**ISSUER_JWK),
        extra_header_parameters={"typ": "dc+sd-jwt", "kid": ISSUER.public_jwk().kid()},
    )
    opened = open_claims(verify_issuer(parse_sdjwt(made.sd_jwt_issuance), ISSUER.public_jwk()))
    assert opened.claims == claims
    assert set(opened.disclosed) == chosen


def test_we_verify_the_key_binding_that_pypi_makes() -> None:
    raw = issue_sdjwt({"a": 1, "b": 2, "cnf": {"jwk": HOLDER.public_jwk().to_json()}}, ["/a", "/b"], ISSUER)
    holder = SDJWTHolder(raw)
    holder.create_presentation({"a": True}, nonce=NONCE, aud=BANK_URN, holder_key=JWK(**HOLDER_JWK))
    shown = parse_sdjwt(holder.sd_jwt_presentation)
    verify_key_binding(shown, key=HOLDER.public_jwk(), aud=BANK_URN, nonce=NONCE)
    assert open_claims(shown).leaves == ("/a",)
    assert python_verify(bind_key(shown.bound_part, HOLDER, aud="x", nonce="y", iat=1), "x", "y")["a"] == 1
