"""The holder's word on headers that were wrapped anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol.encoding import b64u
from protocol.errors import Malformed, OneFileError
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.jose import sign_typed
from protocol.rewraps import REWRAP_TYP, Rewrap, parse_rewrap, sign_rewrap, verify_rewrap
from protocol.slips import MAX_OBJECTS
from tests.credential_samples import DOSSIER, HOLDER, ISSUER

LOG = "onefile/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3/main"
ITEM = sha256(b"item")
WORD = Rewrap(1_800_000_000, dossier_urn(DOSSIER), LOG, ITEM, sha256(b"card"), (sha256(b"0"), sha256(b"1")))


def test_a_word_of_the_holder_comes_back_as_it_was_signed() -> None:
    raw = sign_rewrap(WORD, HOLDER)
    found = verify_rewrap(raw, HOLDER.public_jwk(), log=LOG, dossier=WORD.iss, item=ITEM)
    assert (found.body, found.raw) == (WORD, raw)


@pytest.mark.parametrize(
    ("key", "log", "dossier", "item", "code"),
    [
        (ISSUER, LOG, WORD.iss, ITEM, "jws_kid"),
        (HOLDER, LOG.replace("main", "side"), WORD.iss, ITEM, "wrong_audience"),
        (HOLDER, LOG, dossier_urn(bytes(32)), ITEM, "rewrap_foreign"),
        (HOLDER, LOG, WORD.iss, sha256(b"other"), "rewrap_foreign"),
    ],
)
def test_a_word_for_another_place_is_refused(key: Any, log: str, dossier: str, item: bytes, code: str) -> None:
    with pytest.raises(OneFileError) as refused:
        verify_rewrap(sign_rewrap(WORD, HOLDER), key.public_jwk(), log=log, dossier=dossier, item=item)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"headers": []}, "field_count"),
        ({"headers": [b64u(sha256(bytes([n]))) for n in range(MAX_OBJECTS + 1)]}, "field_count"),
        ({"headers": [b64u(ITEM)] * 2}, "field_duplicate"),
        ({"card": b64u(ITEM)}, "hex"),
        ({"iss": "urn:onefile:agency:1"}, "field_form"),
        ({"payload": "x"}, "field_unknown"),
    ],
)
def test_a_word_with_one_fault_is_refused_by_its_name(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_rewrap(sign_typed(REWRAP_TYP, {**WORD.to_json(), **changes}, HOLDER))
    assert refused.value.code == code


@pytest.mark.parametrize("changes", [{"item": b"short"}, {"headers": ()}, {"headers": (b"short",)}])
def test_a_word_is_not_made_of_what_could_not_be_read(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        replace(WORD, **changes)
