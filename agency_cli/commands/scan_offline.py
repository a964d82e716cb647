"""``agency scan --offline``: the frames of a show without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import require_registered, session
from agency_cli.officers import officer_of
from console import exits, output
from console.i18n import _, moment

if TYPE_CHECKING:
    from agency_cli.services.offline import OfflineShown


def scan_offline(
    texts: list[str], passphrase_file: Path | None, passphrase_fd: int | None, options: dict[str, Any]
) -> int:
    """Judge what all these frames bring, by the pack; what answers nobody is at most ``indeterminate``."""
    from agency_cli.services.offline import OfflineOrder, receive
    from protocol.offline import whole_message

    if options["scenario"] is None or options["out"] is not None:
        raise click.UsageError(_("--offline needs --scenario, and has no proofs that --out could keep."))
    message = whole_message(texts)
    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        order = OfflineOrder(
            scenario=options["scenario"],
            officer=officer_of(found, options),
            retain_days=options["retain_days"],
            max_pack_age_s=options["max_pack_age"],
        )
        done = receive(found, message, order)
        now = found.clock.now()
    output.emit(_data(done, now), lambda: _draw(done, now))
    return exits.for_verdict(done.verdict.verdict, done.failed_codes)


def _data(done: OfflineShown, now: int) -> dict[str, Any]:
    use = done.use
    values = done.credential.opened.values
    return {
        "scenario": done.scenario.body.scenario_id,
        "at": now,
        "receipt": None if use is None else use.jti,
        "retain_until": None if use is None else use.receipt.body.retain_until,
        "way": "one" if done.one_way else "two",
        "facts_at": done.pack.assembled_at,
        "facts_age_s": done.pack.age(now),
        "policy": "offline",
        "items": [{"type": done.credential.licence_type, **done.verdict.to_json()}],
        "verdict": done.verdict.verdict,
        "claims": {} if use is None else {pointer: values[pointer] for pointer in done.credential.named},
    }


def _draw(done: OfflineShown, now: int) -> None:
    from agency_cli.render import credential_rows, scenario_name
    from client.inputs import span
    from client.titles import spoken, type_title
    from client.verdicts import draw_verdict

    draw_verdict(done.verdict)
    output.line()
    output.line(spoken(type_title(done.credential)))
    if done.use is not None:
        output.fields(credential_rows(done.credential))
    output.fields([(_("Scenario"), scenario_name(done.scenario.body)), (_("Facts of"), moment(done.pack.assembled_at))])
    output.warn(_("Judged without a network, by facts that are {age} old.").format(age=span(done.pack.age(now))))
    if done.one_way:
        output.warn(_("It answers no request of yours: compare the person's face before you believe it."))
