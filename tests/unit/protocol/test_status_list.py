"""Status lists: what an issuer keeps, what a token says, what is refused."""

from __future__ import annotations

import secrets
import zlib
from typing import Any

import pytest

from protocol.encoding import b64u
from protocol.errors import Conflict, Malformed, OneFileError, Unavailable, Untrusted
from protocol.jose import sign_typed
from protocol.status_list import (
    CORRECTING,
    INVALID,
    MAX_ENTRIES,
    MIN_ENTRIES,
    STATUS_TYP,
    SUSPENDED,
    VALID,
    StatusList,
    StatusToken,
    parse_status_token,
    parse_status_uri,
    sign_status_token,
    status_uri,
    verify_status_token,
)
from tests.credential_samples import ACCOUNT, HOLDER, ISSUED, ISSUER, ISSUER_URN, STATUS_URI

EMPTY = StatusList.empty()
TOKEN = EMPTY.token(iss=ISSUER_URN, uri=STATUS_URI, iat=ISSUED, lifetime_s=3600)


def a_list(*statuses: int) -> tuple[StatusList, list[int]]:
    found = StatusList.empty()
    indices = [found.allocate() for _ in statuses]
    for idx, status in zip(indices, statuses, strict=True):
        found.set(idx, status)
    return found, indices


def test_each_status_reads_back_from_a_verified_token() -> None:
    kept, indices = a_list(VALID, INVALID, SUSPENDED, CORRECTING)
    raw = sign_status_token(kept.token(iss=ISSUER_URN, uri=STATUS_URI, iat=ISSUED, lifetime_s=60), ISSUER)
    token = verify_status_token(raw, ISSUER.public_jwk(), uri=STATUS_URI, now=ISSUED + 59).body
    assert [token.status(i) for i in indices] == [VALID, INVALID, SUSPENDED, CORRECTING]
    assert [kept.get(i) for i in indices] == [VALID, INVALID, SUSPENDED, CORRECTING]
    assert token.entries == kept.entries == MIN_ENTRIES


