"""What an agency does next when a use, a report or an acknowledgement is refused: one sentence for each code.

The same sentences stand in docs/refusals.md, beside meaning, HTTP status and exit code; a test holds them together.
"""

from __future__ import annotations

from console.i18n import N_

NEXT_STEPS = {
    # The grant gives no right, or no longer.
    "grant_unknown": N_("List grants with `agency grants`; it may be another agency's, or in another vault."),
    "grant_revoked": N_("Stop: its holder ended it. Acknowledge with `agency notices ack`; ask for a new grant."),
    "grant_epoch": N_("Stop: its holder ended all grants. Acknowledge with `agency notices ack`; ask for a new grant."),
    "grant_expired": N_("Ask the holder to renew it: `agency grants ask GRANT`."),
    "grant_not_yet": N_("Wait until it begins, and run the same command again."),
    "grant_used_up": N_("Ask the holder to renew it: `agency grants ask GRANT`."),
    "grant_interval": N_("Wait until the next use may be, and run the same command again."),
    "grant_agency": N_("Use the profile of the agency that it was given to."),
    "grant_card": N_("Ask the holder for a new grant: it is sealed to a key card that was never published."),
    "grant_card_revoked": N_("Ask the holder for a new grant: it is sealed to keys that were revoked."),
    "dossier_frozen": N_("Wait: guardians have frozen the dossier. Nothing of it is released until that is over."),
    "officer_class": N_("Let an officer of the class that the grant names act: --officer-class."),
    "grant_exceeds_scenario": N_(
        "Ask the holder for a new grant: this one says too much."
    ),
    # The scenario.
    "scenario_withdrawn": N_(
        "Stop: nothing may be asked for under it any more. Look for another: `agency scenario list`."
    ),
    "scenario_not_in_force": N_("Wait until the scenario is in force, or ask by a version that is."),
    "scenario_superseded": N_("Ask by the newest version of the scenario: `agency scenario list`."),
    "scenario_grantee": N_("Stop: the scenario is not for agencies of this class."),
    # The receipt.
    "over_asking": N_("Ask for less: only items, claims and documents that the grant names."),
    "item_deleted": N_("Leave this item out with --item, or ask the holder for a new grant."),
    "receipt_card": N_("Take up the newest key card with `agency register`, and run the command again."),
    "receipt_retention": N_("Keep it for fewer days: --retain-days."),
    "receipt_reused": N_("Run the command with --new: a receipt's number was used for another one."),
    "iat_off": N_("Set this machine's clock; it differs from the vault's by more than two minutes."),
    "receipt_unknown": N_("Look at `agency uses`: the vault has no such use of this agency."),
    # The agency.
    "not_reader": N_("Ask the governor: `chain agency admit ACCOUNT --reader`."),
    # Mandates.
    "mandate_revoked": N_("Stop: the mandate under which it was given was ended. Ask the holder for a new grant."),
    "mandate_epoch": N_("Stop: the mandate under which it was given was ended. Ask the holder for a new grant."),
    "mandate_missing": N_("Ask the holder for a grant of the holder's own: mandates are not served here yet."),
    "mandate_agent": N_("Ask the holder for a new grant: the mandate does not cover this one."),
    "mandate_power": N_("Ask the holder for a new grant: the mandate does not cover this one."),
    "mandate_scenario": N_("Ask the holder for a new grant: the mandate does not cover this one."),
    "mandate_time": N_("Ask the holder for a new grant: the mandate does not cover this one."),
    "mandate_used_up": N_("Ask the holder for a new grant: the mandate does not cover this one."),
    # Later.
    "sequencer_late": N_("Run the same command again: the use is counted once."),
    "chain_moving": N_("Run the same command again in a moment."),
    "chain_unconfirmed": N_("Run the same command again in a minute: the chain has to confirm something first."),
    "chain_stale": N_("Run the same command again later; tell the operator that the vault does not hear of the chain."),
    # Statements.
    "notice_unknown": N_("List notices with `agency notices`: only what was told to this agency is acknowledged."),
    "notice_not_found": N_("List notices with `agency notices`, and name one by the beginning of its name."),
    "notice_no_answer": N_("Nothing is to be done: only ends, complaints and corrections are acknowledged."),
    "notice_other_dossier": N_(
        "Do not act on it, and tell the operator: somebody forged a notice."
    ),
    "statement_said": N_("Nothing is to be done: it stands in the log already."),
    "statements_enough": N_("Stop asking: the holder was told often enough."),
    "not_deleted": N_("Make the folder writable and run `agency retention run` again: nothing was reported."),
    "folder_foreign": N_("Look into the folder yourself: what this use left is not there, and nothing was deleted."),
}
