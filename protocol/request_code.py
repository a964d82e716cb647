"""Request code: what a window draws as a QR, so that a wallet answers with a grant (docs/spec/window.md).

``OFR:`` + Base45 of a COSE_Sign1 by the agency's present key (``protocol/cose.py``), payload ``{1: agency, 2: desk,
3: nonce, 4: exp, 5: X25519 key, 6: iat, 7: scenario}``: 202 bytes, which is QR version 10 at level M. The log's origin
is ``external_aad``: a code of one log verifies in no other, and takes no room for it. No person, claim or purpose
stands in it: whoever photographs it learns which agency asks for which scenario.

The answer is a grant whose id follows from the nonce, so that the window knows its own and a request is answered
once. Both screens then show four digits that follow from the grant: who made another
person's wallet answer cannot tell the clerk what that person's screen says.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import cose
from protocol.errors import Denied, Malformed
from protocol.hashing import sha256
from protocol.jose import EcSigner, PublicJwk

PREFIX = "OFR:"
REQUEST_LIFETIME_S = 60
REQUEST_SKEW_S = 5
MAX_DESK = 0xFFFF
MAX_PAYLOAD_BYTES = 127
_MAX_TIME = 0xFFFFFFFF
_GRANT_LABEL = b"onefile/request-grant/v1"
_MATCH_LABEL = b"onefile/match/v1"


@dataclass(frozen=True, slots=True)
class RequestCode:
    """``agency`` 20 bytes; ``desk`` 1 to 65,535; ``nonce`` 16; ``sealing`` the window's X25519 key for an answer
    without network; ``scenario`` the 32 bytes of the scenario's hash; times in seconds."""

    agency: bytes
    desk: int
    nonce: bytes
    exp: int
    sealing: bytes
    iat: int
    scenario: bytes

    def __post_init__(self) -> None:
        sizes = tuple(map(len, (self.agency, self.nonce, self.sealing, self.scenario)))
        if sizes != (20, 16, 32, 32):
            raise Malformed(
                "request_code", "a request code has 20 bytes of agency, 16 of nonce, 32 of key and scenario"
            )
        if not 1 <= self.desk <= MAX_DESK:
            raise Malformed("request_desk", "a desk's number is 1 to {most}, got {got}", most=MAX_DESK, got=self.desk)
        if not 0 <= self.iat < self.exp <= min(self.iat + REQUEST_LIFETIME_S, _MAX_TIME):
            raise Malformed("request_time", "a request code lives at most {most} seconds", most=REQUEST_LIFETIME_S)

    def payload(self) -> bytes:
        """The CBOR map that is signed."""
        import cbor2

        parts = (self.agency, self.desk, self.nonce, self.exp, self.sealing, self.iat, self.scenario)
        return cbor2.dumps(dict(enumerate(parts, start=1)))


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A parsed request code, not verified: its key is that of the agency's newest card."""

    code: RequestCode
    signed: cose.Sign1


def sign_request(code: RequestCode, signer: EcSigner, *, origin: str) -> str:
    """The text to draw as QR in alphanumeric mode."""
    return cose.sign(PREFIX, code.payload(), signer, external_aad=origin.encode("utf-8"))


def parse_request(text: str) -> SignedRequest:
    """Parse strictly; nothing is verified. Raises ``Malformed`` only."""
    signed = cose.parse(text, PREFIX, most_payload=MAX_PAYLOAD_BYTES, malformed=_malformed)
    reader = cose.Reader(signed.payload, _malformed)
    reader.expect(b"\xa7\x01\x54")
    agency = reader.take(20)
    reader.expect(b"\x02")
    desk = reader.uint()
    reader.expect(b"\x03\x50")
    nonce = reader.take(16)
    reader.expect(b"\x04")
    exp = reader.uint()
    reader.expect(b"\x05\x58\x20")
    sealing = reader.take(32)
    reader.expect(b"\x06")
    iat = reader.uint()
    reader.expect(b"\x07\x58\x20")
    code = RequestCode(agency, desk, nonce, exp, sealing, iat, reader.take(32))
    # An integer written longer than it need be, or bytes at the end, would be a second spelling.
    if code.payload() != signed.payload:
        raise _malformed()
    return SignedRequest(code, signed)


def verify_request(found: SignedRequest, key: PublicJwk, *, origin: str, now: int) -> RequestCode:
    """The request if ``key`` signed it for the log ``origin`` and it lives at ``now``.

    Raises ``Untrusted`` or ``Denied("request_expired")``. That ``key`` is the present key of a reader in the registry,
    and that the scenario is in force and for it, are facts that the wallet asks of chain and vault.
    """
    signed_for = origin.encode("utf-8")
    found.signed.verify(key, code="request_signature", external_aad=signed_for)
    code = found.code
    if not code.iat - REQUEST_SKEW_S <= now < code.exp:
        raise Denied(
            "request_expired",
            "the request holds from {iat} to {exp}; the clock says {now}",
            iat=code.iat,
            exp=code.exp,
            now=now,
        )
    return code


def answer_id(nonce: bytes) -> bytes:
    """The id of the grant that answers the request ``nonce``: 32 bytes."""
    return sha256(_GRANT_LABEL, nonce)


def match_number(nonce: bytes, digest: bytes) -> str:
    """The four digits that both screens show for the grant of EIP-712 ``digest`` that answers ``nonce``."""
    return f"{int.from_bytes(sha256(_MATCH_LABEL, nonce, digest)[:8], 'big') % 10_000:04d}"


def _malformed() -> Malformed:
    return Malformed("request_code", "this is no request code of ours")
