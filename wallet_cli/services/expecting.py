"""Items that somebody issued in the holder's name, and whether the holder had reason to expect them.

Any registered issuer may deposit to a dossier that it once learnt of. An item is expected if one of these holds:
(1) its issuer was invited from this device (``wallet card --for``) within ``INVITED_FOR_S`` before the slip was signed;
(2) it supersedes an item of the same issuer that the holder has accepted: a renewal, or a correction.
Every other one is marked until the holder accepts it, contests it or destroys it. A device that did not make the
invitation does not know of it, and asks: that is the safe side. docs/spec/audit.md §5.
"""

from __future__ import annotations

from collections.abc import Iterator

from client.session import Session
from client.store import ItemRecord
from protocol.errors import OneFileError
from protocol.hashing import sha256
from protocol.slips import parse_slip
from protocol.statements import STATEMENT_SKEW_S
from wallet_cli.services.findings import Finding
from wallet_cli.services.opening import open_item
from wallet_cli.services.said import own_statements
from wallet_cli.services.tokens import own_urn

INVITED_FOR_S = 90 * 86_400


def unexpected(session: Session) -> list[ItemRecord]:
    """The items that nobody here asked for, and that were neither accepted nor contested."""
    accepted, contested = _said(session)
    open_ = [
        record
        for record in session.store.items()
        if record.slip is not None and record.claimed_at is None and record.item not in accepted
    ]
    return [record for record in open_ if not _expected(session, record, accepted, contested)]


def findings(session: Session) -> Iterator[Finding]:
    """One finding for each unexpected item."""
    for record in unexpected(session):
        n = record.opening.n if record.opening is not None else None
        yield Finding("item_unexpected", n=n, index=record.index, item=record.id, at=record.at)


def slip_hash(record: ItemRecord) -> bytes:
    """What a complaint about an item is about: SHA-256 of its slip."""
    assert record.slip is not None
    return sha256(record.slip.encode("ascii"))


def _said(session: Session) -> tuple[set[bytes], set[bytes]]:
    """The items that were accepted, on whatever device, and what was complained about."""
    accepted: set[bytes] = set()
    contested: set[bytes] = set()
    for signed in own_statements(session):
        said = signed.body
        if said.kind == "claim" and said.item is not None:
            accepted.add(said.item)
        elif said.kind == "complaint" and said.about is not None:
            contested.add(said.about)
    return accepted, contested


def _expected(session: Session, record: ItemRecord, accepted: set[bytes], contested: set[bytes]) -> bool:
    assert record.slip is not None
    slip = parse_slip(record.slip).body
    if slip.iss == own_urn(session) or slip_hash(record) in contested:
        return True
    invited = session.store.invited().get(slip.iss)
    if invited is not None and invited - STATEMENT_SKEW_S <= slip.iat <= invited + INVITED_FOR_S:
        return True
    return _supersedes(session, record, slip.iss, accepted)


def _supersedes(session: Session, record: ItemRecord, issuer: str, accepted: set[bytes]) -> bool:
    """Whether the item takes the place of one by the same issuer that the holder has."""
    before = _claim(session, record, "/supersedes", issuer)
    if before is None:
        return False
    had = (one for one in session.store.items() if one.claimed_at is not None or one.item in accepted)
    return any(_claim(session, one, "/certificate_id", issuer) == before for one in had if one.slip is not None)


def _claim(session: Session, record: ItemRecord, pointer: str, issuer: str) -> str | None:
    """A claim of an item that this issuer signed; None where there is none, or it does not open."""
    try:
        credential = open_item(session, record).credential
    except OneFileError:
        return None
    if credential is None or credential.issuer != issuer:
        return None
    found = credential.opened.values.get(pointer)
    return found if isinstance(found, str) else None
