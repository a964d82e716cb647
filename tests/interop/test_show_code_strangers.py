"""A show code in a stranger's COSE program: Debian's ruby-cose."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from protocol.jose import PublicJwk
from protocol.show_code import log_prefix, new_show_code, sign_show_code
from tests.credential_samples import HOLDER, ISSUER
from tests.strangers import ROOT, need, need_path

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
