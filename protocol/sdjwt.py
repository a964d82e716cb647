"""SD-JWT (RFC 9901): parse, verify, and open the claims that a presentation discloses.

``<issuer-signed JWT>~<disclosure>~…~<key-binding JWT, or nothing>``. Issuing stands in
``protocol/sdjwt_issue.py``, presenting in ``protocol/sdjwt_present.py``. Left out: JSON serialisation,
digests other than SHA-256, encrypted forms. Every rule of §7.1 that says "reject" does reject here.

A disclosed claim is named by the RFC 6901 pointer of its place in the issuer's full claims; array
indices count the elements as the issuer encoded them, so that a pointer means the same in a
presentation that withholds others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocol import canonical
from protocol.canonical import Json
from protocol.encoding import b64u, unb64u
from protocol.errors import Malformed, Untrusted
from protocol.fields import Fields, text_of
from protocol.hashing import same, sha256
from protocol.jose import Jws, PublicJwk, parse_jws, verify_jws
from protocol.pointers import MAX_POINTER_CHARS, child, leaves

SDJWT_TYP = "dc+sd-jwt"
KEY_BINDING_TYP = "kb+jwt"
SD_ALG = "sha-256"
MAX_SDJWT_CHARS = 1 << 20
MAX_DISCLOSURES = 512
MAX_DISCLOSURE_CHARS = 64 << 10
MAX_DEPTH = 24
MAX_VALUES = 8192  # shown at once: each has a pointer of up to 512 characters
RESERVED = ("_sd", "...", "_sd_alg")


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One ``[salt, name, value]`` of an object, or ``[salt, value]`` of an array (``name`` is None)."""

    raw: str
    salt: str
    name: str | None
    value: Json

    @property
    def digest(self) -> str:
        """SHA-256 of the encoded disclosure, as it stands in ``_sd`` and ``...``."""
        return b64u(sha256(self.raw.encode("ascii")))


@dataclass(frozen=True, slots=True)
class SdJwt:
    """A parsed SD-JWT, not verified; ``raw`` is the whole text as it came."""

    issuer: Jws
    disclosures: tuple[Disclosure, ...]
    key_binding: Jws | None
    raw: str

    @property
    def issuer_jwt(self) -> str:
        """The issuer-signed JWT alone: what ``item_commitment`` binds."""
        return self.issuer.raw

    @property
    def bound_part(self) -> str:
        """Everything up to and including the last tilde: what ``sd_hash`` covers."""
        return "~".join((self.issuer.raw, *(d.raw for d in self.disclosures), ""))


@dataclass(frozen=True, slots=True)
class Opened:
    """What an SD-JWT shows: its claims, each visible value by pointer, and each disclosure by pointer."""

    claims: dict[str, Json]
    values: Mapping[str, Json]
    disclosed: Mapping[str, Disclosure]

    @property
    def leaves(self) -> tuple[str, ...]:
        """The disclosed pointers that hold no other disclosed one, sorted: what was named to be shown."""
        return leaves(self.disclosed)


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """A verified key-binding JWT: by the key of ``cnf``, for this audience and nonce."""

    iat: int
    aud: str
    nonce: str


def parse_sdjwt(raw: str | bytes, *, typ: str = SDJWT_TYP) -> SdJwt:
    """Split and parse; nothing is verified and no disclosure is placed. Raises ``Malformed`` only."""
    text = _text(raw)
    parts = text.split("~")
    if len(parts) < 2:
        raise Malformed("sdjwt", "an SD-JWT has at least one tilde")
    if len(parts) - 2 > MAX_DISCLOSURES:
        raise Malformed("sdjwt_disclosures", "an SD-JWT has at most {limit} disclosures", limit=MAX_DISCLOSURES)
    return SdJwt(
        issuer=parse_jws(parts[0], typ=typ),
        disclosures=tuple(parse_disclosure(p) for p in parts[1:-1]),
        key_binding=parse_jws(parts[-1], typ=KEY_BINDING_TYP, kid=False) if parts[-1] else None,
        raw=text,
    )


