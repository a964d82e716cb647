"""Groups, commands and the way out: what a OneFile program does before and after its own work.

Every command and group takes ``--json``, ``--lang``, ``--profile`` and ``--no-color``. Help texts
are translated when they are shown, so ``help=N_("…")`` in a decorator is enough. ``run`` turns every
error into one message on standard error, the next step, and the exit code of ``console.exits``;
no traceback unless ``ONEFILE_DEBUG=1``.
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from console import exits, i18n
from console.hints import hint_for
from console.i18n import N_, _, describe
from console.pages import HelpPage
from console.printable import printable
from protocol.errors import OneFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

# A program begins by making tens of thousands of objects that stay: to look through them at each 700 new ones
# takes longer than what most commands do, and at each 20,000 still a twentieth of a start.
COLLECT_AFTER = 100_000
COLLECT_LATER = 5_000  # once a program has come so far, it may be one that goes on for months
# Nobody's plugin sees what is checked; and none is looked for in every package that is installed.
NO_PLUGINS = ("PYDANTIC_DISABLE_PLUGINS", "__all__")

_META = "onefile.frame"
_DASHED_ID = re.compile(r"-[A-Za-z0-9_][A-Za-z0-9_-]{4,}")


@dataclass(slots=True)
class Frame:
    """What the common options said. ``color`` None lets the stream decide."""

    json: bool = False
    profile: str | None = None
    color: bool | None = None


def current() -> Frame:
    """The frame of the running command; a default one outside of any command."""
    ctx = click.get_current_context(silent=True)
    return Frame() if ctx is None else _frame_of(ctx)


class _Context(click.Context):
    formatter_class = HelpPage


class _Speaking(click.Command):
    """Adds the common options, and translates help texts at the moment they are shown."""

    context_class = _Context

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._common = _common_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # An id is base64url and may begin with a dash. We have no one-letter options, so such a word is no option.
        if any(_DASHED_ID.fullmatch(word) for word in args):
            ctx.ignore_unknown_options = True
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = super().get_params(ctx)
        return [*own[:-1], *self._common, *own[-1:]]  # click puts --help last

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with self._in_language(ctx):
            super().format_help(ctx, formatter)

    def get_short_help_str(self, limit: int = 45) -> str:
        with _spoken(self, ("help", "short_help")):
            return super().get_short_help_str(limit)

    @contextmanager
    def _in_language(self, ctx: click.Context) -> Iterator[None]:
        with _spoken(self, ("help", "short_help", "epilog")):
            kept = [(p, getattr(p, "help", None)) for p in self.get_params(ctx)]
            try:
                for parameter, text in kept:
                    if text:
                        parameter.help = _(text)
                yield
            finally:
                for parameter, text in kept:
                    parameter.help = text


class Command(_Speaking):
    """A command: ``@group.command(help=N_("…"))``."""


class LazyCommand(click.Command):
    """Stands for a command in the list of its group until somebody calls it."""

    def __init__(self, name: str, target: str, short_help: str) -> None:
        super().__init__(name, short_help=short_help)
        self.target = target

    def get_short_help_str(self, limit: int = 45) -> str:
        with _spoken(self, ("short_help",)):
            return super().get_short_help_str(limit)

    def load(self) -> click.Command:
        """Import ``package.module:attribute`` and return the command there."""
        module, _sep, attribute = self.target.partition(":")
        loaded = getattr(import_module(module), attribute)
        if not isinstance(loaded, click.Command):
            raise TypeError(f"{self.target} is not a command")
        return loaded


class Group(_Speaking, click.Group):
    """A group whose commands may be imported only when they are called."""

    command_class = Command

    def lazy(self, name: str, target: str, short_help: str) -> None:
        """List the command ``name``, found at ``package.module:attribute`` when it is called."""
        self.add_command(LazyCommand(name, target, short_help), name)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """In the order in which they were added: the order of a story, not of the alphabet."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, LazyCommand):
            command = command.load()
        return name, command, rest

    def loaded(self, name: str) -> click.Command | None:
        """The real command ``name``, imported if need be."""
        command = self.commands.get(name)
        return command.load() if isinstance(command, LazyCommand) else command

    def add_completion(self) -> None:
        """Add ``completion bash|zsh|fish``."""
        self.lazy("completion", "console.completion:completion", N_("Print the shell's completion script"))


Group.group_class = Group


def run(cli: click.Command, argv: Sequence[str] | None = None, *, prog: str | None = None) -> NoReturn:
    """Run ``cli`` and leave the process with its exit code."""
    gc.set_threshold(COLLECT_AFTER)
    gc.callbacks.append(_settled)
    os.environ.setdefault(*NO_PLUGINS)
    sys.exit(invoke(cli, argv, prog=prog))


