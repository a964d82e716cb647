"""The status of what was issued: set here, and true for others when the list is published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agency_cli.services.publishing import publish, publish_all
from agency_cli.services.records import Issued, Records
from agency_cli.services.standing import own_account, standing
from agency_cli.services.status_lists import Lists, ListState
from client.session import Session
from protocol.errors import Unavailable
from protocol.status_list import CORRECTING, INVALID, MAX_LIFETIME_S, SUSPENDED, VALID

NAMES = {"valid": VALID, "revoked": INVALID, "suspended": SUSPENDED, "correction": CORRECTING}
_BY_VALUE = {value: name for name, value in NAMES.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """One status that was set. ``published``: whether the list that says so is at the vault."""

    record: Issued
    before: str
    after: str
    published: bool


def set_status(session: Session, text: str, name: str, *, published: bool = True) -> Change:
    """Set the status of an issued item (by item or certificate id) and, unless told not to, publish its list.

    What is set stays set when publishing fails; ``status publish`` brings it out later.
    """
    lists, records = _of(session)
    record = records.find(text)
    before = lists.of(record.status).bits.get(record.status.idx)
    ours = standing(session) if published else None
    state = lists.set(record.status, NAMES[name])
    if ours is not None:
        state = publish(session, ours, lists, state.n)
    return Change(record, _BY_VALUE[before], name, published=not state.changed)


def status_of(session: Session, text: str) -> tuple[Issued, str, ListState]:
    """An issued item, its status here, and its list."""
    lists, records = _of(session)
    record = records.find(text)
    state = lists.of(record.status)
    return record, _BY_VALUE[state.bits.get(record.status.idx)], state


def all_lists(session: Session) -> list[ListState]:
    """Every list of this profile."""
    lists, _records = _of(session)
    return [lists.load(n) for n in lists.numbers()]


def publish_lists(session: Session, *, lifetime_s: int = MAX_LIFETIME_S, only_due: bool = False) -> list[ListState]:
    """Publish the lists of this profile: all, or those that changed or whose newest token is half an hour old."""
    lists, _records = _of(session)
    if not only_due:
        return publish_all(session, standing(session), lists, lifetime_s=lifetime_s)
    now = session.clock.now()
    due = [n for n in lists.numbers() if lists.load(n).due(now)]
    if not due:
        return []
    ours = standing(session)
    return [publish(session, ours, lists, n, lifetime_s) for n in due]


def keep_published(
    session: Session, every_s: int, lifetime_s: int, told: Callable[[list[ListState] | Unavailable], None]
) -> None:
    """Publish all lists now and every ``every_s`` seconds until interrupted; a vault or chain that is away is told."""
    while True:
        try:
            told(publish_lists(session, lifetime_s=lifetime_s))
        except Unavailable as error:
            told(error)
        session.clock.sleep(every_s)


def _of(session: Session) -> tuple[Lists, Records]:
    folder = session.profile.folder
    return Lists(folder, own_account(session)), Records(folder)
