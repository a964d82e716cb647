"""``agency``: the list of commands. Each is imported only when it is called."""

from __future__ import annotations

from typing import NoReturn

import click

from console import frame
from console.i18n import N_

_EPILOG = N_("State lies in .onefile (ONEFILE_HOME). A profile is one agency: --profile police.")

COMMANDS = (
    ("init", "setup:init", N_("Make the keys of an agency")),
    ("unlock", "agent:unlock", N_("Keep the keys open for a while")),
    ("lock", "agent:lock", N_("Forget the opened keys")),
    ("register", "setup:register", N_("Publish the key card, or the next one")),
    ("card", "setup:card", N_("Show the key card and what the registry lets this agency do")),
    ("issue", "issue:issue", N_("Issue a credential into a holder's dossier")),
    ("issue-batch", "issue:issue_batch", N_("Issue one credential for each row of a file")),
    ("rebind", "rebind:rebind", N_("Bind credentials to a holder's new keys")),
    ("status", "status:status", N_("Revoke, suspend, restore; publish status lists")),
    ("scenario", "scenario:scenario", N_("Write, sign, publish and read scenarios")),
    ("grants", "grants:grants", N_("List the grants given to this agency")),
    ("verify", "verify:verify", N_("Verify a grant, the folder of a use, or one signed file")),
    ("release", "release:release", N_("Use a grant once and keep what it opens")),
    ("uses", "uses:uses", N_("List what was used, and until when it may be kept")),
    ("notices", "notices:notices", N_("Read and acknowledge what holders tell this agency")),
    ("retention", "retention:retention", N_("Delete what may be kept no longer, and report it")),
    ("scan", "scan:scan", N_("Read a show code at the window and verify what is shown")),
    ("pack", "pack:pack", N_("Gather what a window without a network judges by")),
    ("window", "window:window", N_("Open the service window as a page on this machine")),
    ("print", "printing:printing", N_("Make paper copies: of a licence, or for one purpose")),
    ("call", "call:call", N_("Send any signed request to the vault")),
    ("doctor", "doctor:doctor", N_("Check profile, registry, vault, chain and status lists")),
)


@click.group(cls=frame.Group, help=N_("Issue credentials, keep their status, and ask for them."), epilog=_EPILOG)
def cli() -> None:
    pass


for _name, _target, _help in COMMANDS:
    cli.lazy(_name, f"agency_cli.commands.{_target}", _help)
cli.add_completion()


def main() -> NoReturn:
    """The entry point of ``agency``."""
    import agency_cli.hints  # noqa: F401 (registers the next steps)

    frame.run(cli, prog="agency")


if __name__ == "__main__":
    main()
