"""web3's way to an RPC endpoint: the same bounded requests as everybody's (`chain.endpoint`).

This module imports web3 (over a second): import it where a transaction is sent, not at start-up.
"""

from __future__ import annotations

from typing import Any, cast

from web3._utils.encoding import Web3JsonEncoder
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from chain.endpoint import Endpoint
from protocol.errors import Unavailable
from protocol.recursion import keep_limit

keep_limit()


class BoundedProvider(BaseProvider):
    """A web3 provider over a bounded endpoint, which its owner closes. May be used from several threads."""

    global_ccip_read_enabled = False

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """The endpoint's answer to one request; raises only `Unavailable`."""
        return cast("RPCResponse", self._endpoint.request(method, params, encoder=Web3JsonEncoder))

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Whether the endpoint answers at all; `show_traceback` raises the reason instead."""
        try:
            self.make_request(RPCEndpoint("web3_clientVersion"), [])
        except Unavailable:
            if show_traceback:
                raise
            return False
        return True
