"""``agency pack``: what is needed where there is no network."""

from __future__ import annotations

from agency_cli.common import session
from client.pack_command import pack_command

pack = pack_command(session)
