"""A vault whose log key is replaced, step by step: for the tests of a rotation."""

from __future__ import annotations

from sqlalchemy import delete, select

from protocol.note_signer import Ed25519NoteSigner
from tests.vault_stage import VaultStage, seed
from vault_api.build import build_vault
from vault_api.db import tables as t
from vault_api.keeping.scrub import Damage, Pace, Scrubbed, scrub
from vault_api.log_keys import LOG_KEYS, LogKeys, keys_of
from vault_api.publishing import Publishing
from vault_api.vault import Vault


def put_key(stage: VaultStage, name: str) -> str:
    """The operator puts another key's file in place; its verifier key."""
    stage.settings.log_key.write_text(seed(name).hex())
    return str(signer(stage, name).vkey)


def signer(stage: VaultStage, name: str) -> Ed25519NoteSigner:
    return Ed25519NoteSigner(stage.origin, seed(name))


def name_on_chain(stage: VaultStage, vkey: str) -> None:
    """The log's owner names it."""
    stage.outside.ledger.rotate_log_vkey(stage.vault.origin_hash, vkey)


def restart(stage: VaultStage) -> Vault:
    """Stop the vault, and start another on what it left."""
    stage.vault.sequencer.stop()
    return start(stage)


def start(stage: VaultStage) -> Vault:
    vault = build_vault(stage.settings, stage.outside)
    vault.sequencer.start()
    stage.vault, stage.publishing = vault, Publishing(vault)
    return vault


def rotated(stage: VaultStage, name: str) -> Vault:
    name_on_chain(stage, put_key(stage, name))
    return restart(stage)


def entries(stage: VaultStage) -> list[bytes]:
    with stage.outside.engine.connect() as conn:
        return [bytes(raw) for raw in conn.execute(select(t.entries.c.entry).order_by(t.entries.c.idx)).scalars()]


def keys(stage: VaultStage) -> LogKeys | None:
    with stage.outside.engine.connect() as conn:
        return keys_of(conn)


def forget_keys(stage: VaultStage) -> None:
    """As a program left it that knew a single key."""
    with stage.outside.engine.begin() as conn:
        conn.execute(delete(t.meta).where(t.meta.c.name == LOG_KEYS))


def damages(stage: VaultStage, vkey: str | None = None) -> list[tuple[str, str]]:
    what = Scrubbed(stage.outside.engine, stage.outside.blobs, stage.outside.ledger, stage.origin, vkey)
    return [(found.kind, found.name) for found in scrub(what, Pace()) if isinstance(found, Damage)]