def parse_disclosure(raw: str) -> Disclosure:
    """One disclosure of two or three elements; ``Malformed`` if it is neither."""
    if len(raw) > MAX_DISCLOSURE_CHARS:
        raise Malformed("sdjwt_disclosure", "a disclosure has at most {limit} characters", limit=MAX_DISCLOSURE_CHARS)
    value = canonical.loads(unb64u(raw, what="disclosure"), what="disclosure")
    if not isinstance(value, list) or len(value) not in {2, 3}:
        raise Malformed("sdjwt_disclosure", "a disclosure is a list of two or three elements")
    salt = text_of(value[0], "disclosure salt", limit=256)
    if len(value) == 2:
        return Disclosure(raw, salt, None, value[1])
    name = text_of(value[1], "disclosure name", limit=256, least=0)
    if name in RESERVED:
        raise Malformed("sdjwt_reserved", "a disclosure uses the reserved claim name {name}", name=name)
    return Disclosure(raw, salt, name, value[2])


def open_claims(sdjwt: SdJwt) -> Opened:
    """Place every disclosure and give the claims (RFC 9901 §7.1, steps 3 to 5).

    The issuer's signature is not checked here. Raises ``Malformed`` for a structure that the RFC
    forbids, ``Untrusted("disclosure_unknown")`` for a disclosure that no digest names.
    """
    payload = dict(sdjwt.issuer.claims())
    if payload.pop("_sd_alg", SD_ALG) != SD_ALG:
        raise Malformed("sdjwt_alg", "expected _sd_alg {want}", want=SD_ALG)
    opener = _Opener(sdjwt.disclosures)
    claims = opener.object(payload, "", MAX_DEPTH)
    opener.check_all_used()
    return Opened(claims, opener.values, opener.placed)


def verify_issuer(sdjwt: SdJwt, key: PublicJwk) -> SdJwt:
    """Return ``sdjwt`` if ``key`` signed its first part, else ``Untrusted``."""
    verify_jws(sdjwt.issuer, key)
    return sdjwt


def verify_key_binding(sdjwt: SdJwt, *, key: PublicJwk, aud: str, nonce: str) -> KeyBinding:
    """The key binding, if it is by ``key`` for ``aud`` and ``nonce`` and covers these disclosures.

    RFC 9901 §7.3. ``key`` is the key of ``cnf`` and no other. Whether ``iat`` is fresh is the caller's
    policy: a grant's binding is as old as the grant. Raises ``Malformed`` or ``Untrusted``.
    """
    if sdjwt.key_binding is None:
        raise Untrusted("key_binding_missing", "the presentation has no key binding")
    fields = Fields(sdjwt.key_binding.claims(), "key binding")
    binding = KeyBinding(
        iat=fields.time("iat"), aud=fields.text("aud", limit=512), nonce=fields.text("nonce", limit=512)
    )
    sd_hash = fields.bytes32("sd_hash")
    fields.done()
    verify_jws(sdjwt.key_binding, key)
    if binding.aud != aud:
        raise Untrusted("key_binding_aud", "the key binding is for {got}, not for {want}", got=binding.aud, want=aud)
    if not same(binding.nonce.encode("utf-8"), nonce.encode("utf-8", "surrogatepass")):
        raise Untrusted("key_binding_nonce", "the key binding answers another request")
    if sd_hash != sha256(sdjwt.bound_part.encode("ascii")):
        raise Untrusted("key_binding_hash", "the key binding covers other disclosures")
    return binding


