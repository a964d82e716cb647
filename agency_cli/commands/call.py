"""``agency call``: any request, signed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import session
from client.passphrase import passphrase_options
from console import exits, frame, output
from console.frame import Command
from console.i18n import N_, _

if TYPE_CHECKING:
    from client.http import Reply


@click.command(
    cls=Command,
    help=N_(
        "Send one signed request to the vault and print its status and answer. For agencies whose own program is not "
        "in Python, and for trying things out; docs/signed-request.md shows a request byte for byte."
    ),
    epilog=N_("Example: agency call GET /v1/grants"),
)
@click.argument("method", type=click.Choice(["GET", "POST", "PUT", "DELETE", "HEAD"], case_sensitive=False))
@click.argument("path")
@click.option("--body", metavar="FILE|-", help=N_("The body: a file, or - for standard input."))
@click.option("--media-type", default="application/json", show_default=True, help=N_("Media type of the body."))
@click.option("--idempotency-key", metavar="KEY", help=N_("Repeat a write with the key it had before."))
@click.option(
    "--output", "target", type=click.Path(path_type=Path, dir_okay=False), help=N_("Write the answer to this file.")
)
@click.option("--show-request", is_flag=True, help=N_("Print the signed request and send nothing."))
@passphrase_options
def call(
    method: str,
    path: str,
    body: str | None,
    media_type: str,
    idempotency_key: str | None,
    target: Path | None,
    show_request: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> int:
    from agency_cli.services import calls

    with session(passphrase_file, passphrase_fd) as found:
        made = calls.make_call(method.upper(), path, _read(body), media_type, idempotency_key)
        if show_request:
            _show(calls.prepared(found, made))
            return exits.OK
        reply = calls.send(found, made)
    _report(reply, target)
    return calls.exit_code(reply)


def _read(body: str | None) -> bytes | None:
    from agency_cli.services.calls import MAX_BODY
    from client.files import read_bounded
    from protocol.errors import Malformed

    if body is None:
        return None
    if body != "-":
        return read_bounded(Path(body), limit=MAX_BODY)
    data = sys.stdin.buffer.read(MAX_BODY + 1)
    if len(data) > MAX_BODY:
        raise Malformed("file_too_large", "{path}: more than {limit} bytes", path="-", limit=MAX_BODY)
    return data


def _show(request: Any) -> None:
    data = {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "body": request.body.decode("utf-8", "replace"),
    }

    def human() -> None:
        output.line(request.head())
        output.line(data["body"])

    output.emit(data, human)


def _report(reply: Reply, target: Path | None) -> None:
    output.say(_("status {status}").format(status=reply.status))
    if target is not None:
        target.write_bytes(reply.body)
        output.emit({"status": reply.status, "written": str(target)}, lambda: output.line(str(target)))
        return
    if frame.current().json:
        output.emit_json({"status": reply.status, "media_type": reply.media_type, "answer": _value(reply)})
        return
    if sys.stdout.isatty():
        output.line(_pretty(reply).decode("utf-8", "replace"))  # on a screen, only what can be seen
        return
    stdout = output.binary_stdout()
    stdout.write(_pretty(reply))
    stdout.flush()


def _value(reply: Reply) -> Any:
    if "json" in reply.media_type:
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError):
            pass
    return reply.body.decode("utf-8", "replace")


def _pretty(reply: Reply) -> bytes:
    value = _value(reply)
    if isinstance(value, str):
        return reply.body
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8")
