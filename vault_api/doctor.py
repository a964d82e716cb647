"""What ``vault-api doctor`` looks at. Changes nothing, and shows no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from chain.files import read_deployment
from chain.reverts import refusal
from console.i18n import _, describe
from protocol.encoding import hex0x
from protocol.entries import origin, origin_hash
from protocol.errors import OneFileError, Unavailable
from protocol.merkle import Frontier
from vault_api.blobs import blobs_of
from vault_api.db import tables as t
from vault_api.db.engine import open_engine, ping
from vault_api.db.migrate import newest, revision_of
from vault_api.log_keys import former_key, keys_of, other_key
from vault_api.log_store import LogStore
from vault_api.opening import log_signer
from vault_api.running import connect
from vault_api.settings import Settings


@dataclass(frozen=True, slots=True)
class Part:
    """One part: ``ok`` or the code of what is wrong, and a sentence."""

    name: str
    state: str
    detail: str


def examine(settings: Settings) -> list[Part]:
    """Every part, in the order in which a start needs them."""
    looks: list[tuple[str, Callable[[Settings], str]]] = [
        ("settings", _settings),
        ("deployment", _deployment),
        ("database", _database),
        ("blobs", _blobs),
        ("log key", _log_key),
        ("log", _log),
        ("chain", _chain),
    ]
    return [_look(name, look, settings) for name, look in looks]


def _look(name: str, look: Callable[[Settings], str], settings: Settings) -> Part:
    try:
        return Part(name, "ok", look(settings))
    except OneFileError as error:
        return Part(name, error.code, describe(error))


def _settings(settings: Settings) -> str:
    return f"{settings.environment}, {settings.public_origin}, {settings.host}:{settings.port}"


def _deployment(settings: Settings) -> str:
    deployment = read_deployment(settings.deployment)
    return _("chain {chain}, deployed in block {block}").format(
        chain=deployment.chain_id, block=deployment.deploy_block
    )


def _database(settings: Settings) -> str:
    with _engine(settings) as engine:
        ping(engine)
        got = revision_of(engine)
    if got != newest():
        raise Unavailable(
            "schema_old",
            "the database has schema {got}, this program needs {want}: run vault-api migrate",
            got=got or "none",
            want=newest(),
        )
    return _("schema: {revision}").format(revision=got)


def _blobs(settings: Settings) -> str:
    blobs_of(settings).size("ready")
    return settings.blobs


def _log_key(settings: Settings) -> str:
    own = str(log_signer(settings.log_key, _origin(settings), may_create=False).vkey)
    named = _named(settings)
    if named is not None and named != own:
        raise former_key(own, named) if _was_a_key(settings, own) else other_key(own, named)
    return own


def _named(settings: Settings) -> str | None:
    """The key that the chain names for this log; of a chain that does not answer its own line tells."""
    try:
        state = connect(settings).log_state(origin_hash(_origin(settings)))
    except OneFileError:
        return None
    return None if state is None else state.vkey


def _was_a_key(settings: Settings, vkey: str) -> bool:
    """Whether the log knows this key, as far as there is a database that could tell."""
    try:
        with _engine(settings) as engine, engine.connect() as conn:
            keys = keys_of(conn)
    except (OneFileError, SQLAlchemyError):
        return False
    return keys is not None and keys.has(vkey)


def _log(settings: Settings) -> str:
    signer = log_signer(settings.log_key, _origin(settings), may_create=False)
    with _engine(settings) as engine:
        with engine.connect() as conn:
            raw = conn.execute(select(t.log_head.c.frontier)).scalar()
        if raw is None:
            raise Unavailable("log_not_open", "the log is not open yet: run vault-api serve once")
        frontier = Frontier.parse(raw)
        store = LogStore(engine, blobs_of(settings), signer)
        store.check(frontier)
    return _("{signed} of {size} entries signed").format(signed=store.size, size=frontier.size)


def _chain(settings: Settings) -> str:
    ledger = connect(settings)
    state = ledger.log_state(origin_hash(_origin(settings)))
    if state is not None and state.publisher != ledger.account:
        raise refusal("NotPublisher", caller=ledger.account)
    anchored = state.size if state is not None else 0
    return _("block {block}, {anchored} entries anchored, relayer {account}").format(
        block=ledger.head().number, anchored=anchored, account=hex0x(ledger.account)
    )


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    engine = open_engine(settings.database)
    try:
        yield engine
    finally:
        engine.dispose()


def _origin(settings: Settings) -> str:
    deployment = read_deployment(settings.deployment)
    return origin(deployment.chain_id, deployment.contracts.archive_log, settings.log_name)
