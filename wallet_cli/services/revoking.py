"""Ending a grant: the secret that only this dossier can make is given to the vault and to the chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from client.session import Session
from protocol import wire
from protocol.encoding import b64u, hex0x, unb64u
from protocol.errors import Conflict, Denied, Unavailable
from protocol.grant import GrantEnvelope, revocation_secret


@dataclass(frozen=True, slots=True)
class Revocation:
    """``index``: of the ``revoke`` entry. ``on_chain``: whether the nullifier is known to be spent there."""

    grant: bytes
    index: int
    at: int
    on_chain: bool


def find_grant(session: Session, wanted: str) -> wire.GrantRow:
    """The grant of this id, or the one whose id begins so; ``Denied("grant_not_found")`` if not one."""
    found = [row for row in session.api.my_grants() if wanted and row.grant.startswith(wanted)]
    if len(found) != 1:
        raise Denied(
            "grant_not_found", "{count} grants have an id that begins with {grant}", count=len(found), grant=wanted
        )
    return found[0]


def secret_of(session: Session, grant_id: bytes) -> bytes:
    """What ends the grant: whoever knows it may bring it to the vault or the chain."""
    return revocation_secret(session.keys.revoke_key.unsafe_bytes, grant_id)


def revoke(session: Session, grant_id: bytes) -> Revocation:
    """End the grant at the vault, at once, and on chain by the relay.

    The vault has destroyed parcels and headers when this returns. If the chain is slow, the vault brings the secret
    there later; ``on_chain`` tells.
    """
    secret = secret_of(session, grant_id)
    done = session.api.revoke(grant_id, secret)
    return Revocation(grant_id, done.index, done.at, _on_chain(session, secret))


def listed(session: Session) -> list[dict[str, Any]]:
    """All grants of the dossier: as the vault has them, with the names that this device kept."""
    kept = {value["grant"]: value for value in session.store.grants()}
    rows = []
    for row in session.api.my_grants():
        grant = GrantEnvelope.from_json(row.envelope).grant
        local = kept.get(row.grant, {})
        rows.append(
            {
                "grant": row.grant,
                "agency": hex0x(grant.agency),
                "agency_name": local.get("agency_name"),
                "scenario": local.get("scenario"),
                "purpose": grant.purpose,
                "state": row.state,
                "uses": row.uses,
                "max_uses": grant.max_uses,
                "not_before": grant.not_before,
                "not_after": grant.not_after,
                "scope": [
                    {
                        "item": b64u(part.item),
                        "claims": list(part.claims),
                        "documents": [b64u(document) for document in part.documents],
                    }
                    for part in grant.scope
                ],
            }
        )
    return rows


def grant_id_of(row: wire.GrantRow) -> bytes:
    """The id as bytes."""
    return unb64u(row.grant, length=32, what="grant")


def _on_chain(session: Session, secret: bytes) -> bool:
    request = wire.Relay(contract="grant_registry", function="revoke", message={"secret": hex0x(secret)}, signatures=[])
    try:
        session.api.relay(request)
    except Conflict as error:
        return error.code == "already_revoked"
    except (Unavailable, Denied):
        return False
    return True
