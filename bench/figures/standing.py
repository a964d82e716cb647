"""A real vault process over a real local chain, for figures that are about files, memory and time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.local_chain import LocalChain, local_chain
from bench.parties import Town
from bench.vaults import vault_process
from scripts.processes import Child
from vault_api.settings import Settings


@dataclass(frozen=True, slots=True)
class Standing:
    """``vault-api serve`` as ``process``, and the town around it."""

    chain: LocalChain
    settings: Settings
    process: Child
    town: Town


@contextmanager
def standing(**given: object) -> Iterator[Standing]:
    """Start chain and vault with these settings, and end them."""
    with local_chain() as chain, vault_process(chain, **given) as (settings, process):
        town = Town.of(chain, settings.public_origin)
        try:
            yield Standing(chain, settings, process, town)
        finally:
            town.close()
