"""Issuing an SD-JWT (RFC 9901 §4): which claims stand in the clear and which behind a salted digest."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping

from protocol import canonical
from protocol.canonical import Json
from protocol.encoding import b64u
from protocol.errors import Malformed
from protocol.hashing import sha256
from protocol.jose import EcSigner, sign_typed
from protocol.pointers import parse_pointer
from protocol.sdjwt import RESERVED, SD_ALG, SDJWT_TYP, Disclosure

SALT_BYTES = 16
SALT_PAD = "A"
TEXT_STEP = 32
INTEGER_CHARS = 20
BOOLEAN_CHARS = len("false")
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
    digests: Mapping[tuple[str, ...], int] | None = None,
    even: bool = False,
) -> str:
    """An SD-JWT with all its disclosures and no key binding.

    ``selective`` are the RFC 6901 pointers of the claims (object members or array elements, at any
    depth) that the holder may withhold; a pointer inside another selective one nests. ``decoys``
    digests without disclosure are added to each object that has any, so that their number hides how
    many claims there are; ``digests`` says of the object at a path how many it has at least, decoys
    included, so that all credentials of one type have as many. ``even`` lengthens the salts so that the
    length of a disclosure does not tell a yes from a no, or one number from another
    (docs/spec/credential.md §9). Raises ``Malformed`` if a pointer names nothing or a reserved name is used.
    """
    wanted = {parse_pointer(p): p for p in selective}
    issuer = _Issuer(set(wanted), decoys, salt, digests or {}, even)
    payload = issuer.object(claims, ())
    if issuer.wanted:
        raise Malformed("pointer_unknown", "no claim stands at {pointer}", pointer=wanted[min(issuer.wanted)])
    raw = sign_typed(typ, {**payload, "_sd_alg": SD_ALG}, signer)
    return "~".join((raw, *(d.raw for d in issuer.disclosures), ""))


class _Issuer:
    def __init__(
        self,
        wanted: set[tuple[str, ...]],
        decoys: int,
        salt: Salt,
        digests: Mapping[tuple[str, ...], int],
        even: bool,
    ) -> None:
        self.wanted = wanted
        self.disclosures: list[Disclosure] = []
        self._decoys = decoys
        self._salt = salt
        self._digests = digests
        self._even = even

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
            decoys = max(self._decoys, self._digests.get(at, 0) - len(digests))
            digests += [b64u(sha256(self._salt())) for _ in range(decoys)]
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
        salt = b64u(self._salt()) + (SALT_PAD * _short_by(value) if self._even else "")
        parts = [salt, value] if name is None else [salt, name, value]
        disclosure = Disclosure(b64u(canonical.dumps(parts)), salt, name, value)
        self.disclosures.append(disclosure)
        return disclosure.digest


def _short_by(value: Json) -> int:
    """How many characters the JSON of ``value`` is short of the width of its kind: the salt takes them up."""
    length = len(canonical.dumps(value))
    if isinstance(value, bool):
        return BOOLEAN_CHARS - length
    if isinstance(value, int):
        return INTEGER_CHARS - length
    # Texts go in steps; what stands in an object or a list has disclosures of its own, or is no secret's length.
    return -length % TEXT_STEP if isinstance(value, str) else 0
