"""The one table from what went wrong to the exit code of a program (DESIGN §4).

    0 ok                      4 no valid grant or identity
    1 failure                 5 revoked or expired
    2 usage                   6 not found
    3 tampered or untrusted   7 chain or vault unreachable      130 interrupted

A code named in ``BY_CODE`` decides; else the ending of the code; else the fault.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocol.errors import OneFileError

OK = 0
FAILURE = 1
USAGE = 2
UNTRUSTED = 3
NO_GRANT = 4
EXPIRED = 5
NOT_FOUND = 6
UNREACHABLE = 7
INTERRUPTED = 130

BY_FAULT = {
    "failure": FAILURE,
    "malformed": UNTRUSTED,
    "untrusted": UNTRUSTED,
    "denied": NO_GRANT,
    "unavailable": UNREACHABLE,
    "conflict": FAILURE,
}

BY_CODE = {
    "no_identity": NO_GRANT,
    "wrong_passphrase": NO_GRANT,
    "locked": NO_GRANT,
    "quota": FAILURE,
    "over_asking": NO_GRANT,
    "show_used": NO_GRANT,
    "signature_missing": NO_GRANT,
    "signature_key_unknown": NO_GRANT,
    "revoked": EXPIRED,
    "expired": EXPIRED,
    "stale": EXPIRED,
    "not_found": NOT_FOUND,
    "already_exists": FAILURE,
    "not_confirmed": FAILURE,
    "not_enough_disk": FAILURE,
    "office_code_missing": USAGE,
    "guardian_twice": USAGE,
    "guardian_threshold": USAGE,
    "delay_short": USAGE,
    "profile_name": USAGE,
    "setting": USAGE,
    "answer_count": USAGE,
    "usage": USAGE,
}

BY_ENDING = (
    ("_revoked", EXPIRED),
    ("_expired", EXPIRED),
    ("_ended", EXPIRED),
    ("_used_up", NO_GRANT),
    ("_superseded", EXPIRED),
    ("_not_found", NOT_FOUND),
    ("_unknown", NOT_FOUND),
    ("_missing", NOT_FOUND),
)


def exit_code(error: OneFileError) -> int:
    """The exit code for ``error``."""
    return code_for(error.fault, error.code)


def code_for(fault: str, code: str) -> int:
    """The exit code for a fault and code that came over the wire."""
    if code in BY_CODE:
        return BY_CODE[code]
    if fault in {"denied", "conflict", "failure"}:  # a bad signature over "x_unknown" stays 3
        for ending, value in BY_ENDING:
            if code.endswith(ending):
                return value
        if code.startswith("unknown_"):
            return NOT_FOUND
    return BY_FAULT.get(fault, FAILURE)


def for_verdict(verdict: str, failed_codes: Iterable[str] = ()) -> int:
    """The exit code of a verdict; the codes of its failed checks tell 5 from 3 and 4.

    ``indeterminate`` is 7: a fact that the policy requires could not be reached.
    """
    if verdict == "accept":
        return OK
    if verdict != "reject":
        return UNREACHABLE
    found = {code_for("denied", code) for code in failed_codes}
    return EXPIRED if found == {EXPIRED} else UNTRUSTED
