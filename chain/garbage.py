"""What an RPC endpoint did wrong, as our errors."""

from __future__ import annotations

import re

from protocol.errors import Unavailable

GARBAGE = "chain_garbage"
MAX_MESSAGE = 200
_PLAIN = re.compile(r"[^\x20-\x7e]+")


def unreachable(why: str) -> Unavailable:
    """No answer from the endpoint, as far as one can tell."""
    return Unavailable("chain_unreachable", "the chain's node does not answer ({why})", why=plain(why))


def garbage(why: str) -> Unavailable:
    """An answer that no honest node gives."""
    return Unavailable(GARBAGE, "the chain's node answered nonsense ({why})", why=plain(why))


def node_error(why: object) -> Unavailable:
    """An answer that says in the endpoint's words why there is none."""
    return Unavailable("chain_error", "the chain's node reports an error: {why}", why=plain(why))


def plain(text: object) -> str:
    """A stranger's message, short and in printable ASCII, fit for a log line or a terminal."""
    return _PLAIN.sub("?", str(text)[:MAX_MESSAGE])
