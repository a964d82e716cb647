"""``wallet unlock`` and ``wallet lock``."""

from __future__ import annotations

from functools import partial

from client.unlocking import commands
from wallet_cli.common import session

unlock, lock = commands(partial(session, anybody=True))
