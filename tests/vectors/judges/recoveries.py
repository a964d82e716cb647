"""Our reading of guardian sets and of recovery requests (docs/spec/recovery.md)."""

from __future__ import annotations

from typing import Any

from protocol.encoding import b64u, hex0x
from protocol.fields import Fields
from protocol.guardians import GuardianSet
from protocol.recovery import Answer, RecoveryRequest, Share, check_answer
from protocol.slip39 import combine
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


def share(given: Input) -> Any:
    return _told(Share.parse(unoctets(given["raw"])))


def answer(given: Input) -> Any:
    found, asked = Answer.parse(unoctets(given["raw"])), RecoveryRequest.parse(unoctets(given["request"]))
    check_answer(found, asked)
    return {"guardian": hex0x(found.guardian), "share": _told(found.share)}


def root(given: Input) -> Any:
    return {"root": b64u(combine(given["words"]).unsafe_bytes)}


def _told(found: Share) -> Any:
    return {
        "dossier": hex0x(found.dossier),
        "card": found.card,
        "guardians": hex0x(found.guardians.hash),
        "split": found.read.split,
        "index": found.read.index,
        "threshold": found.read.threshold,
    }