def test_the_bits_stand_as_the_standard_says() -> None:
    # Token Status List §4.1: index 0 in the lowest bits of the first byte.
    kept = StatusList(bytes(MIN_ENTRIES // 4), b"\x0f" + bytes(MIN_ENTRIES // 8 - 1))
    for idx, status in enumerate([1, 2, 0, 3]):
        kept.set(idx, status)
    assert kept.state()[0][0] == 0b11_00_10_01


def test_setting_a_status_again_replaces_it() -> None:
    kept, (idx,) = a_list(CORRECTING)
    kept.set(idx, INVALID)
    assert kept.get(idx) == INVALID
    assert sum(b.bit_count() for b in kept.state()[0]) == 1


def test_the_state_survives_the_disk() -> None:
    kept, indices = a_list(INVALID, SUSPENDED)
    again = StatusList(*kept.state())
    assert again.used_count == 2
    assert [again.get(i) for i in indices] == [INVALID, SUSPENDED]


def test_an_index_is_never_handed_out_twice() -> None:
    kept = StatusList.empty()
    draws = iter([5, 5, 5, 6])
    assert kept.allocate(lambda _: next(draws)) == 5
    assert kept.allocate(lambda _: next(draws)) == 6


def test_a_list_is_full_at_half() -> None:
    kept = StatusList(bytes(MIN_ENTRIES // 4), b"\xff" * (MIN_ENTRIES // 16) + bytes(MIN_ENTRIES // 16))
    with pytest.raises(Conflict) as caught:
        kept.allocate()
    assert caught.value.code == "status_list_full"
    assert kept.used_count == MIN_ENTRIES // 2


def test_a_status_is_set_only_where_a_credential_is() -> None:
    with pytest.raises(Conflict) as caught:
        StatusList.empty().set(3, INVALID)
    assert caught.value.code == "status_index_unused"


@pytest.mark.parametrize("status", [-1, 4])
def test_there_are_four_statuses(status: int) -> None:
    kept, (idx,) = a_list(VALID)
    with pytest.raises(Malformed):
        kept.set(idx, status)
    assert kept.get(idx) == VALID


@pytest.mark.parametrize("idx", [-1, MIN_ENTRIES])
def test_an_index_beyond_the_list_is_refused(idx: int) -> None:
    with pytest.raises(Malformed):
        EMPTY.get(idx)
    with pytest.raises(Malformed):
        EMPTY.set(idx, VALID)
    with pytest.raises(Untrusted) as caught:
        TOKEN.status(idx)
    assert caught.value.code == "status_index"


@pytest.mark.parametrize("entries", [MIN_ENTRIES - 8, MAX_ENTRIES + 8, MIN_ENTRIES + 4])
def test_a_list_has_a_size_in_which_a_credential_hides(entries: int) -> None:
    with pytest.raises(Malformed) as caught:
        StatusList.empty(entries)
    assert caught.value.code == "status_list_size"


def test_marks_that_do_not_fit_are_malformed() -> None:
    with pytest.raises(Malformed) as caught:
        StatusList(bytes(MIN_ENTRIES // 4), bytes(4))
    assert caught.value.code == "status_list_state"


def test_a_uri_names_account_and_number() -> None:
    assert parse_status_uri(status_uri(ACCOUNT, 12)) == (ACCOUNT, 12)
    with pytest.raises(Malformed):
        status_uri(b"short", 0)
    with pytest.raises(Malformed):
        parse_status_uri("https://status.example/1")


@pytest.mark.parametrize(
    ("key", "uri", "now", "kind", "code"),
    [
        (HOLDER, STATUS_URI, ISSUED, Untrusted, "jws_kid"),
        (ISSUER, status_uri(ACCOUNT, 1), ISSUED, Untrusted, "status_uri"),
        (ISSUER, STATUS_URI, ISSUED + 3600, Unavailable, "status_stale"),
        (ISSUER, STATUS_URI, ISSUED - 121, Unavailable, "status_stale"),
    ],
)
def test_a_token_of_another_key_list_or_time_is_refused(
    key: Any, uri: str, now: int, kind: type[OneFileError], code: str
) -> None:
    raw = sign_status_token(TOKEN, ISSUER)
    with pytest.raises(kind) as caught:
        verify_status_token(raw, key.public_jwk(), uri=uri, now=now)
    assert caught.value.code == code


def packed(data: bytes) -> dict[str, Any]:
    return {"status_list": {"bits": 2, "lst": b64u(data)}}


GOOD = zlib.compress(bytes(MIN_ENTRIES // 4))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": ISSUED + 86_401}, "status_lifetime"),
        ({"exp": ISSUED}, "status_lifetime"),
        ({"ttl": 0}, "field_range"),
        ({"sub": status_uri(b"\x99" * 20, 0)}, "status_issuer"),
        ({"sub": "https://x"}, "field_form"),
        ({"status_list": {"bits": 1, "lst": b64u(GOOD)}}, "status_bits"),
        ({"status_list": {"bits": 2, "lst": b64u(GOOD), "aggregation_uri": "x"}}, "field_unknown"),
        (packed(b"not zlib"), "status_zlib"),
        (packed(b""), "status_list_size"),
        (packed(GOOD[:-1]), "status_zlib"),
        (packed(GOOD + b"x"), "status_zlib"),
        (packed(zlib.compress(bytes(MIN_ENTRIES // 4 - 1))), "status_list_size"),
        (packed(zlib.compress(bytes(100 << 20))), "status_list_size"),
        ({"extra": 1}, "field_unknown"),
    ],
)
def test_a_token_of_another_form_is_malformed(changes: dict[str, Any], code: str) -> None:
    raw = sign_typed(STATUS_TYP, {**TOKEN.to_json(), **changes}, ISSUER)
    with pytest.raises(Malformed) as caught:
        parse_status_token(raw)
    assert caught.value.code == code


def test_the_greatest_list_still_fits_a_token() -> None:
    token = StatusToken(ISSUER_URN, STATUS_URI, ISSUED, ISSUED + 60, 60, secrets.token_bytes(MAX_ENTRIES // 4))
    assert parse_status_token(sign_status_token(token, ISSUER)).body == token
