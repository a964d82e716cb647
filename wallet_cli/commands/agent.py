"""``wallet unlock`` and ``wallet lock``."""

from __future__ import annotations

from functools import partial

from client.profile import Profile
from client.unlocking import commands
from wallet_cli.common import session
from wallet_cli.services import wrapping_state


def _end_wrapping(profile: Profile) -> None:
    """The process that wraps headers has keys too."""
    if not wrapping_state.stop(profile, "locked"):
        raise wrapping_state.busy()


unlock, lock = commands(partial(session, anybody=True), _end_wrapping)
