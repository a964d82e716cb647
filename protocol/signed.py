"""A parsed body beside the JWS bytes that carry it: what every signed form of ours shares.

The bytes stay what was signed; the body is only a reading of them and is never serialised again to
verify.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from protocol.errors import Denied, Untrusted
from protocol.jose import Jws, PublicJwk, verify_jws

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Signed(Generic[Body]):
    """A strictly parsed JWS. That it parsed says nothing about who signed it."""

    body: Body
    jws: Jws

    @property
    def raw(self) -> str:
        """The JWS as it came."""
        return self.jws.raw

    @property
    def hash(self) -> bytes:
        """SHA-256 of the JWS bytes."""
        return self.jws.digest()

    def verified_by(self, key: PublicJwk) -> Signed[Body]:
        """This object if ``key`` signed it, else ``Untrusted``."""
        verify_jws(self.jws, key)
        return self


def check_audience(aud: str, expected: str) -> None:
    """Raise ``Untrusted("wrong_audience")`` unless the object was made for ``expected``."""
    if aud != expected:
        raise Untrusted("wrong_audience", "the object is for {got}, this is {want}", got=aud, want=expected)


def check_clock(iat: int, now: int, tolerance_s: int) -> None:
    """Raise ``Denied("iat_off")`` unless ``|iat − now|`` is at most ``tolerance_s`` seconds."""
    if abs(iat - now) > tolerance_s:
        raise Denied(
            "iat_off",
            "signed at {iat}, the clock says {now}: more than {tolerance} s apart",
            iat=iat,
            now=now,
            tolerance=tolerance_s,
        )
