"""What a client must know before the first signature."""

from __future__ import annotations

from protocol import wire
from vault_api.vault import VERSION, Vault


def info(vault: Vault) -> wire.Info:
    """The log, the contracts, the limits and the time of this vault."""
    settings = vault.settings
    return wire.Info(
        log_origin=vault.origin,
        log_vkey=vault.log.vkey,
        public_origin=settings.public_origin,
        chain_id=vault.chain_id,
        contracts=wire.Contracts(**vault.contracts.to_json()),
        limits=wire.Limits(
            payload_bytes=settings.payload_bytes,
            objects_per_item=settings.objects_per_item,
            page_rows=settings.page_rows,
        ),
        version=VERSION,
        time=vault.clock.now(),
    )
