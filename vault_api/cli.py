"""The commands of ``vault-api``; slow imports are made where they are needed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import click

from console.frame import Command
from console.i18n import N_, _
from console.output import Column, emit, fields, say, table
from protocol.encoding import hex0x
from protocol.errors import Conflict, Unavailable
from vault_api.settings import Settings, load_settings

SWITCH_S = 0.001  # the sequencer and the event loop hand the interpreter to each other this often


@contextmanager
def _for_good() -> Iterator[None]:
    """What is imported here stays: nobody looks for garbage among it, which took an eighth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@click.command(
    "serve", cls=Command, help=N_("Serve HTTP, follow the chain, anchor the log, until interrupted.")
)
@click.option("--host", help=N_("Address to listen on (default: 127.0.0.1)."))
@click.option("--port", type=click.IntRange(0, 65535), help=N_("Port to listen on (default: 8440)."))
@click.option(
    "--role",
    type=click.Choice(["all", "api"]),
    default="all",
    help=N_("all: everything in one process. api: HTTP alone, beside other processes on PostgreSQL."),
)
def serve(host: str | None, port: int | None, role: str) -> None:
    """Run the vault."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(**given)
    with _for_good():
        import_module("vault_api.app")  # needed soon, and what it imports stays as well
        from vault_api import logs
        from vault_api.locking import alone
        from vault_api.running import run_server

    logs.set_up()
    sys.setswitchinterval(SWITCH_S)
    said = _("vault: serving {origin}").format(origin=settings.public_origin)
    with alone(settings):
        run_server(settings, lambda: say(said), role)


@click.command(
    "sequencer", cls=Command, help=N_("Sign the log for several processes on PostgreSQL; a second one waits.")
)
def sequencer() -> None:
    """Run the sequencer."""
    _duties("sequencer")


@click.command(
    "publisher", cls=Command, help=N_("Anchor the log for several processes on PostgreSQL; a second one waits.")
)
def publisher() -> None:
    """Run the publisher."""
    _duties("publisher")


@click.command(
    "worker", cls=Command, help=N_("Follow the chain and do the jobs of several processes on PostgreSQL.")
)
def worker() -> None:
    """Run a worker."""
    _duties("worker")


def _duties(role: str) -> None:
    settings = load_settings()
    with _for_good():
        from vault_api import logs
        from vault_api.locking import alone
        from vault_api.running import run_duties

    logs.set_up()
    with alone(settings):
        run_duties(settings, role, lambda: say(_("vault: {role} is ready").format(role=role)))


@click.command("publish", cls=Command, help=N_("Anchor the newest checkpoint once, and stop."))
def publish() -> None:
    """One round of the publisher, for a vault that is not running."""
    settings = load_settings()
    from vault_api.locking import alone
    from vault_api.publishing import Publishing
    from vault_api.running import stopped_vault

    with alone(settings), stopped_vault(settings) as vault:
        record = Publishing(vault).round()
    if record is None:
        emit({"anchored": None}, lambda: say(_("nothing new to anchor")))
        return
    facts = {"size": record.size, "transaction": hex0x(record.tx_hash), "block": record.block.number}
    emit({"anchored": facts}, lambda: fields(facts.items()))


@click.command("migrate", cls=Command, help=N_("Bring the database to this program's schema."))
def migrate() -> None:
    """Run the migrations."""
    settings = load_settings()
    from vault_api.db.carrier import lay_tables
    from vault_api.db.engine import open_engine
    from vault_api.db.migrate import migrate as bring_up
    from vault_api.locking import alone

    with alone(settings):
        engine = open_engine(settings.database)
        revision = bring_up(engine)
        lay_tables(engine, anew=True)
    emit({"schema": revision}, lambda: say(_("schema: {revision}").format(revision=revision)))


@click.command("doctor", cls=Command, help=N_("Check settings, keys, database, blobs, log and chain."))
def doctor() -> None:
    """Say what is well and what is not; nothing is changed."""
    settings = load_settings()
    from vault_api.doctor import examine

    found = examine(settings)
    rows: list[dict[str, object]] = [
        {"part": part.name, "state": part.state, "detail": part.detail} for part in found
    ]
    columns = [Column("part", _("part")), Column("state", _("state")), Column("detail", _("detail"))]
    emit({"home": str(_home(settings)), "parts": rows}, lambda: table(rows, columns))
    bad = [part for part in found if part.state != "ok"]
    if bad:
        raise Unavailable("not_well", "{count} of {all} parts are not well", count=len(bad), all=len(found))


@click.command(
    "draw-log-key", cls=Command, help=N_("Draw a new key for the log, and print its verifier key for the chain.")
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def draw_log_key(file: Path) -> None:
    """A file that nobody else reads; one that exists is not replaced."""
    settings = load_settings()
    from chain.files import read_deployment
    from protocol.entries import origin
    from protocol.note_signer import Ed25519NoteSigner
    from vault_api.log_key import create_secret

    deployment = read_deployment(settings.deployment)
    name = origin(deployment.chain_id, deployment.contracts.archive_log, settings.log_name)
    try:
        vkey = str(Ed25519NoteSigner(name, create_secret(file)).vkey)
    except FileExistsError:
        raise Conflict("file_exists", "{path} exists already and is not replaced", path=str(file)) from None
    facts = {"file": str(file), "origin": name, "vkey": vkey}
    emit(facts, lambda: fields(facts.items()))


def _home(settings: Settings) -> Path:
    return settings.vault_home.resolve()
