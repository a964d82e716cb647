"""Next steps after refusals of chain and contracts, in the words of the program `chain`."""

from __future__ import annotations

from console.i18n import N_

_SEE = N_("See what it may do with `chain agency list`.")
NEXT_STEPS = {
    "deployment_missing": N_("Run `chain deploy`, or name the record with --deployment."),
    "deployment_elsewhere": N_("Check ONEFILE_RPC_URL; `chain deploy --renew` deploys anew."),
    "other_chain": N_("The local chain may have been started on another state folder: see --state."),
    "wrong_chain": N_("Check ONEFILE_RPC_URL, or name the record of that chain with --deployment."),
    "artifacts_stale": N_("Run `chain compile`."),
    "compiler_missing": N_("Run `make setup`."),
    # Keys and gas.
    "key_file_missing": N_("Name the key with --key; a local chain draws the governor's into its state folder."),
    "key_file_open": N_("Take the rights of others away: `chmod 600 {path}`."),
    "passphrase_needed": N_("Give it with --passphrase-file."),
    "passphrase_wrong": N_("Check the passphrase, the keyboard layout and the file."),
    "account_unfunded": N_("On a local chain: `chain fund ACCOUNT`."),
    "nonce_race": N_("Run the command again when the other process has ended."),
    "transaction_failed": N_("See with `chain status` how things stand, and run the command again."),
    "chain_fee": N_("Wait until gas costs less, or raise ONEFILE_TX_MAX_FEE_GWEI."),
    "chain_not_included": N_("Wait for the next blocks, and see with `chain status` whether it came in."),
    "file_exists": N_("Name another file: nothing is ever replaced."),
    # Endpoints.
    "chain_moving": N_("Run the same command again in a moment."),
    "port_taken": N_("Another chain may be running: choose another --port."),
    "devnet_unreachable": N_("Start it with `chain devnet`."),
    "devnet_garbage": N_("Something else may listen there: choose another --port."),
    "chain_restless": N_("Run the command again in a minute."),
    "chain_disagreement": N_("Wait a minute; if it stays so, take the endpoint that lags out of ONEFILE_RPC_URL."),
    "chain_error": N_("Run the command again; if it stays so, ask who runs the endpoint."),
    # Who may do what.
    "not_governor": N_("Give the governor's key with --key."),
    "agency_exists": _SEE,
    "agency_unknown": N_("See who is admitted with `chain agency list`."),
    "role_held": _SEE,
    "role_not_held": _SEE,
    "issue_allowed": _SEE,
    "issue_not_allowed": _SEE,
    "compromise_not_earlier": N_("Nothing is to be done: what stands there reaches further back."),
    # The log.
    "not_log_owner": N_("`chain log show` says who owns the log; name that account's key with --key."),
    "not_publisher": N_("The log's owner sends `chain log publisher ACCOUNT`."),
    "not_pending_owner": N_("The owner offers it with `chain log offer ACCOUNT`."),
    "log_unknown": N_("Run `vault-api serve` once: it opens its log."),
    "log_not_open": N_("Run `vault-api serve` once: it opens its log."),
}
