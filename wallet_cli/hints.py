"""Next steps in the wallet's own commands."""

from __future__ import annotations

from client.hints import NEXT_STEPS, VAULT_LIES
from console.hints import register
from console.i18n import N_

# What the vault kept back, or said that is not so.
LIES = (
    "item_withheld", "item_twice", "item_not_deleted", "item_slip", "item_foreign", "item_not_issued", "item_headers",
    "dossier_other", "opening_differs", "relay_false", "record_withheld", "receipt_withheld", "receipt_other",
    "show_card", "show_not_logged", "not_logged", "grant_answer", "grant_withheld", "grant_not_ours", "grant_not_ended",
    "ring_withheld", "rewrap_key", "history_changed",
)  # fmt: skip
COMPLAIN = N_("Open a case with `wallet complain`: what the agency did stands in the log.")

register(NEXT_STEPS | dict.fromkeys(LIES, VAULT_LIES))
register(
    {
        "profile_not_found": N_("Make keys with `wallet init`, or name another profile with --profile."),
        "file_exists": N_("Name another file, or another profile with --profile: nothing is ever replaced."),
        "no_passphrase": N_("Unlock first with `wallet unlock`, or give --passphrase-file."),
        "wrong_passphrase": N_("Check the passphrase, the keyboard layout and the profile."),
        "dossier_not_open": N_("Open it with `wallet dossier --open`."),
        "item_not_found": N_("List items with `wallet items`; run `wallet sync` first if it is new."),
        "renewal_revoked": N_("Give a new one with `wallet grant`."),
        "officer_class_name": N_("Name the class: `wallet grants renew GRANT --officer-class CLASS`."),
        "notices_enough": N_("This agency was told often enough; what was said stands in the log."),
        "grant_exceeds_scenario": N_("Grant less: what the scenario allows stands in `wallet grant … --dry-run`."),
        "agency_not_found": N_("Name the agency by its account or urn, or by a part of its name that no other has."),
        "scenario_not_found": N_("List scenarios with `wallet scenarios`."),
        "document_not_found": N_("List the item's documents with `wallet show-item ITEM`."),
        "grant_not_found": N_("List grants with `wallet grants`."),
        "not_synced": N_("Run `wallet sync` first."),
        "payload_not_here": N_("Connect to the vault and run the command again."),
        "claims_not_met": N_("See what is missing and who issues it with `wallet ready SCENARIO`."),
        "scenario_withdrawn": N_("Nothing is granted for it any more: see others with `wallet scenarios`."),
        "scenario_not_in_force": N_("See which scenarios are in force with `wallet scenarios`."),
        "scenario_superseded": N_("Ask for the newest version: name the scenario by its id, not by a hash."),
        "scenario_hidden": N_("The vault hides a version of this scenario: grant nothing, and tell its authority."),
        "scenario_not_logged": N_("Nobody published this scenario: grant nothing under it."),
        "not_linked": N_("Show items of one case together; see `wallet ready SCENARIO`."),
        "over_asking": N_("Grant only what the scenario asks for; see `wallet scenarios`."),
        "vault_unreachable": N_("Check that the vault runs and that its address is right: `wallet doctor`."),
        "signature_key_old": N_("The keys were changed on another device: run `wallet keys fetch`."),
        "card_foreign_keys": N_("The keys were changed on another device: run `wallet keys fetch`."),
        "ring_member_unknown": N_("This device was shut out, or never joined: see `wallet device list` on the first."),
        "wrapping_busy": N_("Wait for it with `wallet keys rewrap`; it also does what is left then."),
        "wrapping_start": N_("The keys are changed; go on with `wallet keys rewrap`."),
        "wrapping_locked": N_("Nothing is lost: go on with `wallet keys rewrap`."),
        "device_reads_only": N_("Do this on the first device, or restore the wallet from the phrase."),
        "paper_member_missing": N_("Give the recovery phrase once, with `wallet keys rotate --root --phrase-file`."),
        "ring_rolled_back": N_(
            "The vault gave an older key ring back. Keep this wallet's folder and tell the operator."
        ),
        "headers_rolled_back": N_(
            "The vault gave older headers back. Keep this wallet's folder and tell the operator."
        ),
        "phrase_replaced": N_("Use the newest recovery phrase; destroy the paper with this one."),
        "signature_stale": N_("Set this machine's clock; it differs from the vault's by more than a minute."),
        "rolled_back": N_("The vault shows less than before. Keep this wallet's folder and tell the operator."),
        "equivocation": N_("The vault signed two histories. Keep both checkpoints: they are the evidence."),
        "log_forked": N_("The vault signed two histories. Keep this wallet's folder: its checkpoint is evidence."),
        "entries_other": N_("The vault serves other entries than it signed. Look with `monitor watch`."),
        "tile_missing": N_("The vault withholds a part of its log. Try again; if it stays so, tell the operator."),
        "use_not_found": N_("Name an event of `wallet uses`, or the beginning of an item's id."),
        "holder_key": N_("Ask the issuer to bind it to the present key card (`agency rebind`)."),
        "phrase": N_("Check every word, and that the language of the word list is right."),
        "trust_missing": N_("Assemble one with `wallet trust --write FILE` while the chain answers."),
        "pack_missing": N_("Gather one with `wallet pack update` while there is a network."),
        "not_ready": N_("Try again when the time has come: `wallet recover status` says when."),
        "match_number": N_(
            "Ask the person again, at a number that you knew before. Do not read the digits out yourself."
        ),
        "share_other_set": N_("Ask the holder to hand out the shares again: `wallet guardians share`."),
        "ring_file_needed": N_(
            "Look for `keyring.age` in the folder of a wallet of this enterprise; "
            "without any, its guardians bring it back."
        ),
        "share_not_accepted": N_("Take it first with `wallet guard accept`."),
        "request_used": N_("Make a new request: `wallet recover cancel`, then `wallet recover start`."),
        "dossier_frozen": N_("Wait until the freeze is over, or sign with the recovery phrase."),
        "guardians_none": N_("Check the dossier's id: any guardian sees it in `wallet guard list`."),
        "guardians_missing": N_("Name them with `wallet guardians set`."),
        "guardians_exist": N_("Use `wallet guardians change`."),
        "pack_too_old": N_("Renew it with `wallet pack update` as soon as there is a network."),
        "pack_not_covered": N_("Renew it with `wallet pack update` while there is a network."),
        "folder_not_empty": N_("Name an empty folder, or one that is not there yet."),
        # Items and uses.
        "not_a_reader": N_("Grant to an agency that is registered as a reader: `wallet scenarios` says of which kind."),
        "item_deleted": N_("Choose another item: `wallet items`."),
        "item_own": N_("Nothing is to be done: an own document needs no acceptance."),
        "items_damaged": N_("Nothing damaged is shown. Run `wallet sync` later, and tell the operator."),
        "use_other_grant": COMPLAIN,
        "use_exceeds_grant": COMPLAIN,
        "use_exceeds_grant_count": COMPLAIN,
        "use_without_grant": COMPLAIN,
        "receipt_card": COMPLAIN,
        # At a window.
        "show_expired": N_("Show again: nobody has read this code."),
        "show_own": N_("Show an item that an agency issued: `wallet items`."),
        "show_offline_one": N_("Show one item, or show them all when there is a network."),
        "show_not_asked": N_("Show the item that is asked for, or refuse."),
        "show_not_collected": N_("Show again when the window is ready to scan."),
        "request_expired": N_("Ask the window for a new request."),
        "request_needs_chain": N_("Scan again when the chain answers."),
        # Keys, devices and guardians.
        "phrase_other": N_("Look for the paper of this wallet, or make another profile with `wallet restore`."),
        "ring_dossier_other": N_("Give phrase and key ring of the same enterprise."),
        "ring_changed": N_("Run `wallet keys fetch`, and then the command again."),
        "device_not_found": N_("List the devices with `wallet device list`."),
        "device_needed": N_("Shut this device out from another one: `wallet device remove`."),
        "device_asked": N_("Give its request to the first device, or begin in another profile."),
        "device_exists": N_("Choose another --name."),
        "wrapping_superseded": N_("Run `wallet keys rewrap`: it goes on with the newest keys."),
        "wrapping_failed": N_("Run `wallet keys rewrap`: it goes on where this one stopped."),
        "delay_short": N_("Give --delay with a day or more."),
        "guardian_twice": N_("Name each guardian once, and not this dossier."),
        "guardian_unknown": N_("See who the guardians are with `wallet guardians show`."),
        "guardian_quorum": N_("Wait for more guardians, and run it with all their answers."),
        "guardian_change_missing": N_("See what waits with `wallet guardians show`."),
        "share_not_found": N_("Ask the holder to hand out the shares: `wallet guardians share`."),
        "answers_few": N_("Wait for more guardians, and give all their answers to `wallet recover finish`."),
        "recovery_not_started": N_("Start one with `wallet recover start`."),
        "recovery_missing": N_("Nothing is to be done: no recovery is under way."),
        "recovery_carried": N_("The owner ends it with `wallet guardians veto`; else it takes its course."),
        "recovery_pending": N_("If nobody of you asked for it, end it with `wallet guardians veto`."),
        "dossier_exists": N_("Nothing is to be done: see it with `wallet dossier`."),
        "message_nonce": N_("Run the command again: another message came first."),
        "message_expired": N_("Run the command again."),
    }
)
