"""``wallet pack``: what is needed where there is no network."""

from __future__ import annotations

from client.pack_command import pack_command
from wallet_cli.common import session

pack = pack_command(session)
