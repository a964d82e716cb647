"""The way of one use through the service: in the event loop, and off to a thread only for what it may wait for."""

from __future__ import annotations

import asyncio

from protocol import wire
from protocol.errors import Unavailable
from protocol.identifiers import parse_agency_urn
from vault_api.services import releases
from vault_api.vault import Vault

LATE = "sequencer_late"
COLD = "chain_moving"


async def use_grant(vault: Vault, grant_id: bytes, raw: str) -> tuple[int, wire.Released | wire.Pending]:
    """200 and what is handed over, or 202 and nothing yet."""
    receipt = releases.read_receipt(raw, grant_id)
    body = receipt.body
    key = vault.reader_keys.get(body.card, body.iss)
    if key is None:
        key = await asyncio.to_thread(releases.reader_key, vault, receipt)
        vault.reader_keys.put(body.card, body.iss, key)
    releases.verified_receipt(vault, receipt, key)
    vault.load.count_caller(parse_agency_urn(body.iss).account)
    try:
        handed = await _handed(vault, receipt)
    except Unavailable as error:
        if error.code != LATE:
            raise
        return 202, wire.Pending(retry_after_s=1)
    return 200, releases.rendered(vault, handed)


async def _handed(vault: Vault, receipt: releases.SignedReceipt) -> releases.Handed:
    try:
        # commit point: release (docs/spec/durability.md §2)
        return await vault.sequencer.acall(lambda tx: releases.release(vault, tx, receipt))
    except Unavailable as error:
        if error.code != COLD:
            raise
    # The chain's facts were not in memory: read them in a thread, then once more.
    await asyncio.to_thread(releases.prepare, vault, receipt)
    # commit point: release (docs/spec/durability.md §2)
    return await vault.sequencer.acall(lambda tx: releases.release(vault, tx, receipt))
