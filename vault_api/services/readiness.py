"""Whether the vault could do its work now, part by part."""

from __future__ import annotations

from collections.abc import Callable

from protocol.errors import OneFileError
from vault_api.db.engine import ping
from vault_api.vault import Vault


def readiness(vault: Vault) -> tuple[bool, dict[str, str]]:
    """Whether all parts answer, and what each says: ``ok`` or the code of its refusal."""
    parts: dict[str, Callable[[], object]] = {
        "database": lambda: ping(vault.engine),
        "blobs": lambda: vault.blobs.size("ready"),
        "log": lambda: vault.log.head,
        "chain": vault.ledger.head,
        "chain_facts": vault.facts.age_s,
    }
    said = {name: _said(ask) for name, ask in parts.items()}
    return all(word == "ok" for word in said.values()), said


def _said(ask: Callable[[], object]) -> str:
    try:
        ask()
    except OneFileError as error:
        return error.code
    return "ok"
