"""What this agency says to a holder: signed, kept, sent until the log has it (docs/spec/notices.md §4).

The order of the steps is the point. (1) The statement is on disk before it is sent. (2) The same bytes are sent again
until they are answered, so that one thing is said once. (3) The answer must open an entry over these very bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from agency_cli.services.standing import own_urn
from client.session import Session
from protocol.encoding import b64u, unb64u
from protocol.entries import Entry, Opening, verify_opening
from protocol.errors import Conflict, Denied, Untrusted
from protocol.statements import Statement, sign_statement


def word(session: Session, kind: str, **members: bytes | str | None) -> str:
    """A fresh statement of ours, signed with our newest card's key."""
    body = Statement(
        jti=b64u(secrets.token_bytes(16)),
        iat=session.clock.now(),
        iss=own_urn(session),
        aud=session.log.origin,
        kind=kind,
        **members,  # type: ignore[arg-type]  # the kinds' members are checked when it is signed
    )
    return sign_statement(body, session.keys.present(session.party.card_seq))


def say(
    session: Session, before: str | None, keep: Callable[[str], object], kind: str, **members: bytes | str | None
) -> int:
    """Have a statement logged and return its index. ``before``: as it was signed in an earlier try, ``keep``: saves it.

    What was said already, by another machine of this agency, is said. ``Denied`` if the vault refuses it.
    """
    raw = before or _kept(keep, word(session, kind, **members))
    try:
        return _send(session, raw)
    except Conflict as error:
        if error.code != "statement_said":
            raise
        return int(error.facts["index"])
    except Denied as error:
        # The vault looks for a statement that it knows before it looks at the clock: it never took this one.
        if error.code != "iat_off" or before is None:
            raise
    return say(session, None, keep, kind, **members)


def _kept(keep: Callable[[str], object], raw: str) -> str:
    keep(raw)
    return raw


def _send(session: Session, raw: str) -> int:
    answer = session.api.say(raw)
    if answer.opening is None:
        raise Untrusted("statement_unlogged", "the vault's answer does not open the statement's entry")
    opening = Opening.from_json(answer.opening.model_dump())
    verify_opening(Entry.parse(unb64u(answer.entry, what="entry")), opening, raw.encode("ascii"))
    return answer.index