def _settled(phase: str, _info: dict[str, int]) -> None:
    """After the first collection: rings of objects that nobody holds would fill a server's memory for half an hour."""
    if phase == "stop":
        gc.callbacks.remove(_settled)
        gc.set_threshold(COLLECT_LATER)


def invoke(cli: click.Command, argv: Sequence[str] | None = None, *, prog: str | None = None) -> int:
    """Run ``cli`` on ``argv`` (default: of the process) and return its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    i18n.set_language(i18n.detect(args, os.environ))
    plain = "--no-color" in args or bool(os.environ.get("NO_COLOR"))
    report = _Report(as_json="--json" in args, color=False if plain else None)
    try:
        result = cli.main(args, prog_name=prog or Path(sys.argv[0]).name, standalone_mode=False)
    except click.ClickException as error:
        return report.click(error)
    except click.Abort:
        return report.show("interrupted", "interrupted", _("interrupted"), exits.INTERRUPTED)
    except OneFileError as error:
        return report.ours(error)
    except OSError as error:
        return report.system(error)
    except Exception as error:  # noqa: BLE001 (the edge of the program: no traceback reaches a person)
        return report.fault(error)
    # click answers None, or the code of ctx.exit(); a command may return its exit code
    return result if isinstance(result, int) and not isinstance(result, bool) else exits.OK


@dataclass(frozen=True, slots=True)
class _Report:
    """How an error is shown: one message, the next step, the exit code."""

    as_json: bool
    color: bool | None

    def click(self, error: click.ClickException) -> int:
        if self.as_json:
            return self.show("usage", "usage", error.format_message(), error.exit_code)
        error.show()
        return error.exit_code

    def ours(self, error: OneFileError) -> int:
        code, facts = exits.exit_code(error), dict(error.facts)
        return self.show(error.fault, error.code, describe(error), code, hint=hint_for(error), facts=facts)

    def system(self, error: OSError) -> int:
        _debug(error)
        code = exits.NOT_FOUND if isinstance(error, FileNotFoundError) else exits.FAILURE
        name = f"{error.filename}: " if error.filename else ""
        return self.show("failure", "system", f"{name}{error.strerror or type(error).__name__}", code)

    def fault(self, error: Exception) -> int:
        _debug(error)
        # The text of a foreign exception may carry what was being parsed, so only its kind is shown.
        text = _("a fault in this program ({kind}); ONEFILE_DEBUG=1 shows where").format(kind=type(error).__name__)
        return self.show("failure", "internal", text, exits.FAILURE)

    def show(
        self,
        fault: str,
        code: str,
        message: str,
        exit_code: int,
        *,
        hint: str | None = None,
        facts: dict[str, Any] | None = None,
    ) -> int:
        if self.as_json:
            body = {"fault": fault, "code": code, "message": message, "hint": hint, "exit": exit_code}
            error = {**body, "facts": facts or {}}
            click.echo(printable(json.dumps({"error": error}, ensure_ascii=False)), err=True)
            return exit_code
        said = click.style(_("error:"), fg="red", bold=True) + " " + printable(f"{message} [{code}]")
        click.echo(said, err=True, color=self.color)
        if hint:
            click.echo(click.style(_("next:"), bold=True) + f" {hint}", err=True, color=self.color)
        return exit_code


def _debug(error: Exception) -> None:
    if os.environ.get("ONEFILE_DEBUG") == "1":
        raise error


def _common_options() -> list[click.Option]:
    return [
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_take_json,
            help=N_("Data and errors as JSON."),
        ),
        click.Option(
            ["--lang"],
            type=click.Choice(i18n.LANGUAGES),
            expose_value=False,
            is_eager=True,
            callback=_take_lang,
            help=N_("Language of messages."),
        ),
        click.Option(["--profile"], expose_value=False, callback=_take_profile, help=N_("Which profile to use.")),
        click.Option(["--no-color"], is_flag=True, expose_value=False, callback=_take_color, help=N_("No colours.")),
    ]


def _frame_of(ctx: click.Context) -> Frame:
    frame = ctx.meta.get(_META)
    if not isinstance(frame, Frame):
        frame = Frame(profile=os.environ.get("ONEFILE_PROFILE") or None)
        if os.environ.get("NO_COLOR"):
            frame.color = False
        ctx.meta[_META] = frame
    return frame


def _take_json(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        _frame_of(ctx).json = True


def _take_lang(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value and not ctx.resilient_parsing:
        i18n.set_language(value)


def _take_profile(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value:
        _frame_of(ctx).profile = value


def _take_color(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    frame = _frame_of(ctx)
    if value:
        frame.color = False
    ctx.color = frame.color


@contextmanager
def _spoken(owner: click.Command, names: tuple[str, ...]) -> Iterator[None]:
    kept = {name: getattr(owner, name) for name in names}
    try:
        for name, text in kept.items():
            if text:
                setattr(owner, name, _(text))
        yield
    finally:
        for name, text in kept.items():
            setattr(owner, name, text)
