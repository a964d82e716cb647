"""Status tokens: the present state of a list, signed, at the vault for anybody to read."""

from __future__ import annotations

from agency_cli.services.standing import Standing
from agency_cli.services.status_lists import Lists, ListState, Published
from client.session import Session
from protocol.errors import Untrusted
from protocol.status_list import MAX_LIFETIME_S, sign_status_token


def publish(session: Session, standing: Standing, lists: Lists, n: int, lifetime_s: int = MAX_LIFETIME_S) -> ListState:
    """Sign the list as it stands and bring it to the vault; it lives ``lifetime_s`` seconds, a day at most.

    What is set on the list meanwhile stays to be published.
    """
    with lists.publishing():
        return _publish(session, standing, lists, lists.load(n), lifetime_s)


def publish_due(session: Session, standing: Standing, lists: Lists, n: int) -> ListState:
    """Publish list ``n`` if no good token of it is out."""
    with lists.publishing():
        state = lists.load(n)
        due = state.due(session.clock.now())
        return _publish(session, standing, lists, state, MAX_LIFETIME_S) if due else state


def publish_all(
    session: Session, standing: Standing, lists: Lists, *, lifetime_s: int = MAX_LIFETIME_S
) -> list[ListState]:
    """Publish every list of this profile anew."""
    return [publish(session, standing, lists, n, lifetime_s) for n in lists.numbers()]


def _publish(session: Session, standing: Standing, lists: Lists, state: ListState, lifetime_s: int) -> ListState:
    # The vault takes no token that is as old as the last; two in one second are a second apart.
    iat = standing.at if state.published is None else max(standing.at, state.published.iat + 1)
    token = state.bits.token(iss=standing.urn, uri=state.uri, iat=iat, lifetime_s=lifetime_s)
    raw = sign_status_token(token, session.keys.present(standing.card.seq))
    logged = session.api.put_status_list(standing.account, state.n, raw)
    # Who asks without a name gets what verifiers get: it must be the list that we have just signed.
    if session.public_api.status_list(standing.account, state.n) != raw.encode("ascii"):
        raise Untrusted("status_not_published", "the vault took the status list and gives another one to who asks")
    return lists.note_published(state.n, Published(iat, token.exp, logged.index, state.digest))
