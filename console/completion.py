"""``completion bash|zsh|fish``: the script that a shell sources to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from console.frame import Command
from console.i18n import N_


@click.command(
    "completion",
    cls=Command,
    help=N_("Print the script that completes this program's commands in a shell."),
    epilog=N_('Example: eval "$(wallet completion bash)"'),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover (click knows the three)
        raise click.UsageError(shell)
    root = ctx.find_root()
    name = root.info_name or "wallet"
    variable = f"_{name.replace('-', '_').replace('.', '_')}_COMPLETE".upper()
    # source() of bash asks the installed bash for its version; the script itself needs no run.
    complete = kind(root.command, {}, name, variable)
    click.echo(complete.source_template % complete.source_vars())
