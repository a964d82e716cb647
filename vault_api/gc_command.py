"""``vault-api gc``: remove bytes that no row names, and tell rows whose bytes are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from console.frame import Command
from console.i18n import N_, _
from console.output import emit, fields
from protocol.errors import Unavailable
from vault_api.settings import Settings, load_settings

if TYPE_CHECKING:
    from vault_api.services.garbage import Finding

MOST_NAMED = 100  # damaged payloads that are named; the others are counted


@click.command(
    "gc",
    cls=Command,
    help=N_(
        "Remove stored bytes that nothing names, older than a day, and name payloads that are missing. A vault that "
        "runs does this by itself, a part every minute."
    ),
)
@click.option("--dry-run", is_flag=True, help=N_("Only say what would be removed; works beside a running vault."))
def gc(*, dry_run: bool) -> None:
    """Look through everything once."""
    settings = load_settings()
    from vault_api.services.garbage import Tally

    tally = Tally()
    damaged: list[dict[str, str | int]] = []
    for finding in _looked(settings) if dry_run else _collected(settings):
        tally.add(finding)
        if finding.kind == "damaged" and len(damaged) < MOST_NAMED:
            damaged.append({"name": finding.name, "size": finding.size})
    data = {"dry_run": dry_run, **asdict(tally), "damaged_payloads": damaged}
    rows = [
        (_("payloads that nothing names"), tally.orphans),
        (_("parts of uploads that are over"), tally.leftovers),
        (_("bytes to be freed") if dry_run else _("bytes freed"), tally.freed_bytes),
        (_("payloads missing or damaged"), tally.damaged),
        *((_("damaged"), str(one["name"])) for one in damaged),
    ]
    emit(data, lambda: fields(rows))
    if tally.damaged:
        raise Unavailable(
            "payloads_damaged", "{count} payloads are missing or damaged; none was deleted", count=tally.damaged
        )


def _looked(settings: Settings) -> Iterator[Finding]:
    from vault_api.blobs import blobs_of
    from vault_api.clock import SystemClock
    from vault_api.db.engine import open_engine
    from vault_api.services.garbage import look

    engine = open_engine(settings.database)
    try:
        yield from look(engine, blobs_of(settings), SystemClock().now() - settings.orphan_grace_s)
    finally:
        engine.dispose()


def _collected(settings: Settings) -> Iterator[Finding]:
    from vault_api.locking import alone
    from vault_api.running import stopped_vault
    from vault_api.services.garbage import collect

    with alone(settings), stopped_vault(settings) as vault:
        yield from collect(vault)
