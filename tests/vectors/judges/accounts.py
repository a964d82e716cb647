"""Our reading of what accounts sign: EIP-712 messages, key cards, grants, mandates, and what ends them."""

from __future__ import annotations

from typing import Any

from protocol.dossier_messages import (
    BumpEpoch,
    FreezeDossier,
    OpenDossier,
    RecoverDossier,
    RotateDossier,
    SetGuardians,
    VetoRecovery,
)
from protocol.eip712 import Domain, Typed
from protocol.encoding import b64u, hex0x, unhex0x
from protocol.errors import Malformed
from protocol.grant import AccessGrant, GrantEnvelope, ScopeItem, revocation_secret
from protocol.keycard import KeyCard, KeyCardEnvelope, verify_key_card
from protocol.mandate import Mandate, MandateEnvelope
from protocol.revocations import EpochChange, parse_revocation, verify_revocation
from protocol.signatures import verify_account
from tests.vectors.book import Input, unoctets

_OF_GUARDIANS = (SetGuardians, FreezeDossier, RecoverDossier, VetoRecovery)
_KINDS = (AccessGrant, ScopeItem, Mandate, KeyCard, OpenDossier, RotateDossier, BumpEpoch, *_OF_GUARDIANS)
MESSAGES: dict[str, type[Typed]] = {kind.TYPE.name: kind for kind in _KINDS}


def domain(value: dict[str, Any]) -> Domain:
    return Domain(value["chainId"], unhex0x(value["verifyingContract"], what="verifyingContract"))


def message(given: Input) -> Any:
    """A bare message: its digest, and that the account signed it."""
    kind = MESSAGES.get(given["type"])
    if kind is None:
        raise Malformed("eip712_type", "no message of ours is of this type")
    found = kind.from_json(given["message"])
    digest = found.digest(domain(given["domain"]))
    verify_account(digest, unhex0x(given["signature"], what="signature"), unhex0x(given["signer"]))
    return {"type_hash": hex0x(kind.TYPE.type_hash), "struct_hash": hex0x(found.struct_hash()), "digest": hex0x(digest)}


def grant(given: Input) -> Any:
    return _envelope(GrantEnvelope.parse(unoctets(given["raw"])), given)


def mandate(given: Input) -> Any:
    return _envelope(MandateEnvelope.parse(unoctets(given["raw"])), given)


def _envelope(found: GrantEnvelope | MandateEnvelope, given: Input) -> Any:
    digest = found.digest(domain(given["domain"]))
    verify_account(digest, found.signature, unhex0x(given["signer"]))
    return {"digest": hex0x(digest), "sha256": b64u(found.hash)}


def key_card(given: Input) -> Any:
    envelope = KeyCardEnvelope.parse(unoctets(given["raw"]))
    subject, accounts, recorded = (given[name] for name in ("subject", "accounts", "recorded"))
    found = verify_key_card(
        envelope,
        domain(given["domain"]),
        subject=unhex0x(subject),
        accounts=[unhex0x(one) for one in accounts],
        recorded=[unhex0x(one) for one in recorded],
    )
    return {"hash": hex0x(found.hash), "kid": b64u(found.thumbprint), "seq": found.card.seq}


def revocation(given: Input) -> Any:
    """The object of a ``revoke`` entry: the end of the grant ``id`` if one is named, else of an epoch."""
    raw = unoctets(given["raw"])
    if given["id"] is None:
        found = parse_revocation(raw)
        return {"epoch": found.epoch} if isinstance(found, EpochChange) else {"secret": b64u(found.secret)}
    ident = unhex0x(given["id"], length=32)
    ended = verify_revocation(raw, ident=ident, nullifier=unhex0x(given["nullifier"], length=32))
    derived = revocation_secret(unhex0x(given["revoke_key"], length=32), ident)
    return {"secret": b64u(ended.secret), "derived": ended.secret == derived}
