"""``wallet``: the list of commands. Each is imported only when it is called."""

from __future__ import annotations

from typing import NoReturn

import click

from console import frame
from console.i18n import N_

_EPILOG = N_("State lies in .onefile (ONEFILE_HOME). A profile is one holder: --profile alice.")

COMMANDS = (
    ("init", "setup:init", N_("Make keys and open a dossier")),
    ("restore", "setup:restore", N_("Make the keys again from the recovery phrase")),
    ("unlock", "agent:unlock", N_("Keep the keys open for a while")),
    ("lock", "agent:lock", N_("Forget the opened keys")),
    ("dossier", "dossier:dossier", N_("Show the dossier, or change it on chain")),
    ("card", "dossier:card", N_("Show the key card, invite an agency, or renew the keys")),
    ("sync", "syncing:sync", N_("Fetch and check what is new")),
    ("items", "items:items", N_("List everything in the dossier")),
    ("show-item", "items:show_item", N_("Show one item with its claims and documents")),
    ("open", "items:open_", N_("Open a document")),
    ("claim", "items:claim", N_("Verify an item in full and accept it")),
    ("put", "documents:put", N_("Put an own document into the dossier")),
    ("delete", "documents:delete", N_("Destroy an item")),
    ("scenarios", "grants:scenarios", N_("List scenarios, and whether the dossier meets them")),
    ("ready", "ready:ready", N_("Say which materials for a scenario are here and which are missing")),
    ("grant", "grant:grant", N_("Let an agency use named parts for one scenario")),
    ("grants", "granted:grants", N_("List and renew grants")),
    ("revoke", "granted:revoke", N_("End grants")),
    ("notices", "notices:notices", N_("Read what agencies answer, and tell them what has ended")),
    ("uses", "uses:uses", N_("List who used what, and check it")),
    ("audit", "audit:audit", N_("Check the trace of the dossier, and the whole log")),
    ("complain", "complain:complain", N_("Open a case about a use or an item")),
    ("show", "show:show", N_("Show an item at a window by a rotating code")),
    ("pack", "pack:pack", N_("Gather what is needed to show without a network")),
    ("scan", "scan:scan", N_("Answer a window that shows its request as a code")),
    ("web", "web:web", N_("Open my data as a page in the browser")),
    ("export", "export:export", N_("Write an item with all its proofs to a folder")),
    ("verify", "export:verify", N_("Verify an exported folder")),
    ("trust", "trust:trust", N_("Assemble the trust file from the chain")),
    ("keys", "keys:keys", N_("Show keys, change them, wrap headers anew")),
    ("device", "device:device", N_("Take a second device in, or shut one out")),
    ("guardians", "guardians:guardians", N_("Name who can bring the dossier back, and veto a recovery")),
    ("guard", "guard:guard", N_("Guard other people's dossiers")),
    ("recover", "recover:recover", N_("Get a dossier back through its guardians")),
    ("doctor", "keys:doctor", N_("Check profile, vault, chain and log")),
)


@click.group(cls=frame.Group, help=N_("Hold a dossier: open, verify, grant and show what is in it."), epilog=_EPILOG)
def cli() -> None:
    pass


for _name, _target, _help in COMMANDS:
    cli.lazy(_name, f"wallet_cli.commands.{_target}", _help)
cli.add_completion()


def main() -> NoReturn:
    """The entry point of ``wallet``."""
    import wallet_cli.hints  # noqa: F401 (registers the next steps)

    frame.run(cli, prog="wallet")


if __name__ == "__main__":
    main()
