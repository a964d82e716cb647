"""``agency scenario lint|test|library``: for authors. None of them needs keys, a vault or a network."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.files import require_free, write_private
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, language
from protocol.errors import Malformed

if TYPE_CHECKING:
    from protocol.canonical import Json

_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_LEVELS = {"error": N_("error"), "warning": N_("warning")}


@click.command(
    cls=Command,
    help=N_(
        "Look at a scenario source as a careful colleague would: claims that the type has not, a grade below that of "
        "the claims, forms that would say less, limits longer than the use. Ends with 1 if something is wrong; "
        "--strict also counts warnings."
    ),
)
@click.argument("source", type=_EXISTING)
@click.option("--strict", is_flag=True, help=N_("Warnings count as errors."))
def lint(source: Path, strict: bool) -> int:
    from agency_cli.services.scenario_lint import lint as findings_of

    found = findings_of(_source(source), int(time.time()))
    rows = [
        {"code": one.code, "level": one.level, "where": one.where, "text": _(one.template).format(**one.facts)}
        for one in found
    ]
    columns = [
        output.Column("shown", _("Level")),
        output.Column("code", _("Rule")),
        output.Column("where", _("Where")),
        output.Column("text", _("What")),
    ]
    drawn = [{**row, "shown": _(level)} for row, level in ((row, _LEVELS[row["level"]]) for row in rows)]
    output.emit({"findings": rows}, lambda: output.table(drawn, columns, empty=_("nothing to say against it")))
    bad = any(one.level == "error" or strict for one in found)
    return exits.FAILURE if bad else exits.OK


@click.command(
    "test",
    cls=Command,
    help=N_(
        "Try a scenario source on cases: which materials make ready or what is missing, and which requests are allowed "
        "or refused for which claims. Ends with 1 if a case comes out otherwise."
    ),
)
@click.argument("source", type=_EXISTING)
@click.option("--cases", "cases_file", type=_EXISTING, required=True, help=N_("File of cases."))
def test(source: Path, cases_file: Path) -> int:
    from agency_cli.services.scenario_cases import run_cases
    from agency_cli.services.scenario_library import MAX_SAMPLE_BYTES
    from client.files import read_bounded
    from client.written import loads_written

    raw = read_bounded(cases_file, limit=MAX_SAMPLE_BYTES)
    cases = loads_written(raw, limit=MAX_SAMPLE_BYTES, what=cases_file.name)
    found = run_cases(_source(source), cases)
    rows: list[dict[str, Any]] = [
        {"name": one.name, "kind": one.kind, "passed": one.passed, "wanted": one.wanted, "got": one.got}
        for one in found
    ]
    failed = [row for row in rows if not row["passed"]]

    def human() -> None:
        for row in failed:
            output.line(_("{name}: wanted {wanted}; got {got}").format(**row))
        output.line(_("{count} cases, {failed} came out otherwise").format(count=len(rows), failed=len(failed)))

    output.emit({"cases": rows}, human)
    return exits.FAILURE if failed else exits.OK


@click.command(
    cls=Command,
    help=N_(
        "List the sample scenarios that come with this program, print one, or write it with its cases to a folder. "
        "Samples to begin with, and no legal advice."
    ),
)
@click.argument("name", required=False)
@click.option("--write", "folder", type=_FOLDER, help=N_("Write source and cases into this folder."))
def library(name: str | None, folder: Path | None) -> None:
    from agency_cli.services.scenario_library import names, sample

    if name is None:
        if folder is not None:
            raise click.UsageError(_("Name the scenario that is to be written."))
        _list([(one, sample(one)[0]) for one in names()])
        return
    source, cases = sample(name)
    if folder is None:
        output.emit({"source": source, "cases": cases}, lambda: output.line(_text(source)))
        return
    files = {folder / f"{name}.json": source, folder / f"{name}.cases.json": cases}
    for path in files:
        require_free(path)  # both files or none
    for path, body in files.items():
        write_private(path, f"{_text(body)}\n".encode(), mode=0o644, new=True)
    written = [str(path) for path in files]
    output.emit({"written": written}, lambda: output.line("\n".join(written)))


def _list(found: list[tuple[str, dict[str, Json]]]) -> None:
    rows = [{"id": name, "title": source["title"], "legal_basis": source["legal_basis"]} for name, source in found]
    drawn = [{"id": name, "title": _spoken(source["title"])} for name, source in found]
    columns = [output.Column("id", _("Scenario")), output.Column("title", _("Title"))]

    def human() -> None:
        output.table(drawn, columns)
        output.say(_("Samples to begin with, and no legal advice: have them checked before use."))

    output.emit({"scenarios": rows}, human)


def _spoken(title: Json) -> str:
    assert isinstance(title, dict)  # the library's own files
    return str(title[language()])


def _source(path: Path) -> dict[str, Json]:
    from agency_cli.services.scenarios import read_source

    found = read_source(path)
    if not isinstance(found, dict):
        raise Malformed("scenario_signed", "{path} is signed already", path=str(path))
    return found


def _text(body: dict[str, Json]) -> str:
    return json.dumps(body, ensure_ascii=False, indent=2)
