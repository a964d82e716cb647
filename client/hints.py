"""Next steps after errors that a wallet and an agency's program have in common; each adds those of its own commands."""

from __future__ import annotations

from console.i18n import N_

NEXT_STEPS = {
    # Files and profiles.
    "document_missing": N_("Name a file that you may read."),
    "file_owner": N_("Copy it to a file of your own, with mode 0600."),
    "file_mode": N_("Take the rights of others away: `chmod 600 {path}`."),
    "agent_folder": N_("Move {path} away: it is made anew, for you alone."),
    "agent_start": N_("Give the passphrase with each command: --passphrase-file."),
    "export_not_found": N_("Name a folder that `wallet export` has written."),
    "document_too_large": N_("Split the document, or ask the operator of the vault about the limit."),
    "code_not_found": N_("Take the picture again: the whole code, sharp and without glare; or give --text."),
    "not_confirmed": N_("Answer yes, or give --yes."),
    # Who is who.
    "agency_unknown": N_("Check the account, and that ONEFILE_RPC_URL is the chain on which it is registered."),
    "dossier_unknown": N_("Check the id, and that ONEFILE_RPC_URL is the chain on which the dossier was opened."),
    "log_unknown": N_("Check the deployment record, and that ONEFILE_RPC_URL is its chain."),
    "trust_missing": N_("Run it again while the chain answers."),
    "agency_no_card": N_("Ask the agency to publish its key card: `agency register`."),
    "card_not_here": N_("Run the command again while vault and chain answer."),
    "scenario_authority": N_("Do nothing under this scenario: who published it had no right to."),
    # Vault and chain.
    "not_found": N_("Check the name, and that ONEFILE_VAULT_URL is the right vault."),
    "vault_garbage": N_("Check ONEFILE_VAULT_URL: something else may answer there; if not, tell the operator."),
    "upload_broken": N_("Run the same command again: it uploads anew what is missing."),
    "no_facts": N_("Run it once while the chain answers: what it says is kept for later."),
    "trust_not_covered": N_("Run it again while the chain answers, or give a newer trust file."),
    "pack_needs_chain": N_("Run it again when the chain answers; the pack of before stays as it is."),
    "clock_off": N_("Set this machine's clock."),
    "not_anchored": N_("Run the command again in a minute: the next anchor takes it along."),
    "dossier_facts_missing": N_("Run it again while the chain answers, or give a newer trust file."),
    "log_facts_missing": N_("Run it again while the chain answers, or give a newer trust file."),
    "locked": N_("Unlock the page with the passphrase."),
}
# The vault's own words contradict each other, the chain, or what was signed: nothing was kept of the answer.
VAULT_LIES = N_("The vault did not say the truth. Keep this profile's folder, and tell the operator.")
LIES = (
    "vault_other_chain", "vault_other_log", "vault_answer", "payload_digest", "scenario_hash", "scenario_line",
    "card_not_newest", "deposit_answer", "proof_other", "checkpoint_origin", "anchor_conflict",
)  # fmt: skip
NEXT_STEPS |= dict.fromkeys(LIES, VAULT_LIES)
