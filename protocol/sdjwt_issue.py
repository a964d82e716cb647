"""Issuing an SD-JWT (RFC 9901 §4): which claims stand in the clear and which behind a salted digest."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from protocol import canonical
from protocol.canonical import Json
from protocol.encoding import b64u
from protocol.errors import Malformed
from protocol.hashing import sha256
from protocol.jose import EcSigner, sign_typed
from protocol.pointers import parse_pointer
from protocol.sdjwt import RESERVED, SD_ALG, SDJWT_TYP, Disclosure

SALT_BYTES = 16
Salt = Callable[[], bytes]


def random_salt() -> bytes:
    """16 fresh bytes: 128 bits, as RFC 9901 §9.3 recommends."""
    return secrets.token_bytes(SALT_BYTES)


def issue_sdjwt(
    claims: dict[str, Json],
    selective: Iterable[str],
    signer: EcSigner,
    *,
    typ: str = SDJWT_TYP,
    decoys: int = 0,
    salt: Salt = random_salt,
) -> str:
    """An SD-JWT with all its disclosures and no key binding.

    ``selective`` are the RFC 6901 pointers of the claims (object members or array elements, at any
    depth) that the holder may withhold; a pointer inside another selective one nests. ``decoys``
    digests without disclosure are added to each object that has any, so that their number hides how
    many claims there are. Raises ``Malformed`` if a pointer names nothing or a reserved name is used.
    """
    wanted = {parse_pointer(p): p for p in selective}
    issuer = _Issuer(set(wanted), decoys, salt)
    payload = issuer.object(claims, ())
    if issuer.wanted:
        raise Malformed("pointer_unknown", "no claim stands at {pointer}", pointer=wanted[min(issuer.wanted)])
    raw = sign_typed(typ, {**payload, "_sd_alg": SD_ALG}, signer)
    return "~".join((raw, *(d.raw for d in issuer.disclosures), ""))


class _Issuer:
    def __init__(self, wanted: set[tuple[str, ...]], decoys: int, salt: Salt) -> None:
        self.wanted = wanted
        self.disclosures: list[Disclosure] = []
        self._decoys = decoys
        self._salt = salt

    def object(self, value: dict[str, Json], at: tuple[str, ...]) -> dict[str, Json]:
        out: dict[str, Json] = {}
        digests: list[str] = []
        for name, inner in value.items():
            if name in RESERVED:
                raise Malformed("sdjwt_reserved", "the reserved name {name} stands out of place", name=name)
            here = (*at, name)
            sealed = self._any(inner, here)
            if self._chosen(here):
                digests.append(self._disclose(name, sealed))
            else:
                out[name] = sealed
        if digests:
            # Sorted, so that the order of the digests does not tell the order of the claims.
            digests += [b64u(sha256(self._salt())) for _ in range(self._decoys)]
            out["_sd"] = sorted(digests)
        return out

    def _any(self, value: Json, at: tuple[str, ...]) -> Json:
        if isinstance(value, dict):
            return self.object(value, at)
        if isinstance(value, list):
            return [self._element(inner, (*at, str(i))) for i, inner in enumerate(value)]
        return value

    def _element(self, value: Json, at: tuple[str, ...]) -> Json:
        sealed = self._any(value, at)
        return {"...": self._disclose(None, sealed)} if self._chosen(at) else sealed

    def _chosen(self, at: tuple[str, ...]) -> bool:
        found = at in self.wanted
        self.wanted.discard(at)
        return found

    def _disclose(self, name: str | None, value: Json) -> str:
        salt = b64u(self._salt())
        parts = [salt, value] if name is None else [salt, name, value]
        disclosure = Disclosure(b64u(canonical.dumps(parts)), salt, name, value)
        self.disclosures.append(disclosure)
        return disclosure.digest
