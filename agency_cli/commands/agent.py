"""``agency unlock`` and ``agency lock``."""

from __future__ import annotations

from agency_cli.common import session
from client.unlocking import commands

unlock, lock = commands(session)
