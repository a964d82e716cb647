"""Next steps in the agency's own commands."""

from __future__ import annotations

from agency_cli.refusals import NEXT_STEPS
from client import hints as shared
from console.hints import register
from console.i18n import N_

DO_NOT_USE = N_("Do not use it, and ask the holder for a new grant.")
ANOTHER_PARCEL = N_("Do not rely on what was handed over; ask the holder for a new grant, and tell the operator.")
PARCELS = (
    "parcel_other", "parcel_tag_key", "parcel_grant", "parcel_items", "parcel_item", "parcel_documents",
    "parcel_dossiers", "item_commitment", "document_other", "document_unnamed", "slip_issuer",
)  # fmt: skip
LIES = (
    "card_not_published", "statement_unlogged", "scenario_answer", "access_opening", "access_other", "access_released",
    "status_not_published", "stamp_unlogged", "show_other", "show_incomplete", "grant_other",
)  # fmt: skip

register(shared.NEXT_STEPS | dict.fromkeys(LIES, shared.VAULT_LIES) | dict.fromkeys(PARCELS, ANOTHER_PARCEL))
register(NEXT_STEPS)
register(
    {
        "profile_not_found": N_("Make keys with `agency init`, or name another profile with --profile."),
        "file_exists": N_("Name another file, or another profile with --profile: nothing is ever replaced."),
        "no_passphrase": N_("Unlock first with `agency unlock`, or give --passphrase-file."),
        "wrong_passphrase": N_("Check the passphrase, the keyboard layout and the profile."),
        "agency_not_admitted": N_("Ask the governor: `chain agency admit {account} --name … --division …`."),
        "agency_not_registered": N_("Publish the key card with `agency register`."),
        "agency_card_behind": N_("Take up the newest key card with `agency register`."),
        "card_foreign_keys": N_("Use the profile whose keys are on chain; if they are lost, tell the governor."),
        "not_an_issuer": N_("Ask the governor: `chain agency admit ACCOUNT --issues TYPE`."),
        "licence_type_not_allowed": N_("Ask the governor: `chain agency admit ACCOUNT --issues {licence_type}`."),
        "not_a_scenario_authority": N_("Ask the governor: `chain agency admit ACCOUNT --scenario-authority`."),
        "agency_compromised": N_("Publish new keys with `agency register --rotate`."),
        "office_code_missing": N_("Give the code in the claims under certificate.dept_code, or at `agency init`."),
        "card_token": N_("Ask the holder for `wallet card --for AGENCY`, and give that file with --to."),
        "card_token_needed": N_("Ask the holder for `wallet card --for AGENCY`, and give that file with --to."),
        "card_token_expired": N_("Ask the holder for a new one: `wallet card --for AGENCY`."),
        "card_token_superseded": N_("Ask the holder for a new one: `wallet card --for AGENCY`."),
        "card_superseded": N_("The holder has new keys: run the command again."),
        "card_unknown": N_("The dossier is not open at this vault yet."),
        "certificate_issued": N_("Give another --number or a higher --revision, or see `agency status show`."),
        "deposit_unsure": N_("Run the same command again: what arrived is not deposited twice."),
        "issued_not_found": N_("Item and certificate ids are printed by `agency issue`; see `agency status show`."),
        "status_older": N_("Another machine published this list: use one profile for one list."),
        "signature_key_old": N_("The key card was renewed: run `agency register`."),
        "signature_stale": N_("Set this machine's clock; it differs from the vault's by more than a minute."),
        "scenario_version": N_("Run the command again: it takes the newest version from the vault."),
        "show_used": N_("Ask the holder to show again: each code is collected once."),
        "show_code_expired": N_("Ask the holder to hold up the code again: it lives a minute."),
        "show_expired": N_("Ask the holder to show again."),
        "show_undelivered": N_("Ask the holder to keep the wallet open, and to show again."),
        "scenario_not_found": N_("List scenarios with `agency scenario list`."),
        "scenario_unknown": N_("List scenarios with `agency scenario list`."),
        "sample_not_found": N_("List the samples with `agency scenario library`."),
        "grant_not_found": N_("List grants with `agency grants`."),
        "item_not_found": N_("List what a grant opens with `agency grants --json`: ids stand under scope."),
        "retention_too_long": N_("Keep it for fewer days: --retain-days."),
        "use_unfinished": N_("Run it without --item to finish that use, or with --new to count another one."),
        "folder_exists": N_("Name a new folder with --out."),
        "use_finished": N_("Verify it with `agency verify {path}`."),
        "release_pending": N_("Run the same command again: the use is counted once."),
        "not_a_reader": N_("Ask the governor: `chain agency admit ACCOUNT --reader`."),
        "equivocation": N_("The vault signed two histories. Keep both checkpoints: they are the evidence."),
        "use_not_anchored": N_("Ask the operator why nothing is anchored, and keep the folder of the use."),
        "font_missing": N_("Install fonts-droid-fallback, or name a TrueType font with --font."),
        "code_too_large": N_("Name fewer claims with --claim."),
        "claims_other": N_("Give the claims file and the options of `agency issue` as they were."),
        "pdf_encrypted": N_("Remove the password in a PDF program first, if you may."),
        "vault_unreachable": N_("Check that the vault runs and that its address is right: `agency doctor`."),
        "pack_missing": N_("Gather one with `agency pack update` while there is a network."),
        "pack_too_old": N_("Renew it with `agency pack update` as soon as there is a network."),
        "pack_not_covered": N_("Renew it with `agency pack update` while there is a network."),
        # Issuing.
        "addressee_missing": N_("Give a dossier's id, the holder's card token, or the file that holds it."),
        "certificate_changed": N_("Give a higher --revision for other contents, or the contents of before."),
        "certificate_known": N_("Use the profile that issued it: the record lies there."),
        "issued_unsure": N_("Run the same command again: what arrived is not deposited twice."),
        "status_list_missing": N_("Use the profile that issued the certificate."),
        "rebind_revision": N_("Issue a new certificate: `agency issue` with another --number."),
        "rebind_unknown": N_("Use the profile that issued it, or mend the row."),
        "rebind_claims": N_("Give the claims as they were issued."),
        "card_sequence": N_("Take up the newest key card with `agency register`."),
        "card_previous": N_("Take up the newest key card with `agency register`."),
        "card_valid_from": N_("Set this machine's clock, and run the command again."),
        # Uses and papers.
        "use_not_found": N_("Name the folder of a use; `agency uses` lists them."),
        "document_not_found": N_("Name one of the documents that the message lists: --document."),
        "claims_not_met": N_("Do not decide by it: ask the holder for what the scenario asks for."),
        "own_document": N_("Take it for what its holder says: no agency stands for it."),
        "not_reader_then": N_("Do not rely on it: who used it had no right to."),
        "grant_posted_unproven": DO_NOT_USE,
        "vault_no_word": N_("Run it again when the vault answers."),
        "stamp_over": N_("Ask for a new copy: this one was for a time that is over."),
        "stamp_until": N_("Name an earlier day with --until."),
        "paper_not_valid": N_("See why with `agency status show`; nothing is printed of a licence that is not valid."),
        "licence_ended": N_("Ask the holder for a licence that is in force."),
        "pdf_unsigned": N_("Ask for the copy as it was made, as a file: a scan of it carries no signature."),
        "pdf_added": N_("Ask for the copy as it was made."),
        "pdf_signature": N_("Ask for the copy as it was made."),
        # At a window.
        "show_refused": N_("Nothing was shown: ask the holder."),
        "show_no_answer": N_("Ask the holder to keep the wallet open, and to show again."),
        "offline_replayed": N_("Make a new request, and have the holder answer that one."),
    }
)
