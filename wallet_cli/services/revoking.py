"""Ending a grant: the secret that only this dossier can make is given to the vault and to the chain."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from client.session import Session
from console.i18n import N_
from protocol import wire
from protocol.encoding import b64u, hex0x, unb64u
from protocol.errors import Conflict, Denied, Unavailable, Untrusted
from protocol.grant import ANY_OFFICER, AccessGrant, GrantEnvelope, nullifier_of, revocation_secret
from wallet_cli.services import said
from wallet_cli.services.syncing import sync

STATES = {
    "live": N_("live"),
    "not_yet": N_("not yet"),
    "expired": N_("expired"),
    "used_up": N_("used up"),
    "revoked": N_("revoked"),
}


@dataclass(frozen=True, slots=True)
class Revocation:
    """``index``: of the ``revoke`` entry. ``on_chain``: whether the nullifier is known to be spent there."""

    grant: bytes
    index: int
    at: int
    on_chain: bool


def find_grant(session: Session, wanted: str) -> wire.GrantRow:
    """The grant of this id, or the one whose id begins so; ``Denied("grant_not_found")`` if not one."""
    found = [row for row in _rows(session).values() if wanted and row.grant.startswith(wanted)]
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

    The end is on chain or in the log when this returns, and the vault says that it has destroyed parcels and headers.
    If the chain is slow, the vault brings the secret there later; ``on_chain`` tells.
    """
    secret = secret_of(session, grant_id)
    done = session.api.revoke(grant_id, secret)
    _bring_to_chain(session, secret)
    on_chain = _spent(session, nullifier_of(secret))
    if not on_chain:
        _check_logged(session, grant_id)
    return Revocation(grant_id, done.index, done.at, on_chain)


def listed(session: Session) -> list[dict[str, Any]]:
    """All grants of the dossier, each as its holder signed it, with the names that this device kept.

    The vault's list is held against the history: ``Untrusted`` for a grant that it hides, that nobody here signed, or
    that it calls ended where neither log nor chain knows of an end.
    """
    kept = {value["grant"]: value for value in session.store.grants()}
    rows = []
    found = _rows(session)
    history = _history(session, found)
    for row in found.values():
        said = history[row.grant]
        grant = said.envelope.grant
        local = kept.get(row.grant, {})
        rows.append(
            {
                "grant": row.grant,
                "agency": hex0x(grant.agency),
                "agency_name": local.get("agency_name"),
                "scenario": local.get("scenario"),
                "purpose": grant.purpose,
                "state": _state(session, said, row),
                "uses": max(row.uses, said.uses),
                "max_uses": grant.max_uses,
                "not_before": grant.not_before,
                "not_after": grant.not_after,
                "min_interval_s": grant.min_interval_s,
                "any_officer": grant.officer_class == ANY_OFFICER,
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
    return grant_id(row.grant)


def grant_id(text: str) -> bytes:
    """The id as bytes."""
    return unb64u(text, length=32, what="grant")


def message_of(session: Session, row: wire.GrantRow) -> AccessGrant:
    """What was signed, as the history has it and not as the vault shows it."""
    return _history(session, {row.grant: row})[row.grant].envelope.grant


def _rows(session: Session) -> dict[str, wire.GrantRow]:
    """The vault's rows by their ids; ``Untrusted`` if one is missing that this device made or that the history has."""
    rows = {row.grant: row for row in session.api.my_grants()}
    known = {b64u(grant_id) for grant_id in said.grants(session)}
    hidden = sorted(known - set(rows))
    if hidden:
        raise Untrusted("grant_withheld", "the vault does not list grant {grant}", grant=hidden[0])
    return rows


def _history(session: Session, rows: dict[str, wire.GrantRow]) -> dict[str, said.GrantSaid]:
    """What the history says of each of the rows; what the last sync had not seen is synced first."""
    if not _covers(session, rows):
        sync(session)
    known = said.grants(session)
    found = {}
    for row in rows.values():
        grant = known.get(grant_id_of(row))
        if grant is None or grant.envelope.raw != GrantEnvelope.from_json(row.envelope).raw:
            raise Untrusted(
                "grant_not_ours", "the vault lists grant {grant}, which this dossier never gave", grant=row.grant
            )
        found[row.grant] = grant
    return found


def _covers(session: Session, rows: dict[str, wire.GrantRow]) -> bool:
    known = said.grants(session)
    return all(
        (grant := known.get(grant_id_of(row))) is not None and (grant.ended or row.state != "revoked")
        for row in rows.values()
    )


def _state(session: Session, grant: said.GrantSaid, row: wire.GrantRow) -> str:
    """As the history, the chain and the clock have it; the vault's word alone ends no grant, and keeps none alive."""
    message, now = grant.envelope.grant, session.clock.now()
    if grant.ended or _spent(session, message.nullifier):
        return "revoked"
    if row.state == "revoked":
        raise Untrusted(
            "grant_not_ended", "the vault says that grant {grant} has ended: nobody ended it", grant=row.grant
        )
    if now < message.not_before:
        return "not_yet"
    if now >= message.not_after:
        return "expired"
    return "used_up" if max(row.uses, grant.uses) >= message.max_uses else "live"


def _check_logged(session: Session, grant_id: bytes) -> None:
    """While the chain does not know of the end, the log must: the vault's word alone ends nothing."""
    sync(session)
    grant = said.grants(session).get(grant_id)
    if grant is None or not grant.ended:
        raise Untrusted("not_logged", "the vault does not prove that it logged this")


def _bring_to_chain(session: Session, secret: bytes) -> None:
    """Let the vault pay for the nullifier; whether it did is for the chain to say."""
    request = wire.Relay(contract="grant_registry", function="revoke", message={"secret": hex0x(secret)}, signatures=[])
    with contextlib.suppress(Conflict, Unavailable, Denied):
        session.api.relay(request)


def _spent(session: Session, nullifier: bytes) -> bool:
    """Whether the chain knows that the grant has ended; False also where it does not answer."""
    try:
        return session.ledger.nullified_at(nullifier) is not None
    except Unavailable:
        return False
