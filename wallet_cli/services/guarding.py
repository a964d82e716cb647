"""The guardian's side: shares that others entrust, a freeze, and consent to a recovery.

A share stays an age file on this device, sealed to our own key card; it is opened for the moment in which it is
checked or sealed anew to who recovers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client.files import read_bounded, write_private
from client.session import Session
from protocol.dossier_messages import FreezeDossier
from protocol.encoding import hex0x, unb64u, unhex0x
from protocol.errors import Denied, Untrusted
from protocol.hashing import same
from protocol.recipients import HybridIdentity
from protocol.recovery import MAX_SHARE_BYTES, Answer, RecoveryRequest, Share, open_share, seal_answer
from wallet_cli.services.registration import MESSAGE_LIFETIME_S
from wallet_cli.services.watching import guardian_state, relay, sign

SHARES_FOLDER = "shares"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A dossier that this one guards. ``state``: new (in the vault's box), accepted, changed (a newer share came),
    or over (its guardians are others now)."""

    dossier: str
    state: str
    threshold: int
    guardians: int
    frozen_until: int
    recovery_ready_at: int


def listed(session: Session) -> list[Guarded]:
    """Everything in the box and everything accepted. Shares that do not open are left out: nobody's business."""
    box = _box(session)
    names = {**{path.stem: None for path in _folder(session).glob("0x*.age")}, **box}
    rows = (_row(session, unhex0x(name, length=32, what="dossier"), box.get(name)) for name in sorted(names))
    return [row for row in rows if row is not None]


def accept(session: Session, dossier: bytes) -> Share:
    """Take the share of a dossier from the box, check it, and keep it here."""
    raw = _box(session).get(hex0x(dossier))
    if raw is None:
        raise Denied("share_not_found", "the vault holds no share of this dossier for you")
    share = _checked(session, dossier, raw)
    folder = _folder(session)
    folder.mkdir(mode=0o700, exist_ok=True)
    write_private(folder / f"{hex0x(dossier)}.age", raw)
    return share


def freeze(session: Session, dossier: bytes) -> int:
    """Suspend the dossier's controller; until when."""
    share, state = kept(session, dossier), guardian_state(session, dossier)
    deadline = session.clock.now() + MESSAGE_LIFETIME_S
    message = FreezeDossier(dossier, session.keys.hot.address, state.freezes, deadline)
    told = {**message.to_json(), "guardians": share.guardians.to_json()}
    relay(session, "freeze", told, sign(session, session.keys.hot, message))
    frozen = session.ledger.dossier(dossier)
    if frozen is None or frozen.frozen_until <= session.ledger.head().time:
        raise Untrusted(
            "relay_false", "the vault says that it brought the message to the chain, which does not show it"
        )
    return frozen.frozen_until


def read_request(session: Session, raw: bytes) -> RecoveryRequest:
    """A request that we could carry: for our chain, a dossier that we guard, its next recovery, and in time."""
    request = RecoveryRequest.parse(raw)
    ours = (session.deployment.chain_id, session.deployment.contracts.dossier_registry)
    if (request.chain_id, request.registry) != ours:
        raise Untrusted("request_elsewhere", "the request is for another chain or registry than this wallet's")
    message = request.message
    if session.clock.now() > message.deadline:
        raise Denied("request_expired", "the request was good until {until}", until=message.deadline)
    if guardian_state(session, message.dossier).recoveries != message.nonce:
        raise Denied("request_used", "the request was carried or vetoed already: a new one is needed")
    kept(session, message.dossier)
    return request


def approve(session: Session, request: RecoveryRequest, number: str) -> bytes:
    """Our consent, sealed to who asks; ``number`` is what that person reads out, and must match."""
    if not same("".join(number.split()).encode(), request.match_number.replace(" ", "").encode()):
        raise Denied("match_number", "the numbers differ: this is not the request that the person made")
    share = kept(session, request.message.dossier)
    signature = sign(session, session.keys.hot, request.message)
    return seal_answer(Answer(request.digest, session.keys.hot.address, signature, share), request)


def kept(session: Session, dossier: bytes) -> Share:
    """The share that we accepted, if its guardians are still the dossier's."""
    path = _folder(session) / f"{hex0x(dossier)}.age"
    if not path.exists():
        raise Denied("share_not_accepted", "no share of this dossier was accepted here")
    return _checked(session, dossier, read_bounded(path, limit=MAX_SHARE_BYTES))


def _checked(session: Session, dossier: bytes, raw: bytes) -> Share:
    """The share of this dossier, of its present guardians, of whom we are one.

    Nobody signed it: the salt that makes the registry's hash is the proof that the holder made it, since only holder
    and guardians know it. A guardian who swaps words is found when they do not fit the others'.
    """
    share = open_share(raw, _identities(session))
    if share.dossier != dossier:
        raise Untrusted("share_other_dossier", "the share is of another dossier")
    terms = guardian_state(session, dossier).terms
    if share.guardians.hash != terms.set_hash or share.read.threshold != terms.threshold:
        raise Untrusted("share_other_set", "the share is for guardians that the dossier does not have now")
    if session.keys.hot.address not in share.guardians.accounts:
        raise Untrusted("share_not_ours", "this wallet's account is none of the guardians that the share names")
    return share


def _row(session: Session, dossier: bytes, boxed: bytes | None) -> Guarded | None:
    path = _folder(session) / f"{hex0x(dossier)}.age"
    held = read_bounded(path, limit=MAX_SHARE_BYTES) if path.exists() else None
    try:
        share, state = _checked(session, dossier, boxed or held or b""), "accepted"
    except Untrusted as error:
        if held is None or error.code != "share_other_set":
            return None
        share, state = open_share(held, _identities(session)), "over"
    if boxed is not None and boxed != held:
        state = "new" if held is None else "changed"
    return _told(session, dossier, share, state)


def _told(session: Session, dossier: bytes, share: Share, state: str) -> Guarded:
    found, guardians = session.ledger.dossier(dossier), guardian_state(session, dossier)
    return Guarded(
        dossier=hex0x(dossier),
        state=state,
        threshold=share.read.threshold,
        guardians=len(share.guardians.accounts),
        frozen_until=0 if found is None else found.frozen_until,
        recovery_ready_at=0 if guardians.pending is None else guardians.pending.ready_at,
    )


def _identities(session: Session) -> list[HybridIdentity]:
    return session.keys.identities(session.party.card_seq)


def _folder(session: Session) -> Path:
    return session.profile.folder / SHARES_FOLDER


def _box(session: Session) -> dict[str, Any]:
    return {row.dossier: unb64u(row.share, what="share") for row in session.api.shares()}
