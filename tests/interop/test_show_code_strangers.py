"""Show codes in strangers' COSE programs: Debian's ruby-cose, and PyPI's cwt in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from protocol.encoding import b64u
from protocol.errors import Untrusted
from protocol.jose import PublicJwk
from protocol.show_code import log_prefix, new_show_code, sign_show_code, verify_show_code
from tests.credential_samples import HOLDER, ISSUER
from tests.interop.programs import HERE, ran
from tests.strangers import ROOT, need, need_environment, need_path

GEM = Path("/usr/share/rubygems-integration/all/gems/cose-1.2.0")
ORIGIN = "onefile/31337/0x" + "44" * 20 + "/main"
CODE = new_show_code(bytes(range(16)), 300, origin=ORIGIN, now=1_800_000_000)


def pem(jwk: PublicJwk) -> str:
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(jwk.x, "big"), int.from_bytes(jwk.y, "big"), ec.SECP256R1())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return numbers.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def ruby(text: str, jwk: PublicJwk) -> subprocess.CompletedProcess[bytes]:
    need_path(GEM, "Debian's ruby-cose")
    return subprocess.run(
        [need("ruby"), "-W0", str(ROOT / "tests" / "interop" / "show_code.rb")],
        input=json.dumps({"text": text, "pem": pem(jwk)}).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_ruby_verifies_a_show_code_and_reads_the_same_values() -> None:
    done = ruby(sign_show_code(CODE, HOLDER), HOLDER.public_jwk())
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == {
        "alg": "ES256",
        "session": CODE.session.hex(),
        "counter": 300,
        "exp": CODE.exp,
        "iat": CODE.iat,
        "log": log_prefix(ORIGIN).hex(),
    }


def test_ruby_refuses_a_show_code_of_another_key() -> None:
    done = ruby(sign_show_code(CODE, HOLDER), ISSUER.public_jwk())
    assert done.returncode == 1
    assert b"verification failed" in done.stderr


# --- cwt ------------------------------------------------------------------------------------------

COUNTERS = [0, 3, 23, 24, 255, 256, 65_535]  # every length that the counter can have
HOLDER_JWK = {**HOLDER.public_jwk().to_json(), "d": b64u(bytes(31) + b"\x02")}


@pytest.fixture(scope="module")
def cwt_python() -> Path:
    return need_environment("cwt") / "python"


def cwt(python: Path, *jobs: dict[str, Any]) -> list[Any]:
    lines = "".join(json.dumps({"aad": "", **job}) + "\n" for job in jobs)
    out = ran([python, "-I", HERE / "show_code_cwt.py"], lines.encode())
    return [json.loads(line) for line in out.splitlines()]


def reading(text: str, jwk: PublicJwk, **more: str) -> dict[str, Any]:
    return {"do": "read", "text": text, "jwk": jwk.to_json(), **more}


def test_cwt_verifies_show_codes_of_every_length_and_reads_the_same_values(cwt_python: Path) -> None:
    codes = [new_show_code(bytes(range(16)), n, origin=ORIGIN, now=1_800_000_000 + n) for n in COUNTERS]
    answers = cwt(cwt_python, *(reading(sign_show_code(code, HOLDER), HOLDER.public_jwk()) for code in codes))
    for code, answer in zip(codes, answers, strict=True):
        assert answer["protected"] == {"1": -7}, answer
        assert answer["unprotected"] == {}
        claims = {1: code.session, 2: code.counter, 4: code.exp, 6: code.iat, 7: log_prefix(ORIGIN)}
        assert cbor2.loads(bytes.fromhex(answer["payload"])) == claims


def test_cwt_refuses_a_show_code_of_another_key_or_with_other_bytes(cwt_python: Path) -> None:
    text = sign_show_code(CODE, HOLDER)
    other = text[:60] + ("1" if text[60] != "1" else "2") + text[61:]
    jobs = [
        reading(text, HOLDER.public_jwk()),
        reading(text, ISSUER.public_jwk()),
        reading(other, HOLDER.public_jwk()),
        reading(text, HOLDER.public_jwk(), aad="00"),
    ]
    good, *bad = cwt(cwt_python, *jobs)
    assert "refused" not in good
    assert all("refused" in answer for answer in bad), bad


def test_we_take_a_show_code_that_cwt_signed(cwt_python: Path) -> None:
    job = {"do": "make", "payload": CODE.payload().hex(), "jwk": HOLDER_JWK}
    made, bound = cwt(cwt_python, job, {**job, "aad": "00"})
    found = verify_show_code(made["text"], HOLDER.public_jwk(), origin=ORIGIN, now=CODE.iat + 1)
    assert found == CODE
    with pytest.raises(Untrusted):
        verify_show_code(bound["text"], HOLDER.public_jwk(), origin=ORIGIN, now=CODE.iat + 1)
