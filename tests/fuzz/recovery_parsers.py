"""Parsers of recovery: shares and their words, requests, answers (docs/spec/recovery.md)."""

from __future__ import annotations

from functools import cache

from protocol import canonical
from protocol.dossier_messages import RecoverDossier
from protocol.guardians import GuardianSet
from protocol.hashing import sha256
from protocol.keys import AccountKey
from protocol.recovery import (
    MAX_ANSWER_BYTES,
    MAX_REQUEST_BYTES,
    MAX_SHARE_BYTES,
    Answer,
    RecoveryRequest,
    Share,
    open_answer,
    open_share,
)
from protocol.slip39 import MAX_WORDS_CHARS, read_words
from tests.fuzz import wrapping
from tests.fuzz.parser import OURS, Parser, text
from tests.fuzz.sealed_parsers import HYBRID

# One share of a split of 32 fixed bytes: shares are drawn at random, and seeds must not be.
WORDS_OF_A_SHARE = (
    "tidy scandal academic acid airport hazard include replace temple filter elevator "
    "category grocery scandal pumps diet pile steady inherit duke usher expect "
    "zero party laser view switch vocal priest random display spelling various"
)
KEY = AccountKey(sha256(b"guardian"))
SET = GuardianSet.of(sha256(b"salt"), [KEY.address])
MESSAGE = RecoverDossier(sha256(b"dossier"), b"\x01" * 20, b"\x02" * 20, by_all=False, nonce=0, deadline=1_800_000_000)
JSON_WORDS = (b"null", b"{}", b"[]", b'"0x"', b"words", b"guardians", b"accounts", b"byAll")


@cache
def asked() -> RecoveryRequest:
    return RecoveryRequest.make(31337, b"\xa2" * 20, MESSAGE, HYBRID.recipient())


def _share() -> Share:
    return Share(MESSAGE.dossier, 1, SET, WORDS_OF_A_SHARE)


def shares() -> list[bytes]:
    return [canonical.dumps(_share().to_json())]


def answers() -> list[bytes]:
    signature = KEY.sign_digest(MESSAGE.digest(asked().domain))
    return [canonical.dumps(Answer(asked().digest, KEY.address, signature, _share()).to_json())]


def words(data: bytes) -> None:
    read_words(text(data))


def share(data: bytes) -> None:
    assert canonical.dumps(Share.parse(data).to_json()) == data


def share_file(data: bytes) -> None:
    open_share(data if data.startswith(b"age-") else wrapping.sealed(data), [wrapping.READER])


def request(data: bytes) -> None:
    found = RecoveryRequest.parse(data)
    assert RecoveryRequest.make(found.chain_id, found.registry, found.message, found.recipient).raw == data


def answer(data: bytes) -> None:
    assert canonical.dumps(Answer.parse(data).to_json()) == data


def answer_file(data: bytes) -> None:
    open_answer(data if data.startswith(b"age-") else wrapping.sealed(data), asked(), wrapping.READER)


PARSERS = (
    Parser(
        "share-words", words, ("protocol.slip39.read_words",), lambda: [WORDS_OF_A_SHARE.encode()],
        words=(b"academic", b"acid", b" "), limit=MAX_WORDS_CHARS + 64,
    ),
    Parser(
        "guardian-share", share, ("protocol.recovery.Share.parse",), shares, words=JSON_WORDS, limit=MAX_SHARE_BYTES + 64,
    ),
    Parser(
        "guardian-share-file", share_file, ("protocol.recovery.open_share",), shares, errors=OURS,
        limit=MAX_SHARE_BYTES + 64,
    ),
    Parser(
        "recovery-request", request, ("protocol.recovery.RecoveryRequest.parse",), lambda: [asked().raw],
        words=JSON_WORDS, limit=MAX_REQUEST_BYTES + 64,
    ),
    Parser(
        "recovery-answer", answer, ("protocol.recovery.Answer.parse",), answers, words=JSON_WORDS,
        limit=MAX_ANSWER_BYTES + 64,
    ),
    Parser(
        "recovery-answer-file", answer_file, ("protocol.recovery.open_answer",), answers, errors=OURS,
        limit=MAX_ANSWER_BYTES + 64,
    ),
)  # fmt: skip
