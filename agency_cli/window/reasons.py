"""Why people were refused at a window, as a supervisor reads it: a few words for each code that occurs there."""

from __future__ import annotations

from console.i18n import N_

REASONS = {
    "show_used": N_("the code was used already"),
    "show_code_expired": N_("the code was too old: a picture of it, or shown too late"),
    "show_code_signature": N_("the code was not by the wallet that opened the show"),
    "show_code_log": N_("the code was for another vault"),
    "show_unknown": N_("no such show was open"),
    "show_expired": N_("the show had ended"),
    "show_refused": N_("the holder handed nothing over"),
    "show_undelivered": N_("the wallet did not answer in time"),
    "show_incomplete": N_("less was handed over than the scenario needs"),
    "show_other": N_("something else was handed over than was asked for"),
    "show_not_logged": N_("the use was not in the log"),
    "over_asking": N_("more was asked for than the scenario allows"),
    "not_a_reader": N_("the agency is not registered as a reader"),
    "scenario_grantee": N_("the scenario is not for this kind of agency"),
    "scenario_superseded": N_("the scenario was replaced by a newer version"),
    "scenario_withdrawn": N_("the scenario was withdrawn"),
    "request_expired": N_("the window's request had run out"),
    "match_number": N_("the digits on the two screens differed"),
    "grant_revoked": N_("the holder ended the grant"),
    "grant_expired": N_("the grant had ended"),
    "grant_used_up": N_("the grant was used up"),
    "dossier_frozen": N_("the dossier was frozen by its guardians"),
    "vault_unreachable": N_("the vault did not answer"),
}
