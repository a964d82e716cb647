"""Our reading of guardian sets and of recovery requests (docs/spec/recovery.md)."""

from __future__ import annotations

from typing import Any

from protocol.encoding import b64u, hex0x
from protocol.fields import Fields
from protocol.guardians import GuardianSet
from protocol.recovery import RecoveryRequest
from tests.vectors.book import Input, unoctets


def guardian_set(given: Input) -> Any:
    return {"hash": hex0x(GuardianSet.take(Fields(given["set"], "set")).hash)}


def request(given: Input) -> Any:
    found = RecoveryRequest.parse(unoctets(given["raw"]))
    return {
        "sha256": b64u(found.digest),
        "digits": found.match_number,
        "signed": hex0x(found.message.digest(found.domain)),
    }
