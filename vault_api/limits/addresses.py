"""Where a request comes from: the socket's address, or what a proxy says, if that proxy is configured.

A header is the sender's choice: it is read only where the socket belongs to a configured proxy, and from its end, where
that proxy wrote. An address of version 6 counts as its /64, which one line has for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

from protocol.errors import Malformed

Network = IPv4Network | IPv6Network
NOWHERE = "none"
FORWARDED = b"x-forwarded-for"
TELLING = frozenset({FORWARDED, b"forwarded", b"via", b"x-real-ip"})
MAX_FORWARDED_CHARS = 1024
LINE_BITS = 64


def parse_networks(text: str, setting: str) -> tuple[Network, ...]:
    """Addresses and networks with commas between them; ``Malformed("setting")`` for anything else."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise Malformed("setting", "{name}: {problem}", name=setting, problem="not addresses or networks") from None


def within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    found = _parsed(address)
    return found is not None and any(found in network for network in networks)


class Addresses:
    """Reads the address of who asks; ``proxies`` are believed about others."""

    def __init__(self, proxies: tuple[Network, ...]) -> None:
        self._proxies = proxies

    def of(self, scope: Scope) -> str:
        """The address that the request comes from."""
        socket = self.socket_of(scope)
        if not within(socket, self._proxies):
            return socket
        for hop in reversed(_hops(scope)):
            if _parsed(hop) is None:
                return socket  # what the proxy passed on is no address: then it is the proxy's own request
            if not within(hop, self._proxies):
                return hop
        return socket

    def is_proxy(self, address: str) -> bool:
        """Whether the address is a configured proxy's."""
        return within(address, self._proxies)

    def is_told(self, scope: Scope) -> bool:
        """Whether the request says that it was forwarded, by whomever."""
        return any(name in TELLING for name, _value in scope["headers"])

    @staticmethod
    def socket_of(scope: Scope) -> str:
        """The other end of the connection."""
        client = scope.get("client")
        return str(client[0]) if client else NOWHERE


def line_of(address: str) -> str:
    """What limits are counted by: an address, or the /64 of one of version 6."""
    found = _parsed(address)
    if not isinstance(found, IPv6Address):
        return address if found is None else str(found)
    return str(IPv6Address(int(found) >> LINE_BITS << LINE_BITS))


def _hops(scope: Scope) -> list[str]:
    values = [value for name, value in scope["headers"] if name == FORWARDED]
    text = b",".join(values)[-MAX_FORWARDED_CHARS:].decode("latin-1")
    return [hop.strip() for hop in text.split(",") if hop.strip()]


@lru_cache(maxsize=4096)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
