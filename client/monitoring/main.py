"""The ``monitor`` program: follows a log for ever, and checks what another monitor handed on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from console import exits, frame, output
from console.frame import Command
from console.i18n import N_, _, describe, moment
from console.printable import printable

if TYPE_CHECKING:
    from client.monitoring.looking import Watch
    from client.monitoring.watching import Post, Round

MIN_EVERY_S, MAX_EVERY_S = 1, 86_400
PROVES = {
    "log": N_("the log's own signatures contradict each other: nobody else could have made this"),
    "chain": N_("the log's signature contradicts the chain: compare the anchors with the chain's own events"),
    "word": N_("nothing by itself: it is the word of whoever signed it"),
}


@click.group(cls=frame.Group, help=N_("Watch a log: anyone may, without a key and without asking."))
def cli() -> None:
    pass


def _addresses(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses of vaults: what is none would be silent for ever."""
    for one in given:
        if not one.startswith(("http://", "https://")):
            raise click.UsageError(_("{value}: expected an address with http:// or https://").format(value=one))
    return tuple(one.rstrip("/") for one in given)


@cli.command(
    cls=Command,
    help=N_(
        "Follow the log of a vault, or of several that serve the same one: every entry, every checkpoint, every "
        "anchored head, as long as it runs. An alarm ends it with exit code 3 and a signed evidence file."
    ),
)
@click.argument("vaults", metavar="[ADDRESS]...", nargs=-1, callback=_addresses)
@click.option("--state", metavar="FOLDER", help=N_("Where it remembers how far it came (default: monitor/)."))
@click.option("--once", is_flag=True, help=N_("Look once and end."))
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.IntRange(MIN_EVERY_S, MAX_EVERY_S),
    default=60,
    help=N_("Seconds between two looks (default 60)."),
)
@click.option("--gossip", metavar="FILE", help=N_("Checkpoints that others saw, to compare with."))
@click.option("--metrics", metavar="FILE", help=N_("Write each look's numbers there, for Prometheus."))
@click.option("--go-on", is_flag=True, help=N_("Go on after an alarm."))
def watch(
    vaults: tuple[str, ...],
    state: str | None,
    once: bool,
    every: int,
    gossip: str | None,
    metrics: str | None,
    go_on: bool,
) -> int:
    from client.monitoring import watching

    alarms = 0
    with opened(vaults, Path(state) if state else None, Path(gossip) if gossip else None) as (watch_, post):
        while True:
            done = watching.once(watch_, post)
            alarms += done.alarm is not None
            tell_round(done, post.clock.now())
            if metrics:
                from client.files import write_private

                write_private(Path(metrics), watching.metrics(done, alarms, post.clock.now()), mode=0o644)
            if once or (done.alarm is not None and not go_on):
                return code_of(done)
            post.clock.sleep(every)


@cli.command(cls=Command, help=N_("Verify an evidence file of a monitor, offline, and say what it proves."))
@click.argument("evidence", metavar="EVIDENCE")
def check(evidence: str) -> int:
    from client.files import read_bounded
    from protocol.log_evidence import MAX_CHARS, verify_log_evidence

    signed, proven = verify_log_evidence(read_bounded(Path(evidence), limit=MAX_CHARS).strip())
    body = signed.body
    data = {
        "code": body.code,
        "detail": body.detail,
        "at": body.iat,
        "origin": body.origin,
        "vkey": body.vkey,
        "proves": proven.proof,
        "size": proven.size,
        "checkpoints": [note.decode("utf-8", "replace") for note in body.notes],
        "anchors": [anchor.to_json() for anchor in body.anchors],
        "by": body.by.kid(),
    }
    output.emit(data, lambda: _draw_check(data))
    return exits.OK


def _draw_check(data: dict[str, Any]) -> None:
    proven = PROVES[data["proves"]]
    output.fields(
        [
            (_("Alarm"), f"{data['detail']} [{data['code']}]"),
            (_("Seen at"), moment(data["at"])),
            (_("Log"), data["origin"]),
            (_("Log key"), data["vkey"]),
            (_("Collected by"), data["by"]),
            (_("It proves"), _(proven)),
        ]
    )


@contextmanager
def opened(vaults: tuple[str, ...], folder: Path | None, gossip: Path | None) -> Iterator[tuple[Watch, Post]]:
    """What the environment and the arguments say; tests replace this function."""
    from client.api import VaultApi
    from client.clock import SystemClock
    from client.deployment import local_record, with_log
    from client.http import Http
    from client.ledger import open_ledger
    from client.monitoring.looking import Place, Watch
    from client.monitoring.watching import Post, read_gossip
    from client.settings import DEFAULT_VAULT, read_settings

    settings, clock = read_settings(os.environ), SystemClock()
    record = local_record(settings)
    ledger = open_ledger(settings, record)
    urls = vaults or (settings.vault_url or DEFAULT_VAULT,)
    places = [Place(url, VaultApi(Http(url, clock=clock, timeout_s=settings.timeout_s))) for url in urls]
    try:
        if record.log is None:
            record = with_log(record, places[0].api.info(), ledger)
        assert record.log is not None
        seen = read_gossip(gossip) if gossip is not None else ()
        made = Watch(ledger, record.log.origin, places, seen, tell)
        yield made, Post(folder or settings.home / "monitor", settings.home, clock)
    finally:
        for place in places:
            place.api.http.close()
        close = getattr(ledger, "close", None)
        if close is not None:
            close()


def tell(event: str, facts: dict[str, object]) -> None:
    """One event, as a line."""
    if frame.current().json:
        click.echo(printable(json.dumps({"event": event, **facts}, ensure_ascii=False)))
    else:
        output.say(f"{event} " + " ".join(f"{name}={value}" for name, value in facts.items()))


def tell_round(done: Round, now: int) -> None:
    """One line for each look."""
    if done.alarm is not None:
        facts = {"at": now, "code": done.alarm.code, "detail": str(done.alarm), "evidence": str(done.evidence)}
        tell("alarm", facts)
        if not frame.current().json:
            output.warn(f"{describe(done.alarm)} [{done.alarm.code}]")
    elif done.silence is not None:
        tell("silence", {"at": now, "code": done.silence.code, "detail": str(done.silence)})
    elif done.look is not None:
        look = done.look
        facts = {"at": now, "size": look.size, "anchored": look.anchored}
        tell("look", {**facts, "entries": look.entries, "anchors": look.anchors, "silent": list(look.silent)})


def code_of(done: Round) -> int:
    """The exit code of the last look: 3 for an alarm, 7 for silence."""
    if done.alarm is not None:
        return exits.UNTRUSTED
    if done.silence is not None or (done.look is not None and done.look.silent):
        return exits.UNREACHABLE
    return exits.OK


cli.add_completion()


def main() -> NoReturn:
    """The entry point of ``monitor``."""
    frame.run(cli, prog="monitor")


if __name__ == "__main__":
    main()
