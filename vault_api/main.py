"""``vault-api serve|sequencer|publisher|worker|publish|migrate|doctor``: run a vault, and look after it."""

from __future__ import annotations

from console import hints
from console.frame import Group, run
from console.i18n import N_

hints.register(
    {
        "schema_old": N_("Stop the vault, back up the database, then run `vault-api migrate`."),
        "deployment_missing": N_("Deploy the contracts first: `chain deploy`."),
        "log_exists": N_("Restore the vault's database and its log key from a backup."),
        "vault_running": N_("Another vault process uses this home: stop it, or let it do the work."),
        "succeed_not_needed": N_("Run `vault-api reconcile`."),
        "scrub_damaged": N_("Restore what is named from a backup: docs/operations.md."),
        "payloads_damaged": N_("Restore what is named from a backup; `vault-api scrub` reads everything."),
        "not_reconciled": N_("Run `vault-api reconcile`."),
        "not_publisher": N_("The log's owner sends `chain log publisher ACCOUNT`, or put the former key back."),
        "log_key_former": N_("Put the file of the key that the chain names in place: docs/operations.md."),
        "log_key_other": N_("The log's owner sends `chain log rotate VKEY`, or put the former key's file back."),
        "backup_log_key": N_("If this log's key was rotated: `vault-api restore --log-key-rotated`."),
        "log_behind": N_("Run `vault-api reconcile`: it rebuilds what the blob store still has."),
        "log_lost": N_("Find a newer backup or the blob store; else the only way on is `vault-api succeed --dry-run`."),
        "backup_earlier_needed": N_("Send the newest backup first and the older ones behind it, down to the full one."),
        "backup_chain": N_("Send the newest backup first and the older ones behind it, down to the full one."),
        "backup_schema": N_("Use the program that made the backup, and upgrade afterwards."),
        "restore_not_empty": N_("Restore into an empty database; move the old one away first."),
        "setting": N_("Mend the setting; `vault-api doctor` shows all of them."),
    }
)

cli = Group("vault-api", help=N_("Run a vault: it stores what it cannot read."))
cli.lazy("serve", "vault_api.cli:serve", N_("Serve HTTP, follow the chain, anchor the log"))
cli.lazy("sequencer", "vault_api.cli:sequencer", N_("Sign the log, beside other processes"))
cli.lazy("publisher", "vault_api.cli:publisher", N_("Anchor the log, beside other processes"))
cli.lazy("worker", "vault_api.cli:worker", N_("Follow the chain and do jobs, beside other processes"))
cli.lazy("publish", "vault_api.cli:publish", N_("Anchor the newest checkpoint once, and stop"))
cli.lazy("migrate", "vault_api.cli:migrate", N_("Bring the database to this program's schema"))
cli.lazy("draw-log-key", "vault_api.cli:draw_log_key", N_("Draw a new key for the log, to rotate to"))
cli.lazy("doctor", "vault_api.cli:doctor", N_("Check settings, keys, database, blobs, log and chain"))
cli.lazy("backup", "vault_api.keeping.cli:backup", N_("Write everything that the vault keeps as one stream"))
cli.lazy("restore", "vault_api.keeping.cli:restore", N_("Make a vault out of a stream of backups"))
cli.lazy("reconcile", "vault_api.keeping.cli:reconcile", N_("Compare a restored state with the chain before it serves"))
cli.lazy("gc", "vault_api.gc_command:gc", N_("Remove stored bytes that nothing names"))
cli.lazy("scrub", "vault_api.keeping.cli:scrub", N_("Read everything that is kept and name what is damaged"))
cli.lazy("succeed", "vault_api.keeping.cli:succeed", N_("Go on in a new log after a loss"))
cli.add_completion()


def main() -> None:
    """Entry point of the program ``vault-api``."""
    run(cli, prog="vault-api")


if __name__ == "__main__":
    main()
