"""``vault-api backup|restore``: streams on standard output and input, talk on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from console import frame
from console.frame import Command
from console.i18n import N_, _
from console.output import binary_stdout, confirm, emit, fields, say, warn
from console.printable import printable
from console.progress import progress
from protocol.encoding import hex0x
from protocol.errors import OneFileError, Untrusted
from vault_api.settings import Settings, load_settings

if TYPE_CHECKING:
    from vault_api.build import Outside
    from vault_api.keeping.reconcile import Parts

HEX64 = 64


@click.command(
    "backup",
    cls=Command,
    help=N_("Write everything that the vault keeps to standard output, as one stream, while it serves."),
)
@click.option(
    "--since",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="MANIFEST",
    help=N_("Leave out the payloads of an earlier backup: the file that --manifest wrote then."),
)
@click.option(
    "--manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=N_("Write the backup's manifest here too, for the next --since."),
)
def backup(since: Path | None, manifest: Path | None) -> None:
    """Stream rows and payloads; nothing of the vault is changed."""
    if sys.stdout.isatty():
        raise click.UsageError(_("a backup is a stream of bytes: send it to a file or a program"))
    settings = load_settings()
    from vault_api.clock import SystemClock
    from vault_api.keeping.backup import back_up

    with _counting(_("backing up")) as step:
        done = back_up(
            _source(settings), binary_stdout(), at=SystemClock().now(), since=since, keep_manifest=manifest, step=step
        )
    _tell(asdict(done))
    if done.lost:
        warn(_("{count} payloads are missing or damaged in the vault: run `vault-api scrub`").format(count=done.lost))


@click.command(
    "restore",
    cls=Command,
    help=N_("Make a vault out of backups on standard input, the newest first. The database must be empty."),
)
@click.option("--dry-run", is_flag=True, help=N_("Check the whole stream and write nothing."))
@click.option("--expect", metavar="SHA256", help=N_("The newest manifest's digest, if you know it from elsewhere."))
@click.option(
    "--log-key-rotated",
    is_flag=True,
    help=N_("The backup may be of this log under another of its keys: `vault-api reconcile` compares with the chain."),
)
def restore(*, dry_run: bool, expect: str | None, log_key_rotated: bool) -> None:
    """Read the stream; rows count once everything is there."""
    if expect is not None and (len(expect) != HEX64 or not set(expect) <= set("0123456789abcdef")):
        raise click.UsageError(_("--expect: 64 hex digits, as the backup told them"))
    settings = load_settings()
    key = None if log_key_rotated else _own_key(settings)
    if dry_run:
        found = _restored(settings, sys.stdin.buffer, expect, key, dry=True)
        emit({"dry_run": True, **found}, lambda: fields(found.items()))
        return
    from vault_api.locking import only_one

    with only_one(settings.vault_home):
        found = _restored(settings, sys.stdin.buffer, expect, key, dry=False)
    emit({"dry_run": False, **found}, lambda: fields(found.items()))
    say(_("before this state serves: `vault-api reconcile` compares it with the chain"))


@click.command(
    "reconcile",
    cls=Command,
    help=N_("Compare a restored state with the chain and the blob store, and take it along before it serves."),
)
@click.option("--dry-run", is_flag=True, help=N_("Only say where this state stands."))
def reconcile(*, dry_run: bool) -> None:
    """What an older state needs before it may serve."""
    settings = load_settings()
    from vault_api.keeping import reconcile as work
    from vault_api.locking import only_one

    with only_one(settings.vault_home), _outside(settings) as (outside, origin):
        standing = work.compare(work.Parts(outside.engine, outside.blobs, outside.ledger, outside.clock, origin))
        done = {**asdict(standing), "behind": standing.behind}
        if not dry_run:
            done = asdict(work.reconcile(settings, outside, origin))
    emit(done, lambda: fields(done.items()))


@click.command(
    "scrub",
    cls=Command,
    help=N_("Read everything that the vault keeps and name what is damaged. Repairs nothing; exit code 3 if so."),
)
@click.option("--rate", type=click.IntRange(0), default=0, help=N_("At most so many megabytes a second (0: no limit)."))
@click.option("--no-chain", is_flag=True, help=N_("Do not compare with the anchors on chain."))
def scrub(*, rate: int, no_chain: bool) -> None:
    """Each damage where it is met, and what was looked at."""
    settings = load_settings()
    from vault_api.keeping.scrub import Damage, Pace, Scrubbed
    from vault_api.keeping.scrub import scrub as look

    looked: dict[str, int] = {}
    damaged: list[dict[str, str]] = []
    with _parts(settings) as parts, _counting(_("scrubbing")) as step:
        ledger = None if no_chain else parts.ledger
        what = Scrubbed(parts.engine, parts.blobs, ledger, parts.origin, _own_key(settings))
        for found in look(what, Pace(rate * 1_000_000)):
            if isinstance(found, Damage):
                damaged.append(asdict(found))
                warn(f"{found.kind} {found.name}: {found.problem}")
            else:
                looked[found.kind] = looked.get(found.kind, 0) + found.count
                step(found.kind, found.count)
    emit({"looked": looked, "damaged": damaged}, lambda: fields([*looked.items(), (_("damaged"), len(damaged))]))
    if damaged:
        raise Untrusted("scrub_damaged", "{count} things are damaged", count=len(damaged))


@click.command(
    "succeed",
    cls=Command,
    help=N_("Go on in a new log after a loss: the old one is frozen on chain, and the new one says what is lost."),
)
@click.option("--name", required=True, help=N_("Name of the new log (ONEFILE_LOG_NAME from then on)."))
@click.option("--dry-run", is_flag=True, help=N_("Only say what would happen."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
def succeed(*, name: str, dry_run: bool, yes: bool) -> None:
    """The only way on from a state whose end is nowhere to be found."""
    settings = load_settings()
    from vault_api.keeping import succession
    from vault_api.locking import only_one
    from vault_api.opening import log_origin, log_signer, record_log
    from vault_api.running import connect

    with only_one(settings.vault_home), _parts(settings) as parts:
        ledger = connect(settings)
        signer = log_signer(settings.log_key, log_origin(ledger, name), may_create=False)
        found = succession.plan(parts, signer.name)
        facts = {**asdict(found), "owner": hex0x(found.owner), "account": hex0x(ledger.account)}
        emit({"dry_run": dry_run, **facts}, lambda: fields(facts.items()))
        if dry_run:
            return
        if not confirm(_("Freeze this log for ever and end every grant?"), assume_yes=yes):
            raise click.Abort
        succession.succeed(parts, ledger, signer, name)
        record_log(settings.deployment, ledger, signer)
    say(_("now set ONEFILE_LOG_NAME={name} and run `vault-api reconcile`").format(name=name))


@contextmanager
def _outside(settings: Settings) -> Iterator[tuple[Outside, str]]:
    """The outside world of this vault and its log's origin."""
    from vault_api.build import outside_of
    from vault_api.opening import log_origin
    from vault_api.running import connect

    outside = outside_of(settings, connect(settings))
    try:
        yield outside, log_origin(outside.ledger, settings.log_name)
    finally:
        outside.engine.dispose()


