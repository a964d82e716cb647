"""What this dossier has said: grants, their ends and statements, out of the history that a sync has walked.

The vault lists grants and items as it likes. What stands here was committed to by the log, entry by entry, and is what
its lists are held against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from client.session import Session
from protocol.encoding import unb64u
from protocol.entries import AccessRecord, Entry
from protocol.errors import OneFileError
from protocol.grant import GrantEnvelope
from protocol.revocations import EpochChange, parse_revocation, verify_secret
from protocol.signed import Signed
from protocol.statements import Statement, parse_statement
from wallet_cli.services.own_cards import own_keys


@dataclass(slots=True)
class GrantSaid:
    """A grant of the history: how often it was used, and whether it was ended, as far as the history was walked."""

    envelope: GrantEnvelope
    uses: int = 0
    ended: bool = False


def events(session: Session) -> Iterator[tuple[str, bytes]]:
    """Kind and object of every event that still has one."""
    for row in session.store.history():
        logged = row["logged"]
        if logged.get("opening") and logged.get("object"):
            yield Entry.parse(unb64u(logged["entry"], what="entry")).t, unb64u(logged["object"], what="object")


def own_statements(session: Session) -> Iterator[Signed[Statement]]:
    """Every statement of the history that a key of ours signed, oldest first."""
    ours = {key.thumbprint(): key for key in own_keys(session)}
    for kind, raw in events(session):
        if kind not in {"note", "correct"}:
            continue
        try:
            signed = parse_statement(raw)
            if signed.jws.kid in ours:
                yield signed.verified_by(ours[signed.jws.kid])
        except OneFileError:
            continue  # another kind of note, or not ours


def deleted_items(session: Session) -> set[bytes]:
    """The items whose deletion the history holds over a signature of ours."""
    found = (signed.body for signed in own_statements(session))
    return {said.item for said in found if said.kind == "delete" and said.item is not None}


def grants(session: Session) -> dict[bytes, GrantSaid]:
    """Every grant of the history by its id."""
    found: dict[bytes, GrantSaid] = {}
    for kind, raw in events(session):
        if kind == "grant":
            envelope = GrantEnvelope.parse(raw)
            found[envelope.grant.grant_id] = GrantSaid(envelope)
        elif kind == "access":
            record = AccessRecord.parse(raw)
            if record.grant in found:
                found[record.grant].uses += 1
        elif kind == "revoke":
            _end(found, raw)
    return found


def _end(found: dict[bytes, GrantSaid], raw: bytes) -> None:
    try:
        said = parse_revocation(raw)
        if isinstance(said, EpochChange):
            for grant in found.values():
                grant.ended = grant.ended or grant.envelope.grant.grant_epoch < said.epoch
        elif said.id in found:
            verify_secret(said.secret, found[said.id].envelope.grant.nullifier)
            found[said.id].ended = True
    except OneFileError:
        return  # of a mandate, or of a kind that this version does not know
