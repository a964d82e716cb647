"""Show code: what the wallet draws as a QR, bound to the holder's present key and to sixty seconds.

``OF1:`` + Base45 of a tagged COSE_Sign1 (RFC 9052), ES256, protected header ``{1: -7}``, no unprotected
header, payload ``{1: session, 2: counter, 4: exp, 6: iat, 7: log}`` in deterministic CBOR: 118 bytes with a
counter below 24, 120 at most; 181 to 184 characters, which is QR version 8 at level M. No key, dossier,
licence type or commitment stands in it: a photo of it tells nothing, and the vault knows the session.

There is one encoding of each code (``protocol/cose.py``). ``external_aad`` is empty, as any COSE program expects;
``log`` binds the code to one log, and the leading ``Signature1`` keeps it apart from whatever else the present key
signs. Left out: request codes of a window (``protocol/request_code.py``), offline frames (``protocol/offline.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import cose
from protocol.errors import Denied, Malformed, Untrusted
from protocol.hashing import keccak256
from protocol.jose import EcSigner, PublicJwk

PREFIX = "OF1:"
CODE_LIFETIME_S = 60
CODE_ROTATION_S = 30
CODE_SKEW_S = 5
MAX_COUNTER = 0xFFFF
MAX_PAYLOAD_BYTES = 45
_MAX_TIME = 0xFFFFFFFF  # four bytes: the format serves until 2106, and fits its QR


@dataclass(frozen=True, slots=True)
class ShowCode:
    """``session`` 16 random bytes; ``log`` the first 8 bytes of keccak256(origin); times in seconds."""

    session: bytes
    counter: int
    exp: int
    iat: int
    log: bytes

    def __post_init__(self) -> None:
        if len(self.session) != 16 or len(self.log) != 8:
            raise Malformed("show_code", "a show code has a session of 16 bytes and a log of 8")
        if not 0 <= self.counter <= MAX_COUNTER:
            raise Malformed("show_code", "a show code's counter is at most {most}", most=MAX_COUNTER)
        if not 0 <= self.iat < self.exp <= min(self.iat + CODE_LIFETIME_S, _MAX_TIME):
            raise Malformed("show_code", "a show code lives at most {most} seconds", most=CODE_LIFETIME_S)

    def payload(self) -> bytes:
        """The CBOR map that is signed."""
        import cbor2  # slow to load, and most commands show nothing

        return cbor2.dumps({1: self.session, 2: self.counter, 4: self.exp, 6: self.iat, 7: self.log})


@dataclass(frozen=True, slots=True)
class SignedShowCode:
    """A parsed show code, not verified: its key follows from the session, which the vault knows."""

    code: ShowCode
    signed: cose.Sign1


def log_prefix(origin: str) -> bytes:
    """The 8 bytes by which a show code names its log."""
    return keccak256(origin.encode("utf-8"))[:8]


def new_show_code(session: bytes, counter: int, *, origin: str, now: int) -> ShowCode:
    """The code of this moment: it lives 60 s; draw the next one after 30 s with ``counter`` + 1."""
    return ShowCode(session, counter, now + CODE_LIFETIME_S, now, log_prefix(origin))


def sign_show_code(code: ShowCode, signer: EcSigner) -> str:
    """The text to draw as QR in alphanumeric mode."""
    return cose.sign(PREFIX, code.payload(), signer)


def parse_show_code(text: str) -> SignedShowCode:
    """Parse strictly; nothing is verified. Raises ``Malformed`` only."""
    signed = cose.parse(text, PREFIX, most_payload=MAX_PAYLOAD_BYTES, malformed=_malformed)
    return SignedShowCode(_read_payload(signed.payload), signed)


def verify_show_code(text: str, key: PublicJwk, *, origin: str, now: int) -> ShowCode:
    """The code if ``key`` signed it for the log ``origin`` and it lives at ``now`` by the vault's clock.

    Raises ``Malformed``, ``Untrusted`` or ``Denied("show_code_expired")``. That ``key`` is the present key of
    the dossier that opened the session, and that the session is unused, are the vault's facts.
    """
    found = parse_show_code(text)
    found.signed.verify(key, code="show_code_signature")
    code = found.code
    if code.log != log_prefix(origin):
        raise Untrusted("show_code_log", "the show code is for another log")
    if not code.iat - CODE_SKEW_S <= now < code.exp:
        raise Denied(
            "show_code_expired",
            "the show code holds from {iat} to {exp}; the clock says {now}",
            iat=code.iat,
            exp=code.exp,
            now=now,
        )
    return code


def _read_payload(payload: bytes) -> ShowCode:
    reader = cose.Reader(payload, _malformed)
    reader.expect(b"\xa5\x01\x50")
    session = reader.take(16)
    reader.expect(b"\x02")
    counter = reader.uint()
    reader.expect(b"\x04")
    exp = reader.uint()
    reader.expect(b"\x06")
    iat = reader.uint()
    reader.expect(b"\x07\x48")
    code = ShowCode(session, counter, exp, iat, reader.take(8))
    # An integer written longer than it need be, or bytes at the end, would be a second spelling.
    if code.payload() != payload:
        raise _malformed()
    return code


def _malformed() -> Malformed:
    return Malformed("show_code", "this is no show code of ours")