class _Opener:
    """Walks the payload once, replacing digests by disclosures; each digest may stand only once."""

    def __init__(self, disclosures: tuple[Disclosure, ...]) -> None:
        self._left = {d.digest: d for d in disclosures}
        if len(self._left) != len(disclosures):
            raise Malformed("sdjwt_duplicate", "a disclosure stands twice")
        self._seen: set[str] = set()
        self.placed: dict[str, Disclosure] = {}
        self.values: dict[str, Json] = {}
        self._count = 0

    def object(self, value: dict[str, Json], at: str, depth: int) -> dict[str, Json]:
        reserved = [name for name in ("...", "_sd_alg") if name in value]
        if reserved:
            raise Malformed("sdjwt_reserved", "the reserved name {name} stands out of place", name=reserved[0])
        out = {name: self._any(inner, child(at, name), depth - 1) for name, inner in value.items() if name != "_sd"}
        for digest in _digests(value):
            found = self._take(digest)
            if found is not None:
                self._place(found, out, at, depth)
        return out

    def check_all_used(self) -> None:
        if self._left:
            raise Untrusted(
                "disclosure_unknown",
                "{count} disclosures are not the issuer's: no digest names them",
                count=len(self._left),
            )

    def _any(self, value: Json, at: str, depth: int) -> Json:
        # The JSON reader bounds the depth of one disclosure; a chain of them could still nest deeper.
        if depth < 0:
            raise Malformed("sdjwt_depth", "claims are nested deeper than {limit}", limit=MAX_DEPTH)
        if len(at) > MAX_POINTER_CHARS:
            raise Malformed("sdjwt_name", "a claim's pointer has more than {limit} characters", limit=MAX_POINTER_CHARS)
        if self._count == MAX_VALUES:
            raise Malformed("sdjwt_values", "more than {limit} values are shown", limit=MAX_VALUES)
        self._count += 1
        shown = value
        if isinstance(value, dict):
            shown = self.object(value, at, depth)
        elif isinstance(value, list):
            shown = self._array(value, at, depth)
        self.values[at] = shown
        return shown

    def _array(self, value: list[Json], at: str, depth: int) -> list[Json]:
        out: list[Json] = []
        for i, element in enumerate(value):
            here = child(at, i)
            if not isinstance(element, dict) or "..." not in element:
                out.append(self._any(element, here, depth - 1))
                continue
            found = self._take(_only_digest(element))
            if found is not None:
                if found.name is not None:
                    raise Malformed("sdjwt_disclosure", "an array names a disclosure that has a claim name")
                out.append(self._note(found, here, depth))
        return out

    def _place(self, found: Disclosure, out: dict[str, Json], at: str, depth: int) -> None:
        if found.name is None:
            raise Malformed("sdjwt_disclosure", "an object names a disclosure that has no claim name")
        if found.name in out:
            raise Malformed("sdjwt_collision", "a disclosed claim stands already at {at}", at=(at or "/")[:200])
        out[found.name] = self._note(found, child(at, found.name), depth)

    def _note(self, found: Disclosure, pointer: str, depth: int) -> Json:
        value = self._any(found.value, pointer, depth - 1)
        self.placed[pointer] = found
        return value

    def _take(self, digest: str) -> Disclosure | None:
        if digest in self._seen:
            raise Malformed("sdjwt_duplicate", "a digest stands twice")
        self._seen.add(digest)
        return self._left.pop(digest, None)


def _digests(value: dict[str, Json]) -> list[str]:
    digests = value.get("_sd", [])
    if not isinstance(digests, list):
        raise Malformed("sdjwt_digests", "_sd is not a list")
    for digest in digests:
        unb64u(digest, length=32, what="_sd")
    return digests


def _only_digest(element: dict[str, Json]) -> str:
    if len(element) != 1:
        raise Malformed("sdjwt_reserved", "the reserved name {name} stands out of place", name="...")
    digest = element["..."]
    unb64u(digest, length=32, what="...")
    return str(digest)


def _text(raw: str | bytes) -> str:
    if len(raw) > MAX_SDJWT_CHARS:
        raise Malformed(
            "too_large", "SD-JWT: at most {limit} characters, got {got}", limit=MAX_SDJWT_CHARS, got=len(raw)
        )
    text = raw if isinstance(raw, str) else raw.decode("latin-1")
    if not text.isascii():
        raise Malformed("sdjwt", "an SD-JWT is ASCII")
    return text
