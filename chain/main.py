"""The `chain` program: a local chain, the contracts on any chain, and who is an agency."""

from __future__ import annotations

import click

from chain.hints import NEXT_STEPS
from console import frame
from console.hints import register
from console.i18n import N_

register(NEXT_STEPS)


@click.group(cls=frame.Group, help=N_("A local chain, the contracts on any chain, and who is an agency."))
def cli() -> None:
    """The commands below; each is imported when it is called."""


cli.lazy("devnet", "chain.cli_net:devnet", N_("Run a local chain until it is interrupted"))
cli.lazy("compile", "chain.cli_net:compile_command", N_("Compile the contracts"))
cli.lazy("deploy", "chain.cli_net:deploy", N_("Deploy the contracts and record where"))
cli.lazy("status", "chain.cli_net:status", N_("Show the chain, the contracts and the log"))
cli.lazy("fund", "chain.cli_net:fund", N_("Give an account ether (local chain only)"))
cli.lazy("key", "chain.cli_net:key", N_("Draw the key of a new account"))
cli.lazy("log", "chain.cli_log:log", N_("Who owns the log, and who anchors it"))
cli.lazy("agency", "chain.cli_agency:agency", N_("Who is an agency, and what it may do"))
cli.add_completion()


def main() -> None:
    """The entry point."""
    frame.run(cli, prog="chain")


if __name__ == "__main__":
    main()