@contextmanager
def _parts(settings: Settings) -> Iterator[Parts]:
    from vault_api.keeping.reconcile import Parts

    with _outside(settings) as (outside, origin):
        yield Parts(outside.engine, outside.blobs, outside.ledger, outside.clock, origin)


def _restored(
    settings: Settings, stream: BinaryIO, expect: str | None, key: str | None, *, dry: bool
) -> dict[str, Any]:
    from vault_api.blobs import blobs_of
    from vault_api.keeping.loading import NoLoading, loading
    from vault_api.keeping.restore import restore as read
    from vault_api.keeping.storing import storing

    with _counting(_("restoring")) as step:
        if dry:
            with storing(None) as store:
                return asdict(read(stream, NoLoading(), store, expect=expect, vkey=key, step=step))
        with loading(settings.database) as load, storing(blobs_of(settings)) as store:
            return asdict(read(stream, load, store, expect=expect, vkey=key, step=step))


def _source(settings: Settings) -> Any:
    from vault_api.blobs import blobs_of
    from vault_api.db.engine import open_engine
    from vault_api.keeping.backup import Source

    return Source(open_engine(settings.database), blobs_of(settings), _own_key(settings))


def _own_key(settings: Settings) -> str | None:
    """The log's verifier key as this machine knows it: from the deployment record, if it names the log."""
    from chain.files import read_deployment

    try:
        log = read_deployment(settings.deployment).log
    except OneFileError:
        return None
    return None if log is None else log.vkey


@contextmanager
def _counting(title: str) -> Iterator[Callable[[str, int], None]]:
    """Rows and payloads as they pass, drawn where a person watches."""
    with progress(title, None, unit="rows") as step:
        yield lambda _what, count: step(count)


def _tell(facts: dict[str, Any]) -> None:
    """The summary, on standard error: the stream has the other one."""
    if frame.current().json:
        click.echo(printable(json.dumps(facts)), err=True)
        return
    for name, value in facts.items():
        say(f"{name}: {value}")
