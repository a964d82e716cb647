"""What a reader remembers of the chain between two commands, so that each need not read it from the beginning."""

from __future__ import annotations

import contextlib

from client.checks import Desk, refresh_trust
from client.session import Session
from protocol.errors import OneFileError

REFRESH_S = 86_400


def keep_trust(session: Session, desk: Desk) -> None:
    """Write the profile's trust file anew if the one at hand is a day old. That it can't be written harms nothing."""
    if not desk.live:
        return
    if desk.kept is not None and session.clock.now() - desk.kept.assembled_at < REFRESH_S:
        return
    with contextlib.suppress(OneFileError):
        refresh_trust(session, desk)
