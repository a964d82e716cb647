"""Telling earlier readers that a grant has ended: a signed notice in the log, for each grant that was used.

An end reaches the future: what an agency has opened before, it has. The notice is the holder's word to it about that,
and the acknowledgement its answer. Which notices are due follows from the history, so that a run that was broken off is
finished by the next, and none is sent twice (docs/spec/notices.md §5).
"""

from __future__ import annotations

from collections.abc import Iterator

from client.session import Session
from console.i18n import _
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.errors import OneFileError
from protocol.grant import GrantEnvelope
from wallet_cli.services import said
from wallet_cli.services.logged import said as stands
from wallet_cli.services.syncing import sync
from wallet_cli.services.tokens import statement


def tell_readers(session: Session) -> list[bytes]:
    """Send every notice that is due; the grants that they are about."""
    sync(session)
    told = []
    for grant_id in list(due(session)):
        renewed = _successor(session, grant_id)
        word = statement(session, "notice", grant=grant_id, about=renewed, text=_text(renewed))
        stands(session, "note", word, session.api.state(wire.Statement(statement=word)))
        told.append(grant_id)
    if told:
        sync(session)
    return told


def due(session: Session) -> Iterator[bytes]:
    """Grants that were used and have ended, of which their readers were not told yet."""
    told = {body.grant for body in (one.body for one in said.own_statements(session)) if body.kind == "notice"}
    epoch = _epoch(session)
    for grant_id, grant in said.grants(session).items():
        ended = grant.ended or grant.envelope.grant.grant_epoch < epoch
        if ended and grant.uses and grant_id not in told:
            yield grant_id


def _epoch(session: Session) -> int:
    """The dossier's grant epoch by the chain; 0 where it does not answer: what the history knows is told."""
    try:
        state = session.ledger.dossier(session.party.subject)
    except OneFileError:
        return 0
    return 0 if state is None else state.grant_epoch


def _successor(session: Session, grant_id: bytes) -> bytes | None:
    """The hash of the grant that took this one's place, if this device gave one."""
    for kept in session.store.grants():
        if kept.get("renews") == b64u(grant_id):
            envelope = GrantEnvelope.from_json(kept["envelope"])
            if unb64u(kept["grant"], length=32, what="grant") in said.grants(session):
                return envelope.hash
    return None


def _text(renewed: bytes | None) -> str:
    if renewed is not None:
        return _("This grant has ended: a new one took its place, and what was handed over is kept under that.")
    return _("This grant has ended: delete what it handed over, unless a law makes you keep it.")
