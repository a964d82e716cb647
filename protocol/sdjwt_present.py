"""Presenting an SD-JWT (RFC 9901 §7.2): the chosen disclosures and no other, bound to one audience."""

from __future__ import annotations

from collections.abc import Iterable

from protocol.encoding import b64u
from protocol.errors import Denied
from protocol.hashing import sha256
from protocol.jose import EcSigner, sign_jws
from protocol.pointers import within
from protocol.sdjwt import KEY_BINDING_TYP, Opened, SdJwt, open_claims


def select_disclosures(sdjwt: SdJwt, pointers: Iterable[str]) -> str:
    """The SD-JWT with the disclosures that ``pointers`` name and those that hold them; no key binding.

    A pointer to a claim in the clear adds nothing. Raises ``Denied("claim_missing")`` if a claim is not
    there and ``Denied("claim_not_separate")`` if it could be shown only together with others that were
    not named.
    """
    opened = open_claims(sdjwt)
    chosen: set[str] = set()
    for pointer in pointers:
        chosen |= _needed(opened, pointer)
    raws = {opened.disclosed[p].raw for p in chosen}
    return "~".join((sdjwt.issuer.raw, *(d.raw for d in sdjwt.disclosures if d.raw in raws), ""))


def bind_key(presentation: str, signer: EcSigner, *, aud: str, nonce: str, iat: int) -> str:
    """Add the key-binding JWT to ``presentation`` (which ends in a tilde), by the key of ``cnf``."""
    sd_hash = b64u(sha256(presentation.encode("ascii")))
    payload = {"iat": iat, "aud": aud, "nonce": nonce, "sd_hash": sd_hash}
    return presentation + sign_jws({"typ": KEY_BINDING_TYP}, payload, signer)


def _needed(opened: Opened, pointer: str) -> set[str]:
    if pointer not in opened.values:
        raise Denied("claim_missing", "the credential has no claim {pointer}", pointer=pointer)
    holders = {p for p in opened.disclosed if within(pointer, p)}
    if holders and pointer not in holders:
        raise Denied("claim_not_separate", "the claim {pointer} can't be shown without others", pointer=pointer)
    return holders
