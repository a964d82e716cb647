"""Kinds of notices in people's words, for both programs."""

from __future__ import annotations

from console.i18n import N_

KINDS = {
    "grant_given": N_("a grant was given"),
    "grant_ended": N_("a grant was ended"),
    "retention_overdue": N_("a deletion was not reported in time"),
    "scenario_withdrawn": N_("a scenario was withdrawn"),
    "notice": N_("a notice of the holder"),
    "complaint": N_("a complaint of the holder"),
    "correction": N_("an item was corrected"),
    "acknowledgement": N_("an acknowledgement"),
    "retention": N_("a report of deletion"),
    "review": N_("a use was reviewed"),
    "renewal": N_("a renewal is asked for"),
    "stamp": N_("a copy was stamped"),
}
