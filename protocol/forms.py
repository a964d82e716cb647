"""The written forms of names that stand in signed payloads: one regular expression for each.

Grammar only. What a name means, and how one is made, stands in ``protocol/identifiers.py`` and
``protocol/entries.py``; a name is trusted because it equals one that the verifier knows already.
"""

from __future__ import annotations

_ADDRESS = r"0x[0-9a-f]{40}"

AGENCY_URN = rf"urn:onefile:agency:[1-9][0-9]{{0,15}}:{_ADDRESS}:{_ADDRESS}"
DOSSIER_URN = r"urn:onefile:dossier:0x[0-9a-f]{64}"
PARTY_URN = rf"(?:{AGENCY_URN}|{DOSSIER_URN})"
LOG_ORIGIN = rf"onefile/[1-9][0-9]{{0,19}}/{_ADDRESS}/[a-z0-9-]{{1,31}}"
RANDOM16 = r"[A-Za-z0-9_-]{21}[AQgw]"
SLUG = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
LICENCE_TYPE = SLUG
VCT = rf"urn:onefile:licence:{SLUG}:[1-9][0-9]{{0,5}}"
STATUS_URI = rf"urn:onefile:status:{_ADDRESS}:(?:0|[1-9][0-9]{{0,8}})"
CLAIM_NAME = r"[a-z][a-z0-9_]{0,63}"
POINTER = r"(?:/(?:[^/~]|~[01])*)+"
DATE = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
MEDIA_TYPE = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}"
