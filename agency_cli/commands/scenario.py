"""``agency scenario new|sign|publish|list|show``; the commands for authors stand in ``scenario_author.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.commands import scenario_author
from agency_cli.common import require_registered, session
from client.files import write_private
from client.passphrase import passphrase_options
from client.titles import both, spoken
from console import exits, output
from console.frame import Command, Group
from console.i18n import N_, _, language, moment
from protocol.errors import Malformed

if TYPE_CHECKING:
    from agency_cli.services.scenarios import Known
    from protocol.dcql import CredentialQuery
    from protocol.scenario import Scenario

_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)
_TARGET = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=Group, help=N_("Scenarios: who may ask for which claims, on what ground, and for how long."))
def scenario() -> None:
    pass


for _command in (scenario_author.lint, scenario_author.test, scenario_author.library):
    scenario.add_command(_command)


@scenario.command(
    cls=Command,
    help=N_("Write a new scenario source that can be edited, signed and published."),
    epilog=N_(
        "Example: agency scenario new small-loan --ask social-insurance-proof:months_paid,contribution_base,files "
        "--grantee bank --title-zh 小额贷款 --title-en 'Small loan' --purpose-zh … --purpose-en … --legal-basis …"
    ),
)
@click.argument("scenario_id")
@click.option(
    "--ask", "asks", multiple=True, required=True, metavar="TYPE:CLAIM,…", help=N_("Licence type and claims; repeat.")
)
@click.option("--title-zh", required=True, help=N_("Title in Chinese."))
@click.option("--title-en", required=True, help=N_("Title in English."))
@click.option("--purpose-zh", required=True, help=N_("Purpose in Chinese: the holder signs it."))
@click.option("--purpose-en", required=True, help=N_("Purpose in English: the holder signs it."))
@click.option("--legal-basis", multiple=True, required=True, help=N_("Law and article; repeat."))
@click.option("--grantee", "grantees", multiple=True, required=True, help=N_("Division of agencies that may use it."))
@click.option("--max-uses", type=click.IntRange(1), default=1, show_default=True, help=N_("Uses of one grant."))
@click.option("--max-validity-days", type=click.IntRange(1), default=30, show_default=True, help=N_("Life of a grant."))
@click.option("--retention-days", type=click.IntRange(0), default=180, show_default=True, help=N_("Reader keeps it."))
@click.option("--max-age-days", type=click.IntRange(0), default=0, help=N_("Credentials not older than this."))
@click.option("--output", "target", type=_TARGET, help=N_("Write to this file instead of standard output."))
def new(
    scenario_id: str,
    title_zh: str,
    title_en: str,
    purpose_zh: str,
    purpose_en: str,
    grantees: tuple[str, ...],
    target: Path | None,
    **rest: Any,
) -> None:
    from agency_cli.services.scenarios import Draft, source_of

    with session() as found:
        draft = Draft(
            scenario_id,
            title=(title_zh, title_en),
            purpose=(purpose_zh, purpose_en),
            grantee_classes=grantees,
            **rest,
        )
        source = source_of(draft, found.clock.now())
    text = json.dumps(source, ensure_ascii=False, indent=2)
    if target is None:
        output.line(text)
        return
    write_private(target, f"{text}\n".encode(), mode=0o644, new=True)
    output.emit({"written": str(target)}, lambda: output.line(str(target)))


@scenario.command(cls=Command, help=N_("Sign a scenario source as its authority; nothing is published."))
@click.argument("source", type=_EXISTING)
@click.option("--output", "target", type=_TARGET, help=N_("Write to this file instead of standard output."))
@click.option("--offline", is_flag=True, help=N_("Ask neither vault nor registry for version and role."))
@passphrase_options
def sign(
    source: Path, target: Path | None, offline: bool, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    from agency_cli.services import scenarios
    from protocol.encoding import b64u
    from protocol.signed import Signed

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        read = scenarios.read_source(source)
        if isinstance(read, Signed):
            raise Malformed("scenario_signed", "{path} is signed already", path=str(source))
        signed, _known = scenarios.sign(found, read, offline=offline)
    if target is not None:
        write_private(target, signed.raw.encode("ascii") + b"\n", mode=0o644)
    data = {"hash": b64u(signed.hash), "version": signed.body.version, "scenario": signed.raw}

    def human() -> None:
        output.line(str(target) if target is not None else signed.raw)
        output.say(_("scenario {hash}, version {version}").format(**data))

    output.emit(data, human)


@scenario.command(cls=Command, help=N_("Bring a scenario to the vault; a source is signed first."))
@click.argument("source", type=_EXISTING)
@passphrase_options
def publish(source: Path, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from agency_cli.services import scenarios

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        known, new_there = scenarios.publish(found, scenarios.read_source(source))
    data = {**_row(known), "published": "now" if new_there else "before"}

    def human() -> None:
        output.fields(
            [
                (_("Scenario"), f"{data['id']}  {_('version')} {data['version']}"),
                (_("Hash"), data["hash"]),
                (_("Log entry"), data["entry"]),
                (_("State"), _("published now") if new_there else _("the vault had it already")),
            ]
        )

    output.emit(data, human)


@scenario.command(
    cls=Command,
    help=N_(
        "Withdraw a scenario of this agency: its next version says so, and nothing is granted, shown or used any more "
        "under any version of it. That can't be taken back; a later version begins anew."
    ),
)
@click.argument("scenario_id")
@click.option("--dry-run", is_flag=True, help=N_("Show what would be withdrawn, and stop."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def withdraw(
    scenario_id: str, dry_run: bool, yes: bool, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    from agency_cli.services import scenarios
    from protocol.errors import Denied

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        source = scenarios.withdrawal(found, scenario_id)
        if dry_run:
            output.emit({"dry_run": True, "source": source}, lambda: output.line(_would_withdraw(scenario_id, source)))
            return
        if not output.confirm(_would_withdraw(scenario_id, source), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
        known, _new = scenarios.publish(found, source)
    output.emit(_row(known), lambda: output.line(_("withdrawn: {scenario}").format(scenario=scenario_id)))


def _would_withdraw(scenario_id: str, source: dict[str, Any]) -> str:
    return _("Withdraw scenario {scenario} from {at} on?").format(scenario=scenario_id, at=moment(source["withdrawn"]))


@scenario.command("list", cls=Command, help=N_("List the scenarios at the vault."))
@click.option("--all", "every", is_flag=True, help=N_("Older versions too."))
@click.option("--mine", is_flag=True, help=N_("Only those of this agency."))
def list_(every: bool, mine: bool) -> None:
    from agency_cli.services import scenarios
    from agency_cli.services.standing import own_urn

    with session() as found:
        known = scenarios.listed(found)
        if mine:
            urn = own_urn(found)
            known = [one for one in known if one.scenario.authority == urn]
        rows = [_row(one) for one in (known if every else scenarios.newest(known))]
    columns = [
        output.Column("id", _("Scenario")),
        output.Column("version", _("Version"), right=True),
        output.Column("title", _("Title")),
        output.Column("grantees", _("For")),
        output.Column("hash", _("Hash")),
    ]

    def human() -> None:
        drawn = [
            {**row, "title": row["title"][language()], "grantees": ", ".join(row["grantee_classes"])} for row in rows
        ]
        output.table(drawn, columns, empty=_("no scenario yet"))

    output.emit(rows, human)


@scenario.command(cls=Command, help=N_("Show one scenario, by its hash or the newest of an id, and who signed it."))
@click.argument("name")
def show(name: str) -> int:
    from agency_cli.services import scenarios

    with session() as found:
        known = scenarios.find(found, name)
    data = {**_row(known), "scenario": known.scenario.to_json()}
    output.emit(data, lambda: _draw(known))
    return exits.UNTRUSTED if known.verified is False else exits.OK


def _row(known: Known) -> dict[str, Any]:
    body = known.scenario
    return {
        "hash": known.hash,
        "id": body.scenario_id,
        "version": body.version,
        "title": both(body.title),
        "authority": body.authority,
        "grantee_classes": list(body.grantee_classes),
        "effective": body.effective,
        "expires": body.expires,
        "withdrawn": body.withdrawn,
        "entry": known.index,
        "verified": known.verified,
    }


def _draw(known: Known) -> None:
    body = known.scenario
    signatures = {
        True: _("by a registered key of the authority"),
        False: _("NOT by a registered key of the authority"),
        None: _("not checkable now"),
    }
    output.fields(
        [
            (_("Scenario"), f"{body.scenario_id}  {_('version')} {body.version}"),
            (_("Title"), spoken(body.title)),
            (_("Purpose"), spoken(body.purpose)),
            (_("Legal basis"), "; ".join(body.legal_basis)),
            (_("Authority"), body.authority),
            (_("Signature"), signatures[known.verified]),
            (_("For"), ", ".join(body.grantee_classes)),
            *((_("Asks"), _asked(query)) for query in body.query.credentials),
            (_("Alternatives"), "  |  ".join(" + ".join(option) for option in body.query.alternatives)),
            *_limits(body),
            (_("Hash"), known.hash),
        ]
    )


def _limits(body: Scenario) -> list[tuple[str, object]]:
    days = _("{days} days")
    return [
        (_("Sensitivity"), body.sensitivity),
        (_("Uses"), body.max_uses),
        (_("Validity"), days.format(days=body.max_validity_days)),
        (_("Retention"), days.format(days=body.retention_days)),
        (_("Age of credentials"), days.format(days=body.max_age // 86_400) if body.max_age else _("any")),
        (_("In force"), f"{moment(body.effective)} – {moment(body.withdrawn or body.expires)}"),
    ]


def _asked(query: CredentialQuery) -> str:
    claims = [".".join("*" if part is None else str(part) for part in claim.path) for claim in query.claims]
    return f"{', '.join(query.vct_values)}: {', '.join(claims)}"
